//! Walks the records of a segment without its database: for counting what lives, for salvage, for verifying.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::record::{Bad, HEADER, Header, RECORD_MAGIC, SEGMENT_HEADER, decode_segment};

/// Octets looked through at a time for the next record behind a damaged one.
const STRIDE: usize = 256 * 1024;

/// The records of one segment, in their order.
pub(crate) struct Scan<'a> {
    file: &'a File,
    key: u64,
    at: u64,
    end: u64,
}

/// What stands at a place.
#[derive(Debug)]
pub(crate) enum Found {
    /// A record whose header is sound and that ends within the file.
    Record { start: u64, header: Header },
    /// Octets that are no record: damaged, or the end of a write that a crash cut off.
    Damage { start: u64, octets: u64, bad: Bad, reaches_end: bool },
}

impl<'a> Scan<'a> {
    /// Begins. The segment's own header must be sound: it holds the key.
    pub(crate) fn new(file: &'a File) -> std::io::Result<Result<Self, Bad>> {
        let end = file.metadata()?.len();
        let mut first = [0; SEGMENT_HEADER];
        if end < SEGMENT_HEADER as u64 {
            return Ok(Err(Bad::Short));
        }
        file.read_exact_at(&mut first, 0)?;
        Ok(decode_segment(&first).map(|(_, key)| Self { file, key, at: SEGMENT_HEADER as u64, end }))
    }

    /// The next, or none at the end.
    pub(crate) fn next(&mut self) -> std::io::Result<Option<Found>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let start = self.at;
        match self.record_at(start)? {
            Ok(header) => {
                self.at = start + header.record_octets();
                Ok(Some(Found::Record { start, header }))
            }
            Err(bad) => {
                self.at = self.next_record(start + 1)?;
                Ok(Some(Found::Damage { start, octets: self.at - start, bad, reaches_end: self.at == self.end }))
            }
        }
    }

    fn record_at(&self, start: u64) -> std::io::Result<Result<Header, Bad>> {
        if self.end - start < HEADER as u64 {
            return Ok(Err(Bad::Short));
        }
        let mut bytes = [0; HEADER];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(Header::decode(&bytes, self.key).and_then(|header| {
            // Sizes are below 2^63 each, so that this sum does not overflow.
            if header.record_octets() > self.end - start { Err(Bad::Short) } else { Ok(header) }
        }))
    }

    /// Where the next sound record begins at or behind `from`, or the end.
    fn next_record(&self, mut from: u64) -> std::io::Result<u64> {
        let mut window = vec![0; STRIDE + RECORD_MAGIC.len() - 1];
        while from < self.end {
            let length = usize::try_from(self.end - from).unwrap_or(usize::MAX).min(window.len());
            let Some(window) = window.get_mut(..length) else { break };
            self.file.read_exact_at(window, from)?;
            for (offset, bytes) in window.windows(RECORD_MAGIC.len()).enumerate() {
                if bytes == RECORD_MAGIC && self.record_at(from + offset as u64)?.is_ok() {
                    return Ok(from + offset as u64);
                }
            }
            from += STRIDE as u64;
        }
        Ok(self.end)
    }
}
