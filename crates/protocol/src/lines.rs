//! Lines as SMTP and POP3 have them: ended by CRLF and by nothing else.
//!
//! A bare LF or a bare CR never ends a line (RFC 5321 section 2.3.8); what to do with one is the caller's
//! business, so it is reported. Memory is bounded: a line over the limit is dropped while it arrives, and only the
//! fact that it was too long is kept. IMAP, whose lines carry literals, has its own reader.

use memchr::memchr;

/// A larger empty buffer is given back: there may be thousands of quiet connections.
const KEPT_OCTETS_MAX: usize = 4096;

/// One line, or why there is none.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// The line without its CRLF. It holds no CR and no LF.
    Whole(Vec<u8>),
    /// The line was longer than the limit and has been thrown away.
    TooLong,
    /// The line held a bare CR or a bare LF, and has been thrown away.
    BareEnding,
}

/// Collects bytes, hands out lines.
#[derive(Debug)]
pub struct Lines {
    buffer: Vec<u8>,
    /// Where the next line starts in `buffer`.
    start: usize,
    /// Up to where no LF was found yet.
    searched: usize,
    max: usize,
    /// The rest of a line that is already known to be too long is being dropped.
    overflowing: bool,
    /// Octets of it that were dropped.
    dropped: usize,
}

impl Lines {
    /// `octets_max` counts the CRLF.
    pub fn new(octets_max: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, searched: 0, max: octets_max, overflowing: false, dropped: 0 }
    }

    /// Sets the limit for the lines to come.
    pub fn set_octets_max(&mut self, octets_max: usize) {
        self.max = octets_max;
    }

    /// Adds bytes of the peer.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// What has arrived and was not handed out, for a mode that is not made of lines (DATA, BDAT).
    pub fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Takes `count` bytes off [`Self::rest`].
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buffer.len());
        self.searched = self.searched.max(self.start);
        if self.start == self.buffer.len() {
            // What a burst needed is not kept by a connection that then says little.
            if self.buffer.capacity() > KEPT_OCTETS_MAX {
                self.buffer = Vec::new();
            }
            self.buffer.clear();
            self.start = 0;
            self.searched = 0;
        }
    }

    /// Throws away everything that has arrived (RFC 3207 section 4.2).
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.start = 0;
        self.searched = 0;
        self.overflowing = false;
        self.dropped = 0;
    }

    /// Octets that were dropped of a line that has not ended yet. Whoever sends one that never ends is not waited for
    /// by the caller.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Whether bytes wait that were not handed out.
    pub fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next line, when it is there.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            if let Some(line) = self.take_line()? {
                return Some(line);
            }
        }
    }

    /// `None`: no LF yet. `Some(None)`: a piece of an overlong line was dropped.
    fn take_line(&mut self) -> Option<Option<Line>> {
        let found = memchr(b'\n', self.buffer.get(self.searched..)?);
        let Some(offset) = found else {
            self.searched = self.buffer.len();
            if self.overflowing || self.rest().len() > self.max {
                // Keep a last CR, so that a CRLF split between two reads is still seen.
                let keep = usize::from(self.buffer.last() == Some(&b'\r'));
                self.overflowing = true;
                let dropped = self.rest().len() - keep;
                self.dropped += dropped;
                self.consume(dropped);
            }
            return None;
        };
        let end = self.searched + offset;
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        let length = line.len() + 1;
        let too_long = self.overflowing || length > self.max;
        let result = match line.split_last() {
            Some((b'\r', text)) if !text.contains(&b'\r') => {
                if too_long {
                    Line::TooLong
                } else {
                    Line::Whole(text.to_vec())
                }
            }
            _ if too_long => {
                // A bare LF does not end even a line that is being dropped.
                self.overflowing = true;
                self.dropped += length;
                self.consume(length);
                return Some(None);
            }
            _ => Line::BareEnding,
        };
        self.overflowing = false;
        self.dropped = 0;
        self.consume(length);
        Some(Some(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(chunks: &[&str], max: usize) -> Vec<Line> {
        let mut lines = Lines::new(max);
        let mut out = Vec::new();
        for chunk in chunks {
            lines.push(chunk.as_bytes());
            while let Some(line) = lines.next_line() {
                out.push(line);
            }
        }
        out
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_end_with_crlf_only() {
        assert_eq!(all(&["a\r", "\nb\r\n"], 100), [whole("a"), whole("b")]);
        assert_eq!(all(&["a\nb\r\n"], 100), [Line::BareEnding, whole("b")]);
        assert_eq!(all(&["a\rb\r\nc\r\n"], 100), [Line::BareEnding, whole("c")]);
        assert_eq!(all(&["\r\r\n"], 100), [Line::BareEnding]);
        assert_eq!(all(&["\r\n"], 100), [whole("")]);
    }

    #[test]
    fn a_long_line_costs_no_memory() {
        let mut lines = Lines::new(10);
        for _ in 0..1000 {
            lines.push(&[b'x'; 4096]);
            assert_eq!(lines.next_line(), None);
            assert!(lines.buffer.len() <= 4097);
        }
        assert_eq!(lines.dropped(), 4096 * 1000);
        lines.push(b"\r");
        assert_eq!(lines.next_line(), None);
        lines.push(b"\nQUIT\r\n");
        assert_eq!(lines.next_line(), Some(Line::TooLong));
        assert_eq!(lines.dropped(), 0);
        assert_eq!(lines.next_line(), Some(whole("QUIT")));
    }

    #[test]
    fn the_limit_counts_the_ending() {
        assert_eq!(all(&["12345678\r\n"], 10), [whole("12345678")]);
        assert_eq!(all(&["123456789\r\n"], 10), [Line::TooLong]);
    }
}
