//! A letter in 8 bits made one in 7, for a server that takes no other (RFC 6152 section 3, and RFC 3030 section 4 for
//! binary ones).
//!
//! Only what has to be is changed: a leaf part whose body holds what 7bit does not allow (octets over 127, NUL, lines
//! over 998 octets, in a binary part bare CR or LF) gets quoted-printable where it is text and that is no longer than
//! base64, and base64 otherwise. Labels that say `8bit` or `binary` of what no longer is are put right, from the
//! inside out; `message/rfc822` is never encoded itself, what stands in it is (RFC 2046 section 5.2.1). A letter that
//! says nothing of MIME is given the fields that it needs, with the charset `unknown-8bit` of RFC 1428 where it is not
//! UTF-8. Preambles and epilogues, which nobody reads, are left out where they are in 8 bits (section 5.1.1).
//!
//! What is refused, because it could arrive only as something else: `multipart/signed` and `multipart/encrypted` with
//! 8 bits in them (RFC 1847 section 2.1 lets nobody alter them, and their senders should have encoded), bodies in a
//! transfer encoding that nobody knows, and structures past [`crate::limits`]. A DKIM signature over a body that is
//! changed no longer verifies; signers are told to encode before they sign.
//!
//! Raw 8-bit octets in header fields become encoded words (`raw`) where those may stand, and stay elsewhere: addresses are
//! a matter of SMTPUTF8 (RFC 6531).

mod fields;
mod plain;
mod raw;
mod recode;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use memchr::memrchr;

use crate::Span;
use crate::encoding::TransferEncoding;
use crate::header::line_end_octets;
use crate::mime::{Kind, Options, Part, PartId, Structure};

use plain::Plain;

/// Why a letter cannot be made one in 7 bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inconvertible {
    /// Altered, it would not verify or not decrypt.
    #[error("a part of the type {0} must not be altered")]
    Sealed(String),
    /// The type, or the transfer encoding, that no encoding may be put upon.
    #[error("a part cannot be encoded anew: it is {0}")]
    Opaque(String),
    /// More parts, or deeper, than are looked into.
    #[error("it has too many parts, or parts too deep in one another")]
    TooNested,
    /// A header too long to be read whole, of a part that would have to be labelled anew.
    #[error("the header of a part is too long")]
    HeaderTooLong,
}

/// The letter with no 8-bit octet and no over-long line in its bodies, nor 8-bit octets in the text of its header fields;
/// borrowed when it was so already. What a reader decodes from it, part by part, is what it would have decoded before, but
/// that in text a bare LF is a line end. It is at most half as long again and, for header fields,
/// [`crate::limits::CONVERTED_FIELDS_OCTETS_MAX`] longer, and about as much memory is used.
///
/// # Errors
///
/// [`Inconvertible`], for what only 8BITMIME or BINARYMIME can carry.
pub fn to_seven_bit(letter: &[u8]) -> Result<Cow<'_, [u8]>, Inconvertible> {
    let structure = Structure::parse_with(letter, Options { envelopes: false, ..Options::default() });
    let mut converter = Converter { letter, structure: &structure, out: Vec::new(), taken: 0, grown: 0 };
    if structure.is_cut_short() && Plain::of(letter).eight_bit {
        return Err(Inconvertible::TooNested);
    }
    converter.part(PartId(0))?;
    Ok(converter.finish())
}

/// Copies the letter from its first octet to its last, but for what is replaced on the way.
struct Converter<'a, 's> {
    letter: &'a [u8],
    structure: &'s Structure,
    out: Vec<u8>,
    /// Octets of the letter that are written, or left out.
    taken: usize,
    /// By how many octets header fields have grown.
    grown: usize,
}

