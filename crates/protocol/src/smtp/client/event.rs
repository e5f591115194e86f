//! What the SMTP client session tells its service, and how it is set up.

use std::time::Duration;

use envelope::Reply;

use crate::smtp::limits;

/// How a client session is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// LHLO, and one reply to a body for each accepted recipient (RFC 2033).
    pub lmtp: bool,
    /// How we name ourselves: our host name, or an address literal.
    pub hello_name: String,
    /// Use BDAT where CHUNKING is offered; otherwise only where the body is BINARYMIME.
    pub chunking: bool,
    /// Patience of each phase.
    pub patience: Patience,
}

impl Config {
    /// SMTP with every default.
    pub fn new(hello_name: impl Into<String>) -> Self {
        Self { lmtp: false, hello_name: hello_name.into(), chunking: true, patience: Patience::default() }
    }
}

/// How long the client waits, phase by phase (RFC 5321 section 4.5.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the greeting.
    pub greeting: Duration,
    /// For EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET.
    pub command: Duration,
    /// For 354.
    pub data: Duration,
    /// For progress while the body goes out.
    pub block: Duration,
    /// For the reply to the body's end.
    pub body_end: Duration,
    /// For the reply to QUIT.
    pub quit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            greeting: limits::CLIENT_GREETING,
            command: limits::CLIENT_COMMAND,
            data: limits::CLIENT_DATA,
            block: limits::CLIENT_BLOCK,
            body_end: limits::CLIENT_BODY_END,
            quit: limits::CLIENT_QUIT,
        }
    }
}

/// What the peer said in its EHLO answer. HELO alone leaves everything off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 1870; `Some(0)` is "no limit named".
    pub size: Option<u64>,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 8689. Of worth only under TLS.
    pub require_tls: bool,
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 3030.
    pub binary_mime: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 2034.
    pub enhanced_status_codes: bool,
    /// RFC 4954, upper case.
    pub auth: Vec<String>,
    /// RFC 9422: recipients that the peer takes in one transaction.
    pub recipients_max: Option<u64>,
    /// RFC 9422: letters that the peer takes on one connection.
    pub mails_max: Option<u64>,
}

/// Where a dialogue stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before the greeting.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS and the handshake.
    StartTls,
    /// AUTH.
    Auth,
    /// Between transactions.
    Idle,
    /// MAIL.
    Mail,
    /// RCPT.
    Recipient,
    /// DATA until 354.
    Data,
    /// While the body goes out.
    Body,
    /// After the body, before the reply: the peer may have taken the letter.
    BodyEnd,
    /// QUIT.
    Quit,
}

/// Why the connection is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The peer refused us as a whole: by its greeting, to EHLO and HELO, or by 421 at any time.
    #[error("the server refused the session: {0}")]
    Refused(Reply),
    /// The peer closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The peer said nothing for too long.
    #[error("the server did not answer in time")]
    Timeout,
    /// The peer said what is no SMTP.
    #[error("the server's answer is no SMTP reply: {0}")]
    Malformed(&'static str),
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The last reply that counts for each recipient, in the order of the envelope: 2yz when the peer took
    /// responsibility for it. Where no reply came it is one of ours (`451 4.4.2` lost, `550 5.6.7` cannot be sent there …).
    pub recipients: Vec<Reply>,
    /// For each recipient, whether that reply is in the peer's own words; else it is one of ours.
    pub said: Vec<bool>,
    /// For each recipient, whether something was decided before the connection broke; where not, another host may be
    /// asked. All true when it did not break.
    pub decided: Vec<bool>,
    /// How far it came.
    pub phase: Phase,
    /// Set when the connection broke during the transaction.
    pub problem: Option<Problem>,
}

impl Report {
    /// What the peer itself said last of a recipient, by its place in the envelope.
    pub fn said_of(&self, place: usize) -> Option<&Reply> {
        self.recipients.get(place).filter(|_| self.said.get(place) == Some(&true))
    }
}

/// What the service decides or learns. The session waits after each one, except [`Event::Lost`], for one of the
/// methods named.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Greeted, and the extensions are known (anew after TLS). Answer `start_tls()`, `authenticate()`, `send()` or `quit()`.
    Ready(Extensions),
    /// STARTTLS was refused; the channel is still plain. The same answers.
    TlsRefused(Reply),
    /// The same answers.
    SignedIn,
    /// The same answers.
    SignInRefused(Reply),
    /// The next piece of the body is wanted. Answer `body(bytes, last)`.
    WantBody,
    /// The transaction is over. Answer `send()` or `quit()`, if `usable()` says so.
    Done(Report),
    /// The connection is of no use; `Close` follows. Where a transaction was under way, [`Event::Done`] told before.
    Lost {
        /// Where the dialogue stood.
        phase: Phase,
        /// Why.
        problem: Problem,
    },
}
