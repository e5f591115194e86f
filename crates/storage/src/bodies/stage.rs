//! A body on its way to disk: in memory while it is short, in a file while it is long.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::StagedBody;
use super::appender::{Order, located};
use super::record::{HEADER, TableBuilder};
use super::segment::{SegmentWriter, Trouble};
use super::segments::Segments;
use crate::Error;
use crate::ids::millis;
use crate::limits::{BLOCK, BODY_IN_MEMORY_MAX, LABEL_MAX};

/// A body on its way to disk. Dropped without [`Stage::finish`], it leaves nothing.
pub struct Stage {
    segments: Arc<Segments>,
    body: i64,
    octets: u64,
    /// Room for the header, then what is not in the file yet.
    buffer: Vec<u8>,
    /// How much of `buffer` is counted against the memory of all.
    counted: usize,
    spill: Option<Box<Spill>>,
    failed: bool,
}

impl Stage {
    pub(crate) fn new(segments: Arc<Segments>) -> Self {
        let body = segments.names().next();
        Self { segments, body, octets: 0, buffer: Vec::new(), counted: 0, spill: None, failed: false }
    }

    /// Adds bytes. Memory stays bounded whatever the size. After an error the stage is of no more use.
    pub async fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.check()?;
        let mut bytes = &bytes[..];
        while !bytes.is_empty() {
            if self.buffer.is_empty() {
                self.buffer.resize(HEADER, 0);
            }
            let room = (HEADER + BODY_IN_MEMORY_MAX).saturating_sub(self.buffer.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            self.octets += now.len() as u64;
            self.count();
            bytes = later;
            let full = self.buffer.len() >= HEADER + BODY_IN_MEMORY_MAX;
            if (full && !bytes.is_empty()) || (full && self.spill.is_some()) || self.should_make_room() {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Octets so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.octets
    }

    /// Whether nothing was appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends it: the bytes are synced to disk on return. `label` (1 KiB at most) is kept beside them, opaque to us, and
    /// handed back by a salvage when the database is lost.
    pub async fn finish(mut self, label: Bytes) -> Result<StagedBody, Error> {
        self.check()?;
        if label.len() > LABEL_MAX {
            return Err(Error::TooLarge { what: "a body's label", limit: LABEL_MAX as u64 });
        }
        match self.spill.take() {
            Some(spill) => self.finish_long(spill, label).await,
            None => self.finish_short(&label).await,
        }
    }

    async fn finish_short(&mut self, label: &[u8]) -> Result<StagedBody, Error> {
        let mut record = std::mem::take(&mut self.buffer);
        if record.is_empty() {
            record.resize(HEADER, 0);
        }
        let mut table = TableBuilder::default();
        table.add(self.body, &record[HEADER..]);
        let (header, table) = table.finish(self.body, millis(), label);
        record.extend_from_slice(&table);
        record.extend_from_slice(label);
        let (answer, waiting) = oneshot::channel();
        self.segments.append(Order { header, record, answer }).await?;
        waiting.await.map_err(|_| Error::Failed("the thread that writes bodies is gone".to_owned()))?
    }

    async fn finish_long(&mut self, mut spill: Box<Spill>, label: Bytes) -> Result<StagedBody, Error> {
        let rest = std::mem::take(&mut self.buffer);
        let body = self.body;
        blocking(move || {
            spill.write(body, rest.get(HEADER..).unwrap_or_default())?;
            spill.finish(body, &label)
        })
        .await
    }

    fn check(&self) -> Result<(), Error> {
        if self.failed { Err(Error::Failed("an earlier append to this body failed".to_owned())) } else { Ok(()) }
    }

    /// Whole blocks go to the file when all bodies together hold too much memory.
    fn should_make_room(&self) -> bool {
        self.buffer.len() >= HEADER + BLOCK && !self.segments.memory_is_left()
    }

    /// Writes the whole blocks of the buffer to the file and keeps the rest.
    async fn flush(&mut self) -> Result<(), Error> {
        let whole = (self.buffer.len() - HEADER) / BLOCK * BLOCK;
        let mut next = vec![0; HEADER];
        next.extend_from_slice(&self.buffer[HEADER + whole..]);
        let mut full = std::mem::replace(&mut self.buffer, next);
        full.truncate(HEADER + whole);
        self.count();
        // Until the file has them, the stage is broken: a caller who gave up waiting must not finish it.
        self.failed = true;
        let (body, segments, spill) = (self.body, Arc::clone(&self.segments), self.spill.take());
        let spill = blocking(move || {
            let mut spill = match spill {
                Some(spill) => spill,
                None => Box::new(segments.spill()?),
            };
            spill.write(body, &full[HEADER..])?;
            Ok(spill)
        })
        .await?;
        self.spill = Some(spill);
        self.failed = false;
        Ok(())
    }

    fn count(&mut self) {
        let held = self.buffer.capacity();
        let total = self.segments.in_memory();
        if held > self.counted {
            total.fetch_add(held - self.counted, Ordering::Relaxed);
        } else {
            total.fetch_sub(self.counted - held, Ordering::Relaxed);
        }
        self.counted = held;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.segments.in_memory().fetch_sub(self.counted, Ordering::Relaxed);
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Bug(format!("a blocking task: {error}")))?
}

/// A segment lent to one long body. Dropped before the end, it is cut back to what it was.
pub(crate) struct Spill {
    writer: Option<SegmentWriter>,
    segments: Arc<Segments>,
    table: TableBuilder,
    /// Octets written behind the segment's end, the header's room included.
    written: u64,
}

impl Spill {
    pub(crate) fn new(writer: SegmentWriter, segments: Arc<Segments>) -> Self {
        Self { writer: Some(writer), segments, table: TableBuilder::default(), written: HEADER as u64 }
    }

    fn writer(&mut self) -> Result<&mut SegmentWriter, Error> {
        self.writer.as_mut().ok_or_else(|| Error::Bug("a spill without its segment".to_owned()))
    }

    /// Whole blocks, or the last bytes of all.
    fn write(&mut self, body: i64, octets: &[u8]) -> Result<(), Error> {
        self.table.add(body, octets);
        self.put(octets)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let offset = self.written;
        self.writer()?.write_unsynced(offset, bytes).map_err(|error| Error::io("writing a long body", &error))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn finish(&mut self, body: i64, label: &[u8]) -> Result<StagedBody, Error> {
        let (header, table) = std::mem::take(&mut self.table).finish(body, millis(), label);
        self.put(&table)?;
        self.put(label)?;
        let octets = self.written;
        let writer = self.writer()?;
        // The header goes last: a record without one is no record.
        let sealed = header.encode(writer.key());
        writer.write_unsynced(0, &sealed).map_err(|error| Error::io("writing a long body", &error))?;
        let start = writer.end();
        match writer.sync(octets) {
            Ok(()) => {}
            Err(Trouble::Undone(error) | Trouble::Unknown(error)) => {
                self.writer = None;
                return Err(self.segments.poison(&format!("syncing a long body: {error}")));
            }
        }
        self.written = HEADER as u64;
        let writer = self.writer()?;
        let (segment, hold) = (writer.segment(), Arc::clone(writer.hold()));
        Ok(self.segments.staged(located(&header, segment, start), hold))
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Some(mut writer) = self.writer.take()
            && writer.cut().is_ok()
        {
            self.segments.put_back(writer);
        }
    }
}
