//! Splits an address field into words, specials and comments (RFC 5322 section 3.2), in one pass.

use std::borrow::Cow;

use crate::limits::COMMENT_DEPTH_MAX;

/// One lexical token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Anything between specials and blanks.
    Atom(&'a str),
    /// A quoted string's content.
    Quoted(Cow<'a, str>),
    /// A comment's content, inner comments with their parentheses.
    Comment(Cow<'a, str>),
    /// `[…]`, with its brackets.
    Literal(&'a str),
    /// One of `,;:<>@.`
    Special(u8),
}

/// A token, and whether a blank stands before it.
#[derive(Debug, Clone)]
pub(super) struct Lexed<'a> {
    pub(super) token: Token<'a>,
    pub(super) blank_before: bool,
}

/// The tokens of `text`.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|b| wanted(**b)).count();
        self.at
    }

    /// Text up to an unescaped closing byte; an opening byte nests. `self.at` stands behind the opening.
    fn delimited(&mut self, open: Option<u8>, close: u8) -> Cow<'a, str> {
        let start = self.at;
        let (mut depth, mut escapes) = (1usize, false);
        let end = loop {
            match self.peek() {
                None => break self.at,
                Some(b'\\') => {
                    escapes = true;
                    self.at += 1;
                    // The whole character behind the backslash, whatever its width.
                    let next = self.text.get(self.at..).and_then(|rest| rest.chars().next());
                    self.at += next.map_or(0, char::len_utf8);
                    continue;
                }
                Some(byte) if byte == close => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        break self.at - 1;
                    }
                }
                Some(byte) if Some(byte) == open && depth < COMMENT_DEPTH_MAX => depth += 1,
                Some(_) => {}
            }
            self.at += 1;
        };
        let inner = self.slice(start, end);
        if escapes { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) }
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)
}

fn ends_atom(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b',' | b';' | b':' | b'<' | b'>' | b'@' | b'.' | b'(' | b'"' | b'[')
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Lexed<'a>;

    fn next(&mut self) -> Option<Lexed<'a>> {
        let before = self.at;
        self.skip_while(is_blank);
        let blank_before = self.at > before;
        let start = self.at;
        let token = match self.peek()? {
            b'"' => {
                self.at += 1;
                Token::Quoted(self.delimited(None, b'"'))
            }
            b'(' => {
                self.at += 1;
                Token::Comment(self.delimited(Some(b'('), b')'))
            }
            b'[' => {
                let end = self.skip_while(|b| b != b']' && !is_blank(b) && b != b',' && b != b'>');
                self.at = end + usize::from(self.peek() == Some(b']'));
                Token::Literal(self.slice(start, self.at))
            }
            special @ (b',' | b';' | b':' | b'<' | b'>' | b'@' | b'.') => {
                self.at += 1;
                Token::Special(special)
            }
            _ => {
                let end = self.skip_while(|b| !ends_atom(b));
                Token::Atom(self.slice(start, end))
            }
        };
        Some(Lexed { token, blank_before })
    }
}
