//! Reads the record of a digest. What it hands out is borrowed from the record; a record that says nonsense, whatever its
//! checksum, answers `None` and costs no more than its length.

use std::ops::Range;

use envelope::Timestamp;

use crate::date::DateTime;
use crate::limits::DEPTH_MAX;

use super::write::{BASIC, MESSAGE, MULTIPART, SENT, TEXT, ZONE_UNKNOWN};

/// ENVELOPE (RFC 3501 section 7.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope<'a> {
    /// Date, as written.
    pub date: Option<&'a str>,
    /// Subject, unfolded.
    pub subject: Option<&'a str>,
    /// In-Reply-To, unfolded.
    pub in_reply_to: Option<&'a str>,
    /// Message-ID, unfolded.
    pub message_id: Option<&'a str>,
    /// From.
    pub from: Vec<Address<'a>>,
    /// Sender, or else From.
    pub sender: Vec<Address<'a>>,
    /// Reply-To, or else From.
    pub reply_to: Vec<Address<'a>>,
    /// To.
    pub to: Vec<Address<'a>>,
    /// Cc.
    pub cc: Vec<Address<'a>>,
    /// Bcc.
    pub bcc: Vec<Address<'a>>,
}

/// An address as IMAP shows it. A group begins with one that has only a mailbox, and ends with one that has nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Address<'a> {
    /// The name, encoded words left alone.
    pub name: Option<&'a str>,
    /// The obsolete source route.
    pub route: Option<&'a str>,
    /// Local part, or a group's name.
    pub mailbox: Option<&'a str>,
    /// Domain.
    pub host: Option<&'a str>,
}

/// One part of BODYSTRUCTURE (RFC 3501 section 7.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body<'a> {
    /// Its type, in lower case.
    pub kind: &'a str,
    /// Its subtype, in lower case.
    pub subtype: &'a str,
    /// The type's parameters; a name ends with `*` where the value has the form of RFC 2231.
    pub parameters: Vec<(&'a str, &'a str)>,
    /// Content-ID.
    pub id: Option<&'a str>,
    /// Content-Description.
    pub description: Option<&'a str>,
    /// Content-MD5.
    pub md5: Option<&'a str>,
    /// Content-Location.
    pub location: Option<&'a str>,
    /// Content-Transfer-Encoding.
    pub encoding: &'a str,
    /// Octets as they stand in the message.
    pub octets: u64,
    /// Content-Disposition and its parameters.
    pub disposition: Option<(&'a str, Vec<(&'a str, &'a str)>)>,
    /// Content-Language.
    pub languages: Vec<&'a str>,
    /// What is inside.
    pub shape: Shape<'a>,
}

/// Which of the grammar's four forms a part has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape<'a> {
    /// Anything else.
    Basic,
    /// A text.
    Text {
        /// Its size in lines.
        lines: u64,
    },
    /// A message.
    Message {
        /// `None` when it was not looked into.
        envelope: Option<Box<Envelope<'a>>>,
        /// Its structure.
        body: Box<Body<'a>>,
        /// Its size in lines.
        lines: u64,
    },
    /// Several parts.
    Multipart(Vec<Body<'a>>),
}

/// A place in the octets of a record.
pub(super) struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(octets: &'a [u8], at: usize) -> Self {
        Self { octets, at }
    }

    fn octet(&mut self) -> Option<u8> {
        let octet = *self.octets.get(self.at)?;
        self.at += 1;
        Some(octet)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            value |= u64::from(octet & 0x7f) << shift;
            if octet < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let value = self.number()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// What stands behind its length.
    pub(super) fn range(&mut self) -> Option<Range<usize>> {
        let length = usize::try_from(self.number()?).ok()?;
        self.skip(length)
    }

    fn skip(&mut self, length: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.octets.len())?;
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    fn text_in(&self, range: Range<usize>) -> Option<&'a str> {
        std::str::from_utf8(self.octets.get(range)?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let range = self.range()?;
        self.text_in(range)
    }

    /// `Some(None)` is a text that is not there.
    fn maybe(&mut self) -> Option<Option<&'a str>> {
        let Some(length) = self.number()?.checked_sub(1) else { return Some(None) };
        let range = self.skip(usize::try_from(length).ok()?)?;
        self.text_in(range).map(Some)
    }

    /// A number of things that take an octet each at least.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.octets.len().saturating_sub(self.at)).then_some(count)
    }

    pub(super) fn envelope(&mut self) -> Option<Envelope<'a>> {
        let (date, subject) = (self.maybe()?, self.maybe()?);
        let (in_reply_to, message_id) = (self.maybe()?, self.maybe()?);
        let from = self.addresses()?;
        let sender = if self.octet()? == 1 { from.clone() } else { self.addresses()? };
        let reply_to = if self.octet()? == 1 { from.clone() } else { self.addresses()? };
        let (to, cc, bcc) = (self.addresses()?, self.addresses()?, self.addresses()?);
        Some(Envelope { date, subject, in_reply_to, message_id, from, sender, reply_to, to, cc, bcc })
    }

    fn addresses(&mut self) -> Option<Vec<Address<'a>>> {
        let count = self.count()?;
        (0..count).map(|_| self.address()).collect()
    }

    fn address(&mut self) -> Option<Address<'a>> {
        let (name, route) = (self.maybe()?, self.maybe()?);
        let (mailbox, host) = (self.maybe()?, self.maybe()?);
        Some(Address { name, route, mailbox, host })
    }

    pub(super) fn body(&mut self, depth: usize) -> Option<Body<'a>> {
        // The message itself, and the one part of a message that was not looked into, come on top.
        if depth > DEPTH_MAX + 2 {
            return None;
        }
        let form = self.octet()?;
        let (kind, subtype, parameters) = (self.text()?, self.text()?, self.parameters()?);
        let (id, description) = (self.maybe()?, self.maybe()?);
        let (md5, location) = (self.maybe()?, self.maybe()?);
        let (encoding, octets) = (self.text()?, self.number()?);
        let disposition = match self.maybe()? {
            Some(kind) => Some((kind, self.parameters()?)),
            None => None,
        };
        let count = self.count()?;
        let languages = (0..count).map(|_| self.text()).collect::<Option<_>>()?;
        let shape = match form {
            BASIC => Shape::Basic,
            TEXT => Shape::Text { lines: self.number()? },
            MESSAGE => {
                let lines = self.number()?;
                let envelope = if self.octet()? == 1 { Some(Box::new(self.envelope()?)) } else { None };
                Shape::Message { envelope, body: Box::new(self.body(depth + 1)?), lines }
            }
            MULTIPART => {
                let count = self.count()?;
                Shape::Multipart((0..count).map(|_| self.body(depth + 1)).collect::<Option<_>>()?)
            }
            _ => return None,
        };
        Some(Body {
            kind,
            subtype,
            parameters,
            id,
            description,
            md5,
            location,
            encoding,
            octets,
            disposition,
            languages,
            shape,
        })
    }

    fn parameters(&mut self) -> Option<Vec<(&'a str, &'a str)>> {
        let count = self.count()?;
        (0..count).map(|_| Some((self.text()?, self.text()?))).collect()
    }
}

/// The sent date behind the flags: `Some(None)` when there is none.
pub(super) fn sent(reader: &mut Reader<'_>, flags: u64) -> Option<Option<DateTime>> {
    if flags & SENT == 0 {
        return Some(None);
    }
    let at = Timestamp(reader.signed()?);
    let offset_minutes = i16::try_from(reader.signed()?).ok()?;
    Some(Some(DateTime { at, offset_minutes, offset_unknown: flags & ZONE_UNKNOWN != 0 }))
}
