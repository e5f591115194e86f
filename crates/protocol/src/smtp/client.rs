//! The SMTP client session (RFC 5321), LMTP as well (RFC 2033): hands letters to another server.
//!
//! It greets, and then waits for its service after each [`Event`]: TLS, sign in, send a letter, another one on the
//! same connection, quit. MAIL, RCPT and DATA go out together where PIPELINING is offered; bodies go by BDAT where
//! CHUNKING is. Replies are read with bounds on lines, octets and time; a peer that says what is no SMTP loses the
//! connection, and every recipient that it had not answered for gets a reply of ours.

mod dialogue;
mod event;
mod mask;
mod transaction;

use std::collections::VecDeque;
use std::time::Instant;

use envelope::{Envelope, Reply};

pub use event::{Config, Event, Extensions, Patience, Phase, Problem, Report};

use self::dialogue::Dialogue;
use self::mask::{Mask, WORDS_NOT_KEPT, codes_of};
use self::transaction::{Progress, Transaction};
use super::grammar::{ReplyReader, parse_extensions};
use super::limits::REPLY_LINE_OCTETS_MAX;
use crate::lines::{Line, Lines};
use crate::sasl;
use crate::session::{Session, Step, Tls};

/// One connection to another server.
pub struct Client {
    config: Config,
    input: Lines,
    reader: ReplyReader,
    out: Vec<u8>,
    events: VecDeque<Event>,
    state: State,
    extensions: Extensions,
    tls: Option<Tls>,
    /// An aborted transaction stands at the peer: RSET comes before the next MAIL.
    needs_reset: bool,
    /// When the dialogue last went on.
    since: Instant,
    /// For the operator.
    dialogue: Dialogue,
    /// What was said to sign in.
    mask: Mask,
    /// A letter went this way before.
    used: bool,
    /// Of the letter under way.
    body_octets: u64,
}

/// Named for what it awaits.
enum State {
    /// The peer's first word.
    Greeting,
    /// The answer to EHLO, LHLO, or HELO.
    Hello { extended: bool },
    /// The answer to STARTTLS.
    StartTlsReply,
    /// The driver is to begin the handshake.
    StartTls,
    /// The driver to say that TLS stands.
    Handshake,
    /// The answer to AUTH, or to a response.
    Auth(Box<dyn sasl::client::Client>),
    /// The service's next wish.
    Idle,
    /// The answers of a transaction, or the service's next piece of body.
    Transaction(Box<Transaction>),
    /// The answer to QUIT.
    Quit,
    /// The connection is of no use; nothing more is awaited.
    Closing,
}

impl Client {
    /// A session on a fresh connection, which awaits the greeting.
    pub fn new(config: Config, now: Instant) -> Self {
        Self {
            config,
            input: Lines::new(REPLY_LINE_OCTETS_MAX),
            reader: ReplyReader::default(),
            out: Vec::new(),
            events: VecDeque::new(),
            state: State::Greeting,
            extensions: Extensions::default(),
            tls: None,
            needs_reset: false,
            since: now,
            dialogue: Dialogue::new(now),
            mask: Mask::default(),
            used: false,
            body_octets: 0,
        }
    }

    /// What was said for the letter that was sent last, up to now, with the beginning of the connection when it was its
    /// first: lines `seconds C: …` and `seconds S: …`, at most 4 KiB. What AUTH carries is masked, also where the server says
    /// it back to us, and the letter itself is left out.
    pub fn dialogue(&self) -> String {
        self.dialogue.text()
    }

    /// What the peer offers now.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The encrypted channel, once it stands.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// The channel was encrypted from its first octet (RFC 8314). Call it before anything else.
    pub fn implicit_tls(&mut self, tls: Tls) {
        self.tls = Some(tls);
    }

