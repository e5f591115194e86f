//! Names for bodies and segments, made without asking anybody.
//!
//! Embedded, a name leads with the time, so that rows are appended to the end of the B-tree. On a cluster it is random
//! all through: keys that lead with the time make one node of a spreading database the hot one.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bits of a name below the milliseconds: 12 that tell processes apart, 10 that count.
const LOW_BITS: u32 = 22;

/// Makes names. One per store.
#[derive(Debug)]
pub(crate) struct Names {
    leading_time: bool,
    process: u64,
    last: AtomicU64,
}

impl Names {
    pub(crate) fn new(leading_time: bool) -> Self {
        Self { leading_time, process: random() & 0xFFF, last: AtomicU64::new(0) }
    }

    /// A name that no other call got, here or in another process; positive. Two processes that drew the same twelve
    /// bits in the same millisecond would clash: the body table refuses the second one.
    pub(crate) fn next(&self) -> i64 {
        if !self.leading_time {
            return positive(random());
        }
        // (milliseconds, counter) as one number, so that a full counter runs on into the next millisecond.
        let now = millis().cast_unsigned() << 10;
        let count = match self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1))) {
            Ok(last) | Err(last) => now.max(last + 1),
        };
        positive(((count >> 10) << LOW_BITS) | (self.process << 10) | (count & 0x3FF))
    }
}

/// 64 random bits, good for names, not for secrets.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0u8)
}

fn positive(bits: u64) -> i64 {
    (bits & (u64::MAX >> 1)).cast_signed().max(1)
}

/// Milliseconds since 1970. The clock of grace periods only, never of mail.
pub(crate) fn millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_positive_and_unique() {
        for leading_time in [true, false] {
            let names = Names::new(leading_time);
            let drawn: HashSet<i64> = (0..10_000).map(|_| names.next()).collect();
            assert_eq!(drawn.len(), 10_000);
            assert!(drawn.iter().all(|name| *name > 0));
        }
    }

    #[test]
    fn names_that_lead_with_the_time_only_grow() {
        let names = Names::new(true);
        let drawn: Vec<i64> = (0..10_000).map(|_| names.next()).collect();
        assert!(drawn.is_sorted());
    }
}
