//! BINARY and BINARY.SIZE: a part's content, decoded (RFC 3516). It is decoded twice, once to know how much it is, so that
//! it never stands in memory whole.

use std::ops::Range;

use message::encoding::TransferEncoding;
use protocol::imap::encode::FetchLine;
use protocol::imap::{FetchItem, Partial};
use storage::Error;

use super::super::letter::Letter;
use super::super::talk::Talk;
use super::super::trouble::Trouble;
use super::item::cut;

/// Where a part's content stands, and how it is encoded.
struct Encoded {
    range: Range<u64>,
    encoding: TransferEncoding,
}

/// `None`: there is no such part.
async fn find(letter: &mut Letter, part: &[u32]) -> Result<Option<Encoded>, Error> {
    if part.is_empty() {
        return Ok(Some(Encoded { range: 0..letter.octets(), encoding: TransferEncoding::Binary }));
    }
    let structure = letter.structure().await?;
    let part = structure.by_numbers(part).and_then(|id| structure.part(id));
    Ok(part.map(|part| Encoded {
        range: part.body.start as u64..part.body.end as u64,
        encoding: part.content.encoding.clone(),
    }))
}

/// Whether any of the items asks for a part that nobody here can decode.
pub(super) async fn is_unknown(letter: &mut Letter, items: &[FetchItem]) -> Result<bool, Error> {
    for item in items {
        if let FetchItem::Binary { part, .. } | FetchItem::BinarySize(part) = item
            && let Some(Encoded { encoding: TransferEncoding::Other(_), .. }) = find(letter, part).await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Encoded {
    /// Octets when decoded.
    async fn octets(&self, letter: &Letter) -> Result<u64, Error> {
        if self.encoding.is_identity() {
            return Ok(self.range.end - self.range.start);
        }
        let (mut decoder, mut decoded, mut octets) = (self.encoding.decoder(), Vec::new(), 0);
        let mut at = self.range.start;
        while at < self.range.end {
            let piece = letter.piece(at..self.range.end).await?;
            at += piece.len() as u64;
            decoder.push(&piece, &mut decoded);
            octets += decoded.len() as u64;
            decoded.clear();
        }
        decoder.finish(&mut decoded);
        Ok(octets + decoded.len() as u64)
    }
}

impl Talk {
    /// `BINARY[part]<partial>`
    pub(super) async fn binary(
        &mut self,
        line: &mut FetchLine,
        part: &[u32],
        partial: Option<Partial>,
        letter: &mut Letter,
    ) -> Result<(), Trouble> {
        let offset = partial.map(|partial| partial.offset);
        let Some(encoded) = find(letter, part).await? else {
            line.binary_nil(self.line.session().output(), part, offset);
            return Ok(());
        };
        let wanted = cut(0..encoded.octets(letter).await?, partial);
        line.binary(self.line.session().output(), part, offset, wanted.end - wanted.start);
        if encoded.encoding.is_identity() {
            let start = encoded.range.start;
            return self.pass_decoded(letter, &encoded, start + wanted.start..start + wanted.end, None).await;
        }
        let range = encoded.range.clone();
        self.pass_decoded(letter, &encoded, range, Some(wanted)).await
    }

    /// Sends the octets of `range`; with `window`, decoded, and of these only the ones in it.
    async fn pass_decoded(
        &mut self,
        letter: &Letter,
        encoded: &Encoded,
        range: Range<u64>,
        window: Option<Range<u64>>,
    ) -> Result<(), Trouble> {
        let window = window.unwrap_or(0..range.end - range.start);
        let (mut decoder, mut decoded, mut passed) = (encoded.encoding.decoder(), Vec::new(), 0);
        let mut at = range.start;
        while passed < window.end {
            let piece = letter.piece(at..range.end).await?;
            at += piece.len() as u64;
            decoder.push(&piece, &mut decoded);
            let ended = piece.is_empty();
            if ended {
                decoder.finish(&mut decoded);
            }
            let within = |at: u64| usize::try_from(at.saturating_sub(passed)).unwrap_or(usize::MAX).min(decoded.len());
            let shown = decoded.get(within(window.start)..within(window.end)).unwrap_or_default();
            self.line.session().output().extend_from_slice(shown);
            passed += decoded.len() as u64;
            decoded.clear();
            self.relieve().await?;
            if ended && passed < window.end {
                return Err(Error::Damaged("a part decoded to less than it did before".to_owned()).into());
            }
        }
        Ok(())
    }

    /// `BINARY.SIZE[part]`: of a part that is not there, nothing.
    pub(super) async fn binary_size(
        &mut self,
        line: &mut FetchLine,
        part: &[u32],
        letter: &mut Letter,
    ) -> Result<(), Trouble> {
        let octets = match find(letter, part).await? {
            Some(encoded) => encoded.octets(letter).await?,
            None => 0,
        };
        line.binary_size(self.line.session().output(), part, octets);
        Ok(())
    }
}
