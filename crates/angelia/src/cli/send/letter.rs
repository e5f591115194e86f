//! A letter as programs write it for sendmail: line ends of this machine, perhaps no header at all, recipients in it. The
//! header is read, the body passes through.

use std::io::{BufRead, Read as _, Write};

use message::address::{Mailbox, mailboxes};
use message::header::{Field, Header};
use mhs::limits::HEADER_OCTETS_MAX;

use super::{Failed, exit};

/// Octets of a body that are in memory at once; a line may be longer.
const PIECE_OCTETS: u64 = 64 * 1024;

/// The header, with an empty line at its end in any case, and what was read of the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letter {
    header: Vec<u8>,
    /// What was taken for a line of the header and is one of the body.
    begun: Vec<u8>,
    is_over: bool,
    dots: bool,
}

impl Letter {
    /// Reads the header. The first line that can be no header field begins the body, empty line or not. A line `From ` as
    /// mailbox files have it is left out. Without `dots`, a line with nothing but a dot ends the letter.
    pub(super) fn read(input: &mut impl BufRead, dots: bool) -> Result<Self, Failed> {
        let mut letter = Self { header: Vec::new(), begun: Vec::new(), is_over: false, dots };
        let mut is_first = true;
        loop {
            let mut line = Vec::new();
            let room = (HEADER_OCTETS_MAX.saturating_sub(letter.header.len()) + 1) as u64;
            input.by_ref().take(room).read_until(b'\n', &mut line).map_err(|error| reading(&error))?;
            if line.is_empty() || !dots && is_dot(&line) {
                letter.is_over = true;
                break;
            }
            if std::mem::take(&mut is_first) && (line.starts_with(b"From ") || line.starts_with(b">From ")) {
                continue;
            }
            if is_blank(&line) {
                break;
            }
            let is_continued = !letter.header.is_empty() && (line.starts_with(b" ") || line.starts_with(b"\t"));
            if !is_continued && !is_field(&line) {
                letter.begun = line;
                break;
            }
            letter.header.extend_from_slice(&line);
            if letter.header.len() >= HEADER_OCTETS_MAX {
                return Err(Failed::new(exit::DATA, format!("the header is longer than {HEADER_OCTETS_MAX} octets")));
            }
        }
        if !letter.header.is_empty() && !letter.header.ends_with(b"\n") {
            letter.header.push(b'\n');
        }
        letter.header.push(b'\n');
        Ok(letter)
    }

    /// Whom To, Cc and Bcc name (the Resent- ones when there are any). Bcc goes out of the header.
    pub(super) fn take_recipients(&mut self) -> Vec<String> {
        let header = Header::parse(&self.header);
        let resent =
            header.fields().any(|field| field.is("resent-to") || field.is("resent-cc") || field.is("resent-bcc"));
        let fields = if resent { ["resent-to", "resent-cc", "resent-bcc"] } else { ["to", "cc", "bcc"] };
        let mut names = Vec::new();
        for field in header.fields().filter(|field: &Field<'_>| fields.iter().any(|name| field.is(name))) {
            names.extend(mailboxes(&field.value()).iter().map(Mailbox::spec).filter(|spec| !spec.is_empty()));
        }
        if let Some(kept) = mhs::msa::strip::hidden_fields(&self.header) {
            self.header = kept;
        }
        names
    }

    /// The header, with the empty line.
    pub(super) fn header(&self) -> &[u8] {
        &self.header
    }

    /// The same, given away.
    pub(super) fn into_header(self) -> Vec<u8> {
        self.header
    }

    /// Passes the body on, up to the end of input, or to a line with nothing but a dot.
    pub(super) fn copy_body(
        &mut self,
        input: &mut impl BufRead,
        out: &mut impl Write,
        octets_max: u64,
    ) -> Result<(), Failed> {
        let mut octets = self.header.len() as u64;
        let mut piece = std::mem::take(&mut self.begun);
        let mut begins_line = true;
        while !self.is_over {
            octets += piece.len() as u64;
            if octets > octets_max {
                return Err(Failed::new(exit::DATA, format!("the letter is longer than {octets_max} octets")));
            }
            out.write_all(&piece)
                .map_err(|error| Failed::new(exit::TEMPORARY, format!("writing the letter: {error}")))?;
            if !piece.is_empty() {
                begins_line = piece.ends_with(b"\n");
            }
            piece.clear();
            let read = input.by_ref().take(PIECE_OCTETS);
            let count = match self.dots {
                true => { read }.read_to_end(&mut piece),
                false => { read }.read_until(b'\n', &mut piece),
            };
            let count = count.map_err(|error| reading(&error))?;
            self.is_over = count == 0 || !self.dots && begins_line && is_dot(&piece);
        }
        Ok(())
    }
}

