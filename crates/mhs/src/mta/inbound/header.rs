//! Gathers the header of a letter that arrives in pieces, and makes it one that fields may be put in front of.
//!
//! A header ends with an empty line. Where the first line that is no field comes before it, the letter's text begins
//! there, and an empty line is put between: otherwise the fields that we add would swallow the text. A line `From ` of a
//! mailbox file, at the very beginning, is left out.

/// A name that is longer is none: lines have 998 octets (RFC 5322 section 2.1.1).
const NAME_OCTETS_MAX: usize = 998;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The header goes on.
    More,
    /// The header is whole. The rest of this piece, behind `taken` octets, is text.
    Done { taken: usize },
    /// Over the limit.
    TooLong,
}

/// Gathers one header.
#[derive(Debug)]
pub(super) struct Gatherer {
    bytes: Vec<u8>,
    octets_max: usize,
    /// Where the line begins that is not whole yet.
    line: usize,
    /// That line goes on with the header, whatever follows.
    known: Option<Kind>,
    may_be_mailbox_line: bool,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Field,
    /// `From ` of a mailbox file.
    Mailbox,
    Empty,
    Text,
}

impl Gatherer {
    /// One that keeps at most `octets_max` octets.
    pub(super) fn new(octets_max: usize) -> Self {
        Self { bytes: Vec::new(), octets_max, line: 0, known: None, may_be_mailbox_line: true }
    }

