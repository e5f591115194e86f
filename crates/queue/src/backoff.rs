//! When to try again: growing intervals with jitter (RFC 5321 section 4.5.4.1). A pure function.

use std::time::Duration;

use envelope::Timestamp;

/// The patience of the queue. The defaults follow RFC 5321 section 4.5.4.1: first soon, then hours apart, and give up
/// after some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// Never longer than this.
    pub longest: Duration,
    /// Give up when a letter is older than this.
    pub lifetime: Duration,
    /// Tell the sender once when a letter is older than this (RFC 3461 section 4.1, NOTIFY=DELAY).
    pub delay_notice: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5 * 60),
            longest: Duration::from_secs(4 * 3600),
            lifetime: Duration::from_secs(5 * 86_400),
            delay_notice: Duration::from_secs(4 * 3600),
        }
    }
}

impl Backoff {
    /// When attempt `attempts` (1 = the first) has failed at `now`: the moment of the next one. It doubles, up to
    /// `longest`, and is spread by a tenth either way according to `seed`, so that letters that failed together do not
    /// come back together.
    pub fn next(&self, attempts: u32, now: Timestamp, seed: u64) -> Timestamp {
        let doubled = self.first.saturating_mul(1u32.checked_shl(attempts.saturating_sub(1).min(31)).unwrap_or(u32::MAX));
        let base = u64::try_from(doubled.min(self.longest).as_millis()).unwrap_or(u64::MAX);
        let spread = base / 5;
        let jitter = if spread == 0 { 0 } else { mix(seed ^ u64::from(attempts)) % spread };
        now.plus(Duration::from_millis((base - base / 10).saturating_add(jitter)))
    }

    /// Whether a letter accepted at `accepted` is given up at `now` after its attempt `attempts`. One attempt is never
    /// enough: a clock set forward must not bounce everything at once.
    pub fn gives_up(&self, accepted: Timestamp, now: Timestamp, attempts: u32) -> bool {
        attempts > 1 && now.since(accepted) >= self.lifetime
    }
}

/// splitmix64: spreads a seed over all bits.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
