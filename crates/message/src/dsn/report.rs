//! Builds a notification: `multipart/report` of a text for people, the status for programs, and the letter it is
//! about (RFC 3464, RFC 6522).
//!
//! The letter may be of any size, so the notification is a head and a tail around it: the caller writes the head,
//! streams the letter (or its header only, as RET asked), and writes the tail.

use envelope::{Address, BodyType, Domain, EnhancedStatus, Reply, Timestamp};

use crate::address::{Entry, Mailbox};
use crate::build::{Entity, FieldWriter};
use crate::date::DateTime;

use super::{OriginalRecipient, words, xtext};

/// What has become of a letter for one recipient (RFC 3464 section 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// It will never arrive.
    Failed,
    /// It is late, and still being tried.
    Delayed,
    /// It is in the mailbox.
    Delivered,
    /// It went on to a system that sends no such notifications.
    Relayed,
    /// It went on to the several addresses behind this one.
    Expanded,
}

impl Action {
    /// Its word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }
}

/// How much of the letter stands between head and tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Returned {
    /// The whole letter.
    Full,
    /// Its header section.
    Headers,
    /// Nothing (the letter is gone); head and tail follow each other.
    Nothing,
}

/// One recipient's fate.
#[derive(Debug, Clone)]
pub struct RecipientReport<'a> {
    /// To whom it was to go at last.
    pub address: &'a Address,
    /// ORCPT as it came on the wire.
    pub original: Option<&'a str>,
    /// What has become of it.
    pub action: Action,
    /// Its code; it goes with the action (RFC 3464 section 2.3.4).
    pub status: EnhancedStatus,
    /// What the other side said, in its own words; none when nobody else had a say.
    pub said: Option<Said<'a>>,
    /// Why it failed or is late, in our words; none where the other side's say it all.
    pub found: Option<&'a str>,
    /// When it was last tried.
    pub last_attempt: Option<Timestamp>,
    /// For [`Action::Delayed`]: until when it is tried.
    pub will_retry_until: Option<Timestamp>,
}

/// A server's own words, for Remote-MTA and Diagnostic-Code (RFC 3464 sections 2.3.5 and 2.3.6). What we found out
/// ourselves is never given as another's.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Its name; nothing of the inside of our machine.
    pub host: &'a str,
    /// Its answer.
    pub reply: &'a Reply,
}

/// Whom the text for people speaks to.
#[derive(Debug, Clone, Copy)]
pub enum Reader<'a> {
    /// The sender of the letter.
    Sender,
    /// The postmaster here, about a notification of ours that could not be delivered itself.
    Postmaster {
        /// What that notification was about, a line for each recipient.
        about: &'a [String],
    },
}

/// A notification to be built. It goes out with the null reverse-path (RFC 3464 section 2).
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// Our own name.
    pub reporting_mta: &'a Domain,
    /// Whom it is from, such as `MAILER-DAEMON@` our name.
    pub from: &'a Address,
    /// The reverse-path of the letter.
    pub to: &'a Address,
    /// Message-ID of the notification, without angle brackets.
    pub message_id: &'a str,
    /// Now.
    pub at: Timestamp,
    /// What makes the boundaries: something that no sender can guess.
    pub seed: &'a str,
    /// ENVID as it came on the wire.
    pub envelope_id: Option<&'a str>,
    /// When the letter came to us.
    pub arrival: Option<Timestamp>,
    /// Subject of the letter, decoded, for people.
    pub subject: Option<&'a str>,
    /// Message-ID of the letter, without angle brackets.
    pub original_id: Option<&'a str>,
    /// Whom the text speaks to.
    pub reader: Reader<'a>,
    /// The recipients that this notification is about: at least one.
    pub recipients: &'a [RecipientReport<'a>],
    /// What stands between head and tail.
    pub returned: Returned,
    /// What its octets are.
    pub body: BodyType,
    /// Whether the letter came with SMTPUTF8, so that its header may be UTF-8 (RFC 6533).
    pub smtputf8: bool,
}

/// A notification around the letter: head, the letter's octets, tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed {
    /// Everything before the letter.
    pub head: Vec<u8>,
    /// Everything behind it.
    pub tail: Vec<u8>,
}

impl Framed {
    /// The whole notification, for a letter that is in memory.
    pub fn around(&self, letter: &[u8]) -> Vec<u8> {
        [&self.head, letter, &self.tail].concat()
    }
}

