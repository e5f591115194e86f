//! Dead destinations: how long they are left alone. Pure: the time is an argument.

use std::time::{Duration, Instant};

use envelope::{Reply, Timestamp};
use queue::backoff::{doubled, mix, spread};

/// Nobody of a destination talked to us: it rests, and then one letter asks whether that is still so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Rest {
    /// Probes that failed in a row.
    pub(in super::super) failures: u32,
    /// Dead since.
    pub(in super::super) since: Timestamp,
    /// When it was last tried.
    pub(in super::super) tried_at: Timestamp,
    /// Left alone until then.
    pub(in super::super) until: Instant,
    /// What was said last, or what went wrong.
    pub(in super::super) reply: Reply,
}

impl Rest {
    /// The same end by the clock of records.
    pub(in super::super) fn until_at(&self, now: super::Now) -> Timestamp {
        now.wall.plus(self.until.saturating_duration_since(now.instant))
    }
}

/// How long a destination that nobody answered for is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct RestTimes {
    /// After the first failure.
    pub(in super::super) first: Duration,
    /// Never longer than this.
    pub(in super::super) longest: Duration,
}

impl RestTimes {
    /// After so many failed probes in a row: it doubles, and is spread by a tenth either way according to the name.
    pub(super) fn length(&self, failures: u32, destination: &str) -> Duration {
        let seed = destination.bytes().fold(u64::from(failures), |seed, byte| mix(seed ^ u64::from(byte)));
        spread(doubled(self.first, self.longest, failures), seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_and_are_spread() {
        let times = RestTimes { first: Duration::from_secs(60), longest: Duration::from_secs(3600) };
        for (failures, whole) in [(1, 60), (2, 120), (3, 240), (6, 1920), (7, 3600), (99, 3600), (u32::MAX, 3600)] {
            let lengths: Vec<Duration> = (0..50).map(|n| times.length(failures, &format!("d{n}.test"))).collect();
            let (least, most) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
            assert!(*least >= Duration::from_secs(whole * 9 / 10) && *most <= Duration::from_secs(whole * 11 / 10));
            assert!(*most - *least > Duration::from_secs(whole / 10), "{failures}: all at once");
            assert_eq!(times.length(failures, "x.test"), times.length(failures, "x.test"));
        }
        let lab = RestTimes { first: Duration::from_millis(1), longest: Duration::from_millis(2) };
        assert!(lab.length(9, "x.test") <= Duration::from_millis(2));
    }
}
