//! The POP3 server session: AUTHORIZATION, TRANSACTION, UPDATE (RFC 1939 section 3).
//!
//! Commands may be pipelined (RFC 2449 section 6.6): they are carried out one after the other, and the answers go out
//! together. Output is handed over in pieces; the list of a large maildrop is written while it is sent.

mod event;
mod maildrop;
mod signin;
mod verbs;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

pub use event::{Config, Event};
pub use maildrop::{Maildrop, Message};

use self::maildrop::{Deletions, Listing};
use super::encode::{self, Code, Stuffer};
use super::limits::{
    DROPPED_OCTETS_MAX, ERRORS_MAX, ERRORS_MAX_BEFORE_SIGN_IN, LINE_OCTETS_MAX, OUT_OCTETS, PATIENCE, SIGN_IN_PATIENCE,
};
use crate::lines::{Line, Lines};
use crate::sasl::{Exchange, Reason};
use crate::session::{Session, Step, Tls};

/// One connection of a client.
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    input: Lines,
    out: Vec<u8>,
    event: Option<Event>,
    state: State,
    tls: Option<Tls>,
    /// The name of USER, as it came, until PASS.
    user: Option<Vec<u8>>,
    /// The client asked for UTF-8 (RFC 6856).
    utf8: bool,
    /// In TRANSACTION state: the maildrop.
    drop: Option<Open>,
    errors: u32,
    sign_ins_failed: u32,
    opened: Instant,
    /// The last time that was told.
    now: Instant,
    /// When the client last did something.
    since: Instant,
    input_ended: bool,
}

/// A maildrop, and what the client did to it.
#[derive(Debug)]
struct Open {
    maildrop: Maildrop,
    deletions: Deletions,
}

/// Named for what it awaits.
#[derive(Debug)]
enum State {
    /// The first call of `next`, to greet.
    Greeting,
    /// A command line.
    Command,
    /// The client's next SASL message.
    SaslResponse(Exchange),
    /// The directory's answer to a SASL exchange.
    SaslAnswer(Exchange),
    /// The directory's answer to USER and PASS.
    PasswordAnswer,
    /// The service, to note a sign-in that failed within its mechanism.
    FailureNoted(Reason),
    /// The service, to say whether the message is there; TOP's lines.
    Message { body_lines: Option<u64> },
    /// The service, to hand over the message.
    Content(Stuffer),
    /// Room, to write the rest of a list.
    Listing(Listing),
    /// The service, to say that the messages are removed.
    Update,
    /// The driver, to begin the handshake.
    StartTls,
    /// The driver, to say that TLS stands.
    Handshake,
    /// Nothing more.
    Closing,
}

