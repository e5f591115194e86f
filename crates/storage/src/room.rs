//! Room on the disk that is kept for what is here already: nothing more comes in from outside while less is free, so that
//! what waits can still be carried on, written off and told of.
//!
//! And should all be full nevertheless, because of somebody else's files: a ballast, a file of no use that is given up
//! then, and made again when there is room.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Error;
use crate::limits::BALLAST_OCTETS;

/// What is kept free, and how that is known.
#[derive(Debug, Clone, Copy)]
pub struct Reserve {
    /// Octets that stay free on the disk of the data folder.
    pub octets: u64,
    /// Octets that are free on the file system of a folder.
    pub free: fn(&Path) -> std::io::Result<u64>,
}

/// How long what was found free is believed: a look is one call of the system, and some thousand a second ask.
const BELIEVED: Duration = Duration::from_millis(100);

/// The disk of a data folder.
#[derive(Debug)]
pub(crate) struct Room {
    folder: PathBuf,
    reserve: Option<Reserve>,
    looked: Mutex<Look>,
}

#[derive(Debug, Default)]
struct Look {
    last: Option<(Instant, u64)>,
    is_short: bool,
}

impl Room {
    pub(crate) fn new(folder: &Path, reserve: Option<Reserve>) -> Arc<Self> {
        Arc::new(Self { folder: folder.to_owned(), reserve, looked: Mutex::default() })
    }

    /// `None` when nothing is kept free, or the system does not say.
    fn free(&self, reserve: Reserve) -> Option<u64> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, free)) = looked.last
            && at.elapsed() < BELIEVED
        {
            return Some(free);
        }
        let free = (reserve.free)(&self.folder).ok()?;
        looked.last = Some((Instant::now(), free));
        let is_short = free < reserve.octets;
        if is_short != looked.is_short {
            looked.is_short = is_short;
            let (folder, free, wanted) = (self.folder.display(), free >> 20, reserve.octets >> 20);
            match is_short {
                true => {
                    tracing::error!("{free} MiB are free where {folder} is: no mail is taken until there are {wanted}")
                }
                false => tracing::info!("{free} MiB are free where {folder} is: mail is taken again"),
            }
        }
        Some(free)
    }

    /// Whether `octets` may come in from outside.
    pub(crate) fn check(&self, octets: u64) -> Result<(), Error> {
        let Some(reserve) = self.reserve else { return Ok(()) };
        match self.free(reserve) {
            Some(free) if free < reserve.octets.saturating_add(octets) => {
                Err(Error::Full(format!("{} MiB are free, {} are kept", free >> 20, reserve.octets >> 20)))
            }
            _ => Ok(()),
        }
    }

    /// Whether half of the reserve is still there: who writes what can be done without goes so far, and no farther.
    pub(crate) fn has_half(&self) -> bool {
        self.reserve.is_none_or(|reserve| self.free(reserve).is_none_or(|free| free >= reserve.octets / 2))
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("store.ballast")
    }

    /// Gives the ballast up; false when there is none. Blocks.
    pub(crate) fn give_up_ballast(&self) -> bool {
        let given = std::fs::remove_file(self.ballast()).is_ok();
        if given {
            tracing::warn!("the disk of {} is full: the ballast was given up", self.folder.display());
        }
        given
    }

    /// Makes the ballast, where it is not there and the reserve does not suffer by it. Blocks.
    pub(crate) fn take_ballast(&self) -> std::io::Result<()> {
        let Some(reserve) = self.reserve else { return Ok(()) };
        let path = self.ballast();
        if std::fs::metadata(&path).is_ok_and(|found| found.len() == BALLAST_OCTETS)
            || (reserve.free)(&self.folder)? < reserve.octets.saturating_add(BALLAST_OCTETS)
        {
            return Ok(());
        }
        let made = write_ballast(&path);
        if made.is_err() {
            let _ = std::fs::remove_file(&path);
        }
        made
    }
}

/// Octets that no file system makes fewer: some compress, and some keep no zeros.
fn write_ballast(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut block = Vec::with_capacity(1 << 16);
    for _ in 0..BALLAST_OCTETS >> 16 {
        block.clear();
        while block.len() < 1 << 16 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        file.write_all(&block)?;
    }
    file.sync_all()
}
