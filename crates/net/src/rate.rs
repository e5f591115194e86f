//! How often somebody may do something: a rate limiter whose memory does not depend on how many somebodies there are.
//!
//! Each key has a bucket in a table of fixed size (the generic cell rate algorithm: one number a bucket). When its
//! set is full, the bucket goes that is nearest to being forgotten anyway, so that a flood of new keys does not free
//! the ones that are being held back.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::listener::network;

/// Buckets in one set.
const WAYS: usize = 8;

/// Holds keys to `burst` at once and then one every `interval`.
pub struct RateLimiter {
    /// Made when first needed: on a machine that nobody bothers it costs 16 bytes a set.
    sets: Box<[OnceLock<Box<Set>>]>,
    hasher: RandomState,
    start: Instant,
    interval: u64,
    tolerance: u64,
}

type Set = Mutex<[Bucket; WAYS]>;

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    tag: u64,
    /// When the key will have paid for everything it has done, in microseconds since the start.
    paid: u64,
}

impl RateLimiter {
    /// `keys` is how many are remembered, rounded up to a multiple of 8; each costs 16 bytes.
    pub fn new(burst: u32, interval: Duration, keys: usize, now: Instant) -> Self {
        let interval = micros(interval).max(1);
        let sets = (0..keys.div_ceil(WAYS).max(1)).map(|_| OnceLock::new()).collect();
        let tolerance = interval.saturating_mul(u64::from(burst.saturating_sub(1)));
        Self { sets, hasher: RandomState::new(), start: now, interval, tolerance }
    }

    /// Counts one for an address; an IPv6 address stands for its network of 64 bits.
    pub fn take_address(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.take(network(address), now)
    }

    /// Counts one for `key`, or says how long it has to wait; waiting in vain is not counted.
    pub fn take(&self, key: impl Hash, now: Instant) -> Result<(), Duration> {
        let mut waits = Ok(());
        self.change(key, now, |paid, now| {
            waits = self.wait(paid, now);
            if waits.is_ok() { paid.max(now).saturating_add(self.interval) } else { paid }
        });
        waits
    }

    /// Whether [`Self::take_address`] would pass now; counts nothing.
    pub fn peek_address(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let (set, tag) = self.place(network(address));
        let Some(set) = set.and_then(OnceLock::get) else { return Ok(()) };
        let set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = set.iter().find(|bucket| bucket.tag == tag).map_or(0, |bucket| bucket.paid);
        self.wait(paid, self.micros_at(now))
    }

    /// Counts one for an address that has been let through, even past the burst: who did many at once, before the
    /// first was counted, pays for all of them.
    pub fn charge_address(&self, address: IpAddr, now: Instant) {
        self.change(network(address), now, |paid, now| paid.max(now).saturating_add(self.interval));
    }

    fn change(&self, key: impl Hash, now: Instant, change: impl FnOnce(u64, u64) -> u64) {
        let (set, tag) = self.place(key);
        let Some(set) = set else { return };
        let mut set = set.get_or_init(Box::default).lock().unwrap_or_else(PoisonError::into_inner);
        let mine = set.iter().position(|bucket| bucket.tag == tag);
        let place = mine.or_else(|| (0..WAYS).min_by_key(|place| set.get(*place).map(|bucket| bucket.paid)));
        let Some(bucket) = place.and_then(|place| set.get_mut(place)) else { return };
        let paid = if mine.is_some() { bucket.paid } else { 0 };
        *bucket = Bucket { tag, paid: change(paid, self.micros_at(now)) };
    }

    fn place(&self, key: impl Hash) -> (Option<&OnceLock<Box<Set>>>, u64) {
        let tag = self.hasher.hash_one(key);
        let index = usize::try_from(tag).unwrap_or(usize::MAX) % self.sets.len();
        (self.sets.get(index), tag)
    }

    fn wait(&self, paid: u64, now: u64) -> Result<(), Duration> {
        match paid.saturating_sub(now).checked_sub(self.tolerance) {
            None | Some(0) => Ok(()),
            Some(wait) => Err(Duration::from_micros(wait)),
        }
    }

    fn micros_at(&self, now: Instant) -> u64 {
        micros(now.saturating_duration_since(self.start))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant::now();
        let limiter = RateLimiter::new(3, Duration::from_secs(10), 64, start);
        for _ in 0..3 {
            assert_eq!(limiter.take("a", start), Ok(()));
        }
        assert_eq!(limiter.take("a", start), Err(Duration::from_secs(10)));
        assert_eq!(limiter.take("b", start), Ok(()));
        assert_eq!(limiter.take("a", start + Duration::from_secs(9)), Err(Duration::from_secs(1)));
        assert_eq!(limiter.take("a", start + Duration::from_secs(10)), Ok(()));
        assert!(limiter.take("a", start + Duration::from_secs(10)).is_err());
        for _ in 0..3 {
            assert_eq!(limiter.take("a", start + Duration::from_secs(3600)), Ok(()));
        }
    }

    #[test]
    fn a_flood_of_keys_does_not_free_the_guilty() {
        let start = Instant::now();
        let limiter = RateLimiter::new(5, Duration::from_secs(60), 8, start);
        while limiter.take("guilty", start).is_ok() {}
        for stranger in 0..10_000u32 {
            assert_eq!(limiter.take(stranger, start), Ok(()));
        }
        assert!(limiter.take("guilty", start).is_err());
    }

    #[test]
    fn a_look_counts_nothing_and_a_charge_counts_always() {
        let start = Instant::now();
        let limiter = RateLimiter::new(2, Duration::from_secs(10), 64, start);
        let (guesser, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..5 {
            assert_eq!(limiter.peek_address(guesser, start), Ok(()));
        }
        for _ in 0..4 {
            limiter.charge_address(guesser, start);
        }
        assert_eq!(limiter.peek_address(guesser, start), Err(Duration::from_secs(30)));
        assert_eq!(limiter.take_address(guesser, start), Err(Duration::from_secs(30)));
        assert_eq!(limiter.peek_address(other, start), Ok(()));
        assert_eq!(limiter.peek_address(guesser, start + Duration::from_secs(30)), Ok(()));
        limiter.charge_address(guesser, start + Duration::from_secs(30));
        assert_eq!(limiter.peek_address(guesser, start + Duration::from_secs(30)), Err(Duration::from_secs(10)));
    }

    #[test]
    fn an_ipv6_network_is_one() {
        let start = Instant::now();
        let limiter = RateLimiter::new(1, Duration::from_secs(1), 64, start);
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(limiter.take_address(at("2001:db8::1"), start).is_ok());
        assert!(limiter.take_address(at("2001:db8::2"), start).is_err());
        assert!(limiter.take_address(at("2001:db8:0:1::1"), start).is_ok());
        assert!(limiter.take_address(at("192.0.2.1"), start).is_ok());
        assert!(limiter.take_address(at("::ffff:192.0.2.1"), start).is_err());
    }
}