    /// Takes the next piece; after `Done` no more.
    pub(super) fn push(&mut self, piece: &[u8]) -> Progress {
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            let end = rest.iter().position(|octet| *octet == b'\n').map(|end| end + 1);
            let room = self.octets_max.saturating_sub(self.bytes.len());
            let length = end.unwrap_or(rest.len());
            let (part, _) = rest.split_at(length.min(room));
            self.bytes.extend_from_slice(part);
            at += part.len();
            let whole = end == Some(part.len());
            self.known = self.known.or_else(|| self.kind(whole));
            match self.known {
                Some(Kind::Empty) => {
                    self.line = self.bytes.len();
                    return Progress::Done { taken: at };
                }
                Some(Kind::Text) => return Progress::Done { taken: at },
                _ if length > room => return Progress::TooLong,
                Some(Kind::Field) if whole => self.line_is_whole(),
                Some(Kind::Mailbox) if whole => {
                    self.bytes.clear();
                    self.line_is_whole();
                }
                _ => {}
            }
        }
        Progress::More
    }

    fn line_is_whole(&mut self) {
        self.line = self.bytes.len();
        self.known = None;
        self.may_be_mailbox_line = false;
    }

    /// What the line is, if that can be told yet.
    fn kind(&self, whole: bool) -> Option<Kind> {
        let line = self.bytes.get(self.line..).unwrap_or_default();
        match line {
            [] | [b'\r'] if !whole => return None,
            [] | [b'\n'] | [b'\r', b'\n'] => return Some(Kind::Empty),
            [b' ' | b'\t', ..] => return Some(if self.line > 0 { Kind::Field } else { Kind::Text }),
            _ => {}
        }
        // field-name = 1*ftext (RFC 5322 section 3.6.8), and the blanks before the colon of section 4.5.
        let name = line.iter().position(|octet| !octet.is_ascii_graphic() || *octet == b':').unwrap_or(line.len());
        let behind = line.get(name..).unwrap_or_default();
        match behind.iter().find(|octet| !matches!(octet, b' ' | b'\t')) {
            Some(b':') if name > 0 => Some(Kind::Field),
            None if !whole && line.len() <= NAME_OCTETS_MAX => None,
            _ if self.may_be_mailbox_line && (line.starts_with(b"From ") || line.starts_with(b">From ")) => {
                Some(Kind::Mailbox)
            }
            _ => Some(Kind::Text),
        }
    }

    /// The letter ended, or [`Progress::Done`] came: the header, with an empty line at its end in any case, and what of
    /// the text was gathered with it.
    pub(super) fn into_parts(mut self) -> (Vec<u8>, Vec<u8>) {
        let kind = if self.line < self.bytes.len() { self.known.or_else(|| self.kind(true)) } else { self.known };
        let text = match kind {
            Some(Kind::Text) => self.bytes.split_off(self.line),
            Some(Kind::Mailbox) => std::mem::take(&mut self.bytes),
            _ => Vec::new(),
        };
        if kind != Some(Kind::Empty) {
            if !self.bytes.is_empty() && !self.bytes.ends_with(b"\n") {
                self.bytes.extend_from_slice(b"\r\n");
            }
            self.bytes.extend_from_slice(b"\r\n");
        }
        (self.bytes, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the letter is cut, header and text are the same.
    fn read(letter: &str) -> (String, String) {
        let mut first = None;
        for step in 1..=letter.len().max(1) {
            let mut gatherer = Gatherer::new(4000);
            let (mut at, mut done) = (0, false);
            for piece in letter.as_bytes().chunks(step) {
                match gatherer.push(piece) {
                    Progress::More => at += piece.len(),
                    Progress::Done { taken } => {
                        at += taken;
                        done = true;
                    }
                    Progress::TooLong => panic!("short enough"),
                }
                if done {
                    break;
                }
            }
            let (header, mut text) = gatherer.into_parts();
            text.extend_from_slice(&letter.as_bytes()[at..]);
            let found = (String::from_utf8(header).unwrap(), String::from_utf8(text).unwrap());
            assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{letter:?} by {step}");
        }
        first.unwrap()
    }

    #[test]
    fn a_header_always_ends() {
        for (letter, header, text) in [
            ("A: 1\r\nB : 2\r\n folded\r\n\r\ntext\r\n", "A: 1\r\nB : 2\r\n folded\r\n\r\n", "text\r\n"),
            ("\r\ntext\r\n", "\r\n", "text\r\n"),
            ("", "\r\n", ""),
            ("A: 1\r\n", "A: 1\r\n\r\n", ""),
            ("A: 1", "A: 1\r\n\r\n", ""),
            ("no header here\r\n", "\r\n", "no header here\r\n"),
            ("word", "\r\n", "word"),
            ("word\r\nA: 1\r\n\r\n", "\r\n", "word\r\nA: 1\r\n\r\n"),
            (" blank first\r\nA: 1\r\n", "\r\n", " blank first\r\nA: 1\r\n"),
            (
                "A: 1\r\nHello Anna: how are you?\r\n\r\nB: 2\r\n",
                "A: 1\r\n\r\n",
                "Hello Anna: how are you?\r\n\r\nB: 2\r\n",
            ),
            ("A: 1\r\n: 2\r\n", "A: 1\r\n\r\n", ": 2\r\n"),
            ("Grüße: 2\r\n", "\r\n", "Grüße: 2\r\n"),
            ("From a@b Thu Jan  1\r\nA: 1\r\n\r\nx", "A: 1\r\n\r\n", "x"),
            (">From a@b\r\ntext", "\r\n", "text"),
            ("A: 1\r\nFrom here on\r\n", "A: 1\r\n\r\n", "From here on\r\n"),
            ("From : a@b\r\n\r\n", "From : a@b\r\n\r\n", ""),
            ("From a@b", "\r\n", "From a@b"),
        ] {
            assert_eq!(read(letter), (header.to_owned(), text.to_owned()), "{letter:?}");
        }
        let long = "x".repeat(2000);
        assert_eq!(read(&long), ("\r\n".to_owned(), long));
    }

    #[test]
    fn it_is_bounded() {
        let mut gatherer = Gatherer::new(10);
        assert_eq!(gatherer.push(b"A: 12345678"), Progress::TooLong);
        let mut gatherer = Gatherer::new(10);
        assert_eq!(gatherer.push(b"A: 1\r\n"), Progress::More);
        assert_eq!(gatherer.push(b"B: 2\r\n"), Progress::TooLong);
        // Text is found before the limit is.
        let mut gatherer = Gatherer::new(10);
        assert_eq!(gatherer.push(b"plain text without an end"), Progress::Done { taken: 10 });
        assert_eq!(gatherer.into_parts(), (b"\r\n".to_vec(), b"plain text".to_vec()));
    }
}
