//! One segment file, from the writing side. A process writes only to segments that it made itself, under an exclusive
//! lock, so a segment without a lock is sealed: nobody will ever write to it again.

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Hold;
use super::record::{SEGMENT_HEADER, encode_segment};
use crate::failpoint;
use crate::ids::random;

/// The file of a segment.
pub(crate) fn path(folder: &Path, segment: i64) -> PathBuf {
    folder.join(format!("{segment:016x}.seg"))
}

/// The segment that a file name names.
pub(crate) fn name(file: &std::ffi::OsStr) -> Option<i64> {
    let digits = file.to_str()?.strip_suffix(".seg")?;
    if digits.len() == 16 { i64::from_str_radix(digits, 16).ok() } else { None }
}

/// Makes a folder's names durable.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What a failed write left behind.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The file is as it was before; the error is that of this write only.
    Undone(std::io::Error),
    /// The file's state is unknown: nothing may be written to it, and a sync must not be tried again, since the kernel
    /// may have dropped the pages and would answer success.
    Unknown(std::io::Error),
}

/// A segment being written.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    file: File,
    segment: i64,
    key: u64,
    /// All that is written and synced; the file ends here.
    end: u64,
    hold: Arc<Hold>,
}

impl SegmentWriter {
    /// Makes the file, locked and durable.
    pub(crate) fn create(folder: &Path, segment: i64, hold: Arc<Hold>) -> std::io::Result<Self> {
        let path = path(folder, segment);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let key = random();
        let begin = |file: &mut File| {
            file.try_lock()?;
            failpoint::error("segment-create")?;
            file.write_all(&encode_segment(segment, key))?;
            file.sync_all()?;
            sync_folder(folder)
        };
        if let Err(error) = begin(&mut file) {
            // Best effort: an empty segment that stays is swept later.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self { file, segment, key, end: SEGMENT_HEADER as u64, hold })
    }

    pub(crate) fn segment(&self) -> i64 {
        self.segment
    }

    /// What its records' headers are sealed with.
    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn hold(&self) -> &Arc<Hold> {
        &self.hold
    }

    /// Writes these records behind each other with one call and one sync. Durable on return, and not written on error.
    pub(crate) fn append_group(&mut self, records: &[Vec<u8>]) -> Result<(), Trouble> {
        let octets: u64 = records.iter().map(|record| record.len() as u64).sum();
        self.write(records).map_err(|error| self.undo(error))?;
        self.sync(octets)
    }

    /// Writes behind what was written, without a sync. `offset` counts from the end of what is synced.
    pub(crate) fn write_unsynced(&mut self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        failpoint::error("spill-write")?;
        self.file.write_all_at(bytes, self.end + offset)
    }

    /// Makes `octets` more durable.
    pub(crate) fn sync(&mut self, octets: u64) -> Result<(), Trouble> {
        failpoint::error("body-sync").and_then(|()| self.file.sync_data()).map_err(Trouble::Unknown)?;
        failpoint::pass("after-body-sync");
        self.end += octets;
        Ok(())
    }

    /// Cuts off what is not synced.
    pub(crate) fn cut(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.end)
    }

    /// Cuts off what is behind so many octets that are not synced.
    pub(crate) fn cut_behind(&mut self, unsynced: u64) -> std::io::Result<()> {
        self.file.set_len(self.end + unsynced)
    }

    fn undo(&mut self, error: std::io::Error) -> Trouble {
        match self.cut() {
            Ok(()) => Trouble::Undone(error),
            Err(_) => Trouble::Unknown(error),
        }
    }

    fn write(&mut self, records: &[Vec<u8>]) -> std::io::Result<()> {
        use std::io::{Seek as _, SeekFrom};
        self.file.seek(SeekFrom::Start(self.end))?;
        let mut slices: Vec<IoSlice<'_>> = records.iter().map(|record| IoSlice::new(record)).collect();
        let mut left: &mut [IoSlice<'_>] = &mut slices;
        if failpoint::short("body-write") {
            if let Some(first) = records.first() {
                self.file.write_all(&first[..first.len() / 2])?;
            }
            return Err(std::io::Error::from(std::io::ErrorKind::WriteZero));
        }
        failpoint::error("body-write")?;
        while !left.is_empty() {
            match self.file.write_vectored(left) {
                Ok(0) => return Err(std::io::Error::from(std::io::ErrorKind::WriteZero)),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
