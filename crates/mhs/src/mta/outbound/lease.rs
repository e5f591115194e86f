//! The end of a lease, as whoever holds it may believe in it: by the clock of records, as the row has it, and by the clock
//! that never goes back. So neither a clock that was set back nor a machine that slept makes a letter ours for longer
//! than others leave it to us.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use envelope::Timestamp;

use super::book::{Job, Now};
use crate::limits::{OUTBOUND_LEASE, OUTBOUND_LEASE_MARGIN};

/// A moment by both clocks; whichever comes first counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    instant: Instant,
    wall: Timestamp,
}

impl Until {
    /// Of a lease that was asked for at this moment, and ends at that one.
    pub(super) fn new(asked: Instant, ends: Timestamp) -> Self {
        let margin = i64::try_from(OUTBOUND_LEASE_MARGIN.as_millis()).unwrap_or(i64::MAX);
        let instant = asked + OUTBOUND_LEASE.saturating_sub(OUTBOUND_LEASE_MARGIN);
        Self { instant, wall: Timestamp(ends.0.saturating_sub(margin)) }
    }

    fn is_over(self, now: Now) -> bool {
        now.instant >= self.instant || now.wall >= self.wall
    }
}

/// A lease that may be renewed while a letter is under way.
#[derive(Debug)]
pub(super) struct Lease {
    fence: AtomicI64,
    /// None when it was lost.
    until: Mutex<Option<Until>>,
}

impl Lease {
    pub(super) fn new(fence: i64, until: Until) -> Self {
        Self { fence: AtomicI64::new(fence), until: Mutex::new(Some(until)) }
    }

    pub(super) fn fence(&self) -> i64 {
        self.fence.load(Ordering::SeqCst)
    }

    /// Claimed once more.
    pub(super) fn set(&self, fence: i64, until: Until) {
        self.fence.store(fence, Ordering::SeqCst);
        self.end(Some(until));
    }

    /// Renewed under this fence; one that was claimed once more since is newer.
    pub(super) fn renew(&self, fence: i64, until: Until) {
        if self.fence() == fence {
            self.end(Some(until));
        }
    }

    /// Somebody else has it.
    pub(super) fn lose(&self) {
        self.end(None);
    }

    fn end(&self, until: Option<Until>) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    pub(super) fn is_over(&self, now: Now) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|until| until.is_over(now))
    }
}

/// The leases of all recipients of a letter that goes out. None at all are never over.
#[derive(Debug, Clone, Default)]
pub struct Leases(Vec<Arc<Lease>>);

impl Leases {
    /// One that ends at this moment, whatever the clock of records says.
    pub fn until(instant: Instant) -> Self {
        Self(vec![Arc::new(Lease::new(0, Until { instant, wall: Timestamp(i64::MAX) }))])
    }

    pub(super) fn of(jobs: &[Job]) -> Self {
        Self(jobs.iter().map(|job| job.lease().clone()).collect())
    }

    /// Whether somebody else may have one of the letter's rows by now.
    pub(super) fn are_over(&self, now: Now) -> bool {
        self.0.iter().any(|lease| lease.is_over(now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn either_clock_ends_a_lease() {
        let (instant, wall) = (Instant::now(), Timestamp(1_000_000_000));
        let lease = Lease::new(1, Until::new(instant, wall.plus(OUTBOUND_LEASE)));
        let at = |monotonic: u64, of_records: i64| Now {
            instant: instant + Duration::from_secs(monotonic),
            wall: Timestamp(wall.0 + of_records * 1000),
        };
        assert!(!lease.is_over(at(0, 0)) && !lease.is_over(at(600, 600)));
        // Set back by hours meanwhile; asleep, while the other clock went on.
        assert!(lease.is_over(at(900, -20_000)) && lease.is_over(at(1, 900)));
        // Others may be a little ahead of us.
        assert!(lease.is_over(at(840, 840)));
        lease.set(2, Until::new(instant + Duration::from_secs(840), wall.plus(OUTBOUND_LEASE * 2)));
        assert!(!lease.is_over(at(900, 900)));
        lease.lose();
        assert!(lease.is_over(at(0, 0)) && lease.fence() == 2);
    }
}
