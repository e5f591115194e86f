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
        now.plus(spread(self.base(attempts), mix(seed ^ u64::from(attempts))))
    }

    /// How far ahead a letter can lie after its attempt `attempts`; not at all, when it was never tried.
    pub fn longest_after(&self, attempts: u32) -> Duration {
        if attempts == 0 { Duration::ZERO } else { self.base(attempts).saturating_mul(11) / 10 }
    }

    fn base(&self, attempts: u32) -> Duration {
        doubled(self.first, self.longest, attempts)
    }

    /// When something must be decided about a letter that waits untried: first whether its sender is told of the delay, at
    /// once when that moment is past; once that is settled (`delay_told`, also when nobody wants to hear), that it is
    /// given up; and when it was not, once in a while.
    pub fn wake(&self, accepted: Timestamp, delay_told: bool, now: Timestamp) -> Timestamp {
        let (delay, end) = (accepted.plus(self.delay_notice), accepted.plus(self.lifetime));
        match () {
            () if !delay_told => delay.min(end),
            () if now < end => end,
            () => now.plus(self.longest),
        }
    }

    /// Whether a letter accepted at `accepted` is given up at `now` after its attempt `attempts`. One attempt is never
    /// enough: a clock set forward must not bounce everything at once.
    pub fn gives_up(&self, accepted: Timestamp, now: Timestamp, attempts: u32) -> bool {
        attempts > 1 && now.since(accepted) >= self.lifetime
    }
}

/// What a wait has grown to after so many failures (1 = the first): it doubles, up to `longest`.
pub fn doubled(first: Duration, longest: Duration, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    first.saturating_mul(1u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(longest)
}

/// A wait, spread by a tenth either way, in whole milliseconds. `seed` has to be [`mix`]ed.
pub fn spread(base: Duration, seed: u64) -> Duration {
    let base = u64::try_from(base.as_millis()).unwrap_or(u64::MAX);
    let spread = base / 5;
    let jitter = if spread == 0 { 0 } else { seed % spread };
    Duration::from_millis((base - base / 10).saturating_add(jitter))
}

/// splitmix64: spreads a seed over all bits.
pub fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_grow_and_are_spread() {
        let backoff = Backoff::default();
        let now = Timestamp(1_000_000);
        for (attempts, minutes) in
            [(1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 240), (8, 240), (1000, 240)]
        {
            let whole = minutes * 60_000;
            let waits: Vec<i64> = (0..100).map(|seed| backoff.next(attempts, now, seed).0 - now.0).collect();
            assert!(
                waits.iter().all(|wait| (whole * 9 / 10..=whole * 11 / 10).contains(wait)),
                "{attempts}: {waits:?}"
            );
            let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(most - least > whole / 10, "{attempts}: all at once");
            assert_eq!(backoff.next(attempts, now, 7), backoff.next(attempts, now, 7));
        }
        let lab = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(2), ..backoff };
        assert!((1..=2).contains(&(lab.next(1, now, 0).0 - now.0).max(1)));
    }

    #[test]
    fn what_waits_untried_is_looked_at_three_times() {
        let backoff = Backoff::default();
        let accepted = Timestamp(1_000_000);
        let (delay, end) = (accepted.plus(backoff.delay_notice), accepted.plus(backoff.lifetime));
        assert_eq!(backoff.wake(accepted, false, accepted), delay);
        assert_eq!(backoff.wake(accepted, true, accepted), end);
        assert_eq!(backoff.wake(accepted, false, end), delay, "it has not been decided yet");
        assert_eq!(backoff.wake(accepted, true, delay), end);
        assert_eq!(backoff.wake(accepted, true, end), end.plus(backoff.longest));
        // The clock was set back behind the acceptance.
        assert_eq!(backoff.wake(accepted, false, Timestamp(0)), delay);
    }

    #[test]
    fn patience_ends() {
        let backoff = Backoff::default();
        let accepted = Timestamp(0);
        let old = accepted.plus(backoff.lifetime);
        assert!(backoff.gives_up(accepted, old, 2));
        assert!(!backoff.gives_up(accepted, Timestamp(old.0 - 1), 200));
        // The clock was set forward, or the server stood still for a week: it is tried again at least once.
        assert!(!backoff.gives_up(accepted, old, 1));
        // The clock was set back behind the acceptance.
        assert!(!backoff.gives_up(old, accepted, 9));
    }
}
