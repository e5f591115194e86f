//! Flags, and STORE, which changes them.

use super::sequence::SequenceSet;

/// A flag (RFC 3501 section 2.3.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// `\Answered`.
    Answered,
    /// `\Flagged`.
    Flagged,
    /// `\Deleted`.
    Deleted,
    /// `\Seen`.
    Seen,
    /// `\Draft`.
    Draft,
    /// `\Recent`: the server's alone; a client's wish for it is passed over.
    Recent,
    /// A keyword, as it was first written; compared without regard to case by the store.
    Keyword(String),
}

/// What STORE does with the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAction {
    /// `FLAGS`.
    Set,
    /// `+FLAGS`.
    Add,
    /// `-FLAGS`.
    Remove,
}

/// `STORE` and `UID STORE` (RFC 3501 section 6.4.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The set is of UIDs.
    pub uid: bool,
    /// Which messages.
    pub set: SequenceSet,
    /// Set, add or remove.
    pub action: StoreAction,
    /// `.SILENT`: no FETCH responses for what the client knows anyway.
    pub silent: bool,
    /// The flags.
    pub flags: Vec<Flag>,
    /// `UNCHANGEDSINCE`: messages whose MODSEQ is higher are left alone (RFC 7162 section 3.1.3).
    pub unchanged_since: Option<u64>,
}
