//! SEARCH keys (RFC 3501 sections 6.4.4 and 9). Depth and number are bounded: each key may be a look into every message.

use super::Result;
use super::date::date;
use super::input::{Input, ParseError};
use super::{sequence, store};
use crate::imap::command::{Flag, PartialRange, Search, SearchKey, SearchReturn};
use crate::imap::limits;

/// `search = "SEARCH" [SP "RETURN" SP "(" … ")"] [SP "CHARSET" SP astring] 1*(SP search-key)` (RFC 4466 section 2.6)
pub(super) fn search(input: &mut Input<'_>, uid: bool) -> Result<Search> {
    input.space()?;
    let mut returns = None;
    if input.skip_word("RETURN ") {
        returns = Some(search_return(input)?);
        input.space()?;
    }
    let mut charset = None;
    if input.skip_word("CHARSET ") {
        charset = Some(self::charset(input)?);
        input.space()?;
    }
    let key = keys(input)?;
    may_rank(returns.is_some_and(|returns| returns.relevancy), &key)?;
    Ok(Search { uid, returns, charset, key })
}

/// RELEVANCY only stands beside FUZZY (RFC 6203 sections 4 and 6).
pub(super) fn may_rank(ranks: bool, key: &SearchKey) -> Result<()> {
    if ranks && !key.mentions_fuzzy() { Err(ParseError::Expected("FUZZY")) } else { Ok(()) }
}

/// `charset = atom / quoted`, in upper case
pub(super) fn charset(input: &mut Input<'_>) -> Result<String> {
    let name = input.astring()?;
    Ok(String::from_utf8_lossy(&name).to_ascii_uppercase())
}

/// `search-key *(SP search-key)`
pub(super) fn keys(input: &mut Input<'_>) -> Result<SearchKey> {
    Keys { left: limits::SEARCH_KEYS_MAX }.all(input, 0)
}

/// `"(" [search-return-opt *(SP search-return-opt)] ")"` (RFC 4731, RFC 5182, RFC 6203, RFC 5267)
pub(super) fn search_return(input: &mut Input<'_>) -> Result<SearchReturn> {
    let mut returns = SearchReturn::default();
    input.list(16, "search return options", |input| {
        match input.keyword("a return option")?.as_str() {
            "MIN" => returns.min = true,
            "MAX" => returns.max = true,
            "ALL" => returns.all = true,
            "COUNT" => returns.count = true,
            "SAVE" => returns.save = true,
            "RELEVANCY" => returns.relevancy = true,
            "UPDATE" => returns.update = true,
            "CONTEXT" => returns.context = true,
            "PARTIAL" if returns.partial.is_none() => returns.partial = Some(partial_range(input)?),
            _ => return Err(ParseError::Expected("a known return option")),
        }
        Ok(())
    })?;
    if returns == SearchReturn::default() {
        returns.all = true;
    }
    if returns.all && returns.partial.is_some() {
        return Err(ParseError::Expected("ALL or PARTIAL"));
    }
    Ok(returns)
}

/// `SP partial-range`, where `partial-range = nz-number ":" nz-number / "-" nz-number ":-" nz-number` (RFC 9394 section 4)
pub(super) fn partial_range(input: &mut Input<'_>) -> Result<PartialRange> {
    input.space()?;
    let from_end = input.skip(b'-');
    let first = input.nz_number()?;
    input.byte(b':', "a range")?;
    if from_end {
        input.byte(b'-', "a range")?;
    }
    Ok(PartialRange { first, last: input.nz_number()?, from_end })
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
            "FUZZY" => {
                input.space()?;
                Ok(SearchKey::Fuzzy(Box::new(self.key(input, depth + 1)?)))
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
        "SAVEDATESUPPORTED" => SearchKey::SaveDateSupported,
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

const WITH_ARGUMENT: [&str; 29] = [
    "BCC",
    "BEFORE",
    "BODY",
    "CC",
    "EMAILID",
    "FROM",
    "HEADER",
    "KEYWORD",
    "LARGER",
    "MODSEQ",
    "OLDER",
    "ON",
    "SAVEDBEFORE",
    "SAVEDON",
    "SAVEDSINCE",
    "SENTBEFORE",
    "SENTON",
    "SENTSINCE",
    "SINCE",
    "SMALLER",
    "SUBJECT",
    "TEXT",
    "THREADID",
    "TO",
    "UID",
    "UIDAFTER",
    "UIDBEFORE",
    "UNKEYWORD",
    "YOUNGER",
];

/// Keys with one argument, HEADER with two.
fn with_argument(input: &mut Input<'_>, name: &str) -> Result<SearchKey> {
    if !WITH_ARGUMENT.contains(&name) {
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
        "SAVEDBEFORE" => SearchKey::SavedBefore(date(input)?),
        "SAVEDON" => SearchKey::SavedOn(date(input)?),
        "SAVEDSINCE" => SearchKey::SavedSince(date(input)?),
        "MODSEQ" => modseq(input)?,
        // `nz-number` (RFC 5032 section 4)
        "OLDER" => SearchKey::Older(input.nz_number()?),
        "YOUNGER" => SearchKey::Younger(input.nz_number()?),
        "UIDAFTER" => SearchKey::UidAfter(input.nz_number()?),
        "UIDBEFORE" => SearchKey::UidBefore(input.nz_number()?),
        "EMAILID" => SearchKey::EmailId(object_id(input)?),
        "THREADID" => SearchKey::ThreadId(object_id(input)?),
        _ => SearchKey::Uid(sequence::set(input)?),
    })
}

/// `"MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer` (RFC 7162 section 7). There is one MODSEQ a
/// message, whatever entry is named.
fn modseq(input: &mut Input<'_>) -> Result<SearchKey> {
    if input.peek() == Some(b'"') {
        input.string()?;
        input.space()?;
        if !["PRIV", "SHARED", "ALL"].contains(&input.keyword("an entry type")?.as_str()) {
            return Err(ParseError::Expected("an entry type"));
        }
        input.space()?;
    }
    Ok(SearchKey::ModSeq(input.number64()?))
}

/// `objectid = 1*255(ALPHA / DIGIT / "_" / "-")` (RFC 8474 section 7)
fn object_id(input: &mut Input<'_>) -> Result<String> {
    let id = input.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    match std::str::from_utf8(id) {
        Ok(text) if (1..=255).contains(&id.len()) => Ok(text.to_owned()),
        _ => Err(ParseError::Expected("an object id")),
    }
}

/// `"HEADER" SP header-fld-name SP astring`
fn header(input: &mut Input<'_>) -> Result<SearchKey> {
    let name = String::from_utf8(input.astring()?).map_err(|_| ParseError::Expected("a header field name"))?;
    input.space()?;
    Ok(SearchKey::Header(name.to_ascii_lowercase(), input.astring()?))
}
