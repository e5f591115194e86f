//! Encoded words in header fields (RFC 2047, with the language of RFC 2231 section 5).
//!
//! Neighbouring words of one charset are joined before the charset is decoded, since mailers split a character over
//! two words. What is no encoded word stands as it is; 8-bit octets are UTF-8 or else Windows-1252. The decoded text
//! holds no control character, so that nothing can be smuggled into a header or a terminal by encoding it.

use memchr::{memchr, memmem};

use super::{base64, charset, text_of};
use crate::limits::ENCODED_WORD_OCTETS_MAX;

/// Question marks inside one Q-encoded text that are let pass, though RFC 2047 forbids them.
const STRAY_MARKS_MAX: usize = 8;

/// Longest charset label with its language.
const LABEL_OCTETS_MAX: usize = 64;

/// The most that the first word of a field is shortened for what stands before it: it must still hold something.
const FIRST_WORD_USED_MAX: usize = 40;

struct Word<'a> {
    charset: &'a str,
    content: Vec<u8>,
    octets: usize,
}

/// Decodes an unfolded value.
pub fn decode(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    let mut pending: Option<(&str, Vec<u8>)> = None;
    let mut text_start = 0;
    let mut at = 0;
    while let Some(found) = value.get(at..).and_then(|rest| memmem::find(rest, b"=?")) {
        let start = at + found;
        let Some(word) = parse_word(value.get(start..).unwrap_or_default()) else {
            at = start + 2;
            continue;
        };
        let between = value.get(text_start..start).unwrap_or_default();
        let neighbours = pending.is_some() && between.iter().all(|b| b.is_ascii_whitespace());
        match &mut pending {
            Some((charset, bytes)) if neighbours && charset.eq_ignore_ascii_case(word.charset) => {
                bytes.extend_from_slice(&word.content);
            }
            _ => {
                flush(&mut pending, &mut out);
                if !neighbours {
                    push_text(&text_of(between), &mut out);
                }
                pending = Some((word.charset, word.content));
            }
        }
        at = start + word.octets;
        text_start = at;
    }
    flush(&mut pending, &mut out);
    push_text(&text_of(value.get(text_start..).unwrap_or_default()), &mut out);
    out
}

fn flush(pending: &mut Option<(&str, Vec<u8>)>, out: &mut String) {
    if let Some((label, bytes)) = pending.take() {
        push_text(&charset::decode(label, &bytes), out);
    }
}

fn push_text(text: &str, out: &mut String) {
    if !text.chars().any(char::is_control) {
        return out.push_str(text);
    }
    // NUL and the like vanish, line ends and tabs become blanks.
    out.extend(text.chars().filter_map(|c| match c {
        '\t' | '\r' | '\n' => Some(' '),
        c if c.is_control() => None,
        c => Some(c),
    }));
}

/// `encoded-word = "=?" charset "?" encoding "?" encoded-text "?="`, at the start of `input`.
fn parse_word(input: &[u8]) -> Option<Word<'_>> {
    let rest = input.get(2..)?;
    let label_octets = memchr(b'?', rest.get(..LABEL_OCTETS_MAX.min(rest.len()))?)?;
    let label = std::str::from_utf8(rest.get(..label_octets)?).ok()?;
    let charset = label.split('*').next().filter(|l| !l.is_empty() && l.bytes().all(|b| b.is_ascii_graphic()))?;
    let base64 = match rest.get(label_octets + 1)? {
        b'B' | b'b' => true,
        b'Q' | b'q' => false,
        _ => return None,
    };
    if rest.get(label_octets + 2) != Some(&b'?') {
        return None;
    }
    let text = rest.get(label_octets + 3..)?;
    let length = text_octets(text)?;
    let encoded = text.get(..length)?;
    let content = if base64 { base64::decode(encoded) } else { decode_q(encoded) };
    Some(Word { charset, content, octets: 2 + label_octets + 3 + length + 2 })
}

/// How long the encoded text is. It stops at the first `?=`, and gives up soon where question marks stray, so that
/// a field full of openings costs no quadratic time.
fn text_octets(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for _ in 0..=STRAY_MARKS_MAX {
        let mark = at + memchr(b'?', text.get(at..)?)?;
        if text.get(mark + 1) == Some(&b'=') {
            return Some(mark);
        }
        at = mark + 1;
    }
    None
}

/// The Q encoding (RFC 2047 section 4.2).
fn decode_q(text: &[u8]) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let escape = (*byte == b'=').then(|| hex(text.get(at + 1)).zip(hex(text.get(at + 2)))).flatten();
        match (byte, escape) {
            (_, Some((high, low))) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'_', None) => out.push(b' '),
            (byte, None) => out.push(*byte),
        }
        at += 1;
    }
    out
}

/// Whether a text can stand in a header field as it is: printable ASCII, nothing that reads as an encoded word.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| (32..=126).contains(&b)) && !text.contains("=?")
}

