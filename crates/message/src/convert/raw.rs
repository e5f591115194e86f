//! Header fields with raw 8-bit octets in them, which many programs write and no standard but RFC 6532 allows: free text,
//! display names and comments become encoded words (RFC 2047), in UTF-8 where they are, else in the charset `unknown-8bit`
//! of RFC 1428.
//!
//! Where no encoded word may stand, in addresses, ids, dates and parameters, and in what a signature is about, the
//! octets stay: they could arrive only as something else.

use std::borrow::Cow;

use crate::encoding::words;
use crate::header::Field;
use crate::limits::LINE_OCTETS_WANTED;

/// Fields of addresses: names and comments in them are text.
const ADDRESSES: &[&str] = &["from", "sender", "reply-to", "to", "cc", "bcc"];

/// Fields with a syntax of their own, and traces of others.
const STRUCTURED: &[&str] = &[
    "authentication-results",
    "autocrypt",
    "date",
    "delivered-to",
    "dkim-signature",
    "domainkey-signature",
    "in-reply-to",
    "message-id",
    "mime-version",
    "received",
    "received-spf",
    "references",
    "return-path",
    "x-google-dkim-signature",
];

/// Beginnings of names of such.
const STRUCTURED_FAMILIES: &[&str] = &["arc-", "list-", "resent-date", "resent-message-id"];

/// Of the fields of MIME, only this one is free text.
const DESCRIPTION: &str = "content-description";

/// The whole field in ASCII, as far as it can be; `None` when it is so already, or has to stay.
pub(super) fn in_words(field: &Field<'_>) -> Option<Vec<u8>> {
    let (whole, value) = (field.whole(), field.raw());
    if whole.is_ascii() {
        return None;
    }
    let name = field.name().to_ascii_lowercase();
    let is_structured = STRUCTURED.contains(&name.as_str())
        || STRUCTURED_FAMILIES.iter().any(|family| name.starts_with(family))
        || name.starts_with("content-") && name != DESCRIPTION;
    if is_structured {
        return None;
    }
    let before = field.value_span().start - field.span().start;
    let mut out = Lines::begin(whole.get(..before)?);
    let charset = if std::str::from_utf8(value).is_ok() { "utf-8" } else { "unknown-8bit" };
    if ADDRESSES.contains(&name.strip_prefix("resent-").unwrap_or(&name)) {
        names(value, charset, &mut out);
    } else {
        let (items, rest) = split(value, |_| false);
        out.text(&items, charset, false);
        out.push(rest);
    }
    out.push(whole.get(before + value.len()..)?);
    out.is_changed.then_some(out.octets)
}

/// A word, and the blanks before it.
struct Item<'a> {
    blank: &'a [u8],
    /// As it stands.
    word: &'a [u8],
    /// What it says: without the marks of a quoted string.
    text: Cow<'a, [u8]>,
}

/// `phrase <address>`, groups and comments (RFC 5322 section 3.4).
fn names(value: &[u8], charset: &str, out: &mut Lines) {
    let mut rest = value;
    while !rest.is_empty() {
        let (items, behind) = split(rest, |b| b"<>,:;(".contains(&b));
        let (blank, special) = behind.split_at(blanks(behind));
        let is_name = matches!(special.first(), Some(b'<' | b':')) && !items.iter().any(|one| one.word.contains(&b'@'));
        if is_name {
            let is_changed = items.iter().any(|one| !one.word.is_ascii());
            out.text(&items, charset, true);
            // An encoded word stands between blanks (RFC 2047 section 5).
            out.push(if is_changed && blank.is_empty() { b" " } else { blank });
        } else {
            items.iter().for_each(|one| out.word(one.blank, one.word));
            out.push(blank);
        }
        let length = match special.first() {
            Some(b'<') => special.iter().position(|b| *b == b'>').map_or(special.len(), |end| end + 1),
            Some(b'(') => comment(special, charset, out),
            _ => 0,
        };
        let taken = length.max(special.len().min(1));
        let (now, later) = special.split_at(taken);
        if special.first() != Some(&b'(') {
            out.push(now);
        }
        rest = later;
    }
}

/// Writes the comment that begins here, with those in it, and answers how far that went. One with escapes, or without an
/// end, stays as it is.
fn comment(bytes: &[u8], charset: &str, out: &mut Lines) -> usize {
    let end = comment_octets(bytes);
    let whole = end.and_then(|end| bytes.get(..end)).unwrap_or(bytes);
    if end.is_none() || whole.contains(&b'\\') {
        out.push(whole);
        return whole.len();
    }
    let mut rest = whole;
    loop {
        let (items, behind) = split(rest, |b| matches!(b, b'(' | b')'));
        out.text(&items, charset, true);
        let (before, later) = behind.split_at(behind.len().min(blanks(behind) + 1));
        out.push(before);
        if later.is_empty() {
            return whole.len();
        }
        rest = later;
    }
}

