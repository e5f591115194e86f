//! What the client says, in each thing the session may be waiting for.

use super::{Awaiting, Event, Server, State};
use crate::imap::command::{Command, Replaced};
use crate::imap::encode::{Code, Untagged};
use crate::imap::grammar::{self, AppendStart, AppendThen, ParseError};
use crate::imap::limits;
use crate::imap::reader::{Announced, Item};

/// RFC 9586 section 3.
const UID_REQUIRED: Code<'static> = Code::Word("UIDREQUIRED");
const NUMBERS: &str = "UIDONLY leaves no sequence numbers";

impl Server {
    pub(super) fn take_item(&mut self, item: Item) {
        match item {
            Item::Flood => self.close_with("Too much that nobody can read"),
            Item::Dropped(start) => self.dropped(&start),
            Item::Announced(announced) => self.announced(announced),
            Item::Chunk(chunk) => self.event = Some(Event::AppendChunk(chunk)),
            Item::StreamEnd => self.awaiting = Awaiting::AppendTail,
            Item::Line(line) => self.line(&line),
        }
    }

    /// The end of something overlong or refused.
    fn dropped(&mut self, start: &[u8]) {
        if std::mem::take(&mut self.answered) {
            return;
        }
        match self.awaiting {
            Awaiting::Command => {
                self.set_tag(start);
                self.mistake("Command is too long");
            }
            _ => self.line(b"?"),
        }
    }

    fn set_tag(&mut self, command: &[u8]) {
        self.tag.clear();
        self.tag.push_str(grammar::tag(command).unwrap_or_default());
    }

    fn line(&mut self, line: &[u8]) {
        match std::mem::replace(&mut self.awaiting, Awaiting::Command) {
            Awaiting::Response(exchange) => self.sasl_response(exchange, line),
            Awaiting::Done => self.idle_end(line),
            Awaiting::AppendTail => self.append_tail(line),
            _ => self.command(line),
        }
    }

    fn idle_end(&mut self, line: &[u8]) {
        self.idle_broken = !line.eq_ignore_ascii_case(b"DONE");
        self.awaiting = Awaiting::Answer;
        self.event = Some(Event::IdleEnd);
    }

    /// A literal stands at the line's end.
    fn announced(&mut self, announced: Announced) {
        let so_far = self.reader.so_far().to_vec();
        if matches!(self.awaiting, Awaiting::AppendTail) && self.append_announced(announced, &so_far) {
            return;
        }
        if !matches!(self.awaiting, Awaiting::Command) {
            self.skip_literal(announced);
            // A synchronising one ends the line here; what comes of another one is told when it has passed.
            if announced.synchronising {
                self.line(b"?");
            }
            return;
        }
        self.set_tag(&so_far);
        if self.tag.is_empty() {
            return self.refuse_literal(announced, "BAD", None, "A tag is missing");
        }
        match grammar::append(&so_far, self.enabled.utf8) {
            Ok(AppendStart::Begins { .. }) if !self.is_signed_in() => {
                self.refuse_literal(announced, "BAD", None, "Sign in first");
            }
            Ok(AppendStart::Begins { replaces, mailbox, text }) if text.then != AppendThen::Collect => {
                match self.may_replace(replaces) {
                    Ok(()) => self.append_begins(Some(announced), replaces, mailbox, text),
                    Err((code, text)) => self.refuse_literal(announced, "BAD", code, text),
                }
            }
            Ok(_) if !self.reader.fits(announced) => {
                self.refuse_literal(announced, "BAD", Some(Code::Word("TOOBIG")), "Literal is too long");
            }
            Ok(_) => self.collect(announced),
            Err(ParseError::Mailbox(error)) => {
                self.refuse_literal(announced, "NO", Some(Code::Word("CANNOT")), &error.to_string());
            }
            Err(error @ ParseError::Limit(_)) => {
                self.refuse_literal(announced, "NO", Some(Code::Word("LIMIT")), &error.to_string());
            }
            Err(error) => self.refuse_literal(announced, "BAD", None, &error.to_string()),
        }
    }

