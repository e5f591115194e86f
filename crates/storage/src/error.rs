//! What can go wrong here, by whose fault. A service turns each into a reply in one place of its own.

use crate::BodyId;

/// What went wrong, by whose fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A row does not have the shape that the code expects (ours).
    #[error("column {column} of a row is no {wanted}")]
    Row {
        /// From 0.
        column: usize,
        /// The SQL type.
        wanted: &'static str,
    },
    /// The closure itself gave up, with a word of its own. Nothing was written; it is not run again.
    #[error("{0}")]
    Refused(String),
    /// A UNIQUE key or another constraint of a table forbids it (the caller's).
    #[error("a row like this exists already: {0}")]
    Constraint(String),
    /// Others held the database longer than we wait, or one conflict followed another. Nothing was written: try again.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// No space is left, or a quota of the file system is full (the operator's). Nothing was written.
    #[error("no space is left in the store: {0}")]
    Full(String),
    /// The disk or the engine failed (the machine's). When a sync failed, no later write is accepted either.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The engine could not be reached (the network's, or the database server's). Nothing was written.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The answer to COMMIT was lost or cast in doubt: ask again with the same id, or answer 451.
    #[error("it is unknown whether the write happened: {0}")]
    OutcomeUnknown(String),
    /// A body or a row does not agree with its checksum. It is never served.
    #[error("damaged: {0}")]
    Damaged(String),
    /// No row names this body, or no longer.
    #[error("there is no body {}", .0.0)]
    NoBody(BodyId),
    /// A staged body waited too long for a transaction that names it.
    #[error("a staged body was kept too late")]
    StagedTooLong,
    /// A value is over a limit of `limits.rs` (the caller's).
    #[error("{what} is over {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in the natural unit of the thing.
        limit: u64,
    },
    /// The store was written by a newer program; this one does not know its tables.
    #[error(
        "the store's tables for `{area}` are of version {found}, this program knows versions up to {known}: \
         run the newer program that wrote them, or restore the backup made before the upgrade"
    )]
    Newer {
        /// Whose tables.
        area: String,
        /// The version found.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// A text or a statement of ours is wrong, or a closure panicked (ours).
    #[error("a fault of ours in the store: {0}")]
    Bug(String),
    /// What the operator wrote does not open a store: an URL, a folder, a bucket.
    #[error("the store cannot be opened: {0}")]
    Settings(String),
}

impl Error {
    /// The same again, for the others of a group that failed together.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Busy(why) => Self::Busy(why.clone()),
            Self::Full(why) => Self::Full(why.clone()),
            Self::Unavailable(why) => Self::Unavailable(why.clone()),
            Self::OutcomeUnknown(why) => Self::OutcomeUnknown(why.clone()),
            other => Self::Failed(other.to_string()),
        }
    }

    /// The same, to be told twice: by the statement and by the transaction.
    pub(crate) fn same(&self) -> Self {
        match self {
            Self::Constraint(why) => Self::Constraint(why.clone()),
            Self::Damaged(why) => Self::Damaged(why.clone()),
            Self::Bug(why) => Self::Bug(why.clone()),
            other => other.again(),
        }
    }

    /// An error of the file system, in a sentence with what was being done.
    pub(crate) fn io(doing: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full(format!("{doing}: {error}")),
            _ => Self::Failed(format!("{doing}: {error}")),
        }
    }
}
