//! The cursor that the grammar reads with: bytes of one whole command, literals in place, CRLF at the end cut off.
//!
//! Every reader either takes what it names or fails; none panics, none allocates more than it read.

use crate::imap::command::{Mailbox, MailboxError};
use crate::imap::limits;
use crate::imap::utf7;

/// Why a command could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The verb is none of ours.
    #[error("unknown command")]
    Unknown,
    /// Against the grammar; what was wanted.
    #[error("syntax error: {0} expected")]
    Expected(&'static str),
    /// Within the grammar, over a limit.
    #[error("too many or too long: {0}")]
    Limit(&'static str),
    /// A use that no mailbox has here (RFC 6154 section 3): the syntax is right, so the answer is NO.
    #[error("no mailbox has such a use here")]
    UnknownUse,
    /// A mailbox name that cannot be one: the syntax is right, so the answer is NO.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
}

type Result<T> = std::result::Result<T, ParseError>;

/// Bytes not read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
    /// Mailbox names are in UTF-8, not in modified UTF-7.
    utf8: bool,
}

/// `atom-specials` and what no atom may hold (RFC 3501 section 9).
fn is_atom_char(byte: u8) -> bool {
    byte > 0x20 && byte < 0x7f && !matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

/// `ASTRING-CHAR = ATOM-CHAR / resp-specials`
fn is_astring_char(byte: u8) -> bool {
    is_atom_char(byte) || byte == b']'
}

/// `list-char = ATOM-CHAR / list-wildcards / resp-specials`
fn is_list_char(byte: u8) -> bool {
    is_astring_char(byte) || matches!(byte, b'%' | b'*')
}

impl<'a> Input<'a> {
    pub(super) fn new(rest: &'a [u8], utf8: bool) -> Self {
        Self { rest, utf8 }
    }

    /// `mailbox = "INBOX" / astring`
    pub(super) fn mailbox(&mut self) -> Result<Mailbox> {
        let bytes = self.astring()?;
        Ok(if self.utf8 { Mailbox::from_utf8_wire(&bytes)? } else { Mailbox::from_wire(&bytes)? })
    }

    /// The text of a mailbox pattern, which [`Self::list_mailbox`] or [`Self::astring`] has read.
    pub(super) fn pattern(&self, bytes: &[u8]) -> Result<String> {
        if bytes.len() > limits::MAILBOX_OCTETS_MAX * 4 {
            return Err(ParseError::Mailbox(MailboxError::Length));
        }
        if self.utf8 {
            let text = std::str::from_utf8(bytes).map_err(|_| ParseError::Mailbox(MailboxError::Utf8))?;
            return Ok(text.to_owned());
        }
        utf7::decode(bytes).map_err(|_| ParseError::Mailbox(MailboxError::Encoding))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(ParseError::Expected("end of command")) }
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(count)?;
        self.rest = tail;
        Some(head)
    }

    pub(super) fn take_while(&mut self, allowed: impl Fn(u8) -> bool) -> &'a [u8] {
        let count = self.rest.iter().position(|b| !allowed(*b)).unwrap_or(self.rest.len());
        self.take(count).unwrap_or_default()
    }

    /// Takes `byte` if it is next.
    pub(super) fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.take(1);
        }
        found
    }

    pub(super) fn byte(&mut self, byte: u8, name: &'static str) -> Result<()> {
        if self.skip(byte) { Ok(()) } else { Err(ParseError::Expected(name)) }
    }

    /// `SP`
    pub(super) fn space(&mut self) -> Result<()> {
        self.byte(b' ', "a space")
    }

    /// Takes `word`, in any case, if it is next.
    pub(super) fn skip_word(&mut self, word: &str) -> bool {
        match self.rest.split_at_checked(word.len()) {
            Some((head, tail)) if head.eq_ignore_ascii_case(word.as_bytes()) => {
                self.rest = tail;
                true
            }
            _ => false,
        }
    }

    /// A word of letters, digits, `.`, `-`, `+`, `_`, `=`: a verb, a data item's name. In upper case.
    pub(super) fn keyword(&mut self, name: &'static str) -> Result<String> {
        let word =
            self.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+' | b'_' | b'=' | b'/'));
        if word.is_empty() || word.len() > 64 {
            return Err(ParseError::Expected(name));
        }
        Ok(word.iter().map(|b| char::from(b.to_ascii_uppercase())).collect())
    }

    /// `atom = 1*ATOM-CHAR`
    pub(super) fn atom(&mut self, name: &'static str) -> Result<&'a str> {
        let word = self.take_while(is_atom_char);
        match std::str::from_utf8(word) {
            Ok(text) if !text.is_empty() => Ok(text),
            _ => Err(ParseError::Expected(name)),
        }
    }

    /// `tag = 1*<any ASTRING-CHAR except "+">`
    pub(super) fn tag(&mut self) -> Result<&'a str> {
        let word = self.take_while(|b| is_astring_char(b) && b != b'+');
        match std::str::from_utf8(word) {
            Ok(text) if !text.is_empty() => Ok(text),
            _ => Err(ParseError::Expected("a tag")),
        }
    }

    /// `number = 1*DIGIT`, 32 bits.
    pub(super) fn number(&mut self) -> Result<u32> {
        u32::try_from(self.number64()?).map_err(|_| ParseError::Expected("a smaller number"))
    }

    /// A number of 63 bits, for sizes.
    pub(super) fn number64(&mut self) -> Result<u64> {
        let digits = self.take_while(|b| b.is_ascii_digit());
        std::str::from_utf8(digits)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .filter(|value| *value <= i64::MAX as u64)
            .ok_or(ParseError::Expected("a number"))
    }

    /// `nz-number`
    pub(super) fn nz_number(&mut self) -> Result<u32> {
        match self.number()? {
            0 => Err(ParseError::Expected("a number above zero")),
            number => Ok(number),
        }
    }

    /// `quoted = DQUOTE *QUOTED-CHAR DQUOTE`. Octets over 127 are let through: their reader decides.
    fn quoted(&mut self) -> Result<Vec<u8>> {
        self.byte(b'"', "a quoted string")?;
        let mut out = Vec::new();
        loop {
            out.extend_from_slice(self.take_while(|b| !matches!(b, b'"' | b'\\' | b'\r' | b'\n' | 0)));
            match self.take(1) {
                Some(b"\"") => return Ok(out),
                Some(b"\\") => match self.take(1) {
                    Some([escaped @ (b'"' | b'\\')]) => out.push(*escaped),
                    _ => return Err(ParseError::Expected("\\\" or \\\\")),
                },
                _ => return Err(ParseError::Expected("the end of a quoted string")),
            }
        }
    }

    /// `literal = "{" number ["+"] "}" CRLF *CHAR8`. NUL is no CHAR8.
    fn literal(&mut self) -> Result<&'a [u8]> {
        self.byte(b'{', "a literal")?;
        let octets = self.number64()?;
        self.skip(b'+');
        self.byte(b'}', "}")?;
        if !self.skip_word("\r\n") {
            return Err(ParseError::Expected("a line end"));
        }
        let octets = usize::try_from(octets).map_err(|_| ParseError::Limit("literal"))?;
        let literal = self.take(octets).ok_or(ParseError::Expected("a literal"))?;
        if literal.contains(&0) {
            return Err(ParseError::Expected("a literal without NUL"));
        }
        Ok(literal)
    }

    /// `string = quoted / literal`
    pub(super) fn string(&mut self) -> Result<Vec<u8>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal().map(<[u8]>::to_vec),
            _ => Err(ParseError::Expected("a string")),
        }
    }

    /// `astring = 1*ASTRING-CHAR / string`. Octets over 127 in an atom are let through, as clients send them.
    pub(super) fn astring(&mut self) -> Result<Vec<u8>> {
        self.word_or_string(|b| is_astring_char(b) || b >= 0x80)
    }

    /// `list-mailbox = 1*list-char / string`
    pub(super) fn list_mailbox(&mut self) -> Result<Vec<u8>> {
        self.word_or_string(|b| is_list_char(b) || b >= 0x80)
    }

    fn word_or_string(&mut self, allowed: impl Fn(u8) -> bool) -> Result<Vec<u8>> {
        if matches!(self.peek(), Some(b'"' | b'{')) {
            return self.string();
        }
        let word = self.take_while(allowed);
        if word.is_empty() { Err(ParseError::Expected("a string")) } else { Ok(word.to_vec()) }
    }

    /// `nstring = string / nil`
    pub(super) fn nstring(&mut self) -> Result<Option<Vec<u8>>> {
        if self.skip_word("NIL") { Ok(None) } else { self.string().map(Some) }
    }

    /// `"(" [item *(SP item)] ")"`, at most `max` items.
    pub(super) fn list<T>(
        &mut self,
        max: usize,
        name: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.byte(b'(', "(")?;
        let mut items = Vec::new();
        if self.skip(b')') {
            return Ok(items);
        }
        loop {
            if items.len() >= max {
                return Err(ParseError::Limit(name));
            }
            items.push(item(self)?);
            if self.skip(b')') {
                return Ok(items);
            }
            self.space()?;
        }
    }
}
