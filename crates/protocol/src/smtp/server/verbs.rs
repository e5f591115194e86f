//! The verbs, one function each: check the order of commands and our own limits, then ask the service.

use envelope::{BodyType, Reply};

use super::body::Chunk;
use super::transaction::{BodyFault, Transaction};
use super::{Event, Hello, Mode, Question, Server, State};
use crate::lines::Line;
use crate::smtp::grammar::{self, Command, Mail};
use crate::smtp::limits::{COMMAND_OCTETS_MAX, IDLE_COMMANDS_MAX};

impl Server {
    /// One line: a command, or the answer to a challenge.
    pub(super) fn line(&mut self, line: Line) {
        let in_exchange = matches!(self.state, State::SaslResponse(_));
        match line {
            Line::Whole(text) if in_exchange => self.sasl_response(&text),
            Line::Whole(text) => self.command(&text),
            Line::TooLong => {
                self.state = State::Command;
                self.say(&Reply::new(500, (5, 5, 2), "line too long"));
            }
            // What stands behind a bare LF is no command, and a client that sends one cannot be talked to.
            Line::BareEnding => {
                self.say(&Reply::new(521, (5, 5, 2), "bare CR or LF; lines end with CRLF"));
                self.end("sent away");
            }
        }
    }

    fn command(&mut self, line: &[u8]) {
        let command = match grammar::parse(line) {
            Ok(command) => command,
            // How many octets follow is unknown, and they must not be taken for commands.
            Err(fault) if line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT")) => {
                self.say(&fault.reply());
                return self.say(&Reply::new(421, (4, 5, 0), "out of step after BDAT"));
            }
            Err(fault) => return self.say(&fault.reply()),
        };
        if line.len() > COMMAND_OCTETS_MAX - 2 && !matches!(command, Command::Auth { .. }) {
            return self.say(&Reply::new(500, (5, 5, 2), "line too long"));
        }
        match command {
            Command::Hello(hello) => self.hello_verb(hello, Mode::Smtp),
            Command::Lhlo(hello) => self.hello_verb(hello, Mode::Lmtp),
            Command::Mail(mail) => self.mail(mail),
            Command::Recipient(arguments) => self.recipient(arguments),
            Command::Data => self.data(),
            Command::Bdat { octets, last } => self.bdat(octets, last),
            Command::Reset => self.reset(),
            Command::Noop => self.idle_command(&Reply::new(250, (2, 0, 0), "ok")),
            Command::Quit => self.quit(),
            Command::Verify(name) => self.name(Event::Verify(name.to_owned())),
            Command::Expand(name) => self.name(Event::Expand(name.to_owned())),
            Command::Help => self.help(),
            Command::StartTls => self.start_tls(),
            Command::Auth { mechanism, initial_response } => self.auth(mechanism, initial_response),
            Command::Http => self.say(&Reply::new(421, (4, 7, 0), "this is no web server")),
        }
    }

    /// Asks the service, and waits.
    fn ask(&mut self, question: Question, event: Event) {
        self.state = State::Answer(question);
        self.events.push_back(event);
    }

    fn bad_sequence(&mut self, text: &str) {
        self.say(&Reply::new(503, (5, 5, 1), text));
    }

    /// A command that brings no letter nearer. Answers whether it may go on.
    fn count_idle(&mut self) -> bool {
        self.tally.idle_commands += 1;
        let fine = self.tally.idle_commands <= IDLE_COMMANDS_MAX;
        if !fine {
            self.say(&Reply::new(421, (4, 7, 0), "too many commands without a letter"));
        }
        fine
    }

    fn idle_command(&mut self, reply: &Reply) {
        if self.count_idle() {
            self.say(reply);
        }
    }

    /// HELO, EHLO (RFC 5321 section 4.1.1.1), LHLO (RFC 2033 section 4.1).
    fn hello_verb(&mut self, hello: Hello, mode: Mode) {
        if mode != self.config.mode {
            let text = if self.is_lmtp() { "LHLO is spoken here" } else { "EHLO is spoken here" };
            return self.say(&Reply::new(500, (5, 5, 1), text));
        }
        if !self.count_idle() {
            return;
        }
        self.transaction = None;
        self.hello = Some(hello.clone());
        self.ask(Question::Hello { extended: hello.extended }, Event::Hello(hello));
    }

    /// MAIL (RFC 5321 section 4.1.1.2).
    fn mail(&mut self, mail: Mail) {
        let limit = self.config.message_octets_max;
        match () {
            () if self.hello.is_none() => self.bad_sequence("EHLO first"),
            () if self.transaction.is_some() => self.bad_sequence("a transaction is open; RSET ends it"),
            () if self.config.auth.required && !self.signed_in => {
                self.say(&Reply::new(530, (5, 7, 0), "sign in first"));
            }
            () if !self.count_idle() => {}
            () if self.tally.mails >= self.config.mails_max => {
                self.say(&Reply::new(421, (4, 7, 0), "enough letters on this connection, open another"));
            }
            () if mail.size.is_some_and(|size| size > limit) => {
                self.say(&BodyFault::TooLong { octets_max: limit }.reply());
            }
            () if mail.smtputf8 && !self.config.smtputf8 => self.say(&grammar::Fault::UnknownParameter.reply()),
            () if mail.require_tls && !self.offers_require_tls() => {
                self.say(&grammar::Fault::UnknownParameter.reply());
            }
            () if mail.body == BodyType::BinaryMime && !self.config.chunking => {
                self.say(&grammar::Fault::Parameter("BODY").reply());
            }
            () => self.ask(Question::Mail(Transaction::new(&mail, self.bare_line_ends)), Event::Mail(mail)),
        }
    }

    /// RCPT (RFC 5321 section 4.1.1.3).
    fn recipient(&mut self, arguments: grammar::RecipientArguments<'_>) {
        let Some(transaction) = &self.transaction else { return self.bad_sequence("MAIL first") };
        if transaction.chunked {
            return self.bad_sequence("the body has begun");
        }
        if transaction.recipients >= self.config.recipients_max {
            // For now, and not an error: the client sends the rest in another transaction (section 4.5.3.1.10).
            return self.say(&Reply::new(452, (4, 5, 3), "too many recipients"));
        }
        match arguments.parse(transaction.smtputf8) {
            Ok(recipient) => self.ask(Question::Recipient, Event::Recipient(recipient)),
            Err(fault) => self.say(&fault.reply()),
        }
    }

    /// DATA (RFC 5321 section 4.1.1.4).
    fn data(&mut self) {
        match &self.transaction {
            None => self.bad_sequence("MAIL first"),
            Some(transaction) if transaction.recipients == 0 => self.bad_sequence("no valid recipients"),
            Some(transaction) if transaction.chunked => self.bad_sequence("BDAT has begun"),
            Some(transaction) if transaction.binary => self.bad_sequence("BINARYMIME wants BDAT"),
            Some(_) => self.ask(Question::Data, Event::Data),
        }
    }

    /// BDAT (RFC 3030 section 2). Its octets are read whatever becomes of them.
    fn bdat(&mut self, octets: u64, last: bool) {
        let mut chunk = Chunk { left: octets, octets, last, refusal: None, piece: Vec::new() };
        let octets_max = self.config.message_octets_max;
        let refusal = match &self.transaction {
            _ if !self.config.chunking => Some(Reply::new(502, (5, 5, 1), "BDAT is not offered")),
            None => Some(Reply::new(503, (5, 5, 1), "MAIL first")),
            Some(transaction) if transaction.recipients == 0 => Some(Reply::new(503, (5, 5, 1), "no valid recipients")),
            Some(transaction) if transaction.octets.saturating_add(octets) > octets_max => {
                return self.refuse_long_chunk(chunk, BodyFault::TooLong { octets_max });
            }
            Some(_) => None,
        };
        let chunked = self.transaction.as_ref().is_some_and(|transaction| transaction.chunked);
        match refusal {
            Some(reply) => {
                chunk.refusal = Some(reply);
                self.state = State::Chunk(chunk);
            }
            None if chunked => self.state = State::Chunk(chunk),
            None => self.ask(Question::Chunk(chunk), Event::Data),
        }
    }

    /// The chunk's announced size says already that the letter is too long.
    fn refuse_long_chunk(&mut self, chunk: Chunk, fault: BodyFault) {
        if let Some(transaction) = &mut self.transaction {
            transaction.fault = Some(fault);
            if transaction.chunked {
                self.events.push_back(Event::BodyRefused(fault.reply()));
            }
        }
        self.state = State::Chunk(chunk);
    }

    /// RSET (RFC 5321 section 4.1.1.5).
    fn reset(&mut self) {
        if self.transaction.take().is_some() {
            self.events.push_back(Event::Reset);
        }
        self.idle_command(&Reply::new(250, (2, 0, 0), "ok"));
    }

    /// QUIT (RFC 5321 section 4.1.1.10).
    fn quit(&mut self) {
        self.say(&Reply::new(221, (2, 0, 0), "goodbye"));
        self.end("quit");
    }

    /// VRFY and EXPN (RFC 5321 sections 4.1.1.6 and 4.1.1.7).
    fn name(&mut self, event: Event) {
        if self.count_idle() {
            self.ask(Question::Name, event);
        }
    }

    /// HELP (RFC 5321 section 4.1.1.8): what this door has, at this moment.
    fn help(&mut self) {
        let mut text = if self.is_lmtp() { "LHLO" } else { "EHLO HELO" }.to_owned();
        text.push_str(" MAIL RCPT DATA");
        for (word, is_there) in [
            ("BDAT", self.config.chunking),
            ("RSET NOOP VRFY EXPN HELP", true),
            ("STARTTLS", self.offers_starttls()),
            ("AUTH", self.offers_auth()),
            ("QUIT", true),
        ] {
            if is_there {
                text.push(' ');
                text.push_str(word);
            }
        }
        text.push_str("\nRFC 5321");
        self.idle_command(&Reply::new(214, (2, 0, 0), text));
    }

    /// STARTTLS (RFC 3207 section 4). What was pipelined behind it is thrown away: it was not said by the one who will
    /// hold the other end of the encrypted channel.
    fn start_tls(&mut self) {
        match () {
            () if self.tls.is_some() => self.bad_sequence("TLS is on already"),
            () if !self.config.starttls => self.say(&Reply::new(502, (5, 5, 1), "TLS is not offered")),
            () => {
                self.say(&Reply::new(220, (2, 0, 0), "go on"));
                self.input.clear();
                if self.transaction.take().is_some() {
                    self.events.push_back(Event::Reset);
                }
                self.state = State::StartTls;
            }
        }
    }
}