fn reading(error: &std::io::Error) -> Failed {
    Failed::new(exit::IO, format!("reading the letter from stdin: {error}"))
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

fn is_dot(line: &[u8]) -> bool {
    matches!(line, b".\n" | b".\r\n" | b".")
}

/// `field-name ":"`, RFC 5322 section 2.2.
fn is_field(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    name.len() < line.len() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, dots: bool) -> (Letter, String) {
        let mut input = text.as_bytes();
        let mut letter = Letter::read(&mut input, dots).unwrap();
        let mut body = Vec::new();
        letter.copy_body(&mut input, &mut body, 1000).unwrap();
        (letter, String::from_utf8(body).unwrap())
    }

    fn whole(text: &str, dots: bool) -> String {
        let (letter, body) = read(text, dots);
        String::from_utf8(letter.into_header()).unwrap() + &body
    }

    #[test]
    fn a_body_may_come_without_a_header() {
        for (text, wanted) in [
            ("hello\nworld\n", "\nhello\nworld\n"),
            ("Subject: x\nhello there\n", "Subject: x\n\nhello there\n"),
            ("Subject: x\n\nhello\n", "Subject: x\n\nhello\n"),
            ("Subject: x\r\n\r\nhello\r\n", "Subject: x\r\n\nhello\r\n"),
            ("Subject: x\n  more\nTo: a@b\n\nhello\n", "Subject: x\n  more\nTo: a@b\n\nhello\n"),
            ("From anna Mon\nSubject: x\n\n1\n", "Subject: x\n\n1\n"),
            ("Subject: x", "Subject: x\n\n"),
            ("", "\n"),
            ("\nhello\n", "\nhello\n"),
        ] {
            assert_eq!(whole(text, true), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_dot_ends_the_letter_unless_told_otherwise() {
        for (text, dots, wanted) in [
            ("\na\n.\nb\n", false, "\na\n"),
            ("\na\r\n.\r\nb\n", false, "\na\r\n"),
            ("\na\n.", false, "\na\n"),
            ("\na\n.b\n", false, "\na\n.b\n"),
            ("\na\n.\nb\n", true, "\na\n.\nb\n"),
            ("Subject: x\n.\nb\n", false, "Subject: x\n\n"),
            ("hello\n.\nb\n", false, "\nhello\n"),
        ] {
            assert_eq!(whole(text, dots), wanted, "{text:?}");
        }
        // A dot that begins a piece but no line.
        let long = format!("\n{}.\nmore\n", "x".repeat(PIECE_OCTETS as usize));
        let mut input = long.as_bytes();
        let mut letter = Letter::read(&mut input, false).unwrap();
        let mut body = Vec::new();
        letter.copy_body(&mut input, &mut body, 1 << 20).unwrap();
        assert_eq!(body, long.as_bytes()[1..]);
    }

    #[test]
    fn what_is_too_long_is_refused() {
        for (text, dots) in [("x".repeat(1000), true), ("x".repeat(1000), false)] {
            let mut input = text.as_bytes();
            let mut letter = Letter::read(&mut input, dots).unwrap();
            let refused = letter.copy_body(&mut input, &mut Vec::new(), 1000).unwrap_err();
            assert_eq!(refused.code, exit::DATA);
        }
        let header = "X: y\n".repeat(HEADER_OCTETS_MAX / 5 + 1);
        assert_eq!(Letter::read(&mut header.as_bytes(), true).unwrap_err().code, exit::DATA);
        let body = "x".repeat(HEADER_OCTETS_MAX * 2);
        let mut input = body.as_bytes();
        let mut letter = Letter::read(&mut input, true).unwrap();
        let mut out = Vec::new();
        letter.copy_body(&mut input, &mut out, 1 << 30).unwrap();
        assert_eq!(out.len(), body.len(), "one long line is a body");
    }

    #[test]
    fn recipients_are_taken_and_bcc_is_hidden() {
        let text =
            "To: Anna <anna@a.test>, team: b@b.test, root;\nBcc: secret@c.test\n (x)\nSubject: y\n\nBcc: stays\n";
        let (mut letter, body) = read(text, true);
        assert_eq!(letter.take_recipients(), ["anna@a.test", "b@b.test", "root", "secret@c.test"]);
        let header = String::from_utf8(letter.into_header()).unwrap();
        assert!(!header.contains("secret") && header.ends_with("Subject: y\n\n"), "{header}");
        assert_eq!(body, "Bcc: stays\n");
    }

    #[test]
    fn resent_ones_go_first() {
        let (mut letter, _) = read("To: a@a.test\nResent-To: b@b.test\n\n", true);
        assert_eq!(letter.take_recipients(), ["b@b.test"]);
    }
}
