//! Quoted-printable (RFC 2045 section 6.7). The decoder lets a wrong escape stand as it is, as the RFC advises; the
//! encoder writes lines of at most 76 characters and nothing that a gateway could harm.

/// Longest line written, a soft line break's `=` included.
const LINE_OCTETS_MAX: usize = 76;

/// Blanks at a line's end that are kept until it is known whether the line ends there. More of them than a legal
/// line can have are data.
const BLANKS_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// A carriage return, perhaps of a line end.
    Cr,
    /// `=`
    Escape,
    /// `=` and one hex digit.
    Half(u8),
    /// `=` and blanks: a soft line break whose padding is still coming.
    SoftBlanks,
    /// `=` and a carriage return.
    SoftCr,
}

/// Decodes quoted-printable that arrives in pieces, cut anywhere.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    state: State,
    blanks: Vec<u8>,
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl Decoder {
    /// Decodes `input` and appends to `out`. Line ends stay as they are.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len());
        let mut rest = input;
        while let Some((first, tail)) = rest.split_first() {
            if self.state == State::Text {
                rest = self.run(rest, out);
                let Some((special, tail)) = rest.split_first() else { return };
                self.octet(*special, out);
                rest = tail;
            } else {
                self.octet(*first, out);
                rest = tail;
            }
        }
    }

    /// Takes what stands for itself, up to the next `=` or line end; blanks at its end wait for what follows.
    fn run<'a>(&mut self, input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let end = memchr::memchr3(b'=', b'\r', b'\n', input).unwrap_or(input.len());
        let (run, rest) = input.split_at_checked(end).unwrap_or((input, &[]));
        let text_end = run.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |at| at + 1);
        let (text, blanks) = run.split_at_checked(text_end).unwrap_or((run, &[]));
        if !text.is_empty() {
            self.flush_blanks(out);
            out.extend_from_slice(text);
        }
        for blank in blanks {
            self.text(*blank, out);
        }
        rest
    }

    fn octet(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.state, byte) {
            (State::Text, byte) => self.text(byte, out),
            (State::Cr, b'\n') => {
                // Blanks before a line end were added on the way (rule 3).
                self.blanks.clear();
                self.state = State::Text;
                out.extend_from_slice(b"\r\n");
            }
            (State::Cr, byte) => {
                self.flush_blanks(out);
                out.push(b'\r');
                self.state = State::Text;
                self.text(byte, out);
            }
            (State::Escape | State::SoftBlanks | State::SoftCr, b'\n') => self.state = State::Text,
            (State::Escape | State::SoftBlanks, b'\r') => self.state = State::SoftCr,
            (State::Escape | State::SoftBlanks, b' ' | b'\t') => self.state = State::SoftBlanks,
            (State::Escape, byte) if hex(byte).is_some() => self.state = State::Half(byte),
            (State::Half(first), byte) if hex(byte).is_some() => {
                let value = hex(first).unwrap_or(0) << 4 | hex(byte).unwrap_or(0);
                out.push(value);
                self.state = State::Text;
            }
            (_, byte) => {
                self.give_up_escape(out);
                self.text(byte, out);
            }
        }
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b' ' | b'\t' if self.blanks.len() < BLANKS_MAX => self.blanks.push(byte),
            b'\r' => self.state = State::Cr,
            b'\n' => {
                self.blanks.clear();
                out.push(b'\n');
            }
            byte => {
                self.flush_blanks(out);
                match byte {
                    b'=' => self.state = State::Escape,
                    byte => out.push(byte),
                }
            }
        }
    }

    fn flush_blanks(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.blanks);
    }

    /// What looked like an escape was none: it stands for itself.
    fn give_up_escape(&mut self, out: &mut Vec<u8>) {
        match self.state {
            State::Escape => out.push(b'='),
            State::Half(first) => out.extend_from_slice(&[b'=', first]),
            State::SoftBlanks => out.extend_from_slice(b"= "),
            State::SoftCr => out.extend_from_slice(b"=\r"),
            State::Text | State::Cr => {}
        }
        self.state = State::Text;
    }

    /// The encoded text has ended.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self.state {
            State::Cr => out.push(b'\r'),
            State::Half(_) => self.give_up_escape(out),
            // `=` at the very end is a soft line break whose line end was cut off.
            _ => {}
        }
        self.blanks.clear();
        self.state = State::Text;
    }
}

/// Decodes the whole.
pub fn decode(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut decoder = Decoder::default();
    decoder.push(input, &mut out);
    decoder.finish(&mut out);
    out
}

