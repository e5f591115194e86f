//! How fast one destination is served: connections at once, letters in a time, and pauses that it asks for.
//!
//! The window of connections begins small, grows by one for each window full of successes, and shrinks by one for each
//! session that fails, as in the feedback of Postfix' queue manager. Pure: the time is an argument.

use std::time::Instant;

use super::super::{Rate, SiteLimits};
use crate::limits::{
    OUTBOUND_AHEAD, OUTBOUND_CEILING_KEPT, OUTBOUND_PAUSE_FIRST, OUTBOUND_PAUSE_MAX, OUTBOUND_PAUSES_MAX,
    OUTBOUND_RECIPIENTS_MAX, OUTBOUND_WINDOW_FIRST,
};

/// Thousandths of a connection: the window grows by parts of one.
const WHOLE: u64 = 1000;

/// The pace of one destination.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    limits: SiteLimits,
    /// In thousandths.
    window: u64,
    /// It has talked to us since it last failed as a whole.
    proven: bool,
    /// Session failures since the last success.
    failures: u64,
    /// It refused one connection beside so many others, until then.
    ceiling: Option<(usize, Instant)>,
    /// When the next letter may go where there is a rate, were there no burst.
    next_letter: Option<Instant>,
    paused_until: Option<Instant>,
    /// Pauses in a row.
    pauses: u32,
}

/// What was spent of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Spent {
    pub(in super::super) rate: Rate,
    /// From then on it is as if no letter had gone.
    pub(in super::super) next: Instant,
}

impl Pace {
    pub(super) fn new(limits: SiteLimits) -> Self {
        Self {
            limits,
            window: WHOLE,
            proven: false,
            failures: 0,
            ceiling: None,
            next_letter: None,
            paused_until: None,
            pauses: 0,
        }
    }

    /// The same for whoever began to work at this moment, and does not know what went out before: as if that had been all
    /// that the rate allows.
    pub(super) fn since(limits: SiteLimits, began: Option<Instant>) -> Self {
        let spent = limits.rate.zip(began).map(|(rate, began)| began + rate.interval() * rate.burst());
        Self { next_letter: spent, ..Self::new(limits) }
    }

    /// The same for whoever knows what a destination had spent by then, by the rate that it had.
    pub(super) fn after(limits: SiteLimits, spent: Spent, now: Instant) -> Self {
        let all = Self::since(limits, Some(now));
        if limits.rate != Some(spent.rate) {
            return all;
        }
        // Never more than everything, however the clock was set.
        Self { next_letter: all.next_letter.map(|next| next.min(spent.next)), ..all }
    }

    /// What would have to be known after a restart.
    pub(super) fn spent(&self, now: Instant) -> Option<Spent> {
        let next = self.next_letter.filter(|next| *next > now)?;
        self.limits.rate.map(|rate| Spent { rate, next })
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven
    }

    /// Connections that it may have now. One, until it has talked to us: a dead destination costs one probe.
    pub(super) fn connections(&self, now: Instant) -> usize {
        if !self.proven {
            return 1;
        }
        let window = usize::try_from(self.window / WHOLE).unwrap_or(usize::MAX);
        let ceiling = self.ceiling.filter(|(_, until)| *until > now).map_or(usize::MAX, |(count, _)| count);
        window.min(ceiling).min(self.limits.connections_max).max(1)
    }