    /// Whether another letter may be sent on this connection.
    pub fn usable(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Asks for TLS. The answer is [`Event::Ready`] anew, or [`Event::TlsRefused`].
    pub fn start_tls(&mut self, now: Instant) {
        if self.idle(now) {
            self.say(b"STARTTLS\r\n");
            self.state = State::StartTlsReply;
        }
    }

    /// Signs in. The answer is [`Event::SignedIn`] or [`Event::SignInRefused`]. From here on no reply tells what was said for
    /// it: of the answers to AUTH only the codes are kept, and in later ones the secrets are replaced by `***`.
    pub fn authenticate(&mut self, now: Instant, mut with: Box<dyn sasl::client::Client>) {
        if !self.idle(now) {
            return;
        }
        let command = format!("AUTH {}", with.mechanism().name());
        self.out.extend_from_slice(command.as_bytes());
        self.dialogue.said(now, format!("{command} (masked)").as_bytes());
        self.mask.hide_password(&with.password());
        if let Some(initial) = with.initial() {
            self.mask.hide_message(&initial, with.mechanism());
            let text = if initial.is_empty() { "=".to_owned() } else { sasl::encode_base64(&initial) };
            self.out.push(b' ');
            self.out.extend_from_slice(text.as_bytes());
        }
        self.out.extend_from_slice(b"\r\n");
        self.state = State::Auth(with);
    }

    /// Sends a letter to the recipients of the envelope. `octets` is its size, when known. The body is asked for by
    /// [`Event::WantBody`], if it comes to that; the end is [`Event::Done`].
    pub fn send(&mut self, now: Instant, envelope: Envelope, octets: Option<u64>) {
        if !self.idle(now) {
            return;
        }
        if std::mem::replace(&mut self.used, true) {
            self.dialogue = Dialogue::new(now);
            self.dialogue.note(now, "on a connection that had carried a letter before");
        }
        self.body_octets = 0;
        let reset = std::mem::take(&mut self.needs_reset);
        let transaction = Transaction::new(envelope, octets, &self.extensions, &self.config, reset);
        self.go_on(Box::new(transaction));
    }

    /// The next piece of the body, after [`Event::WantBody`]; `last` when the body ends with it. Bare CR and LF become
    /// CRLF unless the envelope says BINARYMIME.
    pub fn body(&mut self, now: Instant, bytes: &[u8], last: bool) {
        self.since = now;
        match std::mem::replace(&mut self.state, State::Closing) {
            State::Transaction(mut transaction) => {
                let before = self.out.len();
                transaction.body(bytes, last, &mut self.out);
                self.note_body(before, bytes.len(), last);
                self.go_on(transaction);
            }
            other => self.state = other,
        }
    }

    /// Says goodbye; the connection closes.
    pub fn quit(&mut self, now: Instant) {
        if self.idle(now) {
            self.say(b"QUIT\r\n");
            self.state = State::Quit;
        }
    }

    /// A command, whole.
    fn say(&mut self, line: &[u8]) {
        self.dialogue.said(self.since, line);
        self.out.extend_from_slice(line);
    }

    /// A piece of the body is left out of the dialogue, but for the command before it.
    fn note_body(&mut self, before: usize, octets: usize, last: bool) {
        self.body_octets = self.body_octets.saturating_add(octets as u64);
        let piece = self.out.get(before..).unwrap_or_default();
        if piece.starts_with(b"BDAT ") {
            let end = piece.iter().position(|octet| *octet == b'\n').unwrap_or(piece.len());
            self.dialogue.said(self.since, piece.get(..end).unwrap_or_default());
        } else if last {
            self.dialogue.note(self.since, &format!("the letter, {} octets", self.body_octets));
        }
    }

    /// A line of the peer's. Challenges are not for other eyes, nor is what may repeat our answers.
    fn note_heard(&mut self, now: Instant, line: &[u8]) {
        if matches!(self.state, State::Auth(_)) {
            self.dialogue.heard(now, &codes_of(line));
        } else {
            self.dialogue.heard(now, line);
        }
    }

    /// Whether a new wish may begin.
    fn idle(&mut self, now: Instant) -> bool {
        self.since = now;
        self.usable()
    }

    /// The service waits no longer for an answer: as if the patience were over. What was under way ends with
    /// [`Problem::Timeout`].
    pub fn give_up(&mut self, now: Instant) {
        self.since = now;
        self.lose(Problem::Timeout);
    }

    /// Where the dialogue stands.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Greeting => Phase::Greeting,
            State::Hello { .. } => Phase::Hello,
            State::StartTlsReply | State::StartTls | State::Handshake => Phase::StartTls,
            State::Auth(_) => Phase::Auth,
            State::Idle | State::Closing => Phase::Idle,
            State::Transaction(transaction) => transaction.phase(),
            State::Quit => Phase::Quit,
        }
    }

    fn read_lines(&mut self, now: Instant) {
        while !matches!(self.state, State::Closing | State::StartTls | State::Handshake) {
            let line = match self.input.next_line() {
                None => return,
                Some(Line::Whole(line)) => line,
                Some(Line::TooLong) => return self.lose(Problem::Malformed("a line too long")),
                Some(Line::BareEnding) => return self.lose(Problem::Malformed("a bare CR or LF")),
            };
            let line = if matches!(self.state, State::Auth(_)) { line } else { self.mask.cover(line) };
            self.note_heard(now, &line);
            match self.reader.line(&line) {
                Ok(None) => {}
                Ok(Some(reply)) => {
                    self.since = now;
                    self.reply(reply);
                }
                Err(why) => {
                    self.overlong();
                    return self.lose(Problem::Malformed(why));
                }
            }
        }
    }

    /// A refusal that does not end is one all the same, of what was asked; nothing more is said on this connection.
    fn overlong(&mut self) {
        if let (State::Transaction(transaction), Some(reply)) = (&mut self.state, self.reader.refusal_so_far()) {
            transaction.reply(reply);
        }
    }

    fn reply(&mut self, mut reply: Reply) {
        if matches!(self.state, State::Auth(_)) && reply.code != 334 {
            reply.text = WORDS_NOT_KEPT.to_owned();
        }
        if reply.code == 421 && !matches!(self.state, State::Quit) {
            return self.lose(Problem::Refused(reply));
        }
        match std::mem::replace(&mut self.state, State::Closing) {
            State::Greeting if reply.code == 220 => self.say_hello(true),
            State::Greeting => {
                self.state = State::Greeting;
                self.refused(reply);
            }
            State::Hello { extended } => self.hello_reply(&reply, extended),
            State::StartTlsReply => self.start_tls_reply(reply),
            State::Auth(with) => self.auth_reply(reply, with),
            State::Transaction(mut transaction) => {
                transaction.reply(reply);
                self.go_on(transaction);
            }
            State::Quit | State::Closing => {}
            State::Idle | State::StartTls | State::Handshake => {
                self.state = State::Idle;
                self.lose(Problem::Refused(reply));
            }
        }
    }

    fn say_hello(&mut self, extended: bool) {
        let verb = match (self.config.lmtp, extended) {
            (true, _) => "LHLO ",
            (false, true) => "EHLO ",
            (false, false) => "HELO ",
        };
        self.say(format!("{verb}{}\r\n", self.config.hello_name).as_bytes());
        self.state = State::Hello { extended };
    }

    /// A server without extensions answers EHLO with 5yz; then HELO (RFC 5321 section 3.2).
    fn hello_reply(&mut self, reply: &Reply, extended: bool) {
        if reply.is_positive() {
            self.extensions = if extended { parse_extensions(&reply.text) } else { Extensions::default() };
            self.state = State::Idle;
            self.events.push_back(Event::Ready(self.extensions.clone()));
        } else if extended && reply.is_permanent() && !self.config.lmtp {
            self.say_hello(false);
        } else {
            self.state = State::Hello { extended };
            self.refused(reply.clone());
        }
    }

    /// Polite to a server that does not want us: QUIT, without waiting for the answer.
    fn refused(&mut self, reply: Reply) {
        self.say(b"QUIT\r\n");
        self.lose(Problem::Refused(reply));
    }

    /// Bytes behind the 220 were not sent by the one we are about to authenticate (RFC 3207 section 4.2).
    fn start_tls_reply(&mut self, reply: Reply) {
        if reply.code != 220 {
            self.state = State::Idle;
            self.events.push_back(Event::TlsRefused(reply));
        } else if self.input.is_empty() {
            self.state = State::StartTls;
        } else {
            self.state = State::StartTlsReply;
            self.lose(Problem::Malformed("bytes between STARTTLS and the handshake"));
        }
    }

    fn auth_reply(&mut self, reply: Reply, mut with: Box<dyn sasl::client::Client>) {
        match reply.code {
            334 => {
                let challenge = sasl::decode_base64(reply.text.trim().as_bytes());
                match challenge.map(|challenge| with.respond(&challenge)) {
                    Some(Ok(response)) => {
                        self.mask.hide_message(&response, with.mechanism());
                        self.out.extend_from_slice(sasl::encode_base64(&response).as_bytes());
                    }
                    // The peer answers the cancellation with 501.
                    Some(Err(_)) | None => self.out.push(b'*'),
                }
                self.out.extend_from_slice(b"\r\n");
                self.dialogue.said(self.since, b"(masked)");
                self.state = State::Auth(with);
            }
            _ => {
                let event = if !reply.is_positive() {
                    Event::SignInRefused(reply)
                } else if with.is_satisfied() {
                    Event::SignedIn
                } else {
                    let text = "the server did not prove that it knows the password";
                    Event::SignInRefused(Reply::new(535, (5, 7, 8), text))
                };
                self.state = State::Idle;
                self.events.push_back(event);
            }
        }
    }

    /// After anything that moved the transaction.
    fn go_on(&mut self, mut transaction: Box<Transaction>) {
        let before = self.out.len();
        let progress = transaction.advance(&self.extensions, &mut self.out);
        self.dialogue.said(self.since, self.out.get(before..).unwrap_or_default());
        match progress {
            Progress::Waiting => self.state = State::Transaction(transaction),
            Progress::Done { needs_reset } => {
                self.needs_reset = needs_reset;
                self.state = State::Idle;
                self.events.push_back(Event::Done(transaction.report(None)));
            }
            Progress::Broken(reply) => {
                self.state = State::Transaction(transaction);
                self.lose(Problem::Refused(reply));
            }
        }
    }

    /// The connection is of no use any more.
    fn lose(&mut self, problem: Problem) {
        let phase = self.phase();
        if !matches!(self.state, State::Closing | State::Quit) {
            self.dialogue.note(self.since, &problem.to_string());
        }
        match std::mem::replace(&mut self.state, State::Closing) {
            State::Transaction(transaction) => {
                self.events.push_back(Event::Done(transaction.report(Some(problem.clone()))));
            }
            State::Closing | State::Quit => return,
            _ => {}
        }
        self.events.push_back(Event::Lost { phase, problem });
    }

    /// The service was told of an event and owes the next wish.
    fn service_owes(&self) -> bool {
        match &self.state {
            State::Idle | State::Closing => true,
            State::Transaction(transaction) => transaction.waits_for_service(),
            _ => false,
        }
    }
}

