//! The SMTP server session (RFC 5321), LMTP as well (RFC 2033): takes mail in.
//!
//! The session lasts as long as the connection, the [`transaction::Transaction`] as long as a MAIL; RSET drops the
//! second. The session knows the order of commands and the limits, and asks its service through [`Event`]s for
//! everything that is policy. Replies to pipelined commands go out together (RFC 2920).
//!
//! Refused here, whatever the service thinks: lines and letters over their limits, bare CR and LF in commands and
//! bodies, bytes kept across STARTTLS, AUTH in the clear, more errors than a list of dead addresses makes.

mod answer;
mod body;
mod event;
mod signin;
mod transaction;
mod unstuff;
mod verbs;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use envelope::Reply;

pub use event::{Auth, BareLineEnds, Config, Event, Hello, Mode};

use self::body::{Chunk, DataBody};
use self::transaction::Transaction;
use super::encode;
use super::limits::{DROPPED_OCTETS_MAX, ERRORS_MAX, OUT_OCTETS_MAX, SASL_OCTETS_MAX};
use crate::lines::Lines;
use crate::sasl::Exchange;
use crate::session::{Session, Step, Tls};

/// One connection of a client.
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    bare_line_ends: BareLineEnds,
    input: Lines,
    out: Vec<u8>,
    events: VecDeque<Event>,
    state: State,
    hello: Option<Hello>,
    tls: Option<Tls>,
    signed_in: bool,
    transaction: Option<Transaction>,
    tally: Tally,
    /// The last time that was told.
    now: Instant,
    /// When the session began to wait for what it waits for.
    since: Instant,
    input_ended: bool,
    parting: &'static str,
}

/// What is counted against the limits.
#[derive(Debug, Default)]
struct Tally {
    errors: u32,
    idle_commands: u32,
    mails: u32,
    sign_ins: u32,
    drained: u64,
}

/// Named for what it awaits.
#[derive(Debug)]
enum State {
    /// The first call of `next`.
    Connection,
    /// A command line.
    Command,
    /// The service's answer.
    Answer(Question),
    /// The client's next SASL message.
    SaslResponse(Exchange),
    /// The directory's answer.
    SaslAnswer(Exchange),
    /// The body behind DATA.
    Data(Box<DataBody>),
    /// The octets behind BDAT.
    Chunk(Chunk),
    /// The driver, to begin the handshake.
    StartTls,
    /// The driver, to say that TLS stands.
    Handshake,
    /// Nothing more.
    Closing,
}

/// What the service was asked.
#[derive(Debug)]
enum Question {
    Connect,
    Hello { extended: bool },
    Mail(Transaction),
    Recipient,
    Data,
    Chunk(Chunk),
    BodyEnd,
    Name,
}

