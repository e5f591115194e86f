//! What lasts as long as a MAIL: from its acceptance to the end of the body, or to RSET.

use envelope::{BodyType, Reply};

use super::BareLineEnds;
use crate::smtp::encode::Normalizer;
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
    /// Makes line ends right, where they are not a reason to refuse.
    pub(super) normalizer: Option<Normalizer>,
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
    /// Makes right the line ends of what `piece` holds from `from` on; `last` when the body ends with it. Answers false
    /// where that is not done.
    pub(super) fn normalise(&mut self, piece: &mut Vec<u8>, from: usize, last: bool) -> bool {
        let Some(normalizer) = &mut self.normalizer else { return false };
        if !piece.get(from..).is_some_and(|fresh| normalizer.would_keep(fresh)) {
            let fresh = piece.split_off(from.min(piece.len()));
            normalizer.encode(&fresh, piece);
        }
        if last {
            normalizer.finish(piece);
        }
        true
    }

    pub(super) fn new(mail: &Mail, bare: BareLineEnds) -> Self {
        let binary = mail.body == BodyType::BinaryMime;
        let normalise = bare == BareLineEnds::Normalise && !binary;
        Self {
            smtputf8: mail.smtputf8,
            binary,
            recipients: 0,
            chunked: false,
            octets: 0,
            previous: b'\n',
            normalizer: normalise.then(Normalizer::default),
            fault: None,
        }
    }
}
