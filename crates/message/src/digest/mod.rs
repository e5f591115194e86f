//! A message's digest: what lists of messages ask for, in one short record, so that no list opens a body.
//!
//! It holds the ENVELOPE and the BODYSTRUCTURE as IMAP shows them, the header fields that clients list (as they
//! stand in the message), the sent date and the base subject of RFC 5256, and a line of the text (RFC 8970). The store
//! keeps it beside the message's row; it says nothing that the message does not say, so one that is damaged, or of
//! another version, is made again.
//!
//! The record: a version, a checksum, then numbers in seven-bit groups and texts behind their length. What would make
//! it longer than [`crate::limits::DIGEST_OCTETS_MAX`] is left out, and asked of the message itself.

mod fields;
mod html;
mod preview;
mod read;
mod subject;
#[cfg(test)]
mod tests;
mod write;

use std::ops::Range;

use crate::date::DateTime;
use crate::header::Header;
use crate::mime::Structure;

pub use fields::is_kept;
pub use read::{Address, Body, Envelope, Shape};
pub use subject::base_subject;

use read::Reader;

/// The version that this program writes, and the only one that it reads.
const VERSION: u8 = 1;
/// Version and checksum.
const HEAD_OCTETS: usize = 9;

/// A digest, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    record: Vec<u8>,
    sent: Option<DateTime>,
    is_reply: bool,
    /// All kept fields of the message are in `fields`.
    fields_whole: bool,
    subject: Range<usize>,
    preview: Range<usize>,
    envelope: Range<usize>,
    body: Range<usize>,
    fields: Range<usize>,
}

impl Digest {
    /// Of a message that is in memory.
    pub fn of(message: &[u8]) -> Self {
        Self::of_start(message, &Structure::parse(message))
    }

    /// Of the beginning of a message and of its structure, read with envelopes. The beginning should hold the header
    /// and some text; where it ends too early, the digest says less.
    pub fn of_start(start: &[u8], structure: &Structure) -> Self {
        let whole = start.len() >= structure.octets();
        let record = write::record(start, structure, whole);
        Self::read(record).unwrap_or_else(|| Self::read(write::empty()).unwrap_or_else(Self::nothing))
    }

    /// Reads a record; `None` when it is damaged or of another version.
    pub fn read(record: Vec<u8>) -> Option<Self> {
        let (head, rest) = record.split_at_checked(HEAD_OCTETS)?;
        let (version, sum) = head.split_first()?;
        if *version != VERSION || sum != checksum(rest).to_le_bytes() {
            return None;
        }
        let mut reader = Reader::new(&record, HEAD_OCTETS);
        let flags = reader.number()?;
        let sent = read::sent(&mut reader, flags)?;
        let (subject, preview) = (reader.range()?, reader.range()?);
        let (envelope, body, fields) = (reader.range()?, reader.range()?, reader.range()?);
        let (is_reply, fields_whole) = (flags & write::REPLY != 0, flags & write::FIELDS_WHOLE != 0);
        Some(Self { sent, is_reply, fields_whole, subject, preview, envelope, body, fields, record })
    }

    /// One that knows nothing, and sends every question to the message.
    fn nothing() -> Self {
        let none = 0..0;
        Self {
            record: Vec::new(),
            sent: None,
            is_reply: false,
            fields_whole: false,
            subject: none.clone(),
            preview: none.clone(),
            envelope: none.clone(),
            body: none.clone(),
            fields: none,
        }
    }

    /// The record, to be kept.
    pub fn record(&self) -> &[u8] {
        &self.record
    }

    /// The record, to be kept.
    pub fn into_record(self) -> Vec<u8> {
        self.record
    }

    /// ENVELOPE; `None` when it was too long to be kept.
    pub fn envelope(&self) -> Option<Envelope<'_>> {
        Reader::new(self.slice(&self.envelope), 0).envelope()
    }

    /// BODYSTRUCTURE; `None` when it was too long to be kept.
    pub fn body(&self) -> Option<Body<'_>> {
        Reader::new(self.slice(&self.body), 0).body(0)
    }

    /// Whether these names of header fields are all answered by [`Digest::fields`].
    pub fn answers<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> bool {
        self.fields_whole && names.into_iter().all(is_kept)
    }

    /// The kept header fields, in the order and with the octets of the message. Ask [`Digest::answers`] first.
    pub fn fields(&self) -> Header<'_> {
        Header::parse(self.slice(&self.fields))
    }

    /// When it says that it was sent; `None` when it does not say, or not so that it can be read.
    pub fn sent(&self) -> Option<DateTime> {
        self.sent
    }

    /// The base subject (RFC 5256 section 2.1), decoded; it is cut when it is very long.
    pub fn base_subject(&self) -> &str {
        self.text(&self.subject)
    }

    /// Whether the subject says that it is a reply or a forward (RFC 5256 section 2.1).
    pub fn is_reply(&self) -> bool {
        self.is_reply
    }

    /// How the text begins: at most 200 characters, on one line (RFC 8970 section 3). Empty when there is no text.
    pub fn preview(&self) -> &str {
        self.text(&self.preview)
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.record.get(range.clone()).unwrap_or_default()
    }

    fn text(&self, range: &Range<usize>) -> &str {
        std::str::from_utf8(self.slice(range)).unwrap_or_default()
    }
}

/// Tells a damaged record from a whole one; nobody's malice, only a disk's.
fn checksum(octets: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sum = FACTOR ^ octets.len() as u64;
    let (words, rest) = octets.as_chunks::<8>();
    for word in words {
        sum = (sum ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR).rotate_left(29);
    }
    for octet in rest {
        sum = (sum ^ u64::from(*octet)).wrapping_mul(FACTOR).rotate_left(29);
    }
    sum ^ (sum >> 32)
}
