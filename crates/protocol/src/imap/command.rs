//! What a client can ask, as types: commands, data items, search keys, sequence sets, flags, mailbox names.
//!
//! Made by [`super::grammar`] and, for a client, turned back into bytes by [`super::encode::command`].

use envelope::Timestamp;

use super::limits;
use super::utf7;
use crate::sasl::Secret;

/// One command without its tag (RFC 3501 section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `CAPABILITY`.
    Capability,
    /// `NOOP`.
    Noop,
    /// `LOGOUT`.
    Logout,
    /// `STARTTLS`.
    StartTls,
    /// `AUTHENTICATE`, with the initial response of SASL-IR (RFC 4959) still in base 64.
    Authenticate {
        /// As the client wrote it, in upper case.
        mechanism: String,
        /// Base 64, or `=` for an empty one.
        initial: Option<Vec<u8>>,
    },
    /// `LOGIN`.
    Login {
        /// The user's name, bytes as sent.
        user: Vec<u8>,
        /// The password.
        password: Secret,
    },
    /// `ID` (RFC 2971); `None` is NIL.
    Id(Option<Vec<(String, Option<String>)>>),
    /// `ENABLE` (RFC 5161), names in upper case.
    Enable(Vec<String>),
    /// `NAMESPACE` (RFC 2342).
    Namespace,
    /// `SELECT`.
    Select(Mailbox),
    /// `EXAMINE`.
    Examine(Mailbox),
    /// `CREATE`.
    Create(Mailbox),
    /// `DELETE`.
    Delete(Mailbox),
    /// `RENAME`.
    Rename {
        /// The name it has.
        from: Mailbox,
        /// The name it shall have.
        to: Mailbox,
    },
    /// `SUBSCRIBE`.
    Subscribe(Mailbox),
    /// `UNSUBSCRIBE`.
    Unsubscribe(Mailbox),
    /// `LIST`.
    List(List),
    /// `LSUB`.
    Lsub(List),
    /// `STATUS`.
    Status {
        /// Which mailbox.
        mailbox: Mailbox,
        /// What about it.
        items: Vec<StatusItem>,
    },
    /// `IDLE` (RFC 2177).
    Idle,
    /// `CHECK`.
    Check,
    /// `CLOSE`.
    Close,
    /// `UNSELECT` (RFC 3691).
    Unselect,
    /// `EXPUNGE`, or `UID EXPUNGE` (RFC 4315) with a set.
    Expunge {
        /// Only these UIDs.
        uids: Option<SequenceSet>,
    },
    /// `SEARCH`, `UID SEARCH`.
    Search {
        /// Answers are UIDs.
        uid: bool,
        /// As named by the client, in upper case.
        charset: Option<String>,
        /// All of these.
        key: SearchKey,
    },
    /// `FETCH`, `UID FETCH`.
    Fetch {
        /// The set is of UIDs.
        uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// What of them; macros are written out.
        items: Vec<FetchItem>,
    },
    /// `STORE`, `UID STORE`.
    Store {
        /// The set is of UIDs.
        uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// Set, add or remove.
        action: StoreAction,
        /// `.SILENT`: no FETCH responses for what the client knows anyway.
        silent: bool,
        /// The flags.
        flags: Vec<Flag>,
    },
    /// `COPY`, `UID COPY`.
    Copy {
        /// The set is of UIDs.
        uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// Where to.
        mailbox: Mailbox,
    },
    /// `MOVE`, `UID MOVE` (RFC 6851).
    Move {
        /// The set is of UIDs.
        uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// Where to.
        mailbox: Mailbox,
    },
}

/// `APPEND` up to its literal, which passes through as chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Where to.
    pub mailbox: Mailbox,
    /// Flags to begin with.
    pub flags: Vec<Flag>,
    /// The internal date, when the client names one.
    pub date: Option<Timestamp>,
    /// Octets of the literal.
    pub octets: u64,
}

/// `LIST` and `LSUB` (RFC 3501 sections 6.3.8, 6.3.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Prefixed to each pattern.
    pub reference: String,
    /// One pattern, as IMAP4rev1 has it; LIST-EXTENDED will bring more.
    pub patterns: Vec<Pattern>,
}

/// A mailbox name with `*` and `%`, in UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub String);

/// A mailbox name in UTF-8, `/` between the levels, INBOX in capitals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mailbox(String);