    /// Answers a command whose announced literal is not wanted.
    pub(super) fn refuse_literal(&mut self, announced: Announced, word: &str, code: Option<Code<'_>>, text: &str) {
        self.skip_literal(announced);
        // What passes unread needs no second answer.
        self.answered = !announced.synchronising;
        if word == "BAD" && code.is_none() {
            self.mistake(text);
        } else {
            self.tagged_condition(word, code.as_ref(), text);
        }
    }

    /// RFC 7888 section 4: a synchronising literal will not come, another one is read and thrown away.
    pub(super) fn skip_literal(&mut self, announced: Announced) {
        if announced.synchronising { self.reader.forget() } else { self.reader.discard() }
    }

    /// A whole command.
    fn command(&mut self, line: &[u8]) {
        if self.state == State::NotAuthenticated {
            self.commands_before_sign_in += 1;
            if self.commands_before_sign_in > limits::COMMANDS_BEFORE_SIGN_IN_MAX {
                return self.close_with("Too many commands before signing in");
            }
        }
        if line.is_empty() {
            // Some clients send an empty line after a literal.
            return;
        }
        self.set_tag(line);
        if self.tag.is_empty() {
            return self.mistake("A tag is missing");
        }
        match grammar::command(line, self.enabled.utf8) {
            Ok(command) => self.dispatch(command),
            Err(ParseError::Unknown) => self.append_line(line),
            Err(error) => self.unreadable(&error),
        }
    }

    /// An APPEND or a REPLACE without any literal, or no command at all.
    fn append_line(&mut self, line: &[u8]) {
        match grammar::append(line, self.enabled.utf8) {
            Ok(AppendStart::Collect) => self.unreadable(&ParseError::Unknown),
            Ok(_) if !self.is_signed_in() => self.mistake("Sign in first"),
            Ok(AppendStart::Begins { replaces, mailbox, text }) => match self.may_replace(replaces) {
                Ok(()) => self.append_begins(None, replaces, mailbox, text),
                Err((code, text)) => self.mistake_as(code.as_ref(), text),
            },
            Err(error) => self.unreadable(&error),
        }
    }

    /// REPLACE names a message of the selected mailbox (RFC 8508 section 3.5).
    fn may_replace(&self, replaces: Option<Replaced>) -> Result<(), (Option<Code<'static>>, &'static str)> {
        let Some(replaced) = replaces else { return Ok(()) };
        if self.enabled.uidonly && !replaced.uid {
            return Err((Some(UID_REQUIRED), NUMBERS));
        }
        if self.is_selected() { Ok(()) } else { Err((None, "Select a mailbox first")) }
    }

    /// Answers a command that is none, or too much of one.
    fn unreadable(&mut self, error: &ParseError) {
        match error {
            ParseError::Mailbox(error) => {
                self.tagged_condition("NO", Some(&Code::Word("CANNOT")), &error.to_string());
            }
            ParseError::UnknownUse => {
                self.tagged_condition("NO", Some(&Code::Word("USEATTR")), &error.to_string());
            }
            // RFC 5530 section 3: the command is right, there is only too much of it.
            ParseError::Limit(_) => {
                self.tagged_condition("NO", Some(&Code::Word("LIMIT")), &error.to_string());
            }
            ParseError::Unknown | ParseError::Expected(_) => self.mistake(&error.to_string()),
        }
    }