/// Encodes text: CRLF and bare LF are line ends, and are written as CRLF. Every other control character is escaped.
pub fn encode_text(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len() + input.len() / 8 + 16);
    let mut lines = input.split(|b| *b == b'\n').peekable();
    while let Some(line) = lines.next() {
        let last = lines.peek().is_none();
        encode_line(if last { line } else { line.strip_suffix(b"\r").unwrap_or(line) }, &mut out);
        if !last {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

/// Encodes octets of which none is a line end.
pub fn encode_binary(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len() + input.len() / 2);
    encode_line(input, &mut out);
    out
}

fn encode_line(line: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    for (index, byte) in line.iter().enumerate() {
        let last = index + 1 == line.len();
        let rest = line.get(index..).unwrap_or_default();
        let mut plain = is_plain(rest, column == 0, index == 0);
        let width = if plain { 1 } else { 3 };
        if column + width > LINE_OCTETS_MAX - usize::from(!last) {
            out.extend_from_slice(b"=\r\n");
            column = 0;
            plain = is_plain(rest, true, false);
        }
        if plain {
            out.push(*byte);
            column += 1;
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'=', digit(byte >> 4), digit(byte & 15)]);
            column += 3;
        }
    }
}

/// Whether the first octet of `rest`, up to the end of its line, may stand for itself at this place.
fn is_plain(rest: &[u8], begins_line: bool, began_text: bool) -> bool {
    match rest.first() {
        None | Some(b'=') => false,
        Some(b' ' | b'\t') => rest.len() > 1,
        // A dot at a line's start and a `From ` there are what gateways change.
        Some(b'.') => !begins_line,
        Some(b'F') => !begins_line || !rest.starts_with(b"From "),
        // Behind a soft line break it could begin what looks like a boundary, and was none before.
        Some(b'-') => !begins_line || began_text,
        Some(byte) => (33..=126).contains(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (coded, plain) in [
            ("a=3Db", "a=b"),
            ("caf=c3=A9", "café"),
            ("soft=\r\nbreak", "softbreak"),
            ("soft= \t\r\nbreak", "softbreak"),
            ("soft=\nbreak", "softbreak"),
            ("ends  \r\nhere \n", "ends\r\nhere\n"),
            ("bad =ZZ =4", "bad =ZZ =4"),
            ("end=", "end"),
            ("a \tb", "a \tb"),
            ("a\rb", "a\rb"),
        ] {
            assert_eq!(String::from_utf8(decode(coded.as_bytes())).unwrap(), plain, "{coded:?}");
        }
        assert_eq!(encode_text("é=\tx \n".as_bytes()), b"=C3=A9=3D\tx=20\r\n");
        assert_eq!(encode_text(b"From me\n."), b"=46rom me\r\n=2E");
        assert_eq!(encode_text(&[b'a'; 77]), format!("{}=\r\naa", "a".repeat(75)).into_bytes());
        assert_eq!(encode_text(&[b'a'; 76]), "a".repeat(76).into_bytes());
        // What a soft line break brings to a line's start is no boundary, no dot, and no `From `.
        for (text, coded) in [("--x", "=2D-x"), (".x", "=2Ex"), ("From x", "=46rom x")] {
            let long = format!("{}{text}", "a".repeat(75));
            assert_eq!(
                String::from_utf8(encode_text(long.as_bytes())).unwrap(),
                format!("{}=\r\n{coded}", "a".repeat(75))
            );
        }
        assert_eq!(encode_text(b"-- \nAnna"), b"--=20\r\nAnna");
    }

    proptest! {
        #[test]
        fn round_trip(data: Vec<u8>, text in "(?s)[ -~é\r\n\t]{0,300}") {
            prop_assert_eq!(&decode(&encode_binary(&data)), &data);
            let coded = encode_text(text.as_bytes());
            prop_assert!(coded.split(|b| *b == b'\n').all(|line| line.len() <= LINE_OCTETS_MAX + 1));
            prop_assert!(coded.is_ascii());
            let lf = |s: &[u8]| String::from_utf8_lossy(s).replace("\r\n", "\n");
            prop_assert_eq!(lf(&decode(&coded)), lf(text.as_bytes()));
        }

        #[test]
        fn pieces_change_nothing(text in "[=0-9A-Fa-f \r\n\t]{0,60}", step in 1usize..8) {
            let mut plain = Vec::new();
            let mut decoder = Decoder::default();
            text.as_bytes().chunks(step).for_each(|chunk| decoder.push(chunk, &mut plain));
            decoder.finish(&mut plain);
            prop_assert_eq!(plain, decode(text.as_bytes()));
        }
    }
}