impl Session for Client {
    type Event = Event;

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        if !matches!(self.state, State::Closing) {
            self.input.push(bytes);
            self.read_lines(now);
        }
    }

    fn end_of_input(&mut self) {
        self.lose(Problem::Closed);
    }

    fn deadline(&self) -> Option<Instant> {
        if self.service_owes() {
            return None;
        }
        let patience = &self.config.patience;
        let phase_patience = match self.phase() {
            Phase::Greeting => patience.greeting,
            Phase::Data => patience.data,
            Phase::Body => patience.block,
            Phase::BodyEnd => patience.body_end,
            Phase::Quit => patience.quit,
            _ => patience.command,
        };
        Some(self.since + phase_patience)
    }

    fn timeout(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.since = now;
            self.lose(Problem::Timeout);
        }
    }

    fn tls_started(&mut self, tls: Tls) {
        self.dialogue.note(self.since, &format!("{} {}", tls.version, tls.cipher));
        self.tls = Some(tls);
        // What was said in the clear counts no more (RFC 3207 section 4.2).
        self.input.clear();
        self.extensions = Extensions::default();
        self.say_hello(true);
    }

    fn next(&mut self) -> Step<Event> {
        if !self.out.is_empty() {
            return Step::Send(std::mem::take(&mut self.out));
        }
        if let Some(event) = self.events.pop_front() {
            return Step::Event(event);
        }
        match &mut self.state {
            State::StartTls => {
                self.state = State::Handshake;
                Step::StartTls
            }
            State::Closing => Step::Close,
            State::Transaction(transaction) => match transaction.wants_body() {
                true => Step::Event(Event::WantBody),
                false => Step::NeedInput,
            },
            _ => Step::NeedInput,
        }
    }
}

#[cfg(test)]
mod tests;
