//! Parameters of Content-Type and Content-Disposition, with the continuations, charsets and languages of RFC 2231.
//!
//! Read tolerantly: blanks around `=`, values with blanks and no quotes, pieces in any order, encoded words where
//! RFC 2047 forbids them. A plain and an extended form of one name: the extended wins (RFC 6266 section 4.3).

use std::borrow::Cow;

use crate::encoding::{charset, words};
use crate::limits::{PARAMETER_OCTETS_MAX, PARAMETERS_MAX};

/// Characters of a parameter's name that are kept; the longest registered has about 30.
const NAME_CHARS_MAX: usize = 127;

/// One parameter, its pieces joined.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Parameter {
    /// Its name in lower case, without the asterisks of RFC 2231.
    pub name: String,
    /// Its value, unquoted; decoded when it came in the extended form. Encoded words are left alone.
    pub value: String,
    /// The extended form as on the wire, pieces joined: `utf-8'en'%CE%BA`.
    pub extended: Option<String>,
}

impl Parameter {
    /// The value for people, encoded words decoded too (many mailers put a file name so).
    pub fn text(&self) -> String {
        words::decode(self.value.as_bytes())
    }
}

/// The parameters of one field, in the order of their first appearance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Parameters(Vec<Parameter>);

impl Parameters {
    /// From the text behind the first semicolon, unfolded.
    pub fn parse(text: &str) -> Self {
        let mut gathered: Vec<Gathered<'_>> = Vec::new();
        let mut rest = text;
        for _ in 0..PARAMETERS_MAX {
            let Some(raw) = next_parameter(&mut rest) else { break };
            let name = PieceName::parse(raw.name);
            if name.base.is_empty() {
                continue;
            }
            match gathered.iter_mut().find(|g| g.name.eq_ignore_ascii_case(name.base)) {
                Some(known) => known.add(&name, raw.value),
                None => {
                    let mut new = Gathered::new(name.base);
                    new.add(&name, raw.value);
                    gathered.push(new);
                }
            }
        }
        Self(gathered.into_iter().map(Gathered::join).collect())
    }

    /// The value of that parameter, whatever the case of its name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|parameter| parameter.value.as_str())
    }

    /// That parameter.
    pub fn find(&self, name: &str) -> Option<&Parameter> {
        self.0.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(name))
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds or replaces one; for the writer.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|parameter| !parameter.name.eq_ignore_ascii_case(name));
        self.0.push(Parameter { name: name.to_ascii_lowercase(), value: value.into(), extended: None });
    }

    /// Octets it holds, for the bound on what is kept of a message.
    pub(crate) fn octets(&self) -> usize {
        let of = |p: &Parameter| p.name.len() + p.value.len() + p.extended.as_ref().map_or(0, String::len);
        self.0.iter().map(|p| of(p) + size_of::<Parameter>()).sum()
    }
}

impl<'a> IntoIterator for &'a Parameters {
    type Item = &'a Parameter;
    type IntoIter = std::slice::Iter<'a, Parameter>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

struct Raw<'a> {
    name: &'a str,
    value: Cow<'a, str>,
}

/// Takes the next `attribute "=" value` from `rest`; skips what is none.
fn next_parameter<'a>(rest: &mut &'a str) -> Option<Raw<'a>> {
    loop {
        *rest = skip_comment(rest.trim_start_matches([' ', '\t', ';', '\r', '\n', ',']));
        if rest.is_empty() {
            return None;
        }
        let name_octets = rest.find(['=', ';', '"']).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(name_octets)?;
        if let Some(value) = after.strip_prefix('=') {
            let (value, after) = parse_value(value.trim_start());
            *rest = after;
            let name = name.trim();
            if !name.is_empty() {
                return Some(Raw { name, value });
            }
        } else if let Some(stray) = after.strip_prefix('"') {
            *rest = parse_quoted(stray).1;
        } else {
            *rest = after;
        }
    }
}

fn skip_comment(text: &str) -> &str {
    if !text.starts_with('(') {
        return text;
    }
    text.find(')').and_then(|at| text.get(at + 1..)).unwrap_or_default().trim_start()
}

fn parse_value(text: &str) -> (Cow<'_, str>, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        return parse_quoted(quoted);
    }
    let end = text.find(';').unwrap_or(text.len());
    let end = next_name(text.get(..end).unwrap_or_default()).unwrap_or(end);
    let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    // A comment behind the value; a parenthesis inside of it is data.
    let value = value.find(" (").and_then(|at| value.get(..at)).unwrap_or(value);
    (Cow::Borrowed(value.trim()), rest)
}

/// Where in an unquoted value another `name=` begins behind a blank: the semicolon was forgotten.
fn next_name(value: &str) -> Option<usize> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_*".contains(&b);
    let equals = value.find('=')?;
    let before = value.get(..equals)?;
    let name_start = before.bytes().rposition(|b| !is_name(b)).map_or(0, |at| at + 1);
    let named = name_start < equals && before.get(..name_start)?.ends_with([' ', '\t']);
    named.then_some(name_start)
}

