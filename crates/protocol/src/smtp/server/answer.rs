//! The service's answers. Each belongs to one event; given to another one it is a mistake of ours, and the client gets
//! 451 and may try again.

use std::io::Write;

use envelope::Reply;

use super::body::DataBody;
use super::{Question, Server, State};
use crate::sasl::Mechanism;
use crate::smtp::encode;

impl Server {
    /// To [`Event::Connect`](super::Event::Connect): the greeting.
    pub fn accept_connection(&mut self) {
        match self.question() {
            Some(Question::Connect) => {
                let language = if self.is_lmtp() { "LMTP" } else { "ESMTP" };
                let text = format!("{} {language} Angelia", self.config.hostname);
                self.say(&Reply::plain(220, text));
            }
            other => self.mistaken(other),
        }
    }

    /// To [`Event::Hello`](super::Event::Hello).
    pub fn accept_hello(&mut self) {
        match self.question() {
            Some(Question::Hello { extended: false }) => {
                let text = self.config.hostname.clone();
                self.say(&Reply::plain(250, text));
            }
            Some(Question::Hello { extended: true }) => {
                let text = self.extensions();
                self.say(&Reply::plain(250, text));
            }
            other => self.mistaken(other),
        }
    }

    /// To [`Event::Mail`](super::Event::Mail): the transaction begins.
    pub fn accept_mail(&mut self) {
        match self.question() {
            Some(Question::Mail(transaction)) => {
                self.transaction = Some(transaction);
                self.say(&Reply::new(250, (2, 1, 0), "sender ok"));
            }
            other => self.mistaken(other),
        }
    }

    /// To [`Event::Recipient`](super::Event::Recipient).
    pub fn accept_recipient(&mut self) {
        self.take_recipient(&Reply::new(250, (2, 1, 5), "recipient ok"));
    }

    /// To [`Event::Recipient`](super::Event::Recipient): the recipient moved, and the letter follows him; `text` says
    /// where (RFC 5321 section 3.4).
    pub fn accept_moved_recipient(&mut self, text: &str) {
        self.take_recipient(&Reply::new(251, (2, 1, 5), text));
    }

    fn take_recipient(&mut self, reply: &Reply) {
        match (self.question(), &mut self.transaction) {
            (Some(Question::Recipient), Some(transaction)) => {
                transaction.recipients += 1;
                self.say(reply);
            }
            (other, _) => self.mistaken(other),
        }
    }