/// Encodes a text as encoded words of UTF-8, each at most 75 octets, none splitting a character. They stand in the
/// field with a blank or a fold between them. The first leaves room for `used` octets that stand on its line already.
///
/// `phrase` keeps to the characters that RFC 2047 section 5 (3) allows in a display name.
pub fn encode(text: &str, phrase: bool, used: usize) -> Vec<String> {
    encode_octets("utf-8", text.as_bytes(), phrase, used)
}

/// The same for octets of any charset; none but UTF-8 has its characters kept whole.
pub(crate) fn encode_octets(charset: &str, text: &[u8], phrase: bool, used: usize) -> Vec<String> {
    let plain = |b: u8| match phrase {
        true => b.is_ascii_alphanumeric() || b"!*+-/".contains(&b),
        false => b.is_ascii_graphic() && !b"=?_".contains(&b),
    };
    let q_octets: usize = text.iter().map(|b| if plain(*b) || *b == b' ' { 1 } else { 3 }).sum();
    let base64 = q_octets > text.len().div_ceil(3) * 4;
    let whole_room = ENCODED_WORD_OCTETS_MAX - charset.len() - "=??q??=".len();
    let mut words = Vec::new();
    let (mut content, mut width) = (Vec::new(), 0);
    for c in characters(charset, text) {
        let c_width = match (base64, c) {
            (true, _) => c.len(),
            (false, [one]) if *one == b' ' || plain(*one) => 1,
            (false, _) => 3 * c.len(),
        };
        let room = if words.is_empty() { whole_room - used.min(FIRST_WORD_USED_MAX) } else { whole_room };
        let limit = if base64 { room / 4 * 3 } else { room };
        if width + c_width > limit {
            words.push(word_of(charset, &content, base64, plain));
            content.clear();
            width = 0;
        }
        content.extend_from_slice(c);
        width += c_width;
    }
    if !content.is_empty() {
        words.push(word_of(charset, &content, base64, plain));
    }
    words
}

/// What may not be cut in two.
fn characters<'a>(charset: &str, text: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let is_utf8 = charset == "utf-8";
    text.chunk_by(move |_, next| is_utf8 && next & 0xc0 == 0x80)
}

fn word_of(charset: &str, content: &[u8], base64: bool, plain: impl Fn(u8) -> bool) -> String {
    if base64 {
        let coded = base64::encode(content);
        return format!("=?{charset}?b?{}?=", String::from_utf8_lossy(&coded));
    }
    let mut word = format!("=?{charset}?q?");
    for byte in content {
        match byte {
            b' ' => word.push('_'),
            byte if plain(*byte) => word.push(char::from(*byte)),
            byte => word.push_str(&format!("={byte:02X}")),
        }
    }
    word.push_str("?=");
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (coded, plain) in [
            ("plain", "plain"),
            ("=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?= <p@x>", "Patrik Fältström <p@x>"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("=?ISO-8859-1?Q?a?=  =?ISO-8859-2?Q?_b?= c", "a b c"),
            ("=?utf-8?B?zro=?=", "κ"),
            ("=?utf-8*el?q?=CE=BA?=", "κ"),
            ("=?utf-8?q?=CE?= =?UTF-8?b?ug==?=", "κ"),
            ("=?utf-8?q?=CE?= x =?UTF-8?b?ug==?=", "\u{fffd} x \u{fffd}"),
            ("=?utf-8?q?What??=!", "What?!"),
            ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
            ("=?utf-8?q?abc", "=?utf-8?q?abc"),
            ("=?=?utf-8?q?abc?=", "=?abc"),
            ("=?utf-8?q?a=0D=0ABcc:_x=00?=", "a  Bcc: x"),
            ("Re: =?utf-8?q?a?=b", "Re: ab"),
        ] {
            assert_eq!(decode(coded.as_bytes()), plain, "{coded}");
        }
        assert_eq!(decode(b"caf\xe9 =?utf-8?q?x?= \xce\xba"), "café x κ");
        assert_eq!(encode("Ελλάδα", false, 0), ["=?utf-8?b?zpXOu867zqzOtM6x?="]);
        assert_eq!(encode("café au lait", true, 9), ["=?utf-8?q?caf=C3=A9_au_lait?="]);
    }

    #[test]
    fn a_field_of_openings_takes_linear_time() {
        for piece in ["=?", "=?a?q?", "=?a?q?=?", "=?a?b?b"] {
            let field = piece.repeat(200_000 / piece.len());
            assert!(decode(field.as_bytes()).len() <= field.len());
        }
    }

    proptest! {
        #[test]
        fn round_trip(text in "[^\\p{Cc}]{1,120}", phrase: bool, used in 0usize..90) {
            let words = encode(&text, phrase, used);
            prop_assert!(words.iter().all(|w| w.len() <= ENCODED_WORD_OCTETS_MAX && w.is_ascii() && !w.contains(' ')));
            prop_assert_eq!(decode(words.join(" ").as_bytes()), text);
        }

        #[test]
        fn anything(value: Vec<u8>) {
            prop_assert!(!decode(&value).chars().any(char::is_control));
        }
    }
}
