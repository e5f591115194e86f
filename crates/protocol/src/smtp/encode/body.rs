//! Bodies on their way out: bare CR and LF become CRLF, dots at the start of a line are doubled.
//!
//! A bare LF sent on would let the next server see a line, or an end, where we saw none (RFC 5321 section 2.3.8);
//! letters that came in by SMTP hold none, letters from elsewhere may.

use memchr::{memchr2, memmem::Finder};

use crate::smtp::line_ends;

/// Makes every line end with CRLF. Holds back a CR at the end of a piece until the next one.
#[derive(Debug, Default)]
pub struct Normalizer {
    /// The last octet of the piece before was a CR; it is not out yet.
    held: bool,
}

impl Normalizer {
    /// Whether `bytes` may go out as they are.
    pub fn would_keep(&self, bytes: &[u8]) -> bool {
        !self.held && bytes.last() != Some(&b'\r') && !line_ends::are_bare(b'\n', bytes)
    }

    /// Appends `bytes` to `out`, line ends made right.
    pub fn encode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        if self.held && !rest.is_empty() {
            self.held = false;
            out.extend_from_slice(b"\r\n");
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = memchr2(b'\r', b'\n', rest) {
            let (text, tail) = rest.split_at(at);
            out.extend_from_slice(text);
            rest = match tail {
                [b'\r'] => {
                    self.held = true;
                    return;
                }
                [b'\r', b'\n', after @ ..] | [b'\r' | b'\n', after @ ..] => after,
                _ => return,
            };
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(rest);
    }

    /// The body is over: a held CR ends its line.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held) {
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Doubles the dots (RFC 5321 section 4.5.2) and writes the end. Wants right line ends: [`Normalizer`] comes first.
#[derive(Debug)]
pub struct Stuffer {
    /// The last two octets that went out; a body begins as if behind a CRLF.
    last: [u8; 2],
    dots: Finder<'static>,
}

impl Default for Stuffer {
    fn default() -> Self {
        Self { last: *b"\r\n", dots: Finder::new(b"\r\n.") }
    }
}

impl Stuffer {
    /// Appends `bytes` to `out`, dots doubled.
    pub fn encode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        if self.last == *b"\r\n" && rest.first() == Some(&b'.') {
            out.push(b'.');
        } else if self.last[1] == b'\r' && rest.starts_with(b"\n.") {
            out.extend_from_slice(b"\n.");
            rest = rest.get(1..).unwrap_or_default();
        }
        while let Some(at) = self.dots.find(rest) {
            let (text, tail) = rest.split_at(at + 2);
            out.extend_from_slice(text);
            out.push(b'.');
            rest = tail;
            // The dot itself goes with what follows: the next search starts behind it.
            let (dot, tail) = rest.split_at_checked(1).unwrap_or((rest, &[]));
            out.extend_from_slice(dot);
            rest = tail;
        }
        out.extend_from_slice(rest);
        match bytes {
            [.., a, b] => self.last = [*a, *b],
            [b] => self.last = [self.last[1], *b],
            [] => {}
        }
    }

    /// The end of the body; a last line without its end gets one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.last != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to cut a body in two gives the same bytes.
    fn stuffed(body: &[u8]) -> Vec<u8> {
        let mut first = None;
        for cut in 0..=body.len() {
            let (head, tail) = body.split_at(cut);
            let (mut normalizer, mut stuffer) = (Normalizer::default(), Stuffer::default());
            let mut out = Vec::new();
            for piece in [head, tail] {
                let mut clean = Vec::new();
                normalizer.encode(piece, &mut clean);
                stuffer.encode(&clean, &mut out);
            }
            let mut clean = Vec::new();
            normalizer.finish(&mut clean);
            stuffer.encode(&clean, &mut out);
            stuffer.finish(&mut out);
            assert_eq!(first.get_or_insert_with(|| out.clone()), &out, "cut at {cut}");
        }
        first.unwrap_or_default()
    }

    #[test]
    fn dots_and_line_ends() {
        for (body, wire) in [
            ("", ".\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\n..b\r\n.c.\r\n", "a\r\n...b\r\n..c.\r\n.\r\n"),
            ("a\n.\nb\r.\r\n", "a\r\n..\r\nb\r\n..\r\n.\r\n"),
            ("\r\n\n\r\r\r\n", "\r\n\r\n\r\n\r\n\r\n.\r\n"),
            ("a\r", "a\r\n.\r\n"),
            ("\r\n.\r\n.\r\n.", "\r\n..\r\n..\r\n..\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8_lossy(&stuffed(body.as_bytes())), wire, "{body:?}");
        }
    }
}
