//! What names mailboxes: the name itself, patterns, and what the verbs on mailboxes carry.

use super::flag::Flag;
use crate::imap::limits;
use crate::imap::utf7;
use envelope::Timestamp;

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

/// A mailbox name with `*` and `%`, in UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub String);

/// `LIST` and `LSUB` (RFC 3501 sections 6.3.8, 6.3.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Prefixed to each pattern.
    pub reference: String,
    /// One pattern, as IMAP4rev1 has it; LIST-EXTENDED will bring more.
    pub patterns: Vec<Pattern>,
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

/// `SELECT` and `EXAMINE` (RFC 3501 sections 6.3.1, 6.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// Which mailbox.
    pub mailbox: Mailbox,
    /// `EXAMINE`: nothing may be changed.
    pub read_only: bool,
}
