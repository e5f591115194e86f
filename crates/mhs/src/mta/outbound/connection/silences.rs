//! Those who wait for a word of the other side, and which of them are broken off when others want their places. A value:
//! the time is an argument.
//!
//! Who says nothing has what RFC 5321 section 4.5.3.2 gives him, five minutes, as long as nobody wants his place. Then he has
//! [`OUTBOUND_SILENCE_CROWDED`]; and where so many are silent that the others find no place, no more than
//! [`OUTBOUND_SLOW_AFTER`], or [`OUTBOUND_UNPROVEN_SLOW_AFTER`] where nothing good is known of the destination: together the
//! silent ones never hold more than [`OUTBOUND_SILENT_MAX`] for longer than that.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::limits::{OUTBOUND_SILENCE_CROWDED, OUTBOUND_SILENT_MAX, OUTBOUND_SLOW_AFTER, OUTBOUND_UNPROVEN_SLOW_AFTER};

/// One of those who wait.
pub(in crate::mta::outbound) type Key = (Instant, u64);

/// All who wait, those first who have waited longest.
#[derive(Debug)]
pub(in crate::mta::outbound) struct Silences<T> {
    begun: u64,
    waiting: BTreeMap<Key, Silence<T>>,
}

#[derive(Debug)]
struct Silence<T> {
    who: T,
    /// The destination has not talked to us lately.
    is_unproven: bool,
}

impl<T> Default for Silences<T> {
    fn default() -> Self {
        Self { begun: 0, waiting: BTreeMap::new() }
    }
}

impl<T> Silences<T> {
    /// Somebody waits since then; a moment to come where the other side has much to do. `is_unproven`: nothing good is known
    /// of it.
    pub(in crate::mta::outbound) fn begin(&mut self, since: Instant, is_unproven: bool, who: T) -> Key {
        self.begun += 1;
        let key = (since, self.begun);
        self.waiting.insert(key, Silence { who, is_unproven });
        key
    }

    /// He waits no more.
    pub(in crate::mta::outbound) fn end(&mut self, key: Key) {
        self.waiting.remove(&key);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Those who are broken off, where so many places are `wanted`.
    pub(in crate::mta::outbound) fn given_up(&self, wanted: usize, now: Instant) -> impl Iterator<Item = &T> {
        let silent_for = move |key: &Key| now.saturating_duration_since(key.0);
        let is_over = move |key: &Key, silence: &Silence<T>| {
            let patience = if silence.is_unproven { OUTBOUND_UNPROVEN_SLOW_AFTER } else { OUTBOUND_SLOW_AFTER };
            silent_for(key) >= patience
        };
        let count = if wanted > 0 {
            let late = self.waiting.keys().take_while(|key| silent_for(key) >= OUTBOUND_SILENCE_CROWDED).count();
            let over = self.waiting.iter().filter(|(key, silence)| is_over(key, silence)).count();
            late.max(over.saturating_sub(OUTBOUND_SILENT_MAX)).min(wanted)
        } else {
            0
        };
        let over = self.waiting.iter().filter(move |(key, silence)| is_over(key, silence));
        over.take(count).map(|(_, silence)| &silence.who)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_waits_longest_is_given_up() {
        let (mut silences, start) = (Silences::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let keys = [15, 2, 1].map(|seconds| silences.begin(at(seconds), false, seconds));
        let given_up = |silences: &Silences<u64>, wanted, now| -> Vec<u64> {
            silences.given_up(wanted, at(now)).copied().collect()
        };
        assert!(given_up(&silences, 9, 20).is_empty(), "nobody has waited for so long");
        assert_eq!(given_up(&silences, 1, 30), [1]);
        assert_eq!(given_up(&silences, 9, 30), [1, 2]);
        assert!(given_up(&silences, 0, 300).is_empty(), "nobody wants a place");
        silences.end(keys[2]);
        assert_eq!(given_up(&silences, 9, 35), [2, 15]);
        assert_eq!(silences.len(), 2);
    }

    #[test]
    fn so_many_are_silent_at_most() {
        let (mut silences, start) = (Silences::default(), Instant::now());
        let begin = |silences: &mut Silences<usize>, n: usize| {
            silences.begin(start, false, n);
        };
        (0..OUTBOUND_SILENT_MAX).for_each(|n| begin(&mut silences, n));
        let soon = start + OUTBOUND_SLOW_AFTER;
        assert_eq!(silences.given_up(1000, soon).count(), 0);
        (0..100).for_each(|n| begin(&mut silences, n));
        assert_eq!(silences.given_up(1000, soon - Duration::from_secs(1)).count(), 0, "they may answer yet");
        assert_eq!(silences.given_up(1000, soon).count(), 100);
        assert_eq!(silences.given_up(7, soon).count(), 7);
    }

    #[test]
    fn those_of_whom_nothing_is_known_have_a_second() {
        let (mut silences, start) = (Silences::default(), Instant::now());
        for n in 0..OUTBOUND_SILENT_MAX + 100 {
            silences.begin(start, n >= 50, n);
        }
        let soon = start + OUTBOUND_UNPROVEN_SLOW_AFTER;
        assert_eq!(silences.given_up(1000, soon - Duration::from_millis(1)).count(), 0);
        let given_up: Vec<usize> = silences.given_up(1000, soon).copied().collect();
        assert_eq!(given_up, Vec::from_iter(50..100), "those that are known have longer");
    }
}
