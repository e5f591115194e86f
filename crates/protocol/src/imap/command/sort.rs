//! SORT and THREAD: a search whose answer has an order, or a shape (RFC 5256).

use super::search::{SearchKey, SearchReturn};

/// `SORT` and `UID SORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// Answers are UIDs.
    pub uid: bool,
    /// `RETURN (…)`: an ESEARCH answer (RFC 5267 section 3).
    pub returns: Option<SearchReturn>,
    /// By these, the first counts most; at least one.
    pub criteria: Vec<SortCriterion>,
    /// As named by the client, in upper case.
    pub charset: String,
    /// All of these.
    pub key: SearchKey,
}

/// `["REVERSE" SP] sort-key`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortCriterion {
    /// The other way round.
    pub reverse: bool,
    /// By what.
    pub by: SortBy,
}

/// What messages are ordered by (RFC 5256 section 3, RFC 5957 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// `ARRIVAL`: the internal date.
    Arrival,
    /// `CC`: the first mailbox.
    Cc,
    /// `DATE`: the sent date.
    Date,
    /// `FROM`: the first mailbox.
    From,
    /// `SIZE`
    Size,
    /// `SUBJECT`: the base subject.
    Subject,
    /// `TO`: the first mailbox.
    To,
    /// `DISPLAYFROM`: the name shown.
    DisplayFrom,
    /// `DISPLAYTO`: the name shown.
    DisplayTo,
    /// `RELEVANCY`: what matches best comes first (RFC 6203 section 6).
    Relevancy,
}

/// `THREAD` and `UID THREAD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Answers are UIDs.
    pub uid: bool,
    /// How threads are found.
    pub algorithm: ThreadAlgorithm,
    /// As named by the client, in upper case.
    pub charset: String,
    /// All of these.
    pub key: SearchKey,
}

/// How threads are found (RFC 5256 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadAlgorithm {
    /// `ORDEREDSUBJECT`
    OrderedSubject,
    /// `REFERENCES`
    References,
}