    /// Until when no letter may begin, for a pause or its rate.
    pub(super) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        let rate = self.limits.rate.and_then(|rate| {
            let ahead = rate.interval() * (rate.burst() - 1);
            Some(self.next_letter?.checked_sub(ahead).unwrap_or(now))
        });
        self.paused_until.max(rate).filter(|until| *until > now)
    }

    /// Recipients that are worth holding in memory: what may go soon, or one whole letter; nobody while a long pause lasts.
    pub(super) fn worth(&self, now: Instant) -> usize {
        if self.pauses_long(now) {
            return 0;
        }
        let Some(rate) = self.limits.rate else { return usize::MAX };
        let soon = OUTBOUND_AHEAD.as_nanos() / rate.interval().as_nanos().max(1);
        usize::try_from(soon).unwrap_or(usize::MAX).max(rate.burst() as usize).max(OUTBOUND_RECIPIENTS_MAX)
    }

    /// It has asked to be left alone for longer than letters wait in memory.
    pub(super) fn pauses_long(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| until > now + OUTBOUND_AHEAD)
    }

    /// A letter begins.
    pub(super) fn spend(&mut self, now: Instant) {
        if let Some(rate) = self.limits.rate {
            self.next_letter = Some(self.next_letter.unwrap_or(now).max(now) + rate.interval());
        }
    }

    /// It talked to us, whatever it said of the letter.
    pub(super) fn success(&mut self) {
        if !std::mem::replace(&mut self.proven, true) {
            self.window = OUTBOUND_WINDOW_FIRST * WHOLE;
        }
        self.failures = 0;
        self.pauses = self.pauses.saturating_sub(1);
        let max = self.limits.connections_max as u64 * WHOLE;
        self.window = (self.window + WHOLE * WHOLE / self.window.max(WHOLE)).min(max.max(WHOLE));
    }

    /// A session came to nothing, with so many others under way. Answers whether the destination counts as dead: nobody
    /// else is at work there who knows better, or as many sessions failed in a row as it was thought to bear.
    pub(super) fn failure(&mut self, others: usize, now: Instant) -> bool {
        self.failures += 1;
        let dead = others == 0 || self.failures * WHOLE > self.window + WHOLE;
        if dead {
            self.forget();
        } else {
            self.ceiling = Some((others, now + OUTBOUND_CEILING_KEPT));
            self.shrink(others);
        }
        dead
    }

    /// The connection broke amid a letter: that is no proof of death, since it talked.
    pub(super) fn broken(&mut self, others: usize) {
        self.shrink(others.max(1));
    }

    /// It let us in and then fell silent: one connection asks whether it will talk again. Answers whether the destination
    /// counts as dead: nobody else is at work there who knows better.
    pub(super) fn stalled(&mut self, others: usize) -> bool {
        self.forget();
        others == 0
    }

    fn shrink(&mut self, count: usize) {
        self.window = self.window.saturating_sub(WHOLE).min(count as u64 * WHOLE).max(WHOLE);
    }

    /// It asks for fewer letters. Those that were under way when it first said so do not count again. Answers whether it
    /// has said so too often in a row to be believed.
    pub(super) fn slow_down(&mut self, now: Instant) -> bool {
        if self.paused_until.is_some_and(|until| until > now) {
            return false;
        }
        let pause = OUTBOUND_PAUSE_FIRST.saturating_mul(1 << self.pauses.min(16)).min(OUTBOUND_PAUSE_MAX);
        self.pauses += 1;
        if self.pauses > OUTBOUND_PAUSES_MAX {
            self.forget();
            return true;
        }
        self.paused_until = Some(now + pause);
        self.window = (self.window / 2).max(WHOLE);
        false
    }

    /// What was learned is of no use: the destination is dead.
    fn forget(&mut self) {
        *self = Self { next_letter: self.next_letter, ..Self::new(self.limits) };
    }

    /// How long from `now` on there is something worth remembering.
    pub(super) fn is_of_use(&self, now: Instant) -> bool {
        // A part of a burst that was spent counts too.
        let spent = self.limits.rate.is_some() && self.next_letter.is_some_and(|next| next > now);
        spent || self.blocked_until(now).is_some() || self.ceiling.is_some_and(|(_, until)| until > now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_window_grows_with_success_and_shrinks_with_failure() {
        let now = Instant::now();
        let mut pace = Pace::new(SiteLimits { connections_max: 7, rate: None });
        assert_eq!(pace.connections(now), 1, "one probe");
        pace.success();
        assert_eq!(pace.connections(now), 5);
        // One more for a window full of successes.
        (0..5).for_each(|_| pace.success());
        assert_eq!(pace.connections(now), 6);
        (0..100).for_each(|_| pace.success());
        assert_eq!(pace.connections(now), 7, "no more than it may have");
        // A refusal beside four others: four it is, for a while, though successes go on.
        assert!(!pace.failure(4, now));
        (0..100).for_each(|_| pace.success());
        assert_eq!(pace.connections(now), 4);
        assert_eq!(pace.connections(now + OUTBOUND_CEILING_KEPT), 7);
        // A broken connection costs one, and never the last.
        (0..20).for_each(|_| pace.broken(3));
        assert_eq!(pace.connections(now + OUTBOUND_CEILING_KEPT), 1);
        // The last one that fails means death, and what was learned is forgotten.
        assert!(pace.failure(0, now));
        assert!(!pace.is_proven());
    }

    #[test]
    fn who_falls_silent_has_one_connection() {
        let now = Instant::now();
        let mut pace = Pace::new(SiteLimits::default());
        (0..100).for_each(|_| pace.success());
        assert!(pace.connections(now) > 5);
        assert!(!pace.stalled(7));
        assert_eq!(pace.connections(now), 1);
        pace.success();
        assert_eq!(pace.connections(now), 5, "one of the others had an answer");
        assert!(pace.stalled(0));
    }

    #[test]
    fn as_many_failures_as_connections_are_death() {
        let now = Instant::now();
        let mut pace = Pace::new(SiteLimits::default());
        pace.success();
        let failed = (1..=20).find(|_| pace.failure(3, now));
        assert!(failed.is_some_and(|count| (2..=6).contains(&count)), "{failed:?}");
    }

    #[test]
    fn a_rate_holds_letters_back() {
        let now = Instant::now();
        let mut pace = Pace::new(SiteLimits { connections_max: 7, rate: Some(Rate { letters: 20, per: seconds(20) }) });
        // A burst of two, then one a second.
        for (at, until) in
            [(0, None), (0, None), (0, Some(1)), (1, None), (1, Some(2)), (9, None), (9, None), (9, Some(10))]
        {
            let at = now + seconds(at);
            assert_eq!(pace.blocked_until(at), until.map(|until| now + seconds(until)));
            if until.is_none() {
                pace.spend(at);
            }
        }
    }

    #[test]
    fn a_rate_outlives_a_restart() {
        let now = Instant::now();
        let limits = SiteLimits { connections_max: 7, rate: Some(Rate { letters: 20, per: seconds(20) }) };
        let mut pace = Pace::since(limits, Some(now));
        // No burst, for it may have been spent a moment ago.
        for (at, until) in [(0, Some(1)), (1, None), (1, Some(2)), (2, None), (2, Some(3)), (9, None), (9, None)] {
            let at = now + seconds(at);
            assert_eq!(pace.blocked_until(at), until.map(|until| now + seconds(until)));
            if until.is_none() {
                pace.spend(at);
            }
        }
        let none = Pace::since(SiteLimits { rate: None, ..limits }, Some(now));
        assert_eq!(none.blocked_until(now), None);
        assert_eq!(Pace::since(limits, Some(now)).blocked_until(now + seconds(60)), None);
    }

    #[test]
    fn who_knows_what_was_spent_waits_no_longer_than_that() {
        let now = Instant::now();
        let rate = Rate { letters: 1, per: seconds(3600) };
        let limits = SiteLimits { connections_max: 7, rate: Some(rate) };
        let mut pace = Pace::new(limits);
        pace.spend(now);
        let restart = now + seconds(1000);
        let spent = pace.spent(restart).unwrap();
        let known = Pace::after(limits, spent, restart);
        assert_eq!(known.blocked_until(restart), Some(now + seconds(3600)));
        assert_eq!(pace.spent(now + seconds(3600)), None);
        // Another rate by now, or a clock that jumped: as if all had been spent.
        let other = SiteLimits { rate: Some(Rate { letters: 2, ..rate }), ..limits };
        assert_eq!(Pace::after(other, spent, restart).blocked_until(restart), Some(restart + seconds(1800)));
        let far = Spent { rate, next: restart + seconds(90_000) };
        assert_eq!(Pace::after(limits, far, restart).blocked_until(restart), Some(restart + seconds(3600)));
    }

    #[test]
    fn a_burst_that_was_begun_is_remembered() {
        let now = Instant::now();
        // A burst of two, then one in ten minutes.
        let rate = Some(Rate { letters: 20, per: seconds(12_000) });
        let mut pace = Pace::new(SiteLimits { connections_max: 7, rate });
        assert!(!pace.is_of_use(now));
        pace.spend(now);
        assert_eq!(pace.blocked_until(now), None, "one more may go");
        assert!(pace.is_of_use(now + seconds(599)) && !pace.is_of_use(now + seconds(600)));
    }

    #[test]
    fn who_asks_for_less_gets_less() {
        let now = Instant::now();
        let mut pace = Pace::new(SiteLimits::default());
        (0..40).for_each(|_| pace.success());
        let before = pace.connections(now);
        assert!(!pace.slow_down(now) && !pace.slow_down(now));
        assert_eq!(pace.connections(now), before / 2);
        assert_eq!(pace.blocked_until(now), Some(now + OUTBOUND_PAUSE_FIRST));
        // Each pause is longer than the last, and at some time nobody believes it any more.
        let mut at = now;
        let mut last = Duration::ZERO;
        for _ in 1..OUTBOUND_PAUSES_MAX {
            at = pace.blocked_until(at).unwrap();
            assert!(!pace.slow_down(at));
            let pause = pace.blocked_until(at).unwrap() - at;
            assert!(pause > last && pause <= OUTBOUND_PAUSE_MAX);
            last = pause;
        }
        at = pace.blocked_until(at).unwrap();
        assert!(pace.slow_down(at));
        assert!(!pace.is_proven());
    }
}
