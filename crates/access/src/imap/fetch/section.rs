//! Which octets a section means (RFC 3501 section 6.4.5).

use std::ops::Range;

use bytes::Bytes;
use message::Span;
use message::header::Header;
use message::limits::FIELDS_MAX;
use protocol::imap::{Section, SectionText};
use storage::Error;

use super::super::letter::Letter;
use crate::limits::HEADER_OCTETS_MAX;

/// What was found.
pub(in crate::imap) enum Found {
    /// There is no such part.
    Nothing,
    /// A range of the message.
    Range(Range<u64>),
    /// Chosen fields, put together.
    Gathered(Vec<u8>),
}

/// Finds a section in a message.
pub(in crate::imap) async fn find(letter: &mut Letter, section: &Section) -> Result<Found, Error> {
    if section.part.is_empty() {
        let (end, octets) = (letter.header_end().await?, letter.octets());
        return match &section.text {
            SectionText::Whole => Ok(Found::Range(0..octets)),
            SectionText::Header => Ok(Found::Range(0..end)),
            SectionText::Text => Ok(Found::Range(end..octets)),
            SectionText::HeaderFields { not, names } => fields(letter, 0..end, *not, names).await,
            // The grammar wants a part number before it.
            SectionText::Mime => Ok(Found::Nothing),
        };
    }
    let structure = letter.structure().await?;
    let Some(id) = structure.by_numbers(&section.part) else { return Ok(Found::Nothing) };
    let part = structure.part(id);
    let within = structure.message_in(id);
    let found = match &section.text {
        SectionText::Whole => part.map(|part| part.body),
        SectionText::Mime => part.map(|part| part.header),
        SectionText::Text => within.map(|message| message.body),
        SectionText::Header => within.map(|message| message.header),
        SectionText::HeaderFields { not, names } => {
            let Some(message) = within else { return Ok(Found::Nothing) };
            return fields(letter, range(message.header), *not, names).await;
        }
    };
    Ok(found.map_or(Found::Nothing, |span| Found::Range(range(span))))
}

fn range(span: Span) -> Range<u64> {
    span.start as u64..span.end as u64
}

/// The fields of these names, or all others, and the empty line.
async fn fields(letter: &Letter, header: Range<u64>, not: bool, names: &[String]) -> Result<Found, Error> {
    let bytes: Bytes = letter.gather(header, HEADER_OCTETS_MAX).await?;
    let mut out = Vec::new();
    let mut rest: &[u8] = &bytes;
    loop {
        let (mut count, mut end) = (0, 0);
        for field in Header::parse(rest).fields() {
            (count, end) = (count + 1, field.span().end);
            if names.iter().any(|name| field.is(name)) != not {
                out.extend_from_slice(field.whole());
            }
        }
        // The index holds so many; what is behind them is read anew.
        if count < FIELDS_MAX {
            break;
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    out.extend_from_slice(b"\r\n");
    Ok(Found::Gathered(out))
}
