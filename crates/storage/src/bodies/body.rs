//! A body open for reading. Every block is checked against its checksum before a byte of it is handed out.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;

use super::Located;
use super::record::{Bad, Table, table_octets};
use super::segments::Segments;
use crate::Error;
use crate::limits::{BLOCK, READ_MAX};

/// A body open for reading: checked against its checksums, byte ranges of it.
pub struct Body {
    inner: Arc<Inner>,
}

struct Inner {
    located: Located,
    file: Arc<File>,
    table: Table,
    /// The whole body, when it is one block.
    whole: Option<Bytes>,
}

/// Why a body cannot be opened.
pub(crate) enum Missing {
    /// Its segment is not there: it may have been moved this moment.
    Segment,
    Other(Error),
}

impl Body {
    /// Opens it: one read for a body of one block, else one for its table. Blocks.
    pub(crate) fn open(segments: &Segments, located: Located) -> Result<Self, Missing> {
        let file = segments.reader(located.segment).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Missing::Segment,
            _ => Missing::Other(Error::io("opening a segment", &error)),
        })?;
        Self::open_in(file, located).map_err(Missing::Other)
    }

    pub(crate) fn open_in(file: Arc<File>, located: Located) -> Result<Self, Error> {
        let one_block = located.octets <= BLOCK as u64;
        let table_at = located.place.checked_add(located.stored);
        let end = table_at.and_then(|at| at.checked_add(table_octets(located.octets)));
        let (Some(table_at), Some(end)) = (table_at, end) else { return Err(damaged(&located, Bad::Sizes)) };
        // Asked before anything is allocated: a damaged row may say any size.
        let file_end = file.metadata().map_err(|error| Error::io("reading a segment", &error))?.len();
        if end > file_end || located.stored > located.octets {
            return Err(damaged(&located, Bad::Short));
        }
        let from = if one_block { located.place } else { table_at };
        let bytes = read_at(&file, &located, from..end)?;
        let (payload, table) = bytes.split_at(usize::try_from(table_at - from).unwrap_or(0));
        let table = Table::decode(located.body.0, located.octets, located.stored, located.checksum, table)
            .map_err(|bad| damaged(&located, bad))?;
        let mut whole = None;
        if one_block {
            let mut out = Vec::new();
            table.unpack(0, payload, &mut out).map_err(|bad| damaged(&located, bad))?;
            whole = Some(Bytes::from(out));
        }
        Ok(Self { inner: Arc::new(Inner { located, file, table, whole }) })
    }

    /// Octets.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.inner.located.octets
    }

    /// Whether it has no octets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A range of it, cut at its end; at most 1 MiB a call.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let end = range.end.min(self.len());
        if range.start >= end {
            return Ok(Bytes::new());
        }
        let range = range.start..end.min(range.start + READ_MAX);
        if let Some(whole) = &self.inner.whole {
            return Ok(whole.slice(to_usize(range.start)..to_usize(range.end)));
        }
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || inner.read(range))
            .await
            .map_err(|error| Error::Bug(format!("a blocking task: {error}")))?
    }

    /// The whole of it, when it is no longer than `octets_max`.
    pub async fn read_all(&self, octets_max: u64) -> Result<Bytes, Error> {
        if self.len() > octets_max {
            return Err(Error::TooLarge { what: "a body to be read whole", limit: octets_max });
        }
        if self.len() <= READ_MAX {
            return self.read(0..self.len()).await;
        }
        let mut out = Vec::with_capacity(to_usize(self.len()));
        while (out.len() as u64) < self.len() {
            let at = out.len() as u64;
            out.extend_from_slice(&self.read(at..at + READ_MAX).await?);
        }
        Ok(Bytes::from(out))
    }
}

impl Body {
    /// Reads all of it and throws it away: every checksum is compared. Blocks.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.inner.whole.is_none() {
            self.blocks(|_, _| Ok(()))?;
        }
        Ok(())
    }

    /// Hands out block after block, checked, a few at a time. Blocks.
    pub(crate) fn blocks(&self, mut each: impl FnMut(u64, &[u8]) -> Result<(), Error>) -> Result<(), Error> {
        for block in 0..self.inner.table.blocks() {
            let start = block * BLOCK as u64;
            let end = (start + BLOCK as u64).min(self.len());
            match &self.inner.whole {
                Some(whole) => each(block, whole)?,
                None => each(block, &self.inner.read(start..end)?)?,
            }
        }
        Ok(())
    }
}

impl Inner {
    fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let (first, last) = (range.start / BLOCK as u64, (range.end - 1) / BLOCK as u64);
        let span = self.table.span(first, last).ok_or_else(|| damaged(&self.located, Bad::Sizes))?;
        let stored =
            read_at(&self.file, &self.located, self.located.place + span.start..self.located.place + span.end)?;
        let mut out = Vec::with_capacity(to_usize(last - first + 1) * BLOCK);
        self.table.unpack(first, &stored, &mut out).map_err(|bad| damaged(&self.located, bad))?;
        let start = to_usize(range.start - first * BLOCK as u64);
        let end = start + to_usize(range.end - range.start);
        if end > out.len() {
            return Err(damaged(&self.located, Bad::Short));
        }
        Ok(Bytes::from(out).slice(start..end))
    }
}

fn read_at(file: &File, located: &Located, range: Range<u64>) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; to_usize(range.end - range.start)];
    file.read_exact_at(&mut bytes, range.start).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged(located, Bad::Short),
        _ => Error::io("reading a body", &error),
    })?;
    Ok(bytes)
}

/// Names the body and its place, for the operator.
pub(crate) fn damaged(located: &Located, bad: Bad) -> Error {
    Error::Damaged(format!("body {} in segment {:016x} at {}: {bad}", located.body.0, located.segment, located.place))
}

fn to_usize(octets: u64) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX)
}
