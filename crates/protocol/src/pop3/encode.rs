//! What a server says: status lines, and messages with their dots stuffed (RFC 1939 section 3).

use memchr::memchr;

/// Why a client was refused, in brackets before the words (RFC 2449 section 8, RFC 3206).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The name or the password is wrong, or must not be used this way.
    Auth,
    /// Ours, and it will pass.
    SysTemp,
    /// Ours, and somebody has to look at it.
    SysPerm,
}

/// `-ERR [CODE] words`. What a client sent never stands in the words, so no line end can.
pub fn error(out: &mut Vec<u8>, code: Option<Code>, words: &str) {
    out.extend_from_slice(b"-ERR ");
    out.extend_from_slice(match code {
        Some(Code::Auth) => b"[AUTH] ",
        Some(Code::SysTemp) => b"[SYS/TEMP] ",
        Some(Code::SysPerm) => b"[SYS/PERM] ",
        None => b"",
    });
    out.extend_from_slice(words.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `+OK words`.
pub fn ok(out: &mut Vec<u8>, words: &str) {
    out.extend_from_slice(b"+OK ");
    out.extend_from_slice(words.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Sends a message as it comes in chunks: dots stuffed, cut after the lines that TOP wants.
///
/// A bare LF goes out as CRLF. Half of the clients take it for a line's end and half do not, so that a dot behind it
/// would end the message for some and not for others.
#[derive(Debug)]
pub struct Stuffer {
    /// What is left to send.
    part: Part,
    /// Nothing of the current line was sent yet.
    at_line_start: bool,
    /// The current line is empty so far; a CR does not count.
    line_is_empty: bool,
    /// The last octet was a CR.
    after_cr: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Everything.
    All,
    /// The header, then so many lines.
    Header { body_lines: u64 },
    /// So many lines, then nothing.
    Body { lines: u64 },
    /// Nothing more.
    Nothing,
}

impl Stuffer {
    /// `body_lines` is `None` for RETR, the second argument for TOP.
    pub fn new(body_lines: Option<u64>) -> Self {
        let part = body_lines.map_or(Part::All, |body_lines| Part::Header { body_lines });
        Self { part, at_line_start: true, line_is_empty: true, after_cr: false }
    }

    /// Whether more of the message is wanted.
    pub fn wants_more(&self) -> bool {
        self.part != Part::Nothing
    }

    /// Adds a chunk of the message.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len());
        while !bytes.is_empty() && self.wants_more() {
            if self.at_line_start && bytes.first() == Some(&b'.') {
                out.push(b'.');
            }
            let end = memchr(b'\n', bytes);
            let (text, rest) = bytes.split_at_checked(end.unwrap_or(bytes.len())).unwrap_or((bytes, &[]));
            if let Some(last) = text.last() {
                out.extend_from_slice(text);
                self.at_line_start = false;
                self.line_is_empty &= text.iter().all(|byte| *byte == b'\r');
                self.after_cr = *last == b'\r';
            }
            bytes = rest.get(1..).unwrap_or_default();
            if end.is_some() {
                self.end_line(out);
            }
        }
    }

    /// The end: the last line is ended if it is not, then the dot.
    pub fn finish(&self, out: &mut Vec<u8>) {
        if !self.at_line_start {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.after_cr { b"\n" } else { b"\r\n" });
        self.part = match self.part {
            Part::Header { body_lines: 0 } if self.line_is_empty => Part::Nothing,
            Part::Header { body_lines } if self.line_is_empty => Part::Body { lines: body_lines },
            Part::Body { lines: 0 | 1 } => Part::Nothing,
            Part::Body { lines } => Part::Body { lines: lines - 1 },
            other => other,
        };
        self.at_line_start = true;
        self.line_is_empty = true;
        self.after_cr = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn send(body_lines: Option<u64>, chunks: &[&[u8]]) -> String {
        let (mut stuffer, mut out) = (Stuffer::new(body_lines), Vec::new());
        for chunk in chunks {
            stuffer.push(chunk, &mut out);
        }
        stuffer.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn dots_are_stuffed() {
        for (message, sent) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\n..b\r\n", "a\r\n...b\r\n.\r\n"),
            ("a.\r\n", "a.\r\n.\r\n"),
            ("a\n.\nb\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r.\r\n", "a\r.\r\n.\r\n"),
            ("a\r", "a\r\r\n.\r\n"),
            ("\r\n.\r\n", "\r\n..\r\n.\r\n"),
        ] {
            assert_eq!(send(None, &[message.as_bytes()]), sent, "{message:?}");
        }
    }

    #[test]
    fn top_cuts() {
        let message = b"A: b\r\nC: d\r\n\r\n1\r\n.2\r\n3";
        for (lines, sent) in [
            (0, "A: b\r\nC: d\r\n\r\n.\r\n"),
            (1, "A: b\r\nC: d\r\n\r\n1\r\n.\r\n"),
            (2, "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n.\r\n"),
            (3, "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n3\r\n.\r\n"),
            (u64::MAX, "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n3\r\n.\r\n"),
        ] {
            assert_eq!(send(Some(lines), &[message]), sent, "{lines}");
        }
        assert_eq!(send(Some(0), &[b"\r\nbody\r\n"]), "\r\n.\r\n", "no header");
        assert_eq!(send(Some(0), &[b"A: b\r\n"]), "A: b\r\n.\r\n", "no body");
        assert_eq!(send(Some(1), &[b"A: b\n\n1\n2\n"]), "A: b\r\n\r\n1\r\n.\r\n", "bare LF");
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(
            message in prop::collection::vec(prop::sample::select(&b"a.\r\n"[..]), 0..60),
            cuts in prop::collection::vec(0..60usize, 0..6),
            lines in prop::option::of(0..5u64),
        ) {
            let whole = send(lines, &[&message]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(message.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&message[from..cut]);
                from = cut;
            }
            chunks.push(&message[from..]);
            prop_assert_eq!(&send(lines, &chunks), &whole);
            // For a client that takes LF for a line's end, and for one that takes CRLF, it ends once, at its end.
            prop_assert!(whole == ".\r\n" || whole.ends_with("\n.\r\n"));
            prop_assert!(!whole.starts_with(".\r\n") || whole.len() == 3);
            prop_assert_eq!(whole.matches("\n.\r\n").count(), usize::from(whole.len() > 3));
            prop_assert_eq!(whole.matches('\n').count(), whole.matches("\r\n").count());
        }
    }
}
