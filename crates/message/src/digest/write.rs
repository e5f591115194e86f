//! Writes the record of a digest.

use crate::address::{Entry, Mailbox};
use crate::date::{self, DateTime};
use crate::header::Header;
use crate::limits::{
    DIGEST_BODY_OCTETS_MAX, DIGEST_ENVELOPE_OCTETS_MAX, DIGEST_FIELDS_OCTETS_MAX, DIGEST_SUBJECT_OCTETS_MAX,
};
use crate::mime::{Parameters, Structure};
use crate::view::{self, BodyStructure};

use super::{HEAD_OCTETS, VERSION, checksum, fields, preview, subject};

/// Bits of the record's first number.
pub(super) const REPLY: u64 = 1;
pub(super) const FIELDS_WHOLE: u64 = 2;
pub(super) const SENT: u64 = 4;
pub(super) const ZONE_UNKNOWN: u64 = 8;

/// The forms of a part.
pub(super) const BASIC: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const MESSAGE: u8 = 2;
pub(super) const MULTIPART: u8 = 3;

/// The record of a message. `whole`: `start` is all of it.
pub(super) fn record(start: &[u8], structure: &Structure, whole: bool) -> Vec<u8> {
    let header = Header::parse(start);
    let kept = (whole || header.is_complete()).then(|| fields::kept(&header, DIGEST_FIELDS_OCTETS_MAX)).flatten();
    let sent = header.get("date").and_then(|field| date::parse(field.raw()));
    let (base, is_reply) = header.get("subject").map(|field| subject::base_subject(&field.text())).unwrap_or_default();
    let mut envelope = Writer::default();
    if kept.is_some() {
        envelope.envelope(&view::Envelope::of(&header));
    }
    let mut body = Writer::default();
    if let Some(view) = structure.body_structure() {
        body.body(&view);
    }
    let mut flags = 0;
    flags |= if is_reply { REPLY } else { 0 };
    flags |= if kept.is_some() { FIELDS_WHOLE } else { 0 };
    let mut out = Writer { out: vec![0; HEAD_OCTETS] };
    out.head(flags, sent);
    out.text(cut(&base, DIGEST_SUBJECT_OCTETS_MAX));
    out.text(&preview::preview(start, structure));
    out.octets(envelope.within(DIGEST_ENVELOPE_OCTETS_MAX));
    out.octets(body.within(DIGEST_BODY_OCTETS_MAX));
    out.octets(&kept.unwrap_or_default());
    out.finish()
}

/// The record that knows nothing.
pub(super) fn empty() -> Vec<u8> {
    let mut out = Writer { out: vec![0; HEAD_OCTETS] };
    out.head(0, None);
    for _ in 0..5 {
        out.octets(&[]);
    }
    out.finish()
}

