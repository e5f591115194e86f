//! FETCH: data items, sections, partials (RFC 3501 sections 6.4.5 and 9).

use super::Result;
use super::input::{Input, ParseError};
use super::search::partial_range;
use super::sequence;
use crate::imap::command::{Fetch, FetchItem, Partial, Section, SectionText};
use crate::imap::limits;

/// `fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")")
/// [fetch-modifiers]`
pub(super) fn fetch(input: &mut Input<'_>, uid: bool) -> Result<Fetch> {
    input.space()?;
    let set = sequence::set(input)?;
    input.space()?;
    let items = if input.peek() == Some(b'(') {
        input.list(limits::FETCH_ITEMS_MAX, "fetch items", |input| {
            let name = input.keyword("a fetch item")?;
            item(input, &name)
        })?
    } else {
        let name = input.keyword("a fetch item")?;
        match fetch_macro(&name) {
            Some(items) => items,
            None => vec![item(input, &name)?],
        }
    };
    if items.is_empty() {
        return Err(ParseError::Expected("a fetch item"));
    }
    let mut fetch = Fetch { uid, set, items, changed_since: None, vanished: false, page: None };
    modifiers(input, &mut fetch)?;
    Ok(fetch)
}

/// `[SP "(" fetch-modifier *(SP fetch-modifier) ")"]` with `CHANGEDSINCE n`, and `VANISHED` for UID FETCH beside it
/// (RFC 7162 section 7), and `PARTIAL range` for UID FETCH (RFC 9394 section 4).
fn modifiers(input: &mut Input<'_>, fetch: &mut Fetch) -> Result<()> {
    if input.skip(b' ') {
        let modifiers = input.list(8, "fetch modifiers", |input| {
            match input.keyword("a fetch modifier")?.as_str() {
                "CHANGEDSINCE" => {
                    input.space()?;
                    fetch.changed_since = Some(input.number64()?);
                }
                "PARTIAL" if fetch.uid && fetch.page.is_none() => fetch.page = Some(partial_range(input)?),
                "VANISHED" if fetch.uid => fetch.vanished = true,
                _ => return Err(ParseError::Expected("a known fetch modifier")),
            }
            Ok(())
        })?;
        if modifiers.is_empty() || fetch.vanished && fetch.changed_since.is_none() {
            return Err(ParseError::Expected("CHANGEDSINCE"));
        }
    }
    Ok(())
}

/// The macros, written out.
fn fetch_macro(name: &str) -> Option<Vec<FetchItem>> {
    use FetchItem::{Body, Envelope, Flags, InternalDate, Rfc822Size};
    Some(match name {
        "FAST" => vec![Flags, InternalDate, Rfc822Size],
        "ALL" => vec![Flags, InternalDate, Rfc822Size, Envelope],
        "FULL" => vec![Flags, InternalDate, Rfc822Size, Envelope, Body],
        _ => return None,
    })
}

/// `fetch-att`
fn item(input: &mut Input<'_>, name: &str) -> Result<FetchItem> {
    Ok(match name {
        "ENVELOPE" => FetchItem::Envelope,
        "FLAGS" => FetchItem::Flags,
        "INTERNALDATE" => FetchItem::InternalDate,
        "RFC822" => FetchItem::Rfc822,
        "RFC822.HEADER" => FetchItem::Rfc822Header,
        "RFC822.SIZE" => FetchItem::Rfc822Size,
        "RFC822.TEXT" => FetchItem::Rfc822Text,
        "BODYSTRUCTURE" => FetchItem::BodyStructure,
        "UID" => FetchItem::Uid,
        "MODSEQ" => FetchItem::ModSeq,
        "PREVIEW" => preview(input)?,
        "SAVEDATE" => FetchItem::SaveDate,
        "BINARY" => binary(input, false)?,
        "BINARY.PEEK" => binary(input, true)?,
        "BINARY.SIZE" => FetchItem::BinarySize(section_binary(input)?),
        "EMAILID" => FetchItem::EmailId,
        "THREADID" => FetchItem::ThreadId,
        "BODY" if input.peek() != Some(b'[') => FetchItem::Body,
        "BODY" => body_section(input, false)?,
        "BODY.PEEK" => body_section(input, true)?,
        _ => return Err(ParseError::Expected("a known fetch item")),
    })
}

