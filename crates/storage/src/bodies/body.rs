//! A body open for reading. Every block is checked against its checksum before a byte of it is handed out.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;

use super::Located;
use super::objects::Objects;
use super::record::{Bad, Table, table_octets};
use super::segments::Segments;
use crate::Error;
use crate::housekeeping::blocking;
use crate::limits::{BLOCK, READ_MAX};

/// A body open for reading: checked against its checksums, byte ranges of it.
#[derive(Clone)]
pub struct Body {
    inner: Arc<Inner>,
}

struct Inner {
    located: Located,
    source: Source,
    table: Table,
    /// The whole body, when it is one block.
    whole: Option<Bytes>,
}

/// Where its octets come from.
enum Source {
    File(Arc<File>),
    Object(Arc<Objects>),
    /// It is in memory, whole.
    Nowhere,
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

    fn open_in(file: Arc<File>, located: Located) -> Result<Self, Error> {
        let wanted = Wanted::of(&located)?;
        // Asked before anything is allocated: a damaged row may say any size.
        let file_end = file.metadata().map_err(|error| Error::io("reading a segment", &error))?.len();
        if wanted.range.end > file_end {
            return Err(damaged(&located, Bad::Short));
        }
        let bytes = read_at(&file, &located, wanted.range.clone())?;
        Self::opened(located, Source::File(file), &wanted, &bytes)
    }

    /// Opens one in an object store.
    pub(crate) async fn open_object(objects: Arc<Objects>, located: Located) -> Result<Self, Error> {
        let wanted = Wanted::of(&located)?;
        let bytes = objects.get(located.body, wanted.range.clone()).await?;
        let Some(bytes) = bytes else {
            return Err(Error::Damaged(format!("body {}: its object is missing", located.body.0)));
        };
        Self::opened(located, Source::Object(objects), &wanted, &bytes)
    }

    /// One that was written this moment, with the table that stands beside it on disk. `None` for one of several blocks.
    pub(crate) fn written(located: Located, payload: &[u8], table: &[u8]) -> Option<Self> {
        let wanted = Wanted::of(&located).ok().filter(|wanted| wanted.payload > 0)?;
        let bytes = [payload, table].concat();
        Self::opened(located, Source::Nowhere, &wanted, &bytes).ok()
    }

    fn opened(located: Located, source: Source, wanted: &Wanted, bytes: &[u8]) -> Result<Self, Error> {
        let bad = |bad| damaged(&located, bad);
        let (payload, table) = bytes.split_at_checked(wanted.payload).ok_or_else(|| bad(Bad::Short))?;
        let table =
            Table::decode(located.body.0, located.octets, located.stored, located.checksum, table).map_err(bad)?;
        let mut whole = None;
        if wanted.payload > 0 || located.octets == 0 {
            let mut out = Vec::new();
            table.unpack(0, payload, &mut out).map_err(bad)?;
            whole = Some(Bytes::from(out));
        }
        Ok(Self { inner: Arc::new(Inner { located, source, table, whole }) })
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
        match &self.inner.source {
            Source::File(_) => {
                let inner = Arc::clone(&self.inner);
                blocking(move || inner.read(range)).await
            }
            Source::Object(objects) => {
                let span = self.inner.span(&range)?;
                let stored = objects.get(self.inner.located.body, span).await?;
                let stored = stored.ok_or_else(|| damaged(&self.inner.located, Bad::Short))?;
                self.inner.unpack(&range, &stored)
            }
            Source::Nowhere => Err(Error::Bug("a body in memory that is not whole".to_owned())),
        }
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
    /// Reads all of it and throws it away: every checksum is compared.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        let mut at = 0;
        while at < self.len() {
            at += self.read(at..at + READ_MAX).await?.len() as u64;
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

/// What has to be read to open a body.
struct Wanted {
    range: Range<u64>,
    /// Octets of payload in it, before the table: all of them, or none.
    payload: usize,
}

impl Wanted {
    fn of(located: &Located) -> Result<Self, Error> {
        let bad = || damaged(located, Bad::Sizes);
        if located.stored > located.octets {
            return Err(bad());
        }
        let table = located.place.checked_add(located.stored).ok_or_else(bad)?;
        let end = table.checked_add(table_octets(located.octets)).ok_or_else(bad)?;
        let one_block = located.octets <= BLOCK as u64;
        let from = if one_block { located.place } else { table };
        Ok(Self { range: from..end, payload: to_usize(table - from) })
    }
}

impl Inner {
    fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let Source::File(file) = &self.source else { return Err(Error::Bug("an object read as a file".to_owned())) };
        let stored = read_at(file, &self.located, self.span(&range)?)?;
        self.unpack(&range, &stored)
    }

    /// Where the blocks lie that a range touches.
    fn span(&self, range: &Range<u64>) -> Result<Range<u64>, Error> {
        let (first, last) = blocks(range);
        let span = self.table.span(first, last).ok_or_else(|| damaged(&self.located, Bad::Sizes))?;
        Ok(self.located.place + span.start..self.located.place + span.end)
    }

    /// The range out of the stored octets of its blocks.
    fn unpack(&self, range: &Range<u64>, stored: &[u8]) -> Result<Bytes, Error> {
        let (first, last) = blocks(range);
        let mut out = Vec::with_capacity(to_usize(last - first + 1) * BLOCK);
        self.table.unpack(first, stored, &mut out).map_err(|bad| damaged(&self.located, bad))?;
        let start = to_usize(range.start - first * BLOCK as u64);
        let end = start + to_usize(range.end - range.start);
        if end > out.len() {
            return Err(damaged(&self.located, Bad::Short));
        }
        Ok(Bytes::from(out).slice(start..end))
    }
}

/// The first and the last block of a range that is not empty.
fn blocks(range: &Range<u64>) -> (u64, u64) {
    (range.start / BLOCK as u64, (range.end - 1) / BLOCK as u64)
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