fn cut(text: &str, octets_max: usize) -> &str {
    let mut end = text.len().min(octets_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Small for small numbers of either sign.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[derive(Default)]
struct Writer {
    out: Vec<u8>,
}

impl Writer {
    fn within(&self, octets_max: usize) -> &[u8] {
        if self.out.len() <= octets_max { &self.out } else { &[] }
    }

    fn finish(mut self) -> Vec<u8> {
        let sum = checksum(self.out.get(HEAD_OCTETS..).unwrap_or_default()).to_le_bytes();
        if let Some((version, rest)) = self.out.split_first_mut() {
            *version = VERSION;
            rest.iter_mut().zip(sum).for_each(|(octet, sum)| *octet = sum);
        }
        self.out
    }

    fn head(&mut self, flags: u64, sent: Option<DateTime>) {
        let Some(sent) = sent else { return self.number(flags) };
        self.number(flags | SENT | if sent.offset_unknown { ZONE_UNKNOWN } else { 0 });
        self.number(zigzag(sent.at.0));
        self.number(zigzag(sent.offset_minutes.into()));
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn octets(&mut self, octets: &[u8]) {
        self.number(octets.len() as u64);
        self.out.extend_from_slice(octets);
    }

    fn text(&mut self, text: &str) {
        self.octets(text.as_bytes());
    }

    /// 0 for none, otherwise the length and one more.
    fn maybe(&mut self, text: Option<&str>) {
        match text {
            None => self.out.push(0),
            Some(text) => {
                self.number(text.len() as u64 + 1);
                self.out.extend_from_slice(text.as_bytes());
            }
        }
    }

    fn envelope(&mut self, envelope: &view::Envelope) {
        for text in [&envelope.date, &envelope.subject, &envelope.in_reply_to, &envelope.message_id] {
            self.maybe(text.as_deref());
        }
        self.addresses(&envelope.from);
        for list in [&envelope.sender, &envelope.reply_to] {
            // Mostly they are From's.
            let same = *list == envelope.from;
            self.out.push(u8::from(same));
            if !same {
                self.addresses(list);
            }
        }
        for list in [&envelope.to, &envelope.cc, &envelope.bcc] {
            self.addresses(list);
        }
    }

    /// A group is an address that has only a name, its members, and one that has nothing (RFC 3501 section 7.4.2).
    fn addresses(&mut self, entries: &[Entry]) {
        let count = entries.iter().map(|entry| match entry {
            Entry::Mailbox(_) => 1,
            Entry::Group { members, .. } => members.len() + 2,
        });
        self.number(count.sum::<usize>() as u64);
        for entry in entries {
            match entry {
                Entry::Mailbox(mailbox) => self.mailbox(mailbox),
                Entry::Group { name, members } => {
                    self.address([None, None, Some(name), None]);
                    members.iter().for_each(|member| self.mailbox(member));
                    self.address([None; 4]);
                }
            }
        }
    }

    fn mailbox(&mut self, mailbox: &Mailbox) {
        let name = mailbox.name.as_deref().or(mailbox.comment.as_deref());
        self.address([name, mailbox.route.as_deref(), Some(&mailbox.local), Some(&mailbox.domain)]);
    }

    fn address(&mut self, texts: [Option<&str>; 4]) {
        for text in texts {
            self.maybe(text);
        }
    }

    /// As deep as the scanner goes, no deeper.
    fn body(&mut self, body: &BodyStructure<'_>) {
        let content = body.content;
        self.out.push(match body.shape {
            view::Shape::Basic => BASIC,
            view::Shape::Text { .. } => TEXT,
            view::Shape::Message { .. } => MESSAGE,
            view::Shape::Multipart(_) => MULTIPART,
        });
        self.text(body.kind);
        self.text(body.subtype);
        self.parameters(body.parameters);
        for text in [&content.id, &content.description, &content.md5, &content.location] {
            self.maybe(text.as_deref());
        }
        self.text(content.encoding.as_str());
        self.number(body.octets as u64);
        self.maybe(content.disposition.as_ref().map(|disposition| disposition.kind.as_str()));
        if let Some(disposition) = &content.disposition {
            self.parameters(&disposition.parameters);
        }
        self.number(content.language.len() as u64);
        content.language.iter().for_each(|tag| self.text(tag));
        match &body.shape {
            view::Shape::Basic => {}
            view::Shape::Text { lines } => self.number(*lines as u64),
            view::Shape::Message { envelope, body, lines } => {
                self.number(*lines as u64);
                self.out.push(u8::from(envelope.is_some()));
                if let Some(envelope) = envelope {
                    self.envelope(envelope);
                }
                self.body(body);
            }
            view::Shape::Multipart(parts) => {
                self.number(parts.len() as u64);
                parts.iter().for_each(|part| self.body(part));
            }
        }
    }

    /// What came in the extended form of RFC 2231 goes on in it: only so does a client learn the charset.
    fn parameters(&mut self, parameters: &Parameters) {
        self.number(parameters.iter().count() as u64);
        for parameter in parameters.iter() {
            match &parameter.extended {
                Some(extended) => {
                    self.text(&format!("{}*", parameter.name));
                    self.text(extended);
                }
                None => {
                    self.text(&parameter.name);
                    self.text(&parameter.value);
                }
            }
        }
    }
}
