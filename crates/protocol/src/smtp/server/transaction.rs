//! What lasts as long as a MAIL: from its acceptance to the end of the body, or to RSET.

use envelope::{BodyType, Reply};

use crate::smtp::grammar::Mail;

/// A transaction that the service accepted.
#[derive(Debug)]
pub(super) struct Transaction {
    /// SMTPUTF8 was asked for: recipients may be non-ASCII.
    pub(super) smtputf8: bool,
    /// The body may hold anything, so it comes by BDAT and its line ends are its own.
    pub(super) binary: bool,
    /// Accepted recipients. The service keeps who they are.
    pub(super) recipients: usize,
    /// BDAT began; DATA may not follow (RFC 3030 section 2).
    pub(super) chunked: bool,
    /// Octets of the body so far.
    pub(super) octets: u64,
    /// The last octet of the body so far, for line ends across chunks.
    pub(super) previous: u8,
    /// Why the body is refused.
    pub(super) fault: Option<BodyFault>,
}

/// Why a body is refused by the session itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// Over the limit.
    TooLong { octets_max: u64 },
    /// A bare CR or LF, which another server might take for the end of a line, or of the letter.
    BareLineEnd,
}

impl BodyFault {
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::TooLong { octets_max } => {
                Reply::new(552, (5, 3, 4), format!("the letter is larger than {octets_max} octets"))
            }
            Self::BareLineEnd => {
                Reply::new(554, (5, 6, 0), "the letter holds a bare CR or LF; lines end with CRLF (RFC 5321 2.3.8)")
            }
        }
    }
}

impl Transaction {
    pub(super) fn new(mail: &Mail) -> Self {
        Self {
            smtputf8: mail.smtputf8,
            binary: mail.body == BodyType::BinaryMime,
            recipients: 0,
            chunked: false,
            octets: 0,
            previous: b'\n',
            fault: None,
        }
    }
}
