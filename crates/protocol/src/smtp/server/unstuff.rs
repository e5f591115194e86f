//! The body behind DATA: finds its end, takes off the dots that the client doubled (RFC 5321 section 4.5.2), and notices
//! bare CR and LF.
//!
//! Only CRLF.CRLF ends a body. `LF.LF`, `LF.CRLF`, `CR.CR`, `CRLF.LF`, `CRLF.CR` and their kin do not: servers that took
//! them for an end let a stranger put a second letter, with a sender of his choice, behind the first one.

use memchr::memmem::Finder;

use crate::smtp::line_ends;

/// Reads a body piece by piece.
#[derive(Debug)]
pub(super) struct Unstuffer {
    state: State,
    /// The octet before the next one, for the line ends.
    previous: u8,
    bare: bool,
    dots: Finder<'static>,
}

/// What stands before the next octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The body's beginning, or CRLF.
    LineStart,
    /// Anything else.
    Middle,
    /// CR.
    Cr,
    /// A dot at the start of a line; it is not in the output.
    Dot,
    /// Such a dot, and CR; neither is in the output.
    DotCr,
}

impl Unstuffer {
    pub(super) fn new() -> Self {
        Self { state: State::LineStart, previous: b'\n', bare: false, dots: Finder::new(b"\r\n.") }
    }

    /// Whether a bare CR or LF was seen so far.
    pub(super) fn saw_bare(&self) -> bool {
        self.bare
    }

    /// Appends the body's octets in `bytes` to `out`. Answers how many octets of `bytes` it took; fewer than all only
    /// when the body ended, and then `true`.
    pub(super) fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        let mut at = 0;
        let mut ended = false;
        while let (false, Some(rest @ [first, ..])) = (ended, bytes.get(at..)) {
            let (taken, state) = match (self.state, first) {
                (State::LineStart, b'.') => (1, State::Dot),
                (State::Dot, b'\r') => (1, State::DotCr),
                (State::DotCr, b'\n') => {
                    ended = true;
                    (1, State::LineStart)
                }
                (State::DotCr, _) => {
                    out.push(b'\r');
                    (0, State::Middle)
                }
                (State::Cr, b'\n') => {
                    out.push(b'\n');
                    (1, State::LineStart)
                }
                (State::LineStart | State::Dot | State::Cr | State::Middle, _) => self.text(rest, out),
            };
            at += taken;
            self.state = state;
        }
        let taken = bytes.get(..at).unwrap_or_default();
        self.bare |= line_ends::are_bare(self.previous, taken);
        self.previous = taken.last().copied().unwrap_or(self.previous);
        (at, ended)
    }

    /// Up to and with the next dot at the start of a line, or all of it.
    fn text(&self, rest: &[u8], out: &mut Vec<u8>) -> (usize, State) {
        if let Some(line_end) = self.dots.find(rest) {
            let (text, _) = rest.split_at(line_end + 2);
            out.extend_from_slice(text);
            return (line_end + 3, State::Dot);
        }
        out.extend_from_slice(rest);
        let state = match rest {
            [.., b'\r', b'\n'] => State::LineStart,
            [.., b'\r'] => State::Cr,
            _ => State::Middle,
        };
        (rest.len(), state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to cut the wire in two gives the same: body, octets taken, bare line ends seen.
    fn read(wire: &str) -> Option<(String, usize, bool)> {
        let mut first = None;
        for cut in 0..=wire.len() {
            let (head, tail) = wire.as_bytes().split_at(cut);
            let mut unstuffer = Unstuffer::new();
            let mut out = Vec::new();
            let (mut taken, mut ended) = unstuffer.feed(head, &mut out);
            if !ended {
                let (more, end) = unstuffer.feed(tail, &mut out);
                (taken, ended) = (taken + more, end);
            }
            let found = ended.then(|| (String::from_utf8_lossy(&out).into_owned(), taken, unstuffer.saw_bare()));
            assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{wire:?} cut at {cut}");
        }
        first.flatten()
    }

    #[test]
    fn bodies_end_with_crlf_dot_crlf() {
        for (wire, body) in [
            (".\r\n", ""),
            ("a\r\n.\r\n", "a\r\n"),
            ("..\r\n.\r\n", ".\r\n"),
            ("...a\r\n.b\r\n\r\n.\r\n", "..a\r\nb\r\n\r\n"),
            ("\r\n\r\n.\r\nQUIT\r\n", "\r\n\r\n"),
        ] {
            let end = wire.find("QUIT").unwrap_or(wire.len());
            assert_eq!(read(wire), Some((body.to_owned(), end, false)), "{wire:?}");
        }
    }

    #[test]
    fn nothing_else_ends_a_body() {
        for wire in [
            "a\n.\n",
            "a\n.\r\n",
            "a\r.\r\n",
            "a\r.\r",
            "a\r\n.\n",
            "a\r\n.\r",
            "a\r\n.\r\r\n",
            "a\r\n\0.\r\n",
            "a\r\n.\0\r\n",
            "a\r\n. \r\n",
            "a\r\r\n\n.\n",
            "a\n\n.\r\n",
            "a\r\r.\r\n",
            "a.\r\n",
            ".\r",
            ".\n",
            "\n.\r\n",
            "\r.\r\n",
            "a\r\n.\r.\r\n",
        ] {
            assert_eq!(read(wire), None, "{wire:?}");
            // And the right end after it is still the end; bare line ends are noticed.
            let whole = format!("{wire}\r\n.\r\n");
            let (_, taken, bare) = read(&whole).expect("it ends");
            assert_eq!(taken, whole.len(), "{wire:?}");
            let pairs = wire.matches("\r\n").count();
            let is_bare = wire.matches('\r').count() > pairs || wire.matches('\n').count() > pairs;
            assert_eq!(bare, is_bare, "{wire:?}");
        }
    }
}