    /// Which state a command belongs to (RFC 3501 section 6), and who carries it out.
    fn dispatch(&mut self, command: Command) {
        match command {
            Command::Capability => self.capability(),
            Command::Id(_) => self.id(),
            Command::Logout => self.logout(),
            Command::Noop if !self.is_signed_in() => self.tagged_condition("OK", None, "NOOP done"),
            Command::StartTls => self.starttls(),
            Command::Login { user, password } => self.login(&user, &password),
            Command::Authenticate { mechanism, initial } => self.authenticate(&mechanism, initial.as_deref()),
            _ if !self.is_signed_in() => self.mistake("Sign in first"),
            Command::Enable(names) => self.enable(&names),
            Command::Namespace => self.namespace(),
            Command::Compress => self.compress(),
            Command::Idle => self.idle(),
            command if self.enabled.uidonly && command.uses_numbers() => self.mistake_as(Some(&UID_REQUIRED), NUMBERS),
            Command::Check
            | Command::Close
            | Command::Unselect
            | Command::Expunge { .. }
            | Command::Search(_)
            | Command::UidBatches(_)
            | Command::CancelUpdate(_)
            | Command::Sort(_)
            | Command::Thread(_)
            | Command::Fetch(_)
            | Command::Store(_)
            | Command::Copy(_)
            | Command::Move(_)
                if !self.is_selected() =>
            {
                self.mistake("Select a mailbox first");
            }
            Command::MultiSearch(order) if order.needs_selected() && !self.is_selected() => {
                self.mistake("Select a mailbox first");
            }
            // RFC 7377 section 2.2.
            Command::MultiSearch(order)
                if !order.is_of_selected() && order.search.returns.is_some_and(|returns| returns.save) =>
            {
                self.mistake("Only what is found in the selected mailbox can be saved");
            }
            Command::MultiSearch(order) if self.enabled.utf8_accept && order.search.charset.is_some() => {
                self.mistake("UTF8=ACCEPT leaves no choice of a charset");
            }
            command if command.needs_qresync() && !self.enabled.qresync => {
                self.mistake("ENABLE QRESYNC first");
            }
            // RFC 6855 section 3.
            Command::Search(search) if self.enabled.utf8_accept && search.charset.is_some() => {
                self.mistake("UTF8=ACCEPT leaves no choice of a charset");
            }
            command => {
                self.enabled.condstore |= command.enables_condstore();
                self.awaiting = Awaiting::Answer;
                self.event = Some(Event::Command(command));
            }
        }
    }

    fn capability(&mut self) {
        let line = format!("* CAPABILITY {}\r\n", self.capabilities());
        self.out.extend_from_slice(line.as_bytes());
        self.tagged_condition("OK", None, "CAPABILITY done");
    }

    /// RFC 2971. What the client says of itself changes nothing here.
    fn id(&mut self) {
        let (name, version) = self.config.product.clone();
        self.out.extend_from_slice(b"* ID ");
        crate::imap::encode::list(&mut self.out, [("name", name), ("version", version)], |out, (field, value)| {
            crate::imap::encode::string(out, field.as_bytes());
            out.push(b' ');
            crate::imap::encode::string(out, value.as_bytes());
        });
        self.out.extend_from_slice(b"\r\n");
        self.tagged_condition("OK", None, "ID done");
    }

    fn logout(&mut self) {
        self.close_with("Good-bye");
        self.tagged_condition("OK", None, "LOGOUT done");
    }

    /// RFC 3501 section 6.2.1. What the client sent ahead in the clear is thrown away.
    fn starttls(&mut self) {
        if self.is_signed_in() || self.is_secure() || !self.config.starttls {
            return self.mistake("STARTTLS is not offered now");
        }
        self.reader.clear();
        self.tagged_condition("OK", None, "Begin TLS");
        self.awaiting = Awaiting::TlsBegin;
    }

    /// RFC 4978. The answer is the last plain text.
    fn compress(&mut self) {
        if self.deflate.is_some() {
            return self.tagged_condition("NO", Some(&Code::Word("COMPRESSIONACTIVE")), "Deflated already");
        }
        self.tagged_condition("OK", None, "COMPRESS done");
        self.deflate_next = true;
    }

    fn namespace(&mut self) {
        Untagged::Namespace.encode(&mut self.out);
        self.tagged_condition("OK", None, "NAMESPACE done");
    }

    /// RFC 2177.
    fn idle(&mut self) {
        self.idle_broken = false;
        self.out.extend_from_slice(b"+ idling\r\n");
        self.awaiting = Awaiting::Done;
        self.event = Some(Event::Command(Command::Idle));
    }
}