/// The name cannot be a mailbox's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// Not modified UTF-7.
    #[error("mailbox name is not modified UTF-7")]
    Encoding,
    /// Over [`limits::MAILBOX_OCTETS_MAX`].
    #[error("mailbox name is too long")]
    Length,
}

impl Mailbox {
    /// From UTF-8; any spelling of INBOX is INBOX (RFC 3501 section 5.1).
    pub fn new(name: &str) -> Result<Self, MailboxError> {
        if name.len() > limits::MAILBOX_OCTETS_MAX {
            return Err(MailboxError::Length);
        }
        if name.chars().any(char::is_control) {
            return Err(MailboxError::Encoding);
        }
        let (first, rest) = name.split_once('/').map_or((name, None), |(first, rest)| (first, Some(rest)));
        if first.eq_ignore_ascii_case("INBOX") {
            return Ok(Self(rest.map_or_else(|| "INBOX".to_owned(), |rest| format!("INBOX/{rest}"))));
        }
        Ok(Self(name.to_owned()))
    }

    /// From the wire.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, MailboxError> {
        if bytes.len() > limits::MAILBOX_OCTETS_MAX * 4 {
            return Err(MailboxError::Length);
        }
        Self::new(&utf7::decode(bytes).map_err(|_| MailboxError::Encoding)?)
    }

    /// The name in UTF-8.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is INBOX itself.
    pub fn is_inbox(&self) -> bool {
        self.0 == "INBOX"
    }
}

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

/// `STATUS` items (RFC 3501 section 6.3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusItem {
    /// `MESSAGES`.
    Messages,
    /// `RECENT`.
    Recent,
    /// `UIDNEXT`.
    UidNext,
    /// `UIDVALIDITY`.
    UidValidity,
    /// `UNSEEN`.
    Unseen,
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

/// A number in a sequence set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeqNumber {
    /// From 1.
    Number(u32),
    /// `*`: the last one.
    Last,
}

/// A set of sequence numbers or UIDs, as the client wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceSet(pub Vec<(SeqNumber, SeqNumber)>);

impl SequenceSet {
    /// Ranges, ascending, without overlap, both ends included. `last` stands for `*` (0: an empty mailbox, where `*`
    /// names nothing).
    pub fn ranges(&self, last: u32) -> Vec<(u32, u32)> {
        let value = |number: SeqNumber| match number {
            SeqNumber::Number(number) => number,
            SeqNumber::Last => last,
        };
        let mut ranges: Vec<(u32, u32)> = self
            .0
            .iter()
            .map(|(a, b)| (value(*a).min(value(*b)), value(*a).max(value(*b))))
            .filter(|(_, high)| *high > 0)
            .collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some((_, end)) if low <= end.saturating_add(1) => *end = high.max(*end),
                _ => merged.push((low, high)),
            }
        }
        merged
    }
}

/// One data item of FETCH (RFC 3501 section 6.4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    /// `ENVELOPE`.
    Envelope,
    /// `FLAGS`.
    Flags,
    /// `INTERNALDATE`.
    InternalDate,
    /// `RFC822`: `BODY[]` by its old name.
    Rfc822,
    /// `RFC822.HEADER`: `BODY.PEEK[HEADER]`.
    Rfc822Header,
    /// `RFC822.SIZE`.
    Rfc822Size,
    /// `RFC822.TEXT`: `BODY[TEXT]`.
    Rfc822Text,
    /// `BODY`: the structure without extension data.
    Body,
    /// `BODYSTRUCTURE`.
    BodyStructure,
    /// `UID`.
    Uid,
    /// `BODY[section]<partial>`.
    Section {
        /// Which part.
        section: Section,
        /// `BODY.PEEK`: does not set `\Seen`.
        peek: bool,
        /// Which octets of it.
        partial: Option<Partial>,
    },
}

/// `[1.2.MIME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Part numbers from 1, outermost first.
    pub part: Vec<u32>,
    /// What of the part.
    pub text: SectionText,
}

/// What of a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SectionText {
    /// All of it.
    #[default]
    Whole,
    /// `HEADER`.
    Header,
    /// `HEADER.FIELDS (…)`, or `HEADER.FIELDS.NOT (…)`.
    HeaderFields {
        /// All but these.
        not: bool,
        /// Names as the client wrote them.
        names: Vec<String>,
    },
    /// `TEXT`.
    Text,
    /// `MIME`.
    Mime,
}

/// `<offset.octets>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// From 0.
    pub offset: u32,
    /// At least 1.
    pub octets: u32,
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
