//! One field of a header section.

use std::borrow::Cow;

use memchr::memchr;

use super::section::FieldSpan;
use crate::Span;
use crate::encoding::{text_of, words};

/// A field, by reference to the bytes it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) span: FieldSpan,
}

impl<'a> Field<'a> {
    /// Its name as written, always printable ASCII.
    pub fn name(&self) -> &'a str {
        std::str::from_utf8(self.slice(Span::new(self.span.start, self.span.name_end))).unwrap_or_default()
    }

    /// Whether it has that name, whatever its case.
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// What stands between the colon and the last line end, folded as it came.
    pub fn raw(&self) -> &'a [u8] {
        self.slice(self.value_span())
    }

    /// The whole field, with its name and its last line end.
    pub fn whole(&self) -> &'a [u8] {
        self.slice(self.span())
    }

    /// The value unfolded, without blanks at its ends; nothing is decoded.
    pub fn value(&self) -> Cow<'a, [u8]> {
        unfold(self.raw())
    }

    /// The value unfolded as text, encoded words left alone: what IMAP's ENVELOPE wants. 8-bit octets are UTF-8, or
    /// else Windows-1252.
    pub fn plain(&self) -> Cow<'a, str> {
        match self.value() {
            Cow::Borrowed(bytes) => text_of(bytes),
            Cow::Owned(bytes) => Cow::Owned(text_of(&bytes).into_owned()),
        }
    }

    /// The value for people: unfolded, encoded words decoded (RFC 2047), control characters made blanks.
    pub fn text(&self) -> String {
        words::decode(&self.value())
    }

    /// Where the whole field lies, name and last line end included.
    pub fn span(&self) -> Span {
        Span::new(self.span.start, self.span.end)
    }

    /// Where the raw value lies.
    pub fn value_span(&self) -> Span {
        Span::new(self.span.value_start, self.span.value_end)
    }

    fn slice(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }
}

/// Takes the line ends out of a folded value, and the blanks from its ends (RFC 5322 section 2.2.3).
pub fn unfold(raw: &[u8]) -> Cow<'_, [u8]> {
    let raw = trim(raw);
    if memchr(b'\n', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    for line in raw.split(|b| *b == b'\n') {
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
    }
    Cow::Owned(out)
}

fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let start = bytes.iter().position(|b| !blank(b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !blank(b)).map_or(start, |at| at + 1);
    bytes.get(start..end).unwrap_or_default()
}
