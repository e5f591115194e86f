//! A body on its way to disk: in memory while it is short, in a file while it is long.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::appender::{Order, located};
use super::objects::Upload;
use super::record::{HEADER, TableBuilder};
use super::segment::{SegmentWriter, Trouble};
use super::segments::Segments;
use super::{Bodies, Body, StagedBody};
use crate::Error;
use crate::housekeeping::blocking;
use crate::ids::millis;
use crate::limits::{BLOCK, BODY_IN_MEMORY_MAX, LABEL_MAX, OBJECT_PART};
use crate::room::Room;

/// A body on its way to disk. Dropped without [`Stage::finish`], it leaves nothing.
pub struct Stage {
    bodies: Bodies,
    body: i64,
    octets: u64,
    /// Room for the header, then what has not left memory yet.
    buffer: Vec<u8>,
    /// How much of `buffer` is counted against the memory of all.
    counted: usize,
    out: Out,
    failed: bool,
    room: Option<Arc<Room>>,
    from_outside: bool,
}

/// Where the blocks go that have left memory.
enum Out {
    Nowhere,
    File(Box<Spill>),
    Object(Box<Upload>),
}

impl Stage {
    pub(crate) fn new(bodies: Bodies, room: Option<Arc<Room>>, from_outside: bool) -> Self {
        let body = bodies.name();
        let (buffer, out) = (Vec::new(), Out::Nowhere);
        Self { bodies, body, octets: 0, buffer, counted: 0, out, failed: false, room, from_outside }
    }

