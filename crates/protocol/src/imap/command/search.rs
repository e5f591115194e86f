//! SEARCH: the keys, and what the answer shall be.

use std::ops::Range;

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
    /// `MODSEQ`: at least this one (RFC 7162 section 3.1.5).
    ModSeq(u64),
    /// Internal date at least so many seconds ago (RFC 5032).
    Older(u32),
    /// Internal date within so many seconds (RFC 5032).
    Younger(u32),
    /// Saved date earlier than the day (RFC 8514 section 4.3).
    SavedBefore(Date),
    /// Saved date within the day.
    SavedOn(Date),
    /// Saved date within or later than the day.
    SavedSince(Date),
    /// `SAVEDATESUPPORTED`: the mailbox keeps saved dates.
    SaveDateSupported,
    /// `EMAILID` (RFC 8474 section 5.3).
    EmailId(String),
    /// `THREADID` (RFC 8474 section 5.3).
    ThreadId(String),
    /// `FUZZY`: what comes near to it is found, too (RFC 6203).
    Fuzzy(Box<SearchKey>),
    /// `UIDAFTER`: a higher UID (RFC 9738 section 3.2).
    UidAfter(u32),
    /// `UIDBEFORE`: a lower UID (RFC 9738 section 3.2).
    UidBefore(u32),
}

impl SearchKey {
    /// `ALL`.
    pub fn all() -> Self {
        Self::And(Vec::new())
    }

    /// Whether MODSEQ stands in it anywhere: the answer then tells the highest one (RFC 7162 section 3.1.6).
    pub fn mentions_modseq(&self) -> bool {
        self.mentions(&|key| matches!(key, Self::ModSeq(_)))
    }

    /// Whether sequence numbers stand in it anywhere.
    pub fn mentions_numbers(&self) -> bool {
        self.mentions(&|key| matches!(key, Self::Sequence(SequenceSet::Ranges(_))))
    }

    /// Whether FUZZY stands in it anywhere: only then is one message more relevant than another.
    pub fn mentions_fuzzy(&self) -> bool {
        self.mentions(&|key| matches!(key, Self::Fuzzy(_)))
    }

    fn mentions(&self, is: &dyn Fn(&Self) -> bool) -> bool {
        is(self)
            || match self {
                Self::And(keys) => keys.iter().any(|key| key.mentions(is)),
                Self::Or(a, b) => a.mentions(is) || b.mentions(is),
                Self::Not(key) | Self::Fuzzy(key) => key.mentions(is),
                _ => false,
            }
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
    /// `RETURN (…)`: an ESEARCH answer with these (RFC 4731). `None`: the plain one.
    pub returns: Option<SearchReturn>,
    /// As named by the client, in upper case.
    pub charset: Option<String>,
    /// All of these.
    pub key: SearchKey,
}

/// What an ESEARCH answer tells (RFC 4731 section 3.1). Nothing at all means `ALL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchReturn {
    /// The lowest number.
    pub min: bool,
    /// The highest number.
    pub max: bool,
    /// All numbers, as a set.
    pub all: bool,
    /// How many.
    pub count: bool,
    /// The result is kept for `$` (RFC 5182).
    pub save: bool,
    /// How well each matches, from 1 to 100 (RFC 6203 section 4).
    pub relevancy: bool,
    /// The client hears of what comes and goes (RFC 5267 section 4.3).
    pub update: bool,
    /// The client will search so again (RFC 5267 section 4.2).
    pub context: bool,
    /// Only these of all that is found (RFC 9394); never beside `all`.
    pub partial: Option<PartialRange>,
}

/// A page of a result (RFC 9394 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialRange {
    /// As written, from 1.
    pub first: u32,
    /// As written, from 1.
    pub last: u32,
    /// Counted from the end: `-1` is the last one.
    pub from_end: bool,
}

impl PartialRange {
    /// The places of the page in a result of so many.
    pub fn places(&self, count: usize) -> Range<usize> {
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let before = place(self.first.min(self.last)).saturating_sub(1).min(count);
        let until = place(self.first.max(self.last)).min(count);
        if self.from_end { count - until..count - before } else { before..until }
    }
}
