//! The server's side of a connection (RFC 3501 section 3): bytes in, [`Event`]s and bytes out.
//!
//! Commands are taken one at a time; what a client sends ahead waits. The session itself answers what needs no
//! mailbox (CAPABILITY, ID, LOGOUT, STARTTLS, ENABLE, NAMESPACE) and keeps the rules of the states; everything else
//! is an event. It refuses: commands in the wrong state, passwords in the clear unless configured, literals over the
//! limits, and the company of a client that makes too many mistakes.

mod answers;
mod append;
mod capability;
mod deflate;
mod event;
mod input;
mod sign_in;
#[cfg(test)]
mod tests;

pub use capability::Enabled;
pub use event::{Config, Event};

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::encode::{self, Code};
use super::limits;
use super::reader::Reader;
use crate::sasl::{Exchange, Reason};
use crate::{Session, Step, Tls};
use append::Appending;
use deflate::Deflate;

/// RFC 3501 section 3. Logout is [`Awaiting::Close`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NotAuthenticated,
    Authenticated,
    Selected,
}

/// What comes next, and from whom.
#[derive(Debug)]
enum Awaiting {
    /// The client's next command.
    Command,
    /// The client's next SASL response.
    Response(Box<Exchange>),
    /// The service's word on a sign-in; the exchange goes on with it when it asked for keys.
    SignIn(Option<Box<Exchange>>),
    /// The service's tagged answer.
    Answer,
    /// The service's word on a step of an APPEND.
    AppendGo,
    /// The client's message.
    AppendBody,
    /// The end of the APPEND's line.
    AppendTail,
    /// The client's DONE.
    Done,
    /// The driver, to be told that TLS begins.
    TlsBegin,
    /// The driver's word that TLS stands.
    TlsStands,
    /// Nobody: the connection closes.
    Close,
}

/// An IMAP server session.
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    state: State,
    enabled: Enabled,
    awaiting: Awaiting,
    reader: Reader,
    out: Vec<u8>,
    event: Option<Event>,
    tag: String,
    tls: Option<Box<Tls>>,
    /// Both sides speak in deflated streams.
    deflate: Option<Box<Deflate>>,
    /// They will as soon as what is queued was sent.
    deflate_next: bool,
    /// The dropped command that follows was answered already.
    answered: bool,
    /// The APPEND on its way.
    append: Option<Box<Appending>>,
    /// IDLE was ended by something else than DONE.
    idle_broken: bool,
    errors: u32,
    refusals: u32,
    commands_before_sign_in: u32,
    /// Why the mechanism itself refused; the service has not answered yet.
    failed: Option<Reason>,
    input_ended: bool,
    progress: Instant,
}

impl Server {
    /// A session on a new connection; `tls` when it is encrypted from the start. The greeting is its first step.
    pub fn new(config: Arc<Config>, tls: Option<Tls>, now: Instant) -> Self {
        let mut server = Self {
            config,
            state: State::NotAuthenticated,
            enabled: Enabled::default(),
            awaiting: Awaiting::Command,
            reader: Reader::new(limits::COMMAND_OCTETS_BEFORE_SIGN_IN_MAX),
            out: Vec::new(),
            event: None,
            tag: String::new(),
            tls: tls.map(Box::new),
            deflate: None,
            deflate_next: false,
            answered: false,
            append: None,
            idle_broken: false,
            errors: 0,
            refusals: 0,
            commands_before_sign_in: 0,
            failed: None,
            input_ended: false,
            progress: now,
        };
        server.reader.set_drained_octets_max(limits::DRAINED_OCTETS_BEFORE_SIGN_IN_MAX);
        let capabilities = server.capabilities();
        let text = format!("{} IMAP4rev1 ready", server.config.hostname);
        server.untagged_condition("OK", Some(&Code::Capability(&capabilities)), &text);
        server
    }

    /// Whether a mailbox is selected.
    pub fn is_selected(&self) -> bool {
        self.state == State::Selected
    }

    /// Whether somebody has signed in.
    pub fn is_signed_in(&self) -> bool {
        self.state != State::NotAuthenticated
    }

    fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// `* word [code] text`
    fn untagged_condition(&mut self, word: &str, code: Option<&Code<'_>>, text: &str) {
        self.out.extend_from_slice(b"* ");
        encode::condition(&mut self.out, word, code, text);
        self.out.extend_from_slice(b"\r\n");
    }

