//! What of a body 7bit does not allow (RFC 2045 section 2.7).

use memchr::{memchr, memchr_iter};

use crate::limits::LINE_OCTETS_MAX;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Plain {
    /// An octet over 127, or NUL.
    pub(super) eight_bit: bool,
    /// A line over 998 octets.
    pub(super) long: bool,
    /// A CR without LF, or an LF without CR: no line end, so that on its way it may become one.
    pub(super) bare: bool,
}

impl Plain {
    pub(super) fn of(body: &[u8]) -> Self {
        let mut plain = Self { eight_bit: !body.is_ascii() || memchr(0, body).is_some(), ..Self::default() };
        let mut start = 0;
        for end in memchr_iter(b'\n', body).chain([body.len()]) {
            let line = body.get(start..end).unwrap_or_default();
            start = end + 1;
            // Behind the last line end there is no LF that a CR could belong to.
            let text = if end < body.len() { line.strip_suffix(b"\r") } else { Some(line) };
            let content = text.unwrap_or(line);
            plain.long |= content.len() > LINE_OCTETS_MAX;
            plain.bare |= text.is_none() || memchr(b'\r', content).is_some();
        }
        plain
    }

    /// Whether it cannot travel as it is, whatever it is.
    pub(super) fn needs_encoding(self) -> bool {
        self.eight_bit || self.long
    }
}
