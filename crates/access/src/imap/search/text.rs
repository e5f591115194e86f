//! The text of a message for BODY and TEXT: of every text part, decoded, its case folded, piece by piece. Headers of
//! messages within count as text of the message around them, and so does what stands before and behind the parts of a
//! multipart. Pictures and the like are not looked into.

use std::ops::Range;

use message::encoding::{Decoder, TransferEncoding, charset};
use message::header::Header;
use message::mime::Kind;
use storage::Error;

use super::super::letter::Letter;
use super::keys::{Words, fold};
use crate::limits::{HEADER_OCTETS_MAX, SEARCH_PIECE_OCTETS};

/// Looks for the words until all are found or the message ends.
pub(super) async fn scan(letter: &mut Letter, words: &mut Words) -> Result<(), Error> {
    if words.is_done() {
        return Ok(());
    }
    let structure = letter.structure().await?;
    for part in structure.parts() {
        if words.is_done() {
            return Ok(());
        }
        let of_message = |id: message::mime::PartId| structure.part(id).is_some_and(|p| p.kind == Kind::Message);
        if part.parent.is_some_and(of_message) {
            let header = letter.gather(range(part.header), HEADER_OCTETS_MAX).await?;
            for field in Header::parse(&header).fields() {
                words.look(&fold(&format!("{}: {}", field.name(), field.text())));
            }
        }
        if part.is_text() {
            let label = part.content.content_type.charset().unwrap_or_default();
            scan_text(letter, range(part.body), part.content.encoding.decoder(), label, words).await?;
        }
        if part.kind == Kind::Multipart {
            let child = |id: Option<&message::mime::PartId>| id.and_then(|id| structure.part(*id));
            let body = range(part.body);
            let first = child(part.children.first()).map_or(body.end, |part| part.header.start as u64);
            let last = child(part.children.last()).map_or(body.end, |part| part.body.end as u64);
            for outside in [body.start..first, last..body.end] {
                scan_text(letter, outside, TransferEncoding::default().decoder(), "", words).await?;
            }
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