/// `section ["<" number "." nz-number ">"]`
fn body_section(input: &mut Input<'_>, peek: bool) -> Result<FetchItem> {
    let section = section(input)?;
    Ok(FetchItem::Section { section, peek, partial: partial(input)? })
}

/// `["<" number "." nz-number ">"]`
fn partial(input: &mut Input<'_>) -> Result<Option<Partial>> {
    if !input.skip(b'<') {
        return Ok(None);
    }
    let offset = input.number()?;
    input.byte(b'.', "a partial")?;
    let octets = input.nz_number()?;
    input.byte(b'>', ">")?;
    Ok(Some(Partial { offset, octets }))
}

/// `"PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]` (RFC 8970 section 6)
fn preview(input: &mut Input<'_>) -> Result<FetchItem> {
    let mut ahead = *input;
    if ahead.skip_word(" (LAZY)") {
        *input = ahead;
    }
    Ok(FetchItem::Preview)
}

/// `section-binary [partial]` (RFC 3516 section 6)
fn binary(input: &mut Input<'_>, peek: bool) -> Result<FetchItem> {
    Ok(FetchItem::Binary { part: section_binary(input)?, peek, partial: partial(input)? })
}

/// `section-binary = "[" [section-part] "]"`
fn section_binary(input: &mut Input<'_>) -> Result<Vec<u32>> {
    let section = section(input)?;
    if section.text == SectionText::Whole { Ok(section.part) } else { Err(ParseError::Expected("a part's number")) }
}

/// `section = "[" [section-spec] "]"`
pub(super) fn section(input: &mut Input<'_>) -> Result<Section> {
    input.byte(b'[', "[")?;
    let mut part = Vec::new();
    while input.peek().is_some_and(|b| b.is_ascii_digit()) {
        if part.len() >= limits::SECTION_DEPTH_MAX {
            return Err(ParseError::Limit("section"));
        }
        part.push(input.nz_number()?);
        if !input.skip(b'.') {
            input.byte(b']', "]")?;
            return Ok(Section { part, text: SectionText::Whole });
        }
    }
    if part.is_empty() && input.skip(b']') {
        return Ok(Section::default());
    }
    let text = section_text(input, part.is_empty())?;
    input.byte(b']', "]")?;
    Ok(Section { part, text })
}

/// `section-text = section-msgtext / "MIME"`; MIME only behind a part number.
fn section_text(input: &mut Input<'_>, outermost: bool) -> Result<SectionText> {
    Ok(match input.keyword("a section")?.as_str() {
        "HEADER" => SectionText::Header,
        "TEXT" => SectionText::Text,
        "MIME" if !outermost => SectionText::Mime,
        "HEADER.FIELDS" => SectionText::HeaderFields { not: false, names: header_list(input)? },
        "HEADER.FIELDS.NOT" => SectionText::HeaderFields { not: true, names: header_list(input)? },
        _ => return Err(ParseError::Expected("a section")),
    })
}

/// `header-list = "(" header-fld-name *(SP header-fld-name) ")"`, `header-fld-name = astring`
fn header_list(input: &mut Input<'_>) -> Result<Vec<String>> {
    input.space()?;
    let names = input.list(limits::FETCH_ITEMS_MAX, "header fields", |input| {
        let name = String::from_utf8(input.astring()?).map_err(|_| ParseError::Expected("a header field name"))?;
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
            return Err(ParseError::Expected("a header field name"));
        }
        Ok(name)
    })?;
    if names.is_empty() { Err(ParseError::Expected("a header field name")) } else { Ok(names) }
}