/// How long the comment is that begins here, with those in it; `None` when it has no end.
fn comment_octets(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut escaped) = (0usize, false);
    let end = bytes.iter().position(|b| {
        match b {
            _ if escaped => {}
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        escaped = *b == b'\\' && !escaped;
        depth == 0
    });
    end.map(|end| end + 1)
}

/// The words up to one of the octets that `ends` names, and what stands behind them. A quoted string is one word where
/// something ends.
fn split(bytes: &[u8], ends: impl Fn(u8) -> bool) -> (Vec<Item<'_>>, &[u8]) {
    let (mut items, mut rest, quotes) = (Vec::new(), bytes, ends(b'<'));
    loop {
        let (blank, behind) = rest.split_at(blanks(rest));
        let length = match behind.first() {
            Some(b'"') if quotes => quoted(behind),
            _ => behind.iter().position(|b| is_blank(*b) || ends(*b) || quotes && *b == b'"').unwrap_or(behind.len()),
        };
        if length == 0 {
            return (items, rest);
        }
        let (word, later) = behind.split_at(length);
        let is_quoted = quotes && word.starts_with(b"\"");
        items.push(Item { blank, word, text: if is_quoted { unquoted(word) } else { Cow::Borrowed(word) } });
        rest = later;
    }
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| is_blank(**b)).count()
}

/// How long the quoted string is that begins here.
fn quoted(bytes: &[u8]) -> usize {
    let mut escaped = true;
    let end = bytes.iter().position(|b| {
        let ends = *b == b'"' && !escaped;
        escaped = *b == b'\\' && !escaped;
        ends
    });
    end.map_or(bytes.len(), |end| end + 1)
}

fn unquoted(word: &[u8]) -> Cow<'_, [u8]> {
    let inside = word.strip_prefix(b"\"").unwrap_or(word);
    let inside = inside.strip_suffix(b"\"").unwrap_or(inside);
    let mut escaped = false;
    let kept = inside.iter().copied().filter(|b| {
        let is_mark = *b == b'\\' && !escaped;
        escaped = is_mark;
        !is_mark && !matches!(b, b'\r' | b'\n')
    });
    Cow::Owned(kept.collect())
}

/// A field as it is written: folded before a blank where a line would become too long.
struct Lines {
    octets: Vec<u8>,
    column: usize,
    /// A fold may stand before the next word: not right behind the name.
    may_fold: bool,
    is_changed: bool,
}

impl Lines {
    fn begin(name: &[u8]) -> Self {
        Self { octets: name.to_vec(), column: name.len(), may_fold: false, is_changed: false }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.column = match bytes.iter().rposition(|b| *b == b'\n') {
            Some(end) => bytes.len() - end - 1,
            None => self.column + bytes.len(),
        };
        self.octets.extend_from_slice(bytes);
    }

    fn word(&mut self, blank: &[u8], word: &[u8]) {
        let is_long = self.column + blank.len() + word.len() > LINE_OCTETS_WANTED;
        if self.may_fold && is_long && !blank.is_empty() && !blank.contains(&b'\n') {
            self.push(b"\r\n");
        }
        self.push(blank);
        self.push(word);
        self.may_fold = true;
    }

    /// Words, of which those in 8 bits are encoded, neighbours together. Blanks between encoded words do not count (RFC
    /// 2047 section 6.2), so that those that do are encoded as well.
    fn text(&mut self, items: &[Item<'_>], charset: &str, phrase: bool) {
        let mut rest = items;
        let mut behind_encoded = false;
        while let Some(first) = rest.first() {
            if first.word.is_ascii() {
                self.word(first.blank, first.word);
                behind_encoded = is_encoded(first.word);
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let (raw, later) = rest.split_at(rest.iter().take_while(|one| !one.word.is_ascii()).count());
            let mut text = Vec::new();
            for (index, one) in raw.iter().enumerate() {
                if !one.blank.is_empty() && (index > 0 || behind_encoded) {
                    text.push(b' ');
                }
                text.extend_from_slice(&one.text);
            }
            if later.first().is_some_and(|next| is_encoded(next.word) && !next.blank.is_empty()) {
                text.push(b' ');
            }
            let used = if self.may_fold { 0 } else { self.column };
            for (index, word) in words::encode_octets(charset, &text, phrase, used).iter().enumerate() {
                self.word(if index == 0 { first.blank } else { b" " }, word.as_bytes());
            }
            (behind_encoded, self.is_changed) = (true, true);
            rest = later;
        }
    }
}

fn is_encoded(word: &[u8]) -> bool {
    word.starts_with(b"=?") && word.ends_with(b"?=")
}
