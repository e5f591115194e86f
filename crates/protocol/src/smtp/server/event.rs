//! What the SMTP server session asks of its service, and how it is set up.

use std::sync::Arc;
use std::time::Duration;

use envelope::{Host, Reply};

use crate::sasl::{Reason, Request};
use crate::smtp::grammar::{Mail, Recipient};
use crate::smtp::limits;

/// Which language the door speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// HELO and EHLO; one reply to a body.
    Smtp,
    /// LHLO; one reply to a body for each accepted recipient (RFC 2033).
    Lmtp,
}

/// Whether AUTH is offered. The mechanisms are all that fit the channel ([`Mechanism::offered`](crate::sasl::Mechanism::offered)):
/// leaving one out would look like an attack to a SCRAM client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Auth {
    /// Offer it.
    pub enabled: bool,
    /// Offer it on a channel that is not encrypted. Passwords then cross the wire: for loopback only.
    pub before_tls: bool,
    /// Refuse MAIL until somebody signed in (RFC 6409 section 4.3).
    pub required: bool,
}

/// What becomes of a bare CR or LF in a body. It never ends a line of commands, nor a body: only CRLF.CRLF does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BareLineEnds {
    /// The letter is refused: another server might take it for the end of a line, or of the letter.
    #[default]
    Refuse,
    /// It becomes CRLF, for our own people's programs, many of which send files as they lie on disk. A line with nothing
    /// but a dot that comes of it is a line of the letter, and its dot is doubled on the way out.
    Normalise,
}

/// How a server session is set up. Shared by the sessions of one door.
#[derive(Debug, Clone)]
pub struct Config {
    /// SMTP or LMTP.
    pub mode: Mode,
    /// Our name in the greeting.
    pub hostname: String,
    /// Offer STARTTLS while the channel is plain.
    pub starttls: bool,
    /// Offer AUTH.
    pub auth: Auth,
    /// Offer CHUNKING and BINARYMIME (RFC 3030).
    pub chunking: bool,
    /// Offer SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// Offer REQUIRETLS (RFC 8689) where the channel is encrypted.
    pub require_tls: bool,
    /// Bare CR and LF in bodies, but in BINARYMIME.
    pub bare_line_ends: BareLineEnds,
    /// Largest letter in octets.
    pub message_octets_max: u64,
    /// Recipients of one transaction.
    pub recipients_max: usize,
    /// Letters of one connection.
    pub mails_max: u32,
    /// Patience for a command.
    pub command_patience: Duration,
    /// Patience for the next piece of a body.
    pub body_patience: Duration,
}

impl Config {
    /// A plain SMTP server without TLS and AUTH, every limit at its default.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            mode: Mode::Smtp,
            hostname: hostname.into(),
            starttls: false,
            auth: Auth::default(),
            chunking: true,
            smtputf8: true,
            require_tls: true,
            bare_line_ends: BareLineEnds::Refuse,
            message_octets_max: limits::MESSAGE_OCTETS_MAX,
            recipients_max: limits::RECIPIENTS_MAX,
            mails_max: limits::MAILS_MAX,
            command_patience: limits::SERVER_COMMAND,
            body_patience: limits::SERVER_BODY,
        }
    }

    /// Ready to be shared.
    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }
}

/// How the client named itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// EHLO or LHLO, not HELO.
    pub extended: bool,
    /// The name as given: printable, without blanks, 255 octets at most. It proves nothing.
    pub name: String,
    /// The name, when it is a well-formed domain or address literal.
    pub host: Option<Host>,
}

/// What the service decides. Every event is answered by the method that it names, or by [`refuse`](super::Server::refuse),
/// except where it says that it needs no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The connection stands; nothing was said yet. Answer `accept_connection()`.
    Connect,
    /// HELO, EHLO or LHLO. Any transaction is gone. Answer `accept_hello()`.
    Hello(Hello),
    /// MAIL: a transaction would begin. Its SIZE is within the limit. Answer `accept_mail()`.
    Mail(Mail),
    /// RCPT. Answer `accept_recipient()`.
    Recipient(Recipient),
    /// DATA, or the first BDAT: the body would begin. There is at least one recipient. Answer `accept_data()`.
    Data,
    /// A piece of the body, dot-unstuffed. Needs no answer; the session goes on with `next()`.
    Body(Vec<u8>),
    /// The body is whole and well formed. Answer `accept_message(text)`, or in LMTP `answer_each(replies)`.
    BodyEnd {
        /// Its length.
        octets: u64,
    },
    /// The session refuses the body (too long, bare CR or LF) and answers the client itself, once it has read to the
    /// body's end: throw away what was staged. Needs no answer.
    BodyRefused(Reply),
    /// RSET, or the end of a BDAT sequence gone wrong: the transaction is gone. Needs no answer.
    Reset,
    /// AUTH asks the directory. Answer `sign_in_accepted()`, `sign_in_refused(refusal)` or `scram_keys()`.
    Authenticate(Request),
    /// The exchange failed by itself: a wrong proof, or a channel binding that does not fit. Answer
    /// `sign_in_refused(Refusal::Credentials)`, as late as with a wrong password.
    SignInFailed {
        /// Who the client claimed to be, as far as it said.
        user: String,
        /// The mechanism's name.
        mechanism: &'static str,
        /// What was wrong; the client is not told more than "failed".
        reason: Reason,
    },
    /// VRFY. Answer `answer(reply)`.
    Verify(String),
    /// EXPN. Answer `answer(reply)`.
    Expand(String),
}