    /// Adds bytes. Memory stays bounded whatever the size. After an error the stage is of no more use.
    pub async fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.check()?;
        self.check_room(0)?;
        let mut bytes = &bytes[..];
        while !bytes.is_empty() {
            if self.buffer.is_empty() {
                self.buffer.resize(HEADER, 0);
            }
            let full_at = HEADER + self.in_memory_max();
            let room = full_at.saturating_sub(self.buffer.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            self.octets += now.len() as u64;
            self.count();
            bytes = later;
            let is_long = !bytes.is_empty() || !matches!(self.out, Out::Nowhere);
            if (self.buffer.len() >= full_at && is_long) || self.should_make_room() {
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

    /// All that was appended, while it is short enough that nothing of it has left memory.
    #[must_use]
    pub fn in_memory(&self) -> Option<&[u8]> {
        matches!(self.out, Out::Nowhere).then(|| self.buffer.get(HEADER..).unwrap_or_default())
    }

    /// Ends it: the bytes are synced to disk on return. `label` (1 KiB at most) is kept beside them, opaque to us, and
    /// handed back by a salvage when the database is lost.
    pub async fn finish(self, label: Bytes) -> Result<StagedBody, Error> {
        self.check()?;
        if label.len() > LABEL_MAX {
            return Err(Error::TooLarge { what: "a body's label", limit: LABEL_MAX as u64 });
        }
        self.check_room(self.buffer.len() as u64)?;
        let room = self.room.clone().filter(|_| !self.from_outside);
        let finished = self.finish_checked(label).await;
        if let (Err(Error::Full(_)), Some(room)) = (&finished, room) {
            // Whoever has to tell somebody something tries again.
            blocking(move || Ok(room.give_up_ballast())).await?;
        }
        finished
    }

    async fn finish_checked(mut self, label: Bytes) -> Result<StagedBody, Error> {
        let rest = std::mem::take(&mut self.buffer);
        match (std::mem::replace(&mut self.out, Out::Nowhere), self.bodies.clone()) {
            (Out::File(spill), _) => self.finish_long(spill, rest, label).await,
            (Out::Object(upload), Bodies::Objects(objects)) => {
                upload.finish(&objects, self.body, with_room(rest), &label).await
            }
            (_, Bodies::Segments(segments)) => self.finish_short(&segments, with_room(rest), &label).await,
            (_, Bodies::Objects(objects)) => objects.put(self.body, with_room(rest), &label).await,
        }
    }

    async fn finish_short(&self, segments: &Segments, mut record: Vec<u8>, label: &[u8]) -> Result<StagedBody, Error> {
        let mut table = TableBuilder::default();
        table.add(self.body, &record[HEADER..]);
        let is_one_block = record.len() <= HEADER + BLOCK;
        let payload = (is_one_block && segments.recent().is_on()).then(|| record[HEADER..].to_vec());
        let (header, table) = table.finish(self.body, millis(), label);
        record.extend_from_slice(&table);
        record.extend_from_slice(label);
        let (answer, waiting) = oneshot::channel();
        segments.append(Order { header, record, answer }).await?;
        let gone = |_| Error::Failed("the thread that writes bodies is gone".to_owned());
        let staged = waiting.await.map_err(gone)??;
        if let Some(body) = payload.and_then(|payload| Body::written(*staged.located(), &payload, &table)) {
            segments.recent().put(staged.id(), body);
        }
        Ok(staged)
    }

    async fn finish_long(&self, mut spill: Box<Spill>, rest: Vec<u8>, label: Bytes) -> Result<StagedBody, Error> {
        let body = self.body;
        blocking(move || {
            spill.write(body, rest.get(HEADER..).unwrap_or_default())?;
            spill.finish(body, &label)
        })
        .await
    }

    /// What one body may hold before it is streamed. An object store takes no small parts.
    fn in_memory_max(&self) -> usize {
        match self.bodies {
            Bodies::Segments(_) => BODY_IN_MEMORY_MAX,
            Bodies::Objects(_) => OBJECT_PART,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.failed { Err(Error::Failed("an earlier append to this body failed".to_owned())) } else { Ok(()) }
    }

    fn check_room(&self, octets: u64) -> Result<(), Error> {
        self.room.as_ref().filter(|_| self.from_outside).map_or(Ok(()), |room| room.check(octets))
    }

    /// Whole blocks go to the file when all bodies together hold too much memory.
    fn should_make_room(&self) -> bool {
        matches!(self.bodies, Bodies::Segments(_))
            && self.buffer.len() >= HEADER + BLOCK
            && !self.bodies.memory().is_left()
    }

    /// Sends the whole blocks of the buffer out of memory and keeps the rest.
    async fn flush(&mut self) -> Result<(), Error> {
        let whole = (self.buffer.len() - HEADER) / BLOCK * BLOCK;
        let mut next = vec![0; HEADER];
        next.extend_from_slice(&self.buffer[HEADER + whole..]);
        let mut full = std::mem::replace(&mut self.buffer, next);
        full.truncate(HEADER + whole);
        self.count();
        // Until they are out, the stage is broken: a caller who gave up waiting must not finish it.
        self.failed = true;
        let out = std::mem::replace(&mut self.out, Out::Nowhere);
        self.out = self.send(out, full).await?;
        self.failed = false;
        Ok(())
    }

    async fn send(&self, out: Out, full: Vec<u8>) -> Result<Out, Error> {
        let body = self.body;
        match (&self.bodies, out) {
            (Bodies::Segments(segments), out) => {
                let segments = Arc::clone(segments);
                blocking(move || {
                    let mut spill = match out {
                        Out::File(spill) => spill,
                        _ => Box::new(segments.spill()?),
                    };
                    spill.write(body, &full[HEADER..])?;
                    Ok(Out::File(spill))
                })
                .await
            }
            (Bodies::Objects(objects), out) => {
                let mut upload = match out {
                    Out::Object(upload) => upload,
                    _ => Box::new(objects.upload(body).await?),
                };
                upload.put(body, full).await?;
                Ok(Out::Object(upload))
            }
        }
    }

    fn count(&mut self) {
        let held = self.buffer.capacity();
        self.bodies.memory().change(self.counted, held);
        self.counted = held;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bodies.memory().change(self.counted, 0);
    }
}

fn with_room(mut buffer: Vec<u8>) -> Vec<u8> {
    if buffer.is_empty() {
        buffer.resize(HEADER, 0);
    }
    buffer
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