impl Server {
    /// A session on a fresh connection. On implicit TLS call [`Session::tls_started`] before anything else.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        Self {
            bare_line_ends: config.bare_line_ends,
            config,
            input: Lines::new(SASL_OCTETS_MAX),
            out: Vec::new(),
            events: VecDeque::new(),
            state: State::Connection,
            hello: None,
            tls: None,
            signed_in: false,
            transaction: None,
            tally: Tally::default(),
            now,
            since: now,
            input_ended: false,
            parting: "peer went away",
        }
    }

    /// For this client other than the door has it; counts from the next MAIL on.
    pub fn treat_bare_line_ends(&mut self, how: BareLineEnds) {
        self.bare_line_ends = how;
    }

    /// How the client named itself, once it has.
    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// The encrypted channel, if it stands.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Whether somebody signed in.
    pub fn signed_in(&self) -> bool {
        self.signed_in
    }

    /// How the session ended, in a few words for the journal: `quit`, `idle`, `sent away` (by a 421 or a refused
    /// connection), `peer went away`.
    pub fn parting(&self) -> &'static str {
        self.parting
    }

    /// Ends the session from our side, as a shutdown does: 421, and close. A body under way is given up.
    pub fn close(&mut self, text: &str) {
        if !matches!(self.state, State::Closing) {
            self.say(&Reply::new(421, (4, 3, 2), text));
        }
    }

    /// Whether the client is between transactions, so that closing loses nothing.
    pub fn is_idle(&self) -> bool {
        self.transaction.is_none() && matches!(self.state, State::Command | State::Connection)
    }

    /// Queues a reply. Counts errors, and closes after 421 and after too many errors (RFC 5321 section 4.3.2).
    fn say(&mut self, reply: &Reply) {
        if matches!(self.state, State::Closing) {
            return;
        }
        encode::reply(&mut self.out, reply);
        if reply.code == 421 {
            self.end("sent away");
        } else if reply.is_permanent() {
            self.tally.errors += 1;
            if self.tally.errors >= ERRORS_MAX {
                encode::reply(&mut self.out, &Reply::new(421, (4, 7, 0), "too many errors"));
                self.end("sent away");
            }
        }
    }

    fn end(&mut self, parting: &'static str) {
        self.parting = parting;
        self.transaction = None;
        self.input.clear();
        self.state = State::Closing;
    }

    fn is_lmtp(&self) -> bool {
        self.config.mode == Mode::Lmtp
    }

    /// Goes back to awaiting a command, unless the session has ended meanwhile.
    fn await_command(&mut self) {
        if !matches!(self.state, State::Closing) {
            self.state = State::Command;
        }
    }

    /// One step inside; `None` when nothing can be done before something comes from outside.
    fn step(&mut self) -> Option<()> {
        match &self.state {
            State::Connection => {
                self.state = State::Answer(Question::Connect);
                self.events.push_back(Event::Connect);
                Some(())
            }
            State::Command | State::SaslResponse(_) => {
                let Some(line) = self.input.next_line() else {
                    if self.input.dropped() > DROPPED_OCTETS_MAX {
                        self.say(&Reply::new(421, (4, 5, 2), "the line does not end"));
                    }
                    return None;
                };
                self.since = self.now;
                self.line(line);
                Some(())
            }
            State::Data(_) => self.read_data(),
            State::Chunk(_) => self.read_chunk(),
            State::Answer(_) | State::SaslAnswer(_) | State::StartTls | State::Handshake | State::Closing => None,
        }
    }

    /// Nothing can be done inside any more.
    fn rest(&mut self) -> Step<Event> {
        if !self.out.is_empty() {
            return Step::Send(std::mem::take(&mut self.out));
        }
        match self.state {
            State::StartTls => {
                self.state = State::Handshake;
                Step::StartTls
            }
            State::Closing => Step::Close,
            State::Answer(_) | State::SaslAnswer(_) => Step::NeedInput,
            _ if self.input_ended => {
                self.end("peer went away");
                Step::Close
            }
            _ => Step::NeedInput,
        }
    }
}

impl Session for Server {
    type Event = Event;

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.now = now;
        match self.state {
            State::Data(_) | State::Chunk(_) => {
                self.since = now;
                let taken = if self.input.is_empty() { self.take_body(bytes) } else { 0 };
                self.input.push(bytes.get(taken..).unwrap_or_default());
            }
            State::StartTls | State::Handshake | State::Closing => {}
            _ => self.input.push(bytes),
        }
    }

    fn end_of_input(&mut self) {
        self.input_ended = true;
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Answer(_) | State::SaslAnswer(_) | State::Closing => None,
            State::Data(_) | State::Chunk(_) => Some(self.since + self.config.body_patience),
            _ => Some(self.since + self.config.command_patience),
        }
    }

    fn timeout(&mut self, now: Instant) {
        self.now = now;
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            let text = format!("{} waited long enough", self.config.hostname);
            self.say(&Reply::new(421, (4, 4, 2), text));
            self.parting = "idle";
        }
    }

    /// Everything that was said in the clear is forgotten (RFC 3207 section 4.2).
    fn tls_started(&mut self, tls: Tls) {
        self.tls = Some(tls);
        if matches!(self.state, State::Handshake) {
            self.input.clear();
            self.hello = None;
            self.transaction = None;
            self.since = self.now;
            self.state = State::Command;
        }
    }

    fn next(&mut self) -> Step<Event> {
        loop {
            if self.out.len() >= OUT_OCTETS_MAX {
                return Step::Send(std::mem::take(&mut self.out));
            }
            if let Some(event) = self.events.pop_front() {
                return Step::Event(event);
            }
            if self.step().is_none() {
                return self.rest();
            }
        }
    }
}