impl Report<'_> {
    /// Builds it.
    pub fn build(&self) -> Framed {
        let seed: String = self.seed.chars().filter(char::is_ascii_alphanumeric).take(48).collect();
        let boundary = format!("=_dsn_{seed}");
        let mut head = self.header(&boundary).into_bytes();
        let part = |head: &mut Vec<u8>| head.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        part(&mut head);
        let text = Entity::text("plain", words::text(self)).with_description("Notification");
        text.write(&seed, &mut head);
        head.extend_from_slice(b"\r\n");
        part(&mut head);
        head.extend_from_slice(self.status().as_bytes());
        if self.returned != Returned::Nothing {
            head.extend_from_slice(b"\r\n");
            part(&mut head);
            head.extend_from_slice(self.letter_fields().as_bytes());
        }
        Framed { head, tail: format!("\r\n--{boundary}--\r\n").into_bytes() }
    }

    /// Whether the notification itself needs SMTPUTF8: an address in it does.
    pub fn needs_smtputf8(&self) -> bool {
        self.smtputf8 || self.to.needs_smtputf8() || self.recipients.iter().any(|r| r.address.needs_smtputf8())
    }

    fn header(&self, boundary: &str) -> String {
        let utf8 = self.needs_smtputf8();
        let mut fields = if utf8 { FieldWriter::utf8() } else { FieldWriter::new() };
        let from = Mailbox::named(Some("Mail Delivery System"), self.from);
        fields.addresses("From", &[Entry::Mailbox(from)]);
        fields.addresses("To", &[Entry::Mailbox(Mailbox::named(None, self.to))]);
        fields.text("Subject", words::subject(self));
        fields.date("Date", DateTime::utc(self.at));
        fields.message_ids("Message-ID", [self.message_id]);
        if let Some(id) = self.original_id {
            fields.message_ids("In-Reply-To", [id]);
            fields.message_ids("References", [id]);
        }
        // RFC 3834 section 5: nothing may answer it by itself.
        fields.structured("Auto-Submitted", "auto-replied");
        fields.structured("MIME-Version", "1.0");
        let mut out = fields.into_string();
        out.push_str(&format!(
            "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{boundary}\"\r\n"
        ));
        if utf8 || self.body != BodyType::SevenBit {
            let encoding = if self.body == BodyType::BinaryMime { "binary" } else { "8bit" };
            out.push_str(&format!("Content-Transfer-Encoding: {encoding}\r\n"));
        }
        out.push_str("\r\n");
        out
    }

    /// The machine's part: a group of fields for the letter, and one for each recipient.
    fn status(&self) -> String {
        let utf8 = self.needs_smtputf8();
        let kind = if utf8 { "global-delivery-status" } else { "delivery-status" };
        let mut out = format!("Content-Description: Delivery report\r\nContent-Type: message/{kind}\r\n");
        if utf8 {
            out.push_str("Content-Transfer-Encoding: 8bit\r\n");
        }
        out.push_str("\r\n");
        let mut fields = if utf8 { FieldWriter::utf8() } else { FieldWriter::new() };
        fields.structured("Reporting-MTA", &format!("dns; {}", self.reporting_mta));
        if let Some(id) = self.envelope_id.and_then(|id| xtext::decode(id).ok()) {
            fields.structured("Original-Envelope-Id", &printable(&String::from_utf8_lossy(&id), utf8));
        }
        if let Some(arrival) = self.arrival {
            fields.date("Arrival-Date", DateTime::utc(arrival));
        }
        out.push_str(&fields.into_string());
        for recipient in self.recipients {
            out.push_str("\r\n");
            out.push_str(&recipient.fields(utf8));
        }
        out
    }

    /// The header of the part that holds the letter.
    fn letter_fields(&self) -> String {
        let kind = match (self.returned, self.smtputf8) {
            (Returned::Full, false) => "message/rfc822",
            (Returned::Full, true) => "message/global",
            (_, false) => "text/rfc822-headers",
            (_, true) => "message/global-headers",
        };
        let encoding = match self.body {
            BodyType::BinaryMime if self.returned == Returned::Full => "binary",
            BodyType::SevenBit if !self.smtputf8 => "7bit",
            _ => "8bit",
        };
        let about = match (self.reader, self.returned) {
            (Reader::Sender, Returned::Full) => "Your message",
            (Reader::Sender, _) => "Header of your message",
            (Reader::Postmaster { .. }, Returned::Full) => "The notice",
            (Reader::Postmaster { .. }, _) => "Header of the notice",
        };
        format!("Content-Description: {about}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n")
    }
}

impl RecipientReport<'_> {
    fn fields(&self, utf8: bool) -> String {
        let mut fields = if utf8 { FieldWriter::utf8() } else { FieldWriter::new() };
        if let Some(original) = self.original.and_then(|wire| OriginalRecipient::parse(wire).ok()) {
            fields.structured("Original-Recipient", &printable(&original.to_string(), utf8));
        }
        let kind = if self.address.needs_smtputf8() { "utf-8" } else { "rfc822" };
        fields.structured("Final-Recipient", &format!("{kind}; {}", self.address));
        fields.structured("Action", self.action.as_str());
        fields.structured("Status", &self.status.to_string());
        if let Some(Said { host, reply }) = self.said {
            fields.structured("Remote-MTA", &format!("dns; {}", printable(host, utf8)));
            fields.structured("Diagnostic-Code", &format!("smtp; {}", printable(&reply.to_string(), utf8)));
        } else if let Some(found) = self.found {
            // What no mail system said is of a type of our own (RFC 3464 section 2.3.6).
            fields.structured("Diagnostic-Code", &format!("X-Angelia; {}", printable(found, utf8)));
        }
        if let Some(at) = self.last_attempt {
            fields.date("Last-Attempt-Date", DateTime::utc(at));
        }
        if let Some(until) = self.will_retry_until.filter(|_| self.action == Action::Delayed) {
            fields.date("Will-Retry-Until", DateTime::utc(until));
        }
        fields.into_string()
    }
}

/// Longest word of another's that is repeated; a reply has at most 512 octets a line, over some lines.
const FOREIGN_CHARS_MAX: usize = 2_000;
/// A word longer than this is cut in two, so that no line passes the hard limit.
const FOREIGN_WORD_CHARS_MAX: usize = 200;

/// Another's words, fit to stand in a field: what steers a screen becomes a blank, and what is not ASCII `?`.
pub(super) fn printable(text: &str, utf8: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = 0;
    for c in text.chars().take(FOREIGN_CHARS_MAX) {
        let c = match c {
            c if envelope::steers(c) || c.is_whitespace() => ' ',
            c if c.is_ascii() || utf8 => c,
            _ => '?',
        };
        run = if c == ' ' { 0 } else { run + 1 };
        if run > FOREIGN_WORD_CHARS_MAX {
            out.push(' ');
            run = 1;
        }
        out.push(c);
    }
    out
}
