//! ENVELOPE: what a list of messages shows.

use crate::address::{self, Entry, Mailbox};
use crate::header::{Field, Header};
use crate::limits::MAILBOXES_MAX;

/// The envelope as IMAP means it: parsed from the header, encoded words left alone. It is not the envelope of SMTP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Date, as written.
    pub date: Option<String>,
    /// Subject, unfolded.
    pub subject: Option<String>,
    /// From.
    pub from: Vec<Entry>,
    /// Sender, or else From.
    pub sender: Vec<Entry>,
    /// Reply-To, or else From.
    pub reply_to: Vec<Entry>,
    /// To, of all such fields.
    pub to: Vec<Entry>,
    /// Cc, of all such fields.
    pub cc: Vec<Entry>,
    /// Bcc, of all such fields.
    pub bcc: Vec<Entry>,
    /// In-Reply-To, unfolded.
    pub in_reply_to: Option<String>,
    /// Message-ID, unfolded.
    pub message_id: Option<String>,
}

impl Envelope {
    /// Reads it from a message's header. Of duplicate fields the first counts, except that no recipient is left out.
    pub fn of(header: &Header<'_>) -> Self {
        let mut envelope = Self::default();
        for field in header.fields() {
            envelope.take(&field);
        }
        // RFC 3501 section 7.4.2: absent or empty, they are From's.
        if envelope.sender.is_empty() {
            envelope.sender.clone_from(&envelope.from);
        }
        if envelope.reply_to.is_empty() {
            envelope.reply_to.clone_from(&envelope.from);
        }
        envelope
    }

    fn take(&mut self, field: &Field<'_>) {
        let name = field.name();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let text = || Some(field.plain().into_owned());
        match name.len() {
            2 if is("to") => append(&mut self.to, field),
            2 if is("cc") => append(&mut self.cc, field),
            3 if is("bcc") => append(&mut self.bcc, field),
            4 if is("from") && self.from.is_empty() => append(&mut self.from, field),
            4 if is("date") && self.date.is_none() => self.date = text(),
            6 if is("sender") && self.sender.is_empty() => append(&mut self.sender, field),
            7 if is("subject") && self.subject.is_none() => self.subject = text(),
            8 if is("reply-to") && self.reply_to.is_empty() => append(&mut self.reply_to, field),
            10 if is("message-id") && self.message_id.is_none() => self.message_id = text(),
            11 if is("in-reply-to") && self.in_reply_to.is_none() => self.in_reply_to = text(),
            _ => {}
        }
    }

    /// Octets it holds, roughly.
    pub(crate) fn octets(&self) -> usize {
        let text = |t: &Option<String>| t.as_ref().map_or(0, String::len);
        let lists = [&self.from, &self.sender, &self.reply_to, &self.to, &self.cc, &self.bcc];
        let entries: usize = lists.into_iter().flatten().map(entry_octets).sum();
        entries + text(&self.date) + text(&self.subject) + text(&self.in_reply_to) + text(&self.message_id)
    }
}

fn append(list: &mut Vec<Entry>, field: &Field<'_>) {
    if list.len() < MAILBOXES_MAX {
        list.append(&mut address::parse(field.raw()));
    }
}

fn entry_octets(entry: &Entry) -> usize {
    let text = |t: &Option<String>| t.as_ref().map_or(0, String::len);
    let of = |m: &Mailbox| {
        size_of::<Mailbox>() + m.local.len() + m.domain.len() + text(&m.name) + text(&m.route) + text(&m.comment)
    };
    size_of::<Entry>() + entry.mailboxes().iter().map(of).sum::<usize>()
}
