//! From typed answers to bytes (RFC 3501 section 7 and 9): strings here, the rest in its own files.
//!
//! Everything that came from outside (header texts, mailbox names, keywords) goes through [`string`] or a stricter
//! writer: nothing a sender puts into a message can end a response early.

mod code;
pub mod command;
mod fetch;
mod quota;
mod response;
mod structure;
mod thread;

pub use code::Code;
pub(crate) use code::condition;
pub use fetch::FetchLine;
pub use quota::QuotaResource;
pub use response::{Attribute, ESearch, Listed, SearchUpdate, StatusValue, Untagged, flags};
pub use thread::{Forest, Node};

use super::command::{SeqNumber, SequenceSet};
use super::utf7;

/// The longest text that is written as a quoted string; longer ones are literals.
const QUOTED_OCTETS_MAX: usize = 1000;

/// `string`: quoted when it can be, a literal when it has 8-bit octets or line ends. NUL, which no string may hold, is
/// left out.
pub fn string(out: &mut Vec<u8>, text: &[u8]) {
    if text.contains(&0) {
        let without: Vec<u8> = text.iter().copied().filter(|b| *b != 0).collect();
        return string(out, &without);
    }
    let plain = text.len() <= QUOTED_OCTETS_MAX && text.iter().all(|b| b.is_ascii() && !matches!(b, b'\r' | b'\n'));
    if !plain {
        literal(out, text.len() as u64);
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// The announcement of a literal; `octets` of it must follow.
pub fn literal(out: &mut Vec<u8>, octets: u64) {
    out.extend_from_slice(b"{");
    number(out, octets);
    out.extend_from_slice(b"}\r\n");
}

/// `nstring`
pub fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => string(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// `astring`: an atom when it can be.
pub fn astring(out: &mut Vec<u8>, text: &[u8]) {
    let atom = !text.is_empty()
        && text.len() <= QUOTED_OCTETS_MAX
        && !text.eq_ignore_ascii_case(b"NIL")
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/' | b'$' | b'&' | b','));
    if atom { out.extend_from_slice(text) } else { string(out, text) }
}

/// `mailbox`, from UTF-8. Always quoted or a literal unless it is a plain word, so that no client trips.
pub fn mailbox(out: &mut Vec<u8>, name: &str) {
    let wire = utf7::encode(name);
    if wire == "INBOX" { out.extend_from_slice(b"INBOX") } else { string(out, wire.as_bytes()) }
}

/// The same for a client that has switched UTF-8 on: the name itself, quoted (RFC 6855 section 3).
pub fn mailbox_in_utf8(out: &mut Vec<u8>, name: &str) {
    if name == "INBOX" {
        return out.extend_from_slice(b"INBOX");
    }
    out.push(b'"');
    for character in name.chars().filter(|c| !c.is_control()) {
        if matches!(character, '"' | '\\') {
            out.push(b'\\');
        }
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.push(b'"');
}

/// `number`
pub fn number(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 20];
    let mut rest = value;
    let mut first = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        first = place;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// `uid-set` or `sequence-set`, runs written as ranges. `numbers` ascends.
pub fn number_set(out: &mut Vec<u8>, numbers: &[u32]) {
    let mut numbers = numbers.iter().copied().peekable();
    let mut first = true;
    while let Some(low) = numbers.next() {
        let mut high = low;
        while let Some(next) = numbers.next_if(|next| Some(*next) == high.checked_add(1)) {
            high = next;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        number(out, low.into());
        if high > low {
            out.push(b':');
            number(out, high.into());
        }
    }
}

/// `uid-set` from ranges, both ends included.
pub fn ranges(out: &mut Vec<u8>, ranges: &[(u32, u32)]) {
    for (index, (first, last)) in ranges.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        number(out, (*first).into());
        if last > first {
            out.push(b':');
            number(out, (*last).into());
        }
    }
}

/// A sequence set as it was written.
pub fn sequence_set(out: &mut Vec<u8>, set: &SequenceSet) {
    let SequenceSet::Ranges(written) = set else { return out.push(b'$') };
    let one = |out: &mut Vec<u8>, value: SeqNumber| match value {
        SeqNumber::Number(value) => number(out, value.into()),
        SeqNumber::Last => out.push(b'*'),
    };
    for (index, (first, last)) in written.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        one(out, *first);
        if first != last {
            out.push(b':');
            one(out, *last);
        }
    }
}

/// `(a b c)`
pub(crate) fn list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut one: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'(');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        one(out, item);
    }
    out.push(b')');
}

#[cfg(test)]
mod tests;
