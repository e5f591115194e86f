//! The text of a message for BODY and TEXT, as `message::text` has it: of a short message all at once, as the index of
//! texts has read it, of a long one piece by piece.

use std::ops::Range;

use message::encoding::{Decoder, TransferEncoding, charset};
use message::text::{self, fold};
use storage::Error;

use super::super::letter::Letter;
use super::keys::Words;
use crate::limits::{HEADER_OCTETS_MAX, SEARCH_PIECE_OCTETS};

/// Looks for the words until all are found or the message ends.
pub(super) async fn scan(letter: &mut Letter, words: &mut Words) -> Result<(), Error> {
    if words.is_done() {
        return Ok(());
    }
    let structure = letter.structure().await?;
    if letter.octets() <= mailstore::limits::GRAM_LETTER_OCTETS_MAX {
        // As the index of texts has read it.
        let all = letter.gather(0..letter.octets(), letter.octets()).await?;
        text::each_text(&all, &structure, &mut |text| {
            words.look(text);
            !words.is_done()
        });
        return Ok(());
    }
    for part in structure.parts() {
        if words.is_done() {
            return Ok(());
        }
        if text::is_header_text(&structure, part) {
            let header = letter.gather(range(part.header), HEADER_OCTETS_MAX).await?;
            text::each_field(&header, &mut |text| words.look(text));
        }
        if part.is_text() {
            let label = part.content.content_type.charset().unwrap_or_default();
            scan_text(letter, range(part.body), part.content.encoding.decoder(), label, words).await?;
        }
        for outside in text::outside_parts(&structure, part).into_iter().flatten() {
            scan_text(letter, range(outside), TransferEncoding::default().decoder(), "", words).await?;
        }
    }
    Ok(())
}

fn range(span: message::Span) -> Range<u64> {
    span.start as u64..span.end as u64
}

/// One text. What is looked into at a time ends at a line's end where there is one, so that no character is cut,
/// and begins with the end of what came before, so that no word is.
async fn scan_text(
    letter: &Letter,
    body: Range<u64>,
    mut decoder: Decoder,
    label: &str,
    words: &mut Words,
) -> Result<(), Error> {
    let mut at = body.start;
    let mut decoded = Vec::new();
    let mut before = String::new();
    loop {
        let piece = letter.piece(at..body.end).await?;
        at += piece.len() as u64;
        let last = at >= body.end || piece.is_empty();
        decoder.push(&piece, &mut decoded);
        if last {
            decoder.finish(&mut decoded);
        } else if decoded.len() < SEARCH_PIECE_OCTETS {
            continue;
        }
        let end = match memchr::memrchr(b'\n', &decoded) {
            Some(end) if !last => end + 1,
            _ => decoded.len(),
        };
        let rest = decoded.split_off(end);
        before.push_str(&fold(&charset::decode(label, &decoded)));
        decoded = rest;
        words.look(&before);
        if last || words.is_done() {
            return Ok(());
        }
        let mut from = before.len().saturating_sub(words.octets_max());
        while !before.is_char_boundary(from) {
            from -= 1;
        }
        before = before.split_off(from);
    }
}
