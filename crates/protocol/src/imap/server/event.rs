//! What the IMAP server session asks of its service, and how it is set up.

use std::sync::Arc;

use crate::imap::command::{Append, AppendMessage, Command};
use crate::sasl::{Reason, Request};

/// How a session is set up. Shared by the sessions of one door.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our name in the greeting.
    pub hostname: String,
    /// Offer STARTTLS while the channel is plain.
    pub starttls: bool,
    /// Take passwords on a channel that is not encrypted. They then cross the wire: for loopback only. Otherwise
    /// LOGINDISABLED is announced (RFC 3501 section 6.2.3).
    pub cleartext_sign_in: bool,
    /// Largest APPEND in octets.
    pub append_octets_max: u64,
    /// Messages that one command may be about (MESSAGELIMIT, RFC 9738).
    pub message_limit: Option<u32>,
    /// Messages that COPY and APPEND may bring at once (SAVELIMIT, RFC 9738); told where there is no limit for all.
    pub save_limit: Option<u32>,
    /// `name` and `version` in the answer to ID (RFC 2971).
    pub product: (String, String),
}

impl Config {
    /// A server without TLS that takes no password in the clear.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            starttls: false,
            cleartext_sign_in: false,
            append_octets_max: 50 * 1024 * 1024,
            message_limit: None,
            save_limit: None,
            product: ("Angelia".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        }
    }

    /// Ready to be shared.
    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }
}

/// What the service decides or carries out. One is outstanding at a time.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody signs in: answer by `sign_in_accepted`, `sign_in_refused` or, to [`Request::ScramKeys`], `scram_keys`.
    Authenticate(Request),
    /// A sign-in failed within its mechanism: note it, wait a little if you like, then `sign_in_refused`.
    SignInFailed {
        /// Who it claimed to be, if it came that far.
        user: String,
        /// `SCRAM-SHA-256`.
        mechanism: &'static str,
        /// Why.
        reason: Reason,
    },
    /// A command to carry out, permitted in the session's state: send untagged data, then `ok`, `no` or `bad`.
    /// SELECT, EXAMINE, CLOSE and UNSELECT are also told what became of them by `set_selected`. [`Command::Idle`] is
    /// answered after [`Event::IdleEnd`]; until then untagged data may be sent at any time.
    Command(Command),
    /// The client said DONE, or broke IDLE: answer by `ok`.
    IdleEnd,
    /// A message is announced: answer by `append_go` or refuse by `no`.
    Append(Append),
    /// Another message of the same APPEND is announced: the one before is complete. Answered as [`Event::Append`].
    AppendNext(AppendMessage),
    /// Octets that are here already become part of the message (CATENATE, RFC 4469). Answered as [`Event::Append`].
    AppendUrl(Vec<u8>),
    /// So many octets that the client sends become part of the message. Answered as [`Event::Append`].
    AppendText(u64),
    /// A piece of it. No answer: the next piece comes with the next call, unless `no` ends it here.
    AppendChunk(Vec<u8>),
    /// It is complete, and there is none behind it: `ok` or `no`.
    AppendEnd,
    /// It was complete but its command was not: throw all its messages away. The client was told; no answer.
    AppendBroken,
}
