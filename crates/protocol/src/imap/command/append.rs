//! APPEND and REPLACE: where to, and what is said of each message before its octets come.

use super::fetch::Section;
use super::flag::Flag;
use super::mailbox::Mailbox;
use super::sequence::SeqNumber;
use envelope::Timestamp;

/// `APPEND` or `REPLACE` up to where the octets of its first message begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// `REPLACE`: the message whose place the new one takes (RFC 8508).
    pub replaces: Option<Replaced>,
    /// Where to.
    pub mailbox: Mailbox,
    /// The first message; more may follow an APPEND (RFC 3502).
    pub message: AppendMessage,
}

/// The message that a REPLACE takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// The number is a UID.
    pub uid: bool,
    /// In the selected mailbox.
    pub number: SeqNumber,
}

/// One message of an APPEND.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppendMessage {
    /// Flags to begin with.
    pub flags: Vec<Flag>,
    /// The internal date, when the client names one.
    pub date: Option<Timestamp>,
    /// `CATENATE (…)`: it is put together of parts, which follow (RFC 4469). It has no literal of its own then.
    pub catenate: bool,
    /// Octets of the literal.
    pub octets: u64,
    /// `~{octets}`: NUL may stand in it (RFC 3516 section 4.4).
    pub literal8: bool,
    /// `UTF8 (~{octets}…)`: its header is in UTF-8 (RFC 6855 section 4).
    pub utf8: bool,
}

/// What the text of an APPEND says between two literals, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendStep {
    /// A message begins.
    Message(AppendMessage),
    /// `URL "…"`: octets that are here already, as the client named them.
    Url(Vec<u8>),
    /// `TEXT {octets}`, or `UTF8 (~{octets}…)` (RFC 6855 section 4): octets that come now.
    Text {
        /// How many.
        octets: u64,
        /// In `UTF8 (…)`.
        utf8: bool,
    },
}

/// A URL of a message or a part of one, without a server: its octets are put into a message by CATENATE (RFC 5092 section
/// 4, RFC 5550 section 5.7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageUrl {
    /// `None`: the selected one.
    pub mailbox: Option<Mailbox>,
    /// `;UIDVALIDITY=n`: it must be this incarnation of the mailbox.
    pub uid_validity: Option<u32>,
    /// `;UID=n`
    pub uid: u32,
    /// `;SECTION=…`
    pub section: Section,
    /// `;PARTIAL=offset.octets`; to the end when it does not say how many.
    pub partial: Option<(u64, Option<u64>)>,
}
