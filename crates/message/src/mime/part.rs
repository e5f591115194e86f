//! One node of the tree of parts.

use std::borrow::Cow;

use crate::Span;
use crate::encoding::{charset, text_of};
use crate::view::Envelope;

use super::Content;

/// A part's place in [`super::Structure`]; 0 is the message itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId(pub usize);

/// What stands inside a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Its own content only. A multipart without a boundary, or past a limit, is one too.
    Leaf,
    /// Parts between boundaries.
    Multipart,
    /// One whole message, its single child (`message/rfc822`, `message/global`).
    Message,
}

/// A part: a header and a body, each a range of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The part it stands in; none for the message itself.
    pub parent: Option<PartId>,
    /// The parts inside, in order.
    pub children: Vec<PartId>,
    /// What stands inside.
    pub kind: Kind,
    /// Its header section, the empty line included. For the message and for a message inside of
    /// `message/rfc822` it is the message header; for any other part the MIME header.
    pub header: Span,
    /// Its body. The line end before a boundary belongs to the boundary (RFC 2046 section 5.1.1).
    pub body: Span,
    /// Line ends in the body.
    pub body_lines: usize,
    /// What the header says of the content.
    pub content: Content,
    /// The envelope, for the message itself and for messages inside of it, when it was asked for.
    pub envelope: Option<Box<Envelope>>,
}

impl Part {
    /// Whether its own content is text for somebody to read: a text, or what IMAP shows as one: a multipart whose
    /// boundary never came, and a message that was not looked into because it is encoded or stands too deep.
    pub fn is_text(&self) -> bool {
        let content_type = &self.content.content_type;
        let broken = content_type.is_multipart() && self.content.encoding.is_identity();
        self.kind == Kind::Leaf && (content_type.kind == "text" || content_type.is_message() || broken)
    }

    /// Header and body.
    pub fn span(&self) -> Span {
        Span::new(self.header.start, self.body.end)
    }

    /// The body decoded, given the bytes of the whole message.
    pub fn decoded<'a>(&self, message: &'a [u8]) -> Cow<'a, [u8]> {
        self.content.encoding.decode(self.body.of(message))
    }

    /// The body as text: decoded, in UTF-8, its line ends as they came.
    pub fn text<'a>(&self, message: &'a [u8]) -> Cow<'a, str> {
        let label = self.content.content_type.charset().unwrap_or_default();
        match self.decoded(message) {
            Cow::Borrowed(octets) => charset::decode(label, octets),
            Cow::Owned(octets) if label.is_empty() => Cow::Owned(text_of(&octets).into_owned()),
            Cow::Owned(octets) => Cow::Owned(charset::decode(label, &octets).into_owned()),
        }
    }
}
