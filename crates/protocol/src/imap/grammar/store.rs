//! STORE, and flag lists (RFC 3501 sections 6.4.6 and 9).

use super::Result;
use super::input::{Input, ParseError};
use super::sequence;
use crate::imap::command::{Flag, Store, StoreAction};
use crate::imap::limits;

/// `store = "STORE" SP sequence-set [SP "(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")"] SP store-att-flags`
/// (RFC 7162 section 7)
pub(super) fn store(input: &mut Input<'_>, uid: bool) -> Result<Store> {
    input.space()?;
    let set = sequence::set(input)?;
    input.space()?;
    let mut unchanged_since = None;
    if input.skip(b'(') {
        if !input.skip_word("UNCHANGEDSINCE ") {
            return Err(ParseError::Expected("UNCHANGEDSINCE"));
        }
        unchanged_since = Some(input.number64()?);
        input.byte(b')', ")")?;
        input.space()?;
    }
    let (action, silent) = match input.keyword("FLAGS")?.as_str() {
        "FLAGS" => (StoreAction::Set, false),
        "FLAGS.SILENT" => (StoreAction::Set, true),
        "+FLAGS" => (StoreAction::Add, false),
        "+FLAGS.SILENT" => (StoreAction::Add, true),
        "-FLAGS" => (StoreAction::Remove, false),
        "-FLAGS.SILENT" => (StoreAction::Remove, true),
        _ => return Err(ParseError::Expected("FLAGS")),
    };
    input.space()?;
    let flags = if input.peek() == Some(b'(') { flag_list(input)? } else { bare_flags(input)? };
    Ok(Store { uid, set, action, silent, flags, unchanged_since })
}

/// `flag-list = "(" [flag *(SP flag)] ")"`
pub(super) fn flag_list(input: &mut Input<'_>) -> Result<Vec<Flag>> {
    input.list(limits::FLAGS_MAX, "flags", flag)
}

/// `flag *(SP flag)`
fn bare_flags(input: &mut Input<'_>) -> Result<Vec<Flag>> {
    let mut flags = vec![flag(input)?];
    while input.skip(b' ') {
        if flags.len() >= limits::FLAGS_MAX {
            return Err(ParseError::Limit("flags"));
        }
        flags.push(flag(input)?);
    }
    Ok(flags)
}

/// `flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword`. `\Recent` is read and passed
/// over later; another flag with a backslash has no meaning that we could keep.
pub(super) fn flag(input: &mut Input<'_>) -> Result<Flag> {
    if input.skip(b'\\') {
        let name = input.atom("a flag")?.to_ascii_lowercase();
        return Ok(match name.as_str() {
            "answered" => Flag::Answered,
            "flagged" => Flag::Flagged,
            "deleted" => Flag::Deleted,
            "seen" => Flag::Seen,
            "draft" => Flag::Draft,
            "recent" => Flag::Recent,
            _ => return Err(ParseError::Expected("a known system flag")),
        });
    }
    keyword(input)
}

/// `flag-keyword = atom`
pub(super) fn keyword(input: &mut Input<'_>) -> Result<Flag> {
    let keyword = input.atom("a flag")?;
    if keyword.len() > limits::KEYWORD_OCTETS_MAX {
        return Err(ParseError::Limit("keyword"));
    }
    Ok(Flag::Keyword(keyword.to_owned()))
}