    /// `tag word [code] text`, or untagged when the command's tag could not be read.
    fn tagged_condition(&mut self, word: &str, code: Option<&Code<'_>>, text: &str) {
        if self.tag.is_empty() {
            return self.untagged_condition(word, code, text);
        }
        self.out.extend_from_slice(self.tag.as_bytes());
        self.out.push(b' ');
        encode::condition(&mut self.out, word, code, text);
        self.out.extend_from_slice(b"\r\n");
    }

    /// The last words.
    fn close_with(&mut self, text: &str) {
        self.untagged_condition("BYE", None, text);
        self.awaiting = Awaiting::Close;
    }

    /// A command that could not be understood.
    fn mistake(&mut self, text: &str) {
        self.mistake_as(None, text);
    }

    fn mistake_as(&mut self, code: Option<&Code<'_>>, text: &str) {
        self.tagged_condition("BAD", code, text);
        self.errors += 1;
        let max = if self.is_signed_in() { limits::ERRORS_MAX } else { limits::ERRORS_BEFORE_SIGN_IN_MAX };
        if self.errors >= max {
            self.close_with("Too many errors");
        }
    }

    /// What is queued, as it goes over the wire.
    fn take_output(&mut self) -> Vec<u8> {
        let out = std::mem::take(&mut self.out);
        let out = match &mut self.deflate {
            Some(deflate) => deflate.write(&out),
            None => out,
        };
        if std::mem::take(&mut self.deflate_next) {
            // What the client sent ahead cannot be meant as plain text any more.
            self.deflate = Some(Box::new(Deflate::new(self.reader.take_rest())));
        }
        out
    }

    /// Brings more of a deflated connection to the reader, if there is more.
    fn inflate(&mut self) -> bool {
        match self.deflate.as_mut().map(|deflate| deflate.read()) {
            None => false,
            Some(Ok(plain)) => {
                self.reader.push(&plain);
                !plain.is_empty()
            }
            Some(Err(_)) => {
                self.close_with("That is no deflated stream");
                true
            }
        }
    }

    fn patience(&self) -> Duration {
        if self.is_signed_in() { limits::IDLE_MAX } else { limits::IDLE_BEFORE_SIGN_IN_MAX }
    }
}

impl Session for Server {
    type Event = Event;

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        // Before sign-in only whole commands count as progress.
        if self.is_signed_in() || bytes.contains(&b'\n') {
            self.progress = now;
        }
        if !matches!(self.awaiting, Awaiting::TlsBegin | Awaiting::TlsStands | Awaiting::Close) {
            match &mut self.deflate {
                Some(deflate) => deflate.take(bytes),
                None => self.reader.push(bytes),
            }
        }
    }

    fn end_of_input(&mut self) {
        self.input_ended = true;
    }

    fn deadline(&self) -> Option<Instant> {
        match self.awaiting {
            Awaiting::Answer | Awaiting::SignIn(_) | Awaiting::AppendGo => None,
            _ => self.progress.checked_add(self.patience()),
        }
    }

    fn timeout(&mut self, _now: Instant) {
        self.close_with("Idle for too long");
    }

    fn tls_started(&mut self, tls: Tls) {
        self.tls = Some(Box::new(tls));
        self.awaiting = Awaiting::Command;
    }

    fn next(&mut self) -> Step<Event> {
        loop {
            if !self.out.is_empty() {
                return Step::Send(self.take_output());
            }
            if let Some(event) = self.event.take() {
                return Step::Event(event);
            }
            match self.awaiting {
                Awaiting::Close => return Step::Close,
                Awaiting::TlsBegin => {
                    self.awaiting = Awaiting::TlsStands;
                    return Step::StartTls;
                }
                Awaiting::TlsStands | Awaiting::Answer | Awaiting::SignIn(_) | Awaiting::AppendGo => {
                    return Step::NeedInput;
                }
                _ => match self.reader.next_item() {
                    Some(item) => self.take_item(item),
                    None if self.inflate() => {}
                    None if self.input_ended => self.awaiting = Awaiting::Close,
                    None => return Step::NeedInput,
                },
            }
        }
    }
}
