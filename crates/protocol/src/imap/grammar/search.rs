//! SEARCH keys (RFC 3501 sections 6.4.4 and 9). Depth and number are bounded: each key may be a look into every message.

use super::Result;
use super::date::date;
use super::input::{Input, ParseError};
use super::{sequence, store};
use crate::imap::command::{Flag, Search, SearchKey};
use crate::imap::limits;

/// `search = "SEARCH" [SP "CHARSET" SP astring] 1*(SP search-key)`
pub(super) fn search(input: &mut Input<'_>, uid: bool) -> Result<Search> {
    input.space()?;
    let mut charset = None;
    if input.skip_word("CHARSET ") {
        let name = input.astring()?;
        charset = Some(String::from_utf8_lossy(&name).to_ascii_uppercase());
        input.space()?;
    }
    let mut keys = Keys { left: limits::SEARCH_KEYS_MAX };
    let key = keys.all(input, 0)?;
    Ok(Search { uid, charset, key })
}

/// How many keys may still come.
struct Keys {
    left: usize,
}

impl Keys {
    /// `search-key *(SP search-key)`
    fn all(&mut self, input: &mut Input<'_>, depth: usize) -> Result<SearchKey> {
        let first = self.key(input, depth)?;
        if input.peek() != Some(b' ') {
            return Ok(first);
        }
        let mut keys = vec![first];
        while input.skip(b' ') {
            keys.push(self.key(input, depth)?);
        }
        Ok(SearchKey::And(keys))
    }

    fn key(&mut self, input: &mut Input<'_>, depth: usize) -> Result<SearchKey> {
        self.left = self.left.checked_sub(1).ok_or(ParseError::Limit("search keys"))?;
        if depth > limits::SEARCH_DEPTH_MAX {
            return Err(ParseError::Limit("search depth"));
        }
        if input.skip(b'(') {
            let key = self.all(input, depth + 1)?;
            input.byte(b')', ")")?;
            return Ok(key);
        }
        if sequence::is_next(input) {
            return sequence::set(input).map(SearchKey::Sequence);
        }
        let name = input.keyword("a search key")?;
        match name.as_str() {
            "NOT" => {
                input.space()?;
                Ok(SearchKey::Not(Box::new(self.key(input, depth + 1)?)))
            }
            "OR" => {
                input.space()?;
                let left = self.key(input, depth + 1)?;
                input.space()?;
                let right = self.key(input, depth + 1)?;
                Ok(SearchKey::Or(Box::new(left), Box::new(right)))
            }
            _ => match word(&name) {
                Some(key) => Ok(key),
                None => with_argument(input, &name),
            },
        }
    }
}

/// Keys that stand alone.
fn word(name: &str) -> Option<SearchKey> {
    Some(match name {
        "ALL" => SearchKey::all(),
        "ANSWERED" => SearchKey::Flag(Flag::Answered),
        "DELETED" => SearchKey::Flag(Flag::Deleted),
        "DRAFT" => SearchKey::Flag(Flag::Draft),
        "FLAGGED" => SearchKey::Flag(Flag::Flagged),
        "SEEN" => SearchKey::Flag(Flag::Seen),
        "RECENT" => SearchKey::Flag(Flag::Recent),
        "UNANSWERED" => SearchKey::without(Flag::Answered),
        "UNDELETED" => SearchKey::without(Flag::Deleted),
        "UNDRAFT" => SearchKey::without(Flag::Draft),
        "UNFLAGGED" => SearchKey::without(Flag::Flagged),
        "UNSEEN" => SearchKey::without(Flag::Seen),
        "OLD" => SearchKey::without(Flag::Recent),
        "NEW" => SearchKey::And(vec![SearchKey::Flag(Flag::Recent), SearchKey::without(Flag::Seen)]),
        _ => return None,
    })
}

/// Keys with one argument, HEADER with two.
fn with_argument(input: &mut Input<'_>, name: &str) -> Result<SearchKey> {
    if !matches!(
        name,
        "BCC"
            | "BEFORE"
            | "BODY"
            | "CC"
            | "FROM"
            | "HEADER"
            | "KEYWORD"
            | "LARGER"
            | "ON"
            | "SENTBEFORE"
            | "SENTON"
            | "SENTSINCE"
            | "SINCE"
            | "SMALLER"
            | "SUBJECT"
            | "TEXT"
            | "TO"
            | "UID"
            | "UNKEYWORD"
    ) {
        return Err(ParseError::Expected("a known search key"));
    }
    input.space()?;
    Ok(match name {
        "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => SearchKey::Header(name.to_ascii_lowercase(), input.astring()?),
        "HEADER" => header(input)?,
        "BODY" => SearchKey::Body(input.astring()?),
        "TEXT" => SearchKey::Text(input.astring()?),
        "BEFORE" => SearchKey::Before(date(input)?),
        "ON" => SearchKey::On(date(input)?),
        "SINCE" => SearchKey::Since(date(input)?),
        "SENTBEFORE" => SearchKey::SentBefore(date(input)?),
        "SENTON" => SearchKey::SentOn(date(input)?),
        "SENTSINCE" => SearchKey::SentSince(date(input)?),
        "KEYWORD" => SearchKey::Flag(store::keyword(input)?),
        "UNKEYWORD" => SearchKey::without(store::keyword(input)?),
        "LARGER" => SearchKey::Larger(input.number()?),
        "SMALLER" => SearchKey::Smaller(input.number()?),
        _ => SearchKey::Uid(sequence::set(input)?),
    })
}

/// `"HEADER" SP header-fld-name SP astring`
fn header(input: &mut Input<'_>) -> Result<SearchKey> {
    let name = String::from_utf8(input.astring()?).map_err(|_| ParseError::Expected("a header field name"))?;
    input.space()?;
    Ok(SearchKey::Header(name.to_ascii_lowercase(), input.astring()?))
}