    /// To [`Event::Data`](super::Event::Data): the body may come.
    pub fn accept_data(&mut self) {
        match self.question() {
            Some(Question::Data) => {
                self.say(&Reply::plain(354, "go on, end with CRLF.CRLF"));
                self.state = State::Data(Box::new(DataBody::new()));
            }
            Some(Question::Chunk(chunk)) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.chunked = true;
                }
                self.state = State::Chunk(chunk);
            }
            other => self.mistaken(other),
        }
    }

    /// To [`Event::BodyEnd`](super::Event::BodyEnd): we have taken responsibility for the letter, durably. In LMTP for
    /// every recipient.
    pub fn accept_message(&mut self, text: &str) {
        match self.question() {
            Some(Question::BodyEnd) => {
                self.letter_taken();
                self.say_final(&Reply::new(250, (2, 0, 0), text));
            }
            other => self.mistaken(other),
        }
    }

    /// To [`Event::BodyEnd`](super::Event::BodyEnd) in LMTP: one reply for each accepted recipient, in their order.
    pub fn answer_each(&mut self, replies: &[Reply]) {
        match self.question() {
            Some(Question::BodyEnd) => {
                if replies.iter().any(Reply::is_positive) {
                    self.letter_taken();
                }
                let recipients = self.transaction.take().map_or(0, |transaction| transaction.recipients);
                let missing = Reply::new(451, (4, 3, 0), "no answer for this recipient");
                for index in 0..recipients {
                    self.say(replies.get(index).unwrap_or(&missing));
                }
            }
            other => self.mistaken(other),
        }
    }

    /// To [`Event::Verify`](super::Event::Verify) and [`Event::Expand`](super::Event::Expand).
    pub fn answer(&mut self, reply: &Reply) {
        match self.question() {
            Some(Question::Name) => self.say(reply),
            other => self.mistaken(other),
        }
    }

    /// To any event that wants an answer: no. A code of 421 closes the connection; so does any refusal to
    /// [`Event::Connect`](super::Event::Connect).
    pub fn refuse(&mut self, reply: &Reply) {
        match self.question() {
            Some(Question::Connect) => {
                self.say(reply);
                self.end("sent away");
            }
            Some(Question::Data) => {
                self.transaction = None;
                self.say(reply);
            }
            Some(Question::Chunk(mut chunk)) => {
                self.transaction = None;
                chunk.refusal = Some(reply.clone());
                self.state = State::Chunk(chunk);
            }
            Some(Question::BodyEnd) => self.say_final(reply),
            Some(Question::Hello { .. } | Question::Mail(_) | Question::Recipient | Question::Name) => self.say(reply),
            None => self.mistaken(None),
        }
    }

    /// Takes the question that is open, and goes back to awaiting a command.
    fn question(&mut self) -> Option<Question> {
        match std::mem::replace(&mut self.state, State::Command) {
            State::Answer(question) => Some(question),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// An answer that no question, or another question, was open for.
    fn mistaken(&mut self, question: Option<Question>) {
        if let Some(question) = question {
            self.state = State::Answer(question);
            self.refuse(&Reply::new(451, (4, 3, 0), "our own mistake, try again later"));
        }
    }

    /// A letter makes up for errors before it.
    fn letter_taken(&mut self) {
        self.tally.mails += 1;
        self.tally.errors = 0;
        self.tally.idle_commands = 0;
    }

    /// The reply to a body: once, or in LMTP for each recipient (RFC 2033 section 4.2). Ends the transaction.
    pub(super) fn say_final(&mut self, reply: &Reply) {
        let recipients = self.transaction.take().map_or(1, |transaction| transaction.recipients);
        if !self.is_lmtp() {
            return self.say(reply);
        }
        // One letter is one error, however many recipients it has.
        for _ in 1..recipients {
            encode::reply(&mut self.out, reply);
        }
        self.say(reply);
    }

    /// Only where the letter has come encrypted so far (RFC 8689 section 2).
    pub(super) fn offers_require_tls(&self) -> bool {
        self.config.require_tls && self.tls.is_some()
    }

    /// Not twice.
    pub(super) fn offers_starttls(&self) -> bool {
        self.config.starttls && self.tls.is_none()
    }

    /// The answer to EHLO: our name, then a line an extension.
    fn extensions(&self) -> String {
        let config = &self.config;
        let mut text = config.hostname.clone();
        text.push_str("\nPIPELINING\n8BITMIME\nENHANCEDSTATUSCODES\nDSN\nHELP\nSIZE ");
        text.push_str(&config.message_octets_max.to_string());
        if config.smtputf8 {
            text.push_str("\nSMTPUTF8");
        }
        if config.chunking {
            text.push_str("\nCHUNKING\nBINARYMIME");
        }
        if self.offers_require_tls() {
            text.push_str("\nREQUIRETLS");
        }
        if self.offers_starttls() {
            text.push_str("\nSTARTTLS");
        }
        if self.offers_auth() {
            text.push_str("\nAUTH");
            for mechanism in Mechanism::offered(self.tls.as_ref(), config.auth.before_tls) {
                text.push(' ');
                text.push_str(mechanism.name());
            }
        }
        text.push_str("\nLIMITS RCPTMAX=");
        text.push_str(&config.recipients_max.to_string());
        text.push_str(" MAILMAX=");
        text.push_str(&config.mails_max.to_string());
        text
    }

    /// Appends `334 ` and a challenge.
    pub(super) fn challenge(&mut self, text: &str) {
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, "334 {text}\r\n");
    }
}
