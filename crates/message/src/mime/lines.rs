//! Cuts a stream of chunks into lines with bounded memory: a line that lies whole in a chunk is not copied, an
//! unfinished one is kept up to a limit and counted beyond it.

use memchr::memchr;

/// One line, or what was kept of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Its octets with the line end, cut at the limit when the line is longer.
    pub(super) kept: &'a [u8],
    /// Its true length, line end included.
    pub(super) octets: usize,
    /// 2 for CRLF, 1 for a bare LF, 0 at the end of the message.
    pub(super) end_octets: usize,
}

impl<'a> Line<'a> {
    pub(super) fn whole(bytes: &'a [u8]) -> Self {
        let end_octets = if bytes.ends_with(b"\r\n") { 2 } else { usize::from(bytes.ends_with(b"\n")) };
        Self { kept: bytes, octets: bytes.len(), end_octets }
    }

    /// The line without its line end; `None` when it was too long to be kept whole.
    pub(super) fn content(&self) -> Option<&'a [u8]> {
        (self.kept.len() == self.octets).then(|| self.kept.get(..self.octets - self.end_octets)).flatten()
    }
}

/// The unfinished line between two chunks.
#[derive(Debug, Default)]
pub(super) struct Carry {
    kept: Vec<u8>,
    octets: usize,
    last: u8,
    second_last: u8,
}

impl Carry {
    pub(super) fn is_empty(&self) -> bool {
        self.octets == 0
    }

    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.octets = 0;
        (self.last, self.second_last) = (0, 0);
    }

    /// Adds the head of `chunk` up to its first line end, keeping at most `kept_max` octets; returns how many octets
    /// it took and whether the line is finished.
    pub(super) fn fill(&mut self, chunk: &[u8], kept_max: usize) -> (usize, bool) {
        let line_end = memchr(b'\n', chunk);
        let taken = line_end.map_or(chunk.len(), |at| at + 1);
        let piece = chunk.get(..taken).unwrap_or_default();
        let room = kept_max.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(piece.get(..room.min(taken)).unwrap_or(piece));
        self.octets += taken;
        for byte in piece.iter().rev().take(2).rev() {
            self.second_last = self.last;
            self.last = *byte;
        }
        (taken, line_end.is_some())
    }

    pub(super) fn line(&self) -> Line<'_> {
        let end_octets = match (self.second_last, self.last) {
            (b'\r', b'\n') => 2,
            (_, b'\n') => 1,
            _ => 0,
        };
        Line { kept: &self.kept, octets: self.octets, end_octets }
    }
}