/// A quoted string behind its opening quote. Without a closing quote it reaches to the end.
fn parse_quoted(text: &str) -> (Cow<'_, str>, &str) {
    let mut escaped = false;
    let mut escapes = false;
    let mut end = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => (escaped, escapes) = (true, true),
            b'"' => {
                end = Some(at);
                break;
            }
            _ => {}
        }
    }
    let (inner, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""));
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    if !escapes {
        return (Cow::Borrowed(inner), rest);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        // `\` before a letter is mostly a Windows path, not a quoted pair.
        let quoted_pair = c == '\\' && chars.peek().is_some_and(|next| matches!(next, '"' | '\\' | ' ' | '(' | ')'));
        out.push(if quoted_pair { chars.next().unwrap_or(c) } else { c });
    }
    (Cow::Owned(out), rest)
}

/// `filename*1*`: base, section, and whether it is extended.
struct PieceName<'a> {
    base: &'a str,
    section: Option<u16>,
    extended: bool,
}

impl<'a> PieceName<'a> {
    fn parse(name: &'a str) -> Self {
        let (stem, extended) = name.strip_suffix('*').map_or((name, false), |stem| (stem, true));
        let section = stem.rsplit_once('*').and_then(|(base, digits)| Some((base, digits.parse().ok()?)));
        match section {
            Some((base, section)) => Self { base, section: Some(section), extended },
            None => Self { base: stem, section: None, extended },
        }
    }
}

struct Piece<'a> {
    section: u16,
    extended: bool,
    value: Cow<'a, str>,
}

/// All that came under one name.
struct Gathered<'a> {
    name: &'a str,
    plain: Option<Cow<'a, str>>,
    whole: Option<Cow<'a, str>>,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Gathered<'a> {
    fn new(name: &'a str) -> Self {
        Self { name, plain: None, whole: None, pieces: Vec::new() }
    }

    fn add(&mut self, name: &PieceName<'a>, value: Cow<'a, str>) {
        match (name.section, name.extended) {
            (None, false) => drop(self.plain.get_or_insert(value)),
            (None, true) => drop(self.whole.get_or_insert(value)),
            (Some(section), extended) => self.pieces.push(Piece { section, extended, value }),
        }
    }

    fn join(mut self) -> Parameter {
        let name = self.name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX);
        let name: String = name.map(|c| c.to_ascii_lowercase()).collect();
        if let Some(whole) = self.whole {
            self.pieces = vec![Piece { section: 0, extended: true, value: whole }];
        }
        self.pieces.sort_by_key(|piece| piece.section);
        if self.pieces.is_empty() || (self.plain.is_some() && self.pieces.first().is_some_and(|p| p.section != 0)) {
            let value = clipped(self.plain.as_deref().unwrap_or_default());
            return Parameter { name, value, extended: None };
        }
        if !self.pieces.iter().any(|piece| piece.extended) {
            let value: String = self.pieces.iter().map(|piece| piece.value.as_ref()).collect();
            return Parameter { name, value: clipped(&value), extended: None };
        }
        let (value, extended) = decode_pieces(&self.pieces);
        Parameter { name, value: clipped(&value), extended: Some(clipped(&extended)) }
    }
}

/// Joins extended pieces before the charset is decoded: a character may be cut between two of them.
fn decode_pieces(pieces: &[Piece<'_>]) -> (String, String) {
    let mut label = "";
    let mut octets = Vec::new();
    let mut wire = String::new();
    for (index, piece) in pieces.iter().enumerate() {
        let mut text = piece.value.as_ref();
        if index == 0 {
            let mut parts = text.splitn(3, '\'');
            if let (true, Some(charset), Some(_), Some(rest)) =
                (piece.extended, parts.next(), parts.next(), parts.next())
            {
                wire.push_str(text.strip_suffix(rest).unwrap_or_default());
                (label, text) = (charset, rest);
            } else {
                wire.push_str("''");
            }
        }
        if piece.extended {
            percent_decode(text.as_bytes(), &mut octets);
            wire.push_str(text);
        } else {
            octets.extend_from_slice(text.as_bytes());
            percent_encode(text, &mut wire);
        }
    }
    (charset::decode(label, &octets).into_owned(), wire)
}

fn percent_decode(text: &[u8], out: &mut Vec<u8>) {
    let hex = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match (byte, hex(text.get(at + 1)).zip(hex(text.get(at + 2)))) {
            (b'%', Some((high, low))) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _) => {
                out.push(*byte);
                at += 1;
            }
        }
    }
}

/// `attribute-char` of RFC 2231 section 7 stands for itself, everything else as `%XX`.
pub(crate) fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Bounded, and without control characters.
fn clipped(text: &str) -> String {
    let mut end = text.len().min(PARAMETER_OCTETS_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    if text.chars().any(char::is_control) {
        text.chars().filter(|c| !c.is_control()).collect()
    } else {
        text.to_owned()
    }
}
