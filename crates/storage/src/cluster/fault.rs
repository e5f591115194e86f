//! What an error of PostgreSQL means, and whether the same closure may simply be run again.

use tokio_postgres::error::SqlState;

use crate::Error;

/// An error, and whether nothing was written and a second run may well succeed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: Error,
    pub(super) again: Again,
    /// The connection is of no more use.
    pub(super) broken: bool,
}

/// Whether to run the closure again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    No,
    /// A conflict with another transaction: again, after a short while.
    Yes,
    /// A row that another transaction wrote first: the second run sees it. Once is enough to know.
    Once,
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            let why = sentence(&error);
            // Neither the database nor the connection: a value that does not fit its parameter.
            return if error.is_closed() || is_io(&error) {
                Self { error: Error::Unavailable(why), again: Again::Yes, broken: true }
            } else {
                Self { error: Error::Bug(why), again: Again::No, broken: false }
            };
        };
        let why = format!("{} ({})", database.message(), database.code().code());
        let (error, again, broken) = match database.code() {
            code if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED => {
                (Error::Busy(why), Again::Yes, false)
            }
            // A prepared statement from before an upgrade of the tables.
            code if *code == SqlState::FEATURE_NOT_SUPPORTED || *code == SqlState::INVALID_SQL_STATEMENT_NAME => {
                (Error::Bug(why), Again::Once, true)
            }
            code if *code == SqlState::UNIQUE_VIOLATION => (Error::Constraint(why), Again::Once, false),
            code => by_class(code.code(), why),
        };
        Self { error, again, broken }
    }
}

fn by_class(code: &str, why: String) -> (Error, Again, bool) {
    match code.get(..2).unwrap_or_default() {
        "23" => (Error::Constraint(why), Again::No, false),
        "08" | "57" => (Error::Unavailable(why), Again::Yes, true),
        "53" if code == "53100" => (Error::Full(why), Again::No, false),
        "53" | "55" => (Error::Busy(why), Again::Yes, true),
        "58" => (Error::Failed(why), Again::No, true),
        "XX" => (Error::Damaged(format!("the database: {why}")), Again::No, true),
        "28" | "3D" => (Error::Settings(why), Again::No, true),
        _ => (Error::Bug(why), Again::No, false),
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

/// The error with its cause: the library's own text says only where it happened.
pub(super) fn sentence(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