impl<'a> Converter<'a, '_> {
    /// Writes `octets` in the place of `span`, which lies behind everything that was replaced before.
    fn replace(&mut self, span: Span, octets: &[u8]) {
        self.out.extend_from_slice(Span::new(self.taken, span.start).of(self.letter));
        self.out.extend_from_slice(octets);
        self.taken = span.end;
    }

    fn finish(mut self) -> Cow<'a, [u8]> {
        if self.taken == 0 && self.out.is_empty() {
            return Cow::Borrowed(self.letter);
        }
        self.replace(Span::new(self.letter.len(), self.letter.len()), b"");
        Cow::Owned(self.out)
    }

    /// One part with all that stands in it. Not deeper than [`crate::limits::DEPTH_MAX`].
    fn part(&mut self, id: PartId) -> Result<(), Inconvertible> {
        let structure = self.structure;
        let Some(part) = structure.part(id) else { return Ok(()) };
        let content_type = &part.content.content_type;
        if content_type.is("multipart", "signed") || content_type.is("multipart", "encrypted") {
            let plain = Plain::of(part.body.of(self.letter));
            let harmed = plain.eight_bit || plain.bare;
            if harmed {
                return Err(Inconvertible::Sealed(content_type.to_string()));
            }
            // No signature is about this one.
            self.header(part);
            return Ok(());
        }
        match part.kind {
            Kind::Leaf => self.leaf(part),
            Kind::Multipart => {
                self.relabel(part)?;
                self.multipart(part)
            }
            // Alone among messages it may be encoded, and has to be when its header is in UTF-8 (RFC 6532 section 3.7).
            Kind::Message if content_type.subtype == "global" && Plain::of(part.body.of(self.letter)).eight_bit => {
                self.encode(part)
            }
            Kind::Message => {
                self.relabel(part)?;
                part.children.iter().try_for_each(|child| self.part(*child))
            }
        }
    }

    /// The parts, and the lines between them.
    fn multipart(&mut self, part: &Part) -> Result<(), Inconvertible> {
        let structure = self.structure;
        let children = || part.children.iter().filter_map(|id| structure.part(*id).map(|child| (*id, child)));
        let mut at = part.body.start;
        for (index, (id, child)) in children().enumerate() {
            let gap = Span::new(at, child.header.start);
            match index {
                0 => self.preamble(gap)?,
                _ => self.boundary(gap)?,
            }
            self.part(id)?;
            at = child.body.end;
        }
        self.epilogue(Span::new(at, part.body.end))
    }

    /// What stands before the first part; its last line is the boundary.
    fn preamble(&mut self, gap: Span) -> Result<(), Inconvertible> {
        let bytes = gap.of(self.letter);
        let line = bytes.get(..bytes.len() - line_end_octets(bytes)).unwrap_or_default();
        let boundary = gap.start + memrchr(b'\n', line).map_or(0, |at| at + 1);
        if Plain::of(Span::new(gap.start, boundary).of(self.letter)).needs_encoding() {
            self.replace(Span::new(gap.start, boundary), b"");
        }
        self.boundary(Span::new(boundary, gap.end))
    }

    /// What stands behind the last part; its first line is the boundary.
    fn epilogue(&mut self, gap: Span) -> Result<(), Inconvertible> {
        let bytes = gap.of(self.letter);
        // The line end before the boundary belongs to it.
        let before = [b"\r\n".as_slice(), b"\n"].iter().find(|end| bytes.starts_with(end)).map_or(0, |end| end.len());
        let rest = bytes.get(before..).unwrap_or_default();
        let end = gap.start + before + memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        self.boundary(Span::new(gap.start, end))?;
        let epilogue = Span::new(end, gap.end);
        if Plain::of(epilogue.of(self.letter)).needs_encoding() {
            self.replace(epilogue, b"");
        }
        Ok(())
    }

    fn boundary(&self, gap: Span) -> Result<(), Inconvertible> {
        match Plain::of(gap.of(self.letter)).eight_bit {
            true => Err(Inconvertible::Opaque("parted by a boundary in 8 bits".to_owned())),
            false => Ok(()),
        }
    }

    /// A part that nothing stands in, or nothing that could be found.
    fn leaf(&mut self, part: &Part) -> Result<(), Inconvertible> {
        let plain = Plain::of(part.body.of(self.letter));
        let content = &part.content;
        let binary = content.encoding == TransferEncoding::Binary;
        if !(plain.needs_encoding() || binary && plain.bare) {
            return self.relabel(part);
        }
        let opaque = match &content.encoding {
            TransferEncoding::Other(name) => Some(format!("in the encoding {name}")),
            _ if recode::forbidden(&content.content_type) => Some(content.content_type.to_string()),
            _ => None,
        };
        match opaque {
            None => self.encode(part),
            Some(what) if plain.eight_bit => Err(Inconvertible::Opaque(what)),
            // Its long lines travel as those of other letters do.
            Some(_) => self.relabel(part),
        }
    }

    /// Writes the body in a transfer encoding, and says so in the header.
    fn encode(&mut self, part: &Part) -> Result<(), Inconvertible> {
        let body = part.body.of(self.letter);
        let (encoding, mut octets) = recode::encode(&part.content, body);
        let behind = Span::new(part.body.end, self.letter.len()).of(self.letter);
        if !behind.is_empty() && !behind.starts_with(b"\r\n") && !behind.starts_with(b"\n") {
            // The body reaches up to the boundary, since the message in it ends with its header. A boundary takes the line
            // end before it, and would take the last one of the body.
            octets.extend_from_slice(b"\r\n");
        }
        let structure = self.structure;
        let inside = part.parent.and_then(|id| structure.part(id));
        let is_message = inside.is_none_or(|outer| outer.kind == Kind::Message);
        self.label(part, &encoding, Some(fields::Missing { is_message, body }))?;
        self.replace(part.body, &octets);
        Ok(())
    }

    /// `8bit` and `binary` say what is not true any more, or never was. Raw fields are put right as well.
    fn relabel(&mut self, part: &Part) -> Result<(), Inconvertible> {
        match part.content.encoding {
            TransferEncoding::EightBit | TransferEncoding::Binary => {
                self.label(part, &TransferEncoding::SevenBit, None)
            }
            _ => {
                self.header(part);
                Ok(())
            }
        }
    }
}
