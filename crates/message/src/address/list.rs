//! From tokens to mailboxes and groups.
//!
//! ```text
//! address = mailbox / group
//! mailbox = [phrase] "<" [obs-route] addr-spec ">" / addr-spec
//! group   = phrase ":" [mailbox-list] ";"
//! ```
//! Commas may be doubled, brackets left open, a semicolon may part mailboxes as a comma does.

use super::lexer::{Lexed, Lexer, Token};
use super::{Entry, Mailbox};
use crate::encoding::text_of;
use crate::header::unfold;
use crate::limits::MAILBOXES_MAX;

pub(super) fn parse(value: &[u8]) -> Vec<Entry> {
    let value = unfold(value);
    let text = text_of(&value);
    let mut list = List::default();
    for lexed in Lexer::new(&text) {
        if list.count >= MAILBOXES_MAX {
            break;
        }
        list.token(lexed);
    }
    list.finish()
}

/// Where the tokens of one mailbox stand as to angle brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Angle {
    #[default]
    Outside,
    /// Behind `<`; a route is possible.
    Open,
    /// Behind `<@`, before the route's colon: commas belong to it.
    Route,
}

#[derive(Default)]
struct List<'a> {
    entries: Vec<Entry>,
    group: Option<(String, Vec<Mailbox>)>,
    /// Tokens of the mailbox being read.
    tokens: Vec<Lexed<'a>>,
    angle: Angle,
    has_at: bool,
    count: usize,
}

impl<'a> List<'a> {
    fn token(&mut self, lexed: Lexed<'a>) {
        match (&lexed.token, self.angle) {
            (Token::Special(b','), Angle::Outside | Angle::Open) => return self.end_mailbox(),
            (Token::Special(b';'), _) => {
                self.end_mailbox();
                return self.end_group();
            }
            (Token::Special(b':'), Angle::Outside) if !self.has_at && self.group.is_none() => {
                let tokens = std::mem::take(&mut self.tokens);
                self.group = Some((phrase(&tokens).unwrap_or_default(), Vec::new()));
                return;
            }
            (Token::Special(b'<'), Angle::Outside) => self.angle = Angle::Open,
            (Token::Special(b'>'), _) => self.angle = Angle::Outside,
            (Token::Special(b':'), Angle::Route) => self.angle = Angle::Open,
            (Token::Special(b'@'), angle) => {
                self.has_at = true;
                let opened = matches!(self.tokens.last().map(|t| &t.token), Some(Token::Special(b'<')));
                if angle == Angle::Open && opened {
                    self.angle = Angle::Route;
                }
            }
            _ => {}
        }
        self.tokens.push(lexed);
    }

    fn end_mailbox(&mut self) {
        if let Some(mailbox) = mailbox(&self.tokens) {
            self.count += 1;
            match &mut self.group {
                Some((_, members)) => members.push(mailbox),
                None => self.entries.push(Entry::Mailbox(mailbox)),
            }
        }
        self.tokens.clear();
        self.angle = Angle::Outside;
        self.has_at = false;
    }

    fn end_group(&mut self) {
        if let Some((name, members)) = self.group.take() {
            self.count += 1;
            self.entries.push(Entry::Group { name, members });
        }
    }

    fn finish(mut self) -> Vec<Entry> {
        self.end_mailbox();
        self.end_group();
        self.entries
    }
}

fn special_at(tokens: &[Lexed<'_>], wanted: u8) -> Option<usize> {
    tokens.iter().position(|lexed| lexed.token == Token::Special(wanted))
}

fn mailbox(tokens: &[Lexed<'_>]) -> Option<Mailbox> {
    let comment = tokens.iter().rev().find_map(|lexed| match &lexed.token {
        Token::Comment(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        _ => None,
    });
    let mut mailbox = Mailbox { comment, ..Mailbox::default() };
    let Some(open) = special_at(tokens, b'<') else {
        return bare(tokens, mailbox);
    };
    mailbox.name = phrase(tokens.get(..open)?);
    let inside = tokens.get(open + 1..)?;
    let close = special_at(inside, b'>').unwrap_or(inside.len());
    if mailbox.name.is_none() {
        // `<a@b> Anna`
        mailbox.name = inside.get(close + 1..).and_then(phrase);
    }
    let mut inside = inside.get(..close)?;
    if let Some(colon) = special_at(inside, b':')
        && matches!(inside.first().map(|t| &t.token), Some(Token::Special(b'@')))
    {
        mailbox.route = Some(join(inside.get(..colon)?, false));
        inside = inside.get(colon + 1..)?;
    }
    (mailbox.local, mailbox.domain) = addr_spec(inside);
    let nothing = mailbox.local.is_empty() && mailbox.domain.is_empty() && mailbox.name.is_none();
    (!nothing).then_some(mailbox)
}

/// A mailbox without angle brackets: an addr-spec, a lone word, or words that are no address at all.
fn bare(tokens: &[Lexed<'_>], mut mailbox: Mailbox) -> Option<Mailbox> {
    let words = tokens.iter().filter(|t| !matches!(t.token, Token::Comment(_))).count();
    if words == 0 {
        return None;
    }
    let apart = tokens.iter().skip(1).any(|t| t.blank_before && matches!(t.token, Token::Atom(_) | Token::Quoted(_)));
    if special_at(tokens, b'@').is_none() && words > 1 && apart {
        mailbox.name = phrase(tokens);
        return Some(mailbox);
    }
    (mailbox.local, mailbox.domain) = addr_spec(tokens);
    Some(mailbox)
}

/// `local-part "@" domain`, split at the last `@`.
fn addr_spec(tokens: &[Lexed<'_>]) -> (String, String) {
    match tokens.iter().rposition(|lexed| lexed.token == Token::Special(b'@')) {
        Some(at) => {
            let (local, domain) = (tokens.get(..at).unwrap_or_default(), tokens.get(at + 1..).unwrap_or_default());
            (join(local, false), join(domain, false))
        }
        None => (join(tokens, false), String::new()),
    }
}

/// A phrase: words with one blank where there were blanks, dots as they stand (RFC 5322 section 4.1).
fn phrase(tokens: &[Lexed<'_>]) -> Option<String> {
    let text = join(tokens, true);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn join(tokens: &[Lexed<'_>], blanks: bool) -> String {
    let mut out = String::new();
    // A comment between two words is a blank between them.
    let mut blank = false;
    for lexed in tokens {
        blank |= lexed.blank_before;
        if matches!(lexed.token, Token::Comment(_)) {
            blank = true;
            continue;
        }
        if blanks && blank && !out.is_empty() {
            out.push(' ');
        }
        blank = false;
        match &lexed.token {
            Token::Atom(text) | Token::Literal(text) => out.push_str(text),
            Token::Quoted(text) => out.push_str(text),
            Token::Special(byte) => out.push(char::from(*byte)),
            Token::Comment(_) => {}
        }
    }
    out
}
