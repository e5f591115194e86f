//! One message's bytes as FETCH and SEARCH want them: ranges, the header, the parts. A small message is read once; of a
//! large one only what is asked for passes through memory.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use mailstore::Message;
use message::mime::{Options, Scanner, Structure};
use storage::{Body, Error};

use crate::limits::{BODIES_AT_ONCE_MAX, BODIES_OCTETS_MAX, HEADER_OCTETS_MAX, PIECE_OCTETS};

/// A message's body, open.
pub(super) struct Letter {
    body: Body,
    /// All of it, when one read has brought all of it; otherwise its beginning.
    start: Bytes,
    header_end: Option<u64>,
    structure: Option<Arc<Structure>>,
}

/// How many of these messages are opened by one look; at least one.
pub(super) fn bunch(messages: &[Message]) -> usize {
    let mut octets = 0;
    let fits = |message: &&Message| {
        octets += message.octets.min(PIECE_OCTETS);
        octets <= BODIES_OCTETS_MAX
    };
    messages.iter().take(BODIES_AT_ONCE_MAX).take_while(fits).count().max(1).min(messages.len())
}

impl Letter {
    /// Reads its beginning, so that a body that cannot be read at all shows before anything is promised.
    pub(super) async fn open(body: Body) -> Result<Self, Error> {
        let start = body.read(0..PIECE_OCTETS).await?;
        Ok(Self { body, start, header_end: None, structure: None })
    }

    pub(super) fn octets(&self) -> u64 {
        self.body.len()
    }

    /// What is known of its parts already.
    pub(super) fn set_structure(&mut self, structure: Arc<Structure>) {
        self.structure = Some(structure);
    }

    /// A piece for the wire. NUL, which no literal may hold (RFC 3501 section 9, `CHAR8`), is shown as octet 128.
    pub(super) async fn piece_for_wire(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let piece = self.piece(range).await?;
        if memchr::memchr(0, &piece).is_none() {
            return Ok(piece);
        }
        Ok(piece.iter().map(|octet| if *octet == 0 { 128 } else { *octet }).collect())
    }

    /// A piece of it: not all of `range` when that is long, nothing only when `range` is empty.
    pub(super) async fn piece(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let end = range.end.min(self.octets());
        let in_start = self.start.len() as u64;
        if range.start >= end {
            return Ok(Bytes::new());
        }
        if range.start < in_start {
            let (from, to) = (to_usize(range.start), to_usize(end.min(in_start)));
            return Ok(self.start.slice(from..to));
        }
        let piece = self.body.read(range.start..end.min(range.start + PIECE_OCTETS)).await?;
        if piece.is_empty() {
            return Err(Error::Damaged("a body is shorter than its row says".to_owned()));
        }
        Ok(piece)
    }

    /// A range in memory, no more of it than `octets_max`.
    pub(super) async fn gather(&self, range: Range<u64>, octets_max: u64) -> Result<Bytes, Error> {
        let end = range.end.min(self.octets()).min(range.start.saturating_add(octets_max));
        let first = self.piece(range.start..end).await?;
        let mut at = range.start + first.len() as u64;
        if at >= end {
            return Ok(first);
        }
        let mut all = first.to_vec();
        while at < end {
            let piece = self.piece(at..end).await?;
            at += piece.len() as u64;
            all.extend_from_slice(&piece);
        }
        Ok(Bytes::from(all))
    }

    /// Where the body begins: behind the empty line.
    pub(super) async fn header_end(&mut self) -> Result<u64, Error> {
        if let Some(end) = self.header_end {
            return Ok(end);
        }
        // Only the end is looked for, however far it is; nothing is kept.
        let mut blank = BlankLine::default();
        let mut at = 0;
        let end = loop {
            let piece = self.piece(at..self.octets()).await?;
            if piece.is_empty() {
                break at;
            }
            if let Some(taken) = blank.find(&piece) {
                break at + taken as u64;
            }
            at += piece.len() as u64;
        };
        self.header_end = Some(end);
        Ok(end)
    }

    /// The header section in memory, its beginning when it is enormous.
    pub(super) async fn header(&mut self) -> Result<Bytes, Error> {
        let end = self.header_end().await?;
        self.gather(0..end, HEADER_OCTETS_MAX).await
    }

    /// The tree of parts, read in one pass.
    pub(super) async fn structure(&mut self) -> Result<Arc<Structure>, Error> {
        if let Some(structure) = &self.structure {
            return Ok(Arc::clone(structure));
        }
        let mut scanner = Scanner::new(Options::default());
        let mut at = 0;
        loop {
            let piece = self.piece(at..self.octets()).await?;
            if piece.is_empty() {
                break;
            }
            at += piece.len() as u64;
            scanner.push(&piece);
        }
        let structure = Arc::new(scanner.finish());
        self.structure = Some(Arc::clone(&structure));
        Ok(structure)
    }
}

/// Finds the first empty line in what comes in pieces.
#[derive(Default)]
struct BlankLine {
    so_far: LineSoFar,
}

/// What the unfinished line holds.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum LineSoFar {
    #[default]
    Nothing,
    Cr,
    Something,
}

impl BlankLine {
    /// Where in `piece` the empty line has ended.
    fn find(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            let end = memchr::memchr(b'\n', rest);
            for octet in rest.iter().take(end.unwrap_or(rest.len()).min(2)) {
                self.so_far = match (self.so_far, octet) {
                    (LineSoFar::Nothing, b'\r') => LineSoFar::Cr,
                    _ => LineSoFar::Something,
                };
            }
            at += end? + 1;
            if std::mem::take(&mut self.so_far) != LineSoFar::Something {
                return Some(at);
            }
        }
        None
    }
}

fn to_usize(octets: u64) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::BlankLine;

    #[test]
    fn the_empty_line_is_found_however_it_is_cut() {
        for (text, end) in [
            ("a: b\r\n\r\nbody", Some(8)),
            ("a: b\n\nbody", Some(6)),
            ("\r\nbody", Some(2)),
            ("\nbody", Some(1)),
            ("a\r\nb\r\n", None),
            ("a\r\n\r\r\n\r\n", Some(8)),
            ("a\r\n \r\n\r\n", Some(8)),
            ("", None),
        ] {
            for cut in 1..=text.len().max(1) {
                let mut blank = BlankLine::default();
                let mut at = 0;
                let mut found = None;
                for piece in text.as_bytes().chunks(cut) {
                    if let Some(taken) = blank.find(piece) {
                        found = Some(at + taken);
                        break;
                    }
                    at += piece.len();
                }
                assert_eq!(found, end, "{text:?} cut by {cut}");
            }
        }
    }
}
