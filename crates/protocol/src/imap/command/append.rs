//! APPEND: where to, and what is said of each message before its octets come.

use super::flag::Flag;
use super::mailbox::Mailbox;
use envelope::Timestamp;

/// `APPEND` up to its first literal, which passes through as chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Where to.
    pub mailbox: Mailbox,
    /// The first message; more may follow (RFC 3502).
    pub message: AppendMessage,
}

/// One message of an APPEND.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppendMessage {
    /// Flags to begin with.
    pub flags: Vec<Flag>,
    /// The internal date, when the client names one.
    pub date: Option<Timestamp>,
    /// Octets of the literal.
    pub octets: u64,
    /// `~{octets}`: NUL may stand in it (RFC 3516 section 4.4).
    pub literal8: bool,
    /// `UTF8 (~{octets}…)`: its header is in UTF-8 (RFC 6855 section 4).
    pub utf8: bool,
}
