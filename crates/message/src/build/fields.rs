//! Writes header fields.

use crate::address::{Entry, Mailbox, is_atext, quote};
use crate::date::DateTime;
use crate::encoding::words;
use crate::mime::{Parameters, percent_encode};

use super::fold::{Folder, WORD_OCTETS_MAX};

/// Octets of one piece of a long parameter (RFC 2231 section 3).
const PIECE_OCTETS_MAX: usize = 50;

/// Octets of a local part that are written, as many as `envelope` takes at most; quoting may double them.
const LOCAL_PART_OCTETS_MAX: usize = 255;
/// Octets of a domain that are written (RFC 5321 section 4.5.3.1.2).
const DOMAIN_OCTETS_MAX: usize = 255;

/// Writes fields one behind the other. No text that is handed in can end a field or begin another one.
#[derive(Debug, Clone, Default)]
pub struct FieldWriter {
    out: String,
    utf8: bool,
}

impl FieldWriter {
    /// Fields in ASCII.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fields in UTF-8 (RFC 6532), for a letter that travels with SMTPUTF8.
    pub fn utf8() -> Self {
        Self { out: String::new(), utf8: true }
    }

    /// What has been written.
    pub fn into_string(self) -> String {
        self.out
    }

    /// A field of free text, such as Subject.
    pub fn text(&mut self, name: &str, text: &str) -> &mut Self {
        let mut folder = Folder::begin(&mut self.out, name);
        folder.text(text, self.utf8);
        folder.end();
        self
    }

    /// A field whose value has a syntax of its own, such as `MIME-Version: 1.0`: folded at its blanks, nothing is
    /// encoded. A word that no line could hold is cut.
    pub fn structured(&mut self, name: &str, value: &str) -> &mut Self {
        let mut folder = Folder::begin(&mut self.out, name);
        for word in value.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
            cut(word, |piece| folder.word(1, piece));
        }
        folder.end();
        self
    }

    /// A date.
    pub fn date(&mut self, name: &str, date: DateTime) -> &mut Self {
        self.structured(name, &date.to_rfc5322())
    }

    /// Message ids, given without angle brackets. One that no line could hold is left out.
    pub fn message_ids<'a>(&mut self, name: &str, ids: impl IntoIterator<Item = &'a str>) -> &mut Self {
        let mut folder = Folder::begin(&mut self.out, name);
        for id in ids {
            let id: String = id.chars().filter(|c| c.is_ascii_graphic() && !"<>".contains(*c)).collect();
            if id.len() > WORD_OCTETS_MAX {
                continue;
            }
            folder.word(1, &format!("<{id}>"));
        }
        folder.end();
        self
    }

    /// An address field; nothing at all when there is no entry. What is longer than a line is no address (RFC 5321
    /// section 4.5.3.1.3) and loses its end. A local part that is not ASCII is written as UTF-8
    /// whatever the mode: such a letter needs SMTPUTF8.
    pub fn addresses(&mut self, name: &str, entries: &[Entry]) -> &mut Self {
        if entries.is_empty() {
            return self;
        }
        let utf8 = self.utf8;
        let mut folder = Folder::begin(&mut self.out, name);
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                folder.glue(",");
            }
            match entry {
                Entry::Mailbox(one) => mailbox(&mut folder, one, utf8),
                Entry::Group { name, members } => {
                    phrase(&mut folder, name, utf8);
                    folder.glue(":");
                    for (index, member) in members.iter().enumerate() {
                        if index > 0 {
                            folder.glue(",");
                        }
                        mailbox(&mut folder, member, utf8);
                    }
                    folder.glue(";");
                }
            }
        }
        folder.end();
        self
    }

    /// Content-Type, Content-Disposition and the like: a word, and parameters (RFC 2231 where they need it).
    pub fn parameters(&mut self, name: &str, word: &str, parameters: &Parameters) -> &mut Self {
        let mut folder = Folder::begin(&mut self.out, name);
        let word: String = word.chars().filter(|c| c.is_ascii_graphic() && !";\"".contains(*c)).collect();
        folder.word(1, &word);
        for parameter in parameters {
            for piece in parameter_pieces(&parameter.name, &parameter.value) {
                folder.glue(";");
                folder.word(1, &piece);
            }
        }
        folder.end();
        self
    }
}

