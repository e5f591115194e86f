//! BODYSTRUCTURE: the tree of parts as IMAP's grammar wants it, borrowed from a [`Structure`].
//!
//! The grammar knows no multipart without parts and no `message/rfc822` without its envelope. A multipart that is none
//! (its boundary never came, it is encoded, a limit was met) is shown as what it is: text, or octets. A message that
//! was not looked into, because it is encoded (against RFC 2046 section 5.2.1) or stands too deep, keeps its type, as
//! with other servers: its envelope is empty, and its one part is a text, which is all of it.

use std::sync::LazyLock;

use crate::mime::{Content, Kind, Parameters, Part, PartId, Structure};

use super::Envelope;

/// What IMAP tells of one part.
#[derive(Debug, Clone)]
pub struct BodyStructure<'a> {
    /// The part.
    pub id: PartId,
    /// Its type, in lower case: `text`.
    pub kind: &'a str,
    /// Its subtype, in lower case: `plain`.
    pub subtype: &'a str,
    /// The type's parameters.
    pub parameters: &'a Parameters,
    /// What else its header says: id, description, encoding, MD5, disposition, language, location.
    pub content: &'a Content,
    /// Octets of its body as it stands in the message.
    pub octets: usize,
    /// What is inside.
    pub shape: Shape<'a>,
}

/// Which of the grammar's four forms a part has.
#[derive(Debug, Clone)]
pub enum Shape<'a> {
    /// `body-type-mpart`: at least one part.
    Multipart(Vec<BodyStructure<'a>>),
    /// `body-type-msg`: `message/rfc822`, and `message/global`, which IMAP4rev1 has no form for (RFC 9051 has).
    Message {
        /// Its envelope; `None` when envelopes were not asked for, or the message was not looked into.
        envelope: Option<&'a Envelope>,
        /// The structure of the message inside.
        body: Box<BodyStructure<'a>>,
        /// Its size in lines.
        lines: usize,
    },
    /// `body-type-text`
    Text {
        /// Its size in lines.
        lines: usize,
    },
    /// `body-type-basic`
    Basic,
}

impl Structure {
    /// The whole message as IMAP shows it.
    pub fn body_structure(&self) -> Option<BodyStructure<'_>> {
        self.body_structure_of(PartId(0))
    }

    /// One part as IMAP shows it. Parts nest no deeper than [`crate::limits::DEPTH_MAX`].
    pub fn body_structure_of(&self, id: PartId) -> Option<BodyStructure<'_>> {
        let part = self.part(id)?;
        let content_type = &part.content.content_type;
        let shape = self.shape(id, part)?;
        let (kind, subtype) = match shape {
            Shape::Text { .. } if content_type.kind != "text" => ("text", "plain"),
            Shape::Basic if content_type.is_multipart() => ("application", "octet-stream"),
            _ => (content_type.kind.as_str(), content_type.subtype.as_str()),
        };
        let parameters = &content_type.parameters;
        Some(BodyStructure { id, kind, subtype, parameters, content: &part.content, octets: part.body.len(), shape })
    }

    fn shape(&self, id: PartId, part: &Part) -> Option<Shape<'_>> {
        Some(match part.kind {
            Kind::Multipart => {
                let parts = part.children.iter().filter_map(|child| self.body_structure_of(*child));
                Shape::Multipart(parts.collect())
            }
            Kind::Message => {
                let child = *part.children.first()?;
                Shape::Message {
                    envelope: self.part(child)?.envelope.as_deref(),
                    body: Box::new(self.body_structure_of(child)?),
                    lines: part.body_lines,
                }
            }
            Kind::Leaf if part.content.content_type.is_message() => {
                Shape::Message { envelope: None, body: Box::new(unopened(id, part)), lines: part.body_lines }
            }
            Kind::Leaf if part.is_text() => Shape::Text { lines: part.body_lines },
            Kind::Leaf => Shape::Basic,
        })
    }
}

/// The only part of a message that was not looked into.
fn unopened(id: PartId, part: &Part) -> BodyStructure<'static> {
    static NOTHING: LazyLock<Content> = LazyLock::new(Content::default);
    BodyStructure {
        id,
        kind: "text",
        subtype: "plain",
        parameters: &NOTHING.content_type.parameters,
        content: &NOTHING,
        octets: part.body.len(),
        shape: Shape::Text { lines: part.body_lines },
    }
}
