//! What names mailboxes: the name itself, patterns, and what the verbs on mailboxes carry.

use super::sequence::SequenceSet;
use crate::imap::limits;
use crate::imap::utf7;

/// A mailbox name in UTF-8, `/` between the levels, INBOX in capitals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mailbox(String);

/// The name cannot be a mailbox's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// Not modified UTF-7.
    #[error("mailbox name is not modified UTF-7")]
    Encoding,
    /// Not UTF-8, which the client has promised.
    #[error("mailbox name is not UTF-8")]
    Utf8,
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

    /// From the wire of a client that has switched UTF-8 on (RFC 6855 section 3, RFC 9051 section 5.1).
    pub fn from_utf8_wire(bytes: &[u8]) -> Result<Self, MailboxError> {
        Self::new(std::str::from_utf8(bytes).map_err(|_| MailboxError::Utf8)?)
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

/// A mailbox name with `*` and `%`, in UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub String);

/// `LIST` and `LSUB` (RFC 3501 sections 6.3.8, 6.3.9; RFC 5258).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Prefixed to each pattern.
    pub reference: String,
    /// At least one.
    pub patterns: Vec<Pattern>,
    /// Which mailboxes are chosen.
    pub select: ListSelect,
    /// What else is told of them.
    pub returns: ListReturn,
    /// The form of RFC 5258 was used: more than one pattern, or any option.
    pub extended: bool,
}

/// Selection options of LIST (RFC 5258 section 3, RFC 6154 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListSelect {
    /// `SUBSCRIBED`: names subscribed to, mailboxes or not.
    pub subscribed: bool,
    /// `REMOTE`: others too; there are none.
    pub remote: bool,
    /// `RECURSIVEMATCH`: parents of what would be chosen, too.
    pub recursive: bool,
    /// `SPECIAL-USE`: mailboxes with a use.
    pub special_use: bool,
}

/// Return options of LIST (RFC 5258 section 3, RFC 5819, RFC 6154).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListReturn {
    /// `SUBSCRIBED`
    pub subscribed: bool,
    /// `CHILDREN`
    pub children: bool,
    /// `SPECIAL-USE`
    pub special_use: bool,
    /// `STATUS (…)`; empty when not asked for.
    pub status: Vec<StatusItem>,
}

/// What a mailbox is for (RFC 6154 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecialUse {
    /// `\All`
    All,
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Flagged`
    Flagged,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

impl SpecialUse {
    /// All uses.
    pub const ALL: [Self; 7] =
        [Self::All, Self::Archive, Self::Drafts, Self::Flagged, Self::Junk, Self::Sent, Self::Trash];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "\\All",
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Flagged => "\\Flagged",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }

    /// The use of that name, in any case.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
    }
}

/// `CREATE`, with the uses of CREATE-SPECIAL-USE (RFC 6154 section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// The new name.
    pub mailbox: Mailbox,
    /// `(USE (…))`.
    pub uses: Vec<SpecialUse>,
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
    /// `HIGHESTMODSEQ` (RFC 7162 section 3.1.7).
    HighestModSeq,
    /// `SIZE` (RFC 8438).
    Size,
    /// `DELETED`: messages with `\Deleted` (RFC 9051 section 6.3.11).
    Deleted,
    /// `DELETED-STORAGE`: octets of these (RFC 9208 section 4.1.4).
    DeletedStorage,
    /// `APPENDLIMIT` (RFC 7889).
    AppendLimit,
    /// `MAILBOXID` (RFC 8474 section 4.3).
    MailboxId,
}

/// `SELECT` and `EXAMINE` (RFC 3501 sections 6.3.1, 6.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// Which mailbox.
    pub mailbox: Mailbox,
    /// `EXAMINE`: nothing may be changed.
    pub read_only: bool,
    /// `(CONDSTORE)` (RFC 7162 section 3.1.8).
    pub condstore: bool,
    /// `(QRESYNC (…))`: what the client knows of the mailbox.
    pub qresync: Option<QResync>,
}

/// What a client that comes back knows (RFC 7162 section 3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QResync {
    /// UIDVALIDITY when it was here.
    pub uid_validity: u32,
    /// The highest MODSEQ that it has seen.
    pub modseq: u64,
    /// The UIDs that it has; all when it does not say.
    pub known_uids: Option<SequenceSet>,
    /// Some sequence numbers and the UIDs that it knows under them.
    pub matches: Option<(SequenceSet, SequenceSet)>,
}
