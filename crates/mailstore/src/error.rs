//! What can go wrong with a mailbox, by whose fault.

/// An error of the Message Store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reader's: there is no such mailbox (IMAP `NONEXISTENT`).
    #[error("there is no mailbox of that name")]
    NoMailbox,
    /// The reader's: a mailbox of that name stands already (IMAP `ALREADYEXISTS`).
    #[error("a mailbox of that name exists already")]
    Exists,
    /// The reader's: the name cannot be a mailbox's (IMAP `CANNOT`).
    #[error("the mailbox name is not allowed: {0}")]
    Name(&'static str),
    /// The reader's: another mailbox has that role, or none can have it (IMAP `USEATTR`).
    #[error("the mailbox cannot have that use")]
    Role,
    /// The reader's: the name only holds children and no messages (`\Noselect`).
    #[error("the mailbox holds other mailboxes only")]
    NoSelect,
    /// The reader's: the message is not there any more (IMAP `EXPUNGEISSUED`).
    #[error("the message is gone")]
    NoMessage,
    /// The reader's: what was asked cannot be done to this mailbox (INBOX deleted, moved below itself, …).
    #[error("{0}")]
    Cannot(&'static str),
    /// The reader's: a limit of `limits.rs` is reached (IMAP `LIMIT`).
    #[error("the limit of {what} is reached: {max}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The reader's: the account would hold more than it may (IMAP `OVERQUOTA`).
    #[error("the account would hold more than it may")]
    OverQuota,
    /// The directory's, in a rebuild.
    #[error(transparent)]
    Directory(Box<directory::Error>),
    /// Ours, or the machine's.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}
