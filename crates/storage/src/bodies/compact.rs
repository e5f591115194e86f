//! Copies what lives in a segment forward, so that the rest can go.
//!
//! Here, off the path of the 250, blocks are compressed where it helps.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::body::Body;
use super::record::{Bad, HEADER, Header, TableBuilder, label_crc};
use super::segment::{SegmentWriter, Trouble};
use super::segments::Segments;
use super::{Located, appender};
use crate::Error;
use crate::limits::GROUP_OCTETS_MAX;

/// zstd's level: half the space for a fifth of a millisecond.
const LEVEL: i32 = 1;

/// Writes copies to a segment of its own.
pub(crate) struct Compactor {
    segments: Arc<Segments>,
    writer: Option<SegmentWriter>,
    /// Octets behind the writer's end that are not synced yet.
    pending: u64,
    moves: Vec<Move>,
}

/// A body that lay there and lies here now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    pub(crate) from: Located,
    pub(crate) to: Located,
}

impl Compactor {
    pub(crate) fn new(segments: Arc<Segments>) -> Self {
        Self { segments, writer: None, pending: 0, moves: Vec::new() }
    }

    /// Copies one, not durable yet. After an error all is as it was before, and the next may be copied. Blocks.
    pub(crate) fn copy(&mut self, from: Located, made_at: i64, label: &[u8]) -> Result<(), Error> {
        let body = Body::open(&self.segments, from).map_err(|_| {
            Error::Damaged(format!("body {} in segment {:016x} cannot be read", from.body.0, from.segment))
        })?;
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.segments.create()?,
        };
        let copied = self.copy_into(&mut writer, &body, from, made_at, label);
        if copied.is_err() {
            // Best effort: what comes next is written over it, and nothing in it is a record.
            let _ = writer.cut_behind(self.pending);
        }
        // Put back on error too: what was copied before is in it and not yet synced.
        self.writer = Some(writer);
        copied
    }

    fn copy_into(
        &mut self,
        writer: &mut SegmentWriter,
        body: &Body,
        from: Located,
        made_at: i64,
        label: &[u8],
    ) -> Result<(), Error> {
        let start = self.pending;
        let mut at = start + HEADER as u64;
        let mut table = TableBuilder::default();
        let mut put = |writer: &mut SegmentWriter, bytes: &[u8]| {
            writer.write_unsynced(at, bytes).map_err(|error| Error::io("copying a body forward", &error))?;
            at += bytes.len() as u64;
            Ok(())
        };
        let mut compressor = zstd::bulk::Compressor::new(LEVEL).map_err(|error| Error::io("zstd", &error))?;
        body.blocks(|_, block| {
            let packed = compressor.compress(block).ok().filter(|packed| helps(packed.len(), block.len()));
            let stored = packed.as_deref().unwrap_or(block);
            table.add_block(from.body.0, block.len(), stored);
            put(writer, stored)
        })?;
        let (header, table) = table.finish(from.body.0, made_at, label);
        put(writer, &table)?;
        put(writer, label)?;
        let sealed = header.encode(writer.key());
        writer.write_unsynced(start, &sealed).map_err(|error| Error::io("copying a body forward", &error))?;
        self.moves.push(Move { from, to: appender::located(&header, writer.segment(), writer.end() + start) });
        self.pending = at;
        Ok(())
    }

    /// Whether it is time to sync.
    pub(crate) fn is_full(&self) -> bool {
        self.pending >= GROUP_OCTETS_MAX as u64
    }

    /// Makes the copies durable and tells where they lie. Blocks.
    pub(crate) fn sync(&mut self) -> Result<Vec<Move>, Error> {
        if self.writer.is_none() && !self.moves.is_empty() {
            self.moves.clear();
            return Err(Error::Bug("copies without the segment that holds them".to_owned()));
        }
        if let Some(writer) = &mut self.writer {
            if let Err(Trouble::Undone(error) | Trouble::Unknown(error)) = writer.sync(self.pending) {
                self.writer = None;
                (self.pending, self.moves) = (0, Vec::new());
                return Err(self.segments.poison(&format!("syncing copies: {error}")));
            }
            self.pending = 0;
            if writer.end() >= self.segments.roll_at() {
                self.writer = None;
            }
        }
        Ok(std::mem::take(&mut self.moves))
    }
}

/// A block that hardly shrinks is better read without unpacking.
fn helps(packed: usize, plain: usize) -> bool {
    packed < plain - plain / 8
}

/// The label behind a record's table.
pub(crate) fn label(file: &File, start: u64, header: &Header) -> std::io::Result<Result<Vec<u8>, Bad>> {
    let mut label = vec![0; header.label as usize];
    file.read_exact_at(&mut label, start + header.record_octets() - u64::from(header.label))?;
    Ok(if label_crc(header.body, &label) == header.label_crc { Ok(label) } else { Err(Bad::Label) })
}
