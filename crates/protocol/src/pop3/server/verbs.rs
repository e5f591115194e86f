//! One function a command. The dispatch does no work.

use super::maildrop::{Deletions, Listing, Message, entry, stat};
use super::{Event, Server, State};
use crate::pop3::encode::{Code, Stuffer};
use crate::pop3::grammar::{self, Command, Mistake};
use crate::sasl::Mechanism;

impl Server {
    pub(super) fn command_line(&mut self, text: &[u8]) {
        match grammar::command(text) {
            Ok(command) if self.drop.is_some() => self.in_transaction(command),
            Ok(command) => self.in_authorization(command),
            Err(Mistake::Unknown) => self.error(None, "unknown command"),
            Err(Mistake::Arguments) => self.error(None, "the arguments do not fit the command"),
            Err(Mistake::Mechanism) => self.error(None, "unknown mechanism"),
            Err(Mistake::Base64) => self.error(None, "that is not base64"),
        }
    }

    fn in_authorization(&mut self, command: Command) {
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(&password),
            Command::Auth(mechanism, initial) => self.auth(mechanism, initial.as_ref()),
            Command::AuthList => self.auth_list(),
            Command::Apop => self.error(None, "APOP is not offered, use AUTH SCRAM-SHA-256"),
            Command::Stls => self.stls(),
            Command::Utf8 => self.utf8(),
            Command::Capa => self.capa(),
            Command::Quit => self.goodbye(),
            _ => self.error(None, "sign in first"),
        }
    }

    fn in_transaction(&mut self, command: Command) {
        match command {
            Command::Stat => self.stat(),
            Command::List(number) => self.list(number, false),
            Command::Uidl(number) => self.list(number, true),
            Command::Retr(number) => self.retrieve(number, None),
            Command::Top(number, lines) => self.retrieve(number, Some(lines)),
            Command::Dele(number) => self.dele(number),
            Command::Rset => self.rset(),
            Command::Noop => self.ok("still here"),
            Command::Capa => self.capa(),
            Command::Quit => self.quit(),
            _ => self.error(None, "you have signed in already"),
        }
    }

    /// RFC 2449 section 5. What is listed is what may be said now.
    fn capa(&mut self) {
        let mut lines = vec!["TOP".to_owned(), "UIDL".to_owned()];
        if self.drop.is_none() {
            if self.tls.is_some() || self.config.cleartext_allowed {
                lines.push("USER".to_owned());
            }
            lines.push(format!("SASL {}", self.mechanisms().join(" ")));
            if self.config.stls && self.tls.is_none() {
                lines.push("STLS".to_owned());
            }
        }
        for line in ["PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8 USER", "EXPIRE NEVER"] {
            lines.push(line.to_owned());
        }
        lines.push("IMPLEMENTATION Angelia".to_owned());
        self.lines("what can be said", &lines);
    }

    fn auth_list(&mut self) {
        let mechanisms: Vec<String> = self.mechanisms().into_iter().map(str::to_owned).collect();
        self.lines("mechanisms", &mechanisms);
    }

    fn mechanisms(&self) -> Vec<&'static str> {
        Mechanism::offered(self.tls.as_ref(), self.config.cleartext_allowed).map(Mechanism::name).collect()
    }

    fn lines(&mut self, words: &str, lines: &[String]) {
        self.ok(words);
        for line in lines {
            self.out.extend_from_slice(line.as_bytes());
            self.out.extend_from_slice(b"\r\n");
        }
        self.out.extend_from_slice(b".\r\n");
    }

    fn stls(&mut self) {
        if self.tls.is_some() {
            return self.error(None, "TLS stands already");
        }
        if !self.config.stls {
            return self.error(None, "TLS is not offered here");
        }
        self.ok("begin TLS");
        self.input.clear();
        self.state = State::StartTls;
    }

    fn utf8(&mut self) {
        self.utf8 = true;
        self.ok("UTF-8 it is");
    }

    fn stat(&mut self) {
        let Some(open) = &self.drop else { return };
        let (count, octets) = stat(&open.maildrop, &open.deletions);
        self.ok(&format!("{count} {octets}"));
    }

    fn list(&mut self, number: Option<u32>, unique_ids: bool) {
        let Some(open) = &self.drop else { return };
        let Some(number) = number else {
            let (count, octets) = stat(&open.maildrop, &open.deletions);
            self.ok(&format!("{count} messages ({octets} octets)"));
            self.state = State::Listing(Listing::new(unique_ids));
            return;
        };
        if let Some(message) = self.existing(number)
            && let Some(open) = &self.drop
        {
            let line = entry(&open.maildrop, number, &message, unique_ids);
            self.ok(&line);
        }
    }

    /// A message that is there and not marked as deleted; says so if not.
    fn existing(&mut self, number: u32) -> Option<Message> {
        let open = self.drop.as_ref()?;
        let found = open.maildrop.get(number).copied();
        if open.deletions.contains(number) {
            self.error(None, "that message is marked as deleted");
            return None;
        }
        if found.is_none() {
            self.error(None, "there is no such message");
        }
        found
    }

    fn retrieve(&mut self, number: u32, body_lines: Option<u64>) {
        if let Some(Message { uid, octets }) = self.existing(number) {
            self.ask(Event::Retrieve { number, uid, octets }, State::Message { body_lines });
        }
    }

    fn dele(&mut self, number: u32) {
        let Some(message) = self.existing(number) else { return };
        if let Some(open) = &mut self.drop {
            open.deletions.mark(number, message.octets);
            self.ok("marked, and deleted at QUIT");
        }
    }

    fn rset(&mut self) {
        let Some(open) = &mut self.drop else { return };
        open.deletions = Deletions::none(open.maildrop.messages.len());
        let (count, octets) = stat(&open.maildrop, &open.deletions);
        self.ok(&format!("{count} messages ({octets} octets)"));
    }

    fn quit(&mut self) {
        let deleted: Vec<u32> = match &self.drop {
            Some(open) if open.deletions.count > 0 => {
                let marked = (1..).zip(&open.maildrop.messages).filter(|(number, _)| open.deletions.contains(*number));
                marked.map(|(_, message)| message.uid).collect()
            }
            _ => return self.goodbye(),
        };
        self.input.clear();
        self.ask(Event::Update { deleted }, State::Update);
    }

    fn goodbye(&mut self) {
        self.ok("goodbye");
        self.end();
    }

    /// The message is there: what follows is handed to [`Self::message_chunk`].
    pub fn message_begin(&mut self, octets: u64) {
        if let State::Message { body_lines } = self.state {
            match body_lines {
                None => self.ok(&format!("{octets} octets")),
                Some(_) => self.ok("the top of the message"),
            }
            self.state = State::Content(Stuffer::new(body_lines));
        }
    }

    /// More of the message. False when no more is wanted (TOP). To keep memory bounded, let the driver send what came
    /// of one chunk before the next.
    pub fn message_chunk(&mut self, bytes: &[u8]) -> bool {
        match &mut self.state {
            State::Content(stuffer) => {
                stuffer.push(bytes, &mut self.out);
                stuffer.wants_more()
            }
            _ => false,
        }
    }

    /// The message is whole. `now` begins the client's time anew: sending may have taken longer than its patience.
    pub fn message_end(&mut self, now: std::time::Instant) {
        if let State::Content(stuffer) = &self.state {
            stuffer.finish(&mut self.out);
            self.state = State::Command;
            self.now = now;
            self.since = now;
        }
    }

    /// The message cannot be had: for now, for good (`Code::SysPerm`), or it is gone (`None`; another program
    /// deleted it). If it was begun, the connection closes, so that a piece is not taken for the whole.
    pub fn message_refused(&mut self, code: Option<Code>) {
        match self.state {
            State::Message { .. } => {
                self.state = State::Command;
                self.error(
                    code,
                    match code {
                        None => "the message was deleted by another program",
                        Some(Code::SysPerm) => "the message cannot be read",
                        Some(_) => "the message cannot be read at the moment, try again later",
                    },
                );
            }
            State::Content(_) => self.end(),
            _ => {}
        }
    }

    /// What was marked is removed.
    pub fn update_done(&mut self) {
        if matches!(self.state, State::Update) {
            self.ok("deleted, goodbye");
            self.end();
        }
    }

    /// What was marked is still there, or some of it (RFC 1939 section 6).
    pub fn update_failed(&mut self) {
        if matches!(self.state, State::Update) {
            self.error(Some(Code::SysTemp), "the messages were not deleted, try again later");
            self.end();
        }
    }
}
