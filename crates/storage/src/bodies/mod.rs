//! Bodies of messages: bytes that are written once, read by ranges, and freed when no row names them.

mod appender;
mod body;
mod compact;
mod objects;
mod recent;
pub mod record;
mod salvage;
mod scan;
mod segment;
mod segments;
mod stage;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub use body::Body;
pub(crate) use body::Missing;
pub use salvage::{Salvage, Salvaged};
pub use stage::Stage;

pub(crate) use appender::located as located_at;
pub(crate) use compact::{Compactor, label};
pub(crate) use scan::{Found, Scan};
pub(crate) use segment::sync_folder;

pub(crate) use objects::{OBJECT, Objects, next_of};
pub(crate) use segments::{Segments, lock as segments_lock};

use crate::{BodyId, Error};

/// Where bodies are kept.
#[derive(Clone)]
pub(crate) enum Bodies {
    /// In segment files of a folder.
    Segments(Arc<Segments>),
    /// In an object store.
    Objects(Arc<Objects>),
}

impl Bodies {
    /// A new body's name.
    fn name(&self) -> i64 {
        match self {
            Self::Segments(segments) => segments.names().next(),
            Self::Objects(objects) => objects.names().next(),
        }
    }

    fn memory(&self) -> &Memory {
        match self {
            Self::Segments(segments) => segments.memory(),
            Self::Objects(objects) => objects.memory(),
        }
    }

    /// Refuses when a sync has failed before.
    pub(crate) fn check_sound(&self) -> Result<(), Error> {
        match self {
            Self::Segments(segments) => segments.check_sound(),
            Self::Objects(_) => Ok(()),
        }
    }
}

/// The memory that all bodies on their way may hold together.
#[derive(Debug)]
pub(crate) struct Memory {
    held: AtomicUsize,
    max: usize,
}

impl Memory {
    pub(crate) fn new(max: usize) -> Self {
        Self { held: AtomicUsize::new(0), max }
    }

    fn change(&self, before: usize, now: usize) {
        if now >= before {
            self.held.fetch_add(now - before, Ordering::Relaxed);
        } else {
            self.held.fetch_sub(before - now, Ordering::Relaxed);
        }
    }

    fn is_left(&self) -> bool {
        self.held.load(Ordering::Relaxed) < self.max
    }
}

/// Where a body lies and what it must add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) body: BodyId,
    pub(crate) segment: i64,
    /// Where the payload begins.
    pub(crate) place: u64,
    pub(crate) octets: u64,
    pub(crate) stored: u64,
    /// Octets of the label behind it.
    pub(crate) label: u32,
    pub(crate) checksum: u32,
}

impl Located {
    /// What the record takes in its segment.
    pub(crate) fn record_octets(&self) -> u64 {
        let around = record::HEADER as u64 + record::table_octets(self.octets) + u64::from(self.label);
        self.stored.saturating_add(around)
    }
}

/// Says that somebody may still name bodies of this segment: while one lives here, it is not swept.
#[derive(Debug)]
pub(crate) struct Hold;

/// A body on disk that no row names yet.
#[derive(Debug, Clone)]
pub struct StagedBody {
    located: Located,
    deadline: Option<Instant>,
    _hold: Option<Arc<Hold>>,
}

impl StagedBody {
    pub(crate) fn new(located: Located, kept_within: Option<Duration>, hold: Option<Arc<Hold>>) -> Self {
        Self { located, deadline: kept_within.and_then(|within| Instant::now().checked_add(within)), _hold: hold }
    }

    /// Its name, if a transaction keeps it.
    #[must_use]
    pub fn id(&self) -> BodyId {
        self.located.body
    }

    /// Octets.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.located.octets
    }

    /// Whether it has no octets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn located(&self) -> &Located {
        &self.located
    }

    pub(crate) fn check_age(&self) -> Result<(), Error> {
        match self.deadline {
            Some(deadline) if Instant::now() > deadline => Err(Error::StagedTooLong),
            _ => Ok(()),
        }
    }
}
