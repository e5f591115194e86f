//! Gathers the header section of a message that arrives in chunks, and stops where the body begins. Acceptance needs
//! the header in hand and the body on disk.

use memchr::memchr;

use crate::limits::HEADER_OCTETS_MAX;

/// How far the collector has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The header goes on; all of the chunk was taken.
    More,
    /// The header is whole. `taken` octets of this chunk belong to it, the empty line included; the rest is body.
    Done {
        /// Octets of the last chunk that are header.
        taken: usize,
    },
    /// The header is over the limit; what was gathered stops at the limit.
    TooLong,
}

/// Gathers a header section, bounded.
#[derive(Debug)]
pub struct HeaderCollector {
    bytes: Vec<u8>,
    octets_max: usize,
    line: LineSoFar,
    outcome: Option<Progress>,
}

/// What the unfinished line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineSoFar {
    Nothing,
    Cr,
    Something,
}

impl Default for HeaderCollector {
    fn default() -> Self {
        Self::new(HEADER_OCTETS_MAX)
    }
}

impl HeaderCollector {
    /// One that keeps at most `octets_max` octets.
    pub fn new(octets_max: usize) -> Self {
        Self { bytes: Vec::new(), octets_max, line: LineSoFar::Nothing, outcome: None }
    }

    /// Takes the next chunk. After [`Progress::Done`] or [`Progress::TooLong`] it takes nothing more.
    pub fn push(&mut self, chunk: &[u8]) -> Progress {
        match self.outcome {
            Some(Progress::Done { .. }) => return Progress::Done { taken: 0 },
            Some(other) => return other,
            None => {}
        }
        let end = self.scan(chunk);
        let header = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
        let room = self.octets_max.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(header.get(..room.min(header.len())).unwrap_or(header));
        self.outcome = match end {
            _ if header.len() > room => Some(Progress::TooLong),
            Some(taken) => Some(Progress::Done { taken }),
            None => None,
        };
        self.outcome.unwrap_or(Progress::More)
    }

    /// Where in `chunk` the body begins.
    fn scan(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            let line_end = memchr(b'\n', rest);
            for byte in rest.get(..line_end.unwrap_or(rest.len())).unwrap_or(rest).iter().take(2) {
                self.line = match (self.line, byte) {
                    (LineSoFar::Nothing, b'\r') => LineSoFar::Cr,
                    _ => LineSoFar::Something,
                };
            }
            at += line_end? + 1;
            if self.line != LineSoFar::Something {
                return Some(at);
            }
            self.line = LineSoFar::Nothing;
        }
        None
    }

    /// The header so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The header, given away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether the empty line has come.
    pub fn is_complete(&self) -> bool {
        matches!(self.outcome, Some(Progress::Done { .. }))
    }
}