fn phrase(folder: &mut Folder<'_>, text: &str, utf8: bool) {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain = if utf8 { !text.contains("=?") } else { words::is_plain(&text) };
    let is_atom = |word: &str| !word.is_empty() && word.len() <= WORD_OCTETS_MAX && word.chars().all(is_atext);
    if plain && text.split(' ').all(is_atom) {
        for word in text.split(' ') {
            folder.word(1, word);
        }
    } else if plain && text.len() <= WORD_OCTETS_MAX / 2 {
        let mut quoted = String::new();
        quote(&text, &mut quoted);
        folder.word(1, &quoted);
    } else {
        for word in words::encode(&text, true, folder.column() + 1) {
            folder.word(1, &word);
        }
    }
}

fn mailbox(folder: &mut Folder<'_>, mailbox: &Mailbox, utf8: bool) {
    let spec = spec(mailbox, utf8);
    // A phrase that came from a header may hold encoded words: it is decoded, and encoded again the right way.
    match mailbox.display_name().filter(|name| !name.is_empty()) {
        Some(name) => {
            phrase(folder, &name, utf8);
            folder.word(1, &format!("<{spec}>"));
        }
        None => folder.word(1, &spec),
    }
}

/// `local@domain`, with the domain in ASCII unless the field is in UTF-8.
fn spec(mailbox: &Mailbox, utf8: bool) -> String {
    let ascii = if utf8 { None } else { envelope::Domain::parse(&mailbox.domain).ok() };
    let domain = ascii.map_or_else(|| mailbox.domain.clone(), |domain| domain.to_string());
    let domain = domain.chars().filter(|c| !c.is_control() && !c.is_whitespace() && !"<>,;()\"".contains(*c));
    let domain: String = domain.collect();
    Mailbox::new(head(&mailbox.local, LOCAL_PART_OCTETS_MAX), head(&domain, DOMAIN_OCTETS_MAX)).spec()
}

/// The first characters of a text, at most so many octets.
fn head(text: &str, octets_max: usize) -> &str {
    let mut end = text.len().min(octets_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Hands over a word in pieces that a line can hold.
fn cut(word: &str, mut piece: impl FnMut(&str)) {
    let mut rest = word;
    while rest.len() > WORD_OCTETS_MAX {
        let first = head(rest, WORD_OCTETS_MAX);
        piece(first);
        rest = rest.get(first.len()..).unwrap_or_default();
    }
    if !rest.is_empty() {
        piece(rest);
    }
}

fn is_token(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=*'%".contains(&b);
    !text.is_empty() && text.bytes().all(fine)
}

/// `name=value`, or as many pieces as the value needs.
fn parameter_pieces(name: &str, value: &str) -> Vec<String> {
    let name: String = name.chars().filter(|c| is_token(c.encode_utf8(&mut [0; 4]))).collect();
    let short = name.len() + value.len() + 3 <= PIECE_OCTETS_MAX + 20;
    if short && is_token(value) {
        return vec![format!("{name}={value}")];
    }
    // What looks like an encoded word would be decoded by readers that decode too much.
    if short && words::is_plain(value) {
        let mut quoted = format!("{name}=");
        quote(value, &mut quoted);
        return vec![quoted];
    }
    let mut pieces = vec![String::from("utf-8''")];
    for c in value.chars() {
        let mut coded = String::new();
        percent_encode(c.encode_utf8(&mut [0; 4]), &mut coded);
        match pieces.last_mut() {
            Some(last) if last.len() + coded.len() <= PIECE_OCTETS_MAX => last.push_str(&coded),
            _ => pieces.push(coded),
        }
    }
    if let [single] = pieces.as_slice() {
        return vec![format!("{name}*={single}")];
    }
    pieces.iter().enumerate().map(|(index, piece)| format!("{name}*{index}*={piece}")).collect()
}
