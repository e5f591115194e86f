//! SEARCH: the keys, and what the answer shall be.

use super::flag::Flag;
use super::sequence::SequenceSet;

/// Keys of SEARCH (RFC 3501 section 6.4.4). Strings are the bytes that the client sent, in the command's charset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchKey {
    /// Every one of these; `ALL` is the empty list.
    And(Vec<SearchKey>),
    /// `OR a b`.
    Or(Box<SearchKey>, Box<SearchKey>),
    /// `NOT a`.
    Not(Box<SearchKey>),
    /// Sequence numbers.
    Sequence(SequenceSet),
    /// `UID set`.
    Uid(SequenceSet),
    /// `ANSWERED`, `SEEN`, `KEYWORD x`, `RECENT` …; the `UN…` forms are [`SearchKey::Not`] of these.
    Flag(Flag),
    /// `BCC string`, `CC`, `FROM`, `SUBJECT`, `TO`, and `HEADER name string`: the name is in lower case.
    Header(String, Vec<u8>),
    /// `BODY`.
    Body(Vec<u8>),
    /// `TEXT`.
    Text(Vec<u8>),
    /// Internal date earlier than the day.
    Before(Date),
    /// Internal date within the day.
    On(Date),
    /// Internal date within or later than the day.
    Since(Date),
    /// The same for the Date header field.
    SentBefore(Date),
    /// The same for the Date header field.
    SentOn(Date),
    /// The same for the Date header field.
    SentSince(Date),
    /// Octets over.
    Larger(u32),
    /// Octets under.
    Smaller(u32),
}

impl SearchKey {
    /// `ALL`.
    pub fn all() -> Self {
        Self::And(Vec::new())
    }

    /// The `UN…` forms.
    pub fn without(flag: Flag) -> Self {
        Self::Not(Box::new(Self::Flag(flag)))
    }
}

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// As written.
    pub year: i32,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

/// `SEARCH` and `UID SEARCH` (RFC 3501 section 6.4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Answers are UIDs.
    pub uid: bool,
    /// As named by the client, in upper case.
    pub charset: Option<String>,
    /// All of these.
    pub key: SearchKey,
}