impl Server {
    /// A session on a fresh connection. On implicit TLS call [`Session::tls_started`] before anything else.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        Self {
            config,
            input: Lines::new(LINE_OCTETS_MAX),
            out: Vec::new(),
            event: None,
            state: State::Greeting,
            tls: None,
            user: None,
            utf8: false,
            drop: None,
            errors: 0,
            sign_ins_failed: 0,
            opened: now,
            now,
            since: now,
            input_ended: false,
        }
    }

    /// Whether the client has asked for UTF-8 in headers (RFC 6856 section 2).
    pub fn wants_utf8(&self) -> bool {
        self.utf8
    }

    /// Ends the session from our side, as a shutdown does. What the client marked is not deleted: it did not say QUIT.
    /// A message under way is broken off.
    pub fn close(&mut self, words: &str) {
        match self.state {
            State::Closing | State::Handshake | State::StartTls => {}
            // Words would stand in the middle of a message or a list.
            State::Content(_) | State::Listing(_) => {}
            _ => encode::error(&mut self.out, Some(Code::SysTemp), words),
        }
        self.end();
    }

    fn end(&mut self) {
        self.input.clear();
        self.event = None;
        self.drop = None;
        self.state = State::Closing;
    }

    fn ok(&mut self, words: &str) {
        encode::ok(&mut self.out, words);
    }

    /// `-ERR`, counted; too many end the session.
    fn error(&mut self, code: Option<Code>, words: &str) {
        encode::error(&mut self.out, code, words);
        self.errors += 1;
        let max = if self.drop.is_some() { ERRORS_MAX } else { ERRORS_MAX_BEFORE_SIGN_IN };
        if self.errors >= max {
            self.end();
        }
    }

    /// Goes back to awaiting a command, unless the session has ended meanwhile.
    fn await_command(&mut self) {
        if !matches!(self.state, State::Closing) {
            self.state = State::Command;
        }
    }

    fn ask(&mut self, event: Event, state: State) {
        self.event = Some(event);
        self.state = state;
    }

    /// One step inside; `None` when nothing can be done before something comes from outside.
    fn step(&mut self) -> Option<()> {
        match &mut self.state {
            State::Greeting => {
                self.state = State::Command;
                let greeting = format!("{} POP3 server ready", self.config.hostname);
                self.ok(&greeting);
                Some(())
            }
            State::Command | State::SaslResponse(_) => {
                let Some(line) = self.input.next_line() else {
                    if self.input.dropped() > DROPPED_OCTETS_MAX {
                        encode::error(&mut self.out, None, "the line does not end");
                        self.end();
                    } else if self.input_ended {
                        self.end();
                    }
                    return None;
                };
                self.since = self.now;
                self.line(line);
                Some(())
            }
            State::Listing(listing) => {
                let more = match &self.drop {
                    Some(open) => listing.write(&open.maildrop, &open.deletions, &mut self.out),
                    None => false,
                };
                if !more {
                    self.await_command();
                }
                Some(())
            }
            _ => None,
        }
    }

    fn line(&mut self, line: Line) {
        let sasl = matches!(self.state, State::SaslResponse(_));
        match line {
            Line::Whole(text) if sasl => self.sasl_line(&text),
            Line::Whole(text) => self.command_line(&text),
            Line::TooLong => {
                self.await_command();
                self.error(None, "the line is too long");
            }
            Line::BareEnding => {
                self.await_command();
                self.error(None, "a line ends with CR LF and holds neither alone");
            }
        }
    }
}

impl Session for Server {
    type Event = Event;

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.now = now;
        // Between STLS and the end of the handshake there is nothing that we may believe (RFC 2595 section 2.4).
        if !matches!(self.state, State::Closing | State::StartTls | State::Handshake) {
            self.input.push(bytes);
        }
    }

    fn end_of_input(&mut self) {
        self.input_ended = true;
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Greeting | State::Command | State::SaslResponse(_) => {
                let idle = self.since + PATIENCE;
                Some(if self.drop.is_some() { idle } else { idle.min(self.opened + SIGN_IN_PATIENCE) })
            }
            _ => None,
        }
    }

    /// The connection closes without a word and without deleting anything (RFC 1939 section 3).
    fn timeout(&mut self, now: Instant) {
        self.now = now;
        self.end();
    }

    fn tls_started(&mut self, tls: Tls) {
        self.tls = Some(tls);
        // What was said before is forgotten (RFC 2595 section 4).
        self.user = None;
        self.utf8 = false;
        if matches!(self.state, State::Handshake) {
            self.input.clear();
            self.state = State::Command;
        }
    }

    fn next(&mut self) -> Step<Event> {
        while self.event.is_none() && self.out.len() < OUT_OCTETS && self.step().is_some() {}
        if !self.out.is_empty() {
            return Step::Send(std::mem::take(&mut self.out));
        }
        if let Some(event) = self.event.take() {
            return Step::Event(event);
        }
        match self.state {
            State::StartTls => {
                self.state = State::Handshake;
                Step::StartTls
            }
            State::Closing => Step::Close,
            _ => Step::NeedInput,
        }
    }
}
