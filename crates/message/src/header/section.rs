//! A header section as a list of fields over the bytes themselves.
//!
//! It ends at the first empty line, CRLF or bare LF; nothing else ends it. What is no field (`From ` of an mbox, a
//! line without a colon, a name with a blank inside such as `Fr om:`) is a junk line: it belongs to the section's
//! bytes and is found by no name. Duplicate fields are all kept, in order.

use memchr::memchr;

use super::Field;
use crate::Span;
use crate::limits::FIELDS_MAX;

/// Where one field lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldSpan {
    pub(crate) start: usize,
    pub(crate) name_end: usize,
    pub(crate) value_start: usize,
    /// Before the final line end.
    pub(crate) value_end: usize,
    /// Behind the final line end.
    pub(crate) end: usize,
}

/// What a line of a header section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The empty line that ends the section.
    Blank,
    /// Begins with a blank: goes on with what stands before.
    Continuation,
    /// `name_end` and `value_start` are offsets in the line.
    Field { name_end: usize, value_start: usize },
    /// Nothing that RFC 5322 knows.
    Junk,
}

/// Tells what `line`, with its line end, is.
///
/// `field-name = 1*ftext; ftext = %d33-57 / %d59-126`, and the blanks before the colon of section 4.5.
pub(crate) fn classify(line: &[u8]) -> Line {
    match line.first() {
        None | Some(b'\n') => return Line::Blank,
        Some(b'\r') if line.get(1) == Some(&b'\n') => return Line::Blank,
        Some(b' ' | b'\t') => return Line::Continuation,
        _ => {}
    }
    let name_end = line.iter().position(|b| !(33..=126).contains(b) || *b == b':').unwrap_or(line.len());
    let rest = line.get(name_end..).unwrap_or_default();
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    if name_end == 0 || rest.get(blanks) != Some(&b':') {
        return Line::Junk;
    }
    Line::Field { name_end, value_start: name_end + blanks + 1 }
}

/// How many octets the line end of `line` has: 2 (CRLF), 1 (bare LF), or 0 (the end of the bytes).
pub(crate) fn line_end_octets(line: &[u8]) -> usize {
    if line.ends_with(b"\r\n") { 2 } else { usize::from(line.ends_with(b"\n")) }
}

/// A header section read where it lies.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    bytes: &'a [u8],
    fields: Vec<FieldSpan>,
    end: usize,
    complete: bool,
}

impl<'a> Header<'a> {
    /// Reads the section that begins at the first octet of `bytes`; what follows its empty line is not looked at.
    pub fn parse(bytes: &'a [u8]) -> Self {
        let mut header = Self { bytes, fields: Vec::with_capacity(24), end: 0, complete: false };
        let mut after_field = false;
        while let Some(rest) = bytes.get(header.end..).filter(|rest| !rest.is_empty()) {
            let length = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let line = rest.get(..length).unwrap_or_default();
            let start = header.end;
            header.end += length;
            match classify(line) {
                Line::Blank => {
                    header.complete = true;
                    break;
                }
                Line::Continuation => {
                    if after_field && let Some(last) = header.fields.last_mut() {
                        last.end = header.end;
                        last.value_end = header.end - line_end_octets(line);
                    }
                }
                Line::Field { name_end, value_start } => {
                    after_field = header.fields.len() < FIELDS_MAX;
                    if after_field {
                        header.fields.push(FieldSpan {
                            start,
                            name_end: start + name_end,
                            value_start: start + value_start,
                            value_end: (header.end - line_end_octets(line)).max(start + value_start),
                            end: header.end,
                        });
                    }
                }
                Line::Junk => after_field = false,
            }
        }
        header
    }

    /// All fields in order.
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'a>> + '_ {
        self.fields.iter().map(|span| Field { bytes: self.bytes, span: *span })
    }

    /// The first field of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<Field<'a>> {
        self.get_all(name).next()
    }

    /// Every field of that name, in order.
    pub fn get_all<'s>(&'s self, name: &'s str) -> impl DoubleEndedIterator<Item = Field<'a>> + 's {
        self.fields().filter(move |field| field.is(name))
    }

    /// The whole section, with the empty line that ends it: what IMAP calls HEADER.
    pub fn span(&self) -> Span {
        Span::new(0, self.end)
    }

    /// The section's bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.span().of(self.bytes)
    }

    /// Whether the empty line was there; without it all of the bytes are header.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}
