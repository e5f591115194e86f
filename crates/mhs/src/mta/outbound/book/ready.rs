//! Which destinations may begin an attempt, and which attempts begin.
//!
//! A destination is filed under several of the senders that have letters for it: so many that they cannot all have as
//! many attempts under way as one may. So a list that has its part delays nobody who writes to the same place.

use std::time::Instant;

use super::slots::Class;
use super::{Attempt, Book, Now, UnderWay, lanes::Lanes};
use crate::limits::OUTBOUND_LANES_FILED;

impl Book {
    /// All attempts that may begin now, destinations and senders in turn.
    pub(in super::super) fn start(&mut self, now: Now) -> Vec<Attempt> {
        self.sweep(now.instant);
        let mut attempts = Vec::new();
        loop {
            let before = attempts.len();
            for class in Class::ALL {
                attempts.extend(self.start_one(class, now.instant));
            }
            if attempts.len() == before {
                return attempts;
            }
        }
    }

    /// Destinations that could begin, while no place is given up by those that wait, because too many do. For after
    /// [`Book::start`].
    pub(in super::super) fn crowded_out(&self) -> usize {
        if self.slots.may_linger() { 0 } else { self.ready.iter().map(Lanes::len).sum() }
    }

    fn start_one(&mut self, class: Class, now: Instant) -> Option<Attempt> {
        loop {
            if !self.slots.may_any(class) {
                return None;
            }
            let slots = &self.slots;
            let (lane, destination) = self.ready.get_mut(class.index())?.pop(|lane, _| slots.may(class, lane))?;
            let Some(site) = self.sites.get_mut(&destination) else { continue };
            site.filed.retain(|filed| *filed != (class, lane));
            // What is known of it may have changed while it stood there.
            let fits = site.wants(now) && site.class() == class && site.pace.blocked_until(now).is_none();
            if fits && let Some(attempt) = self.begin(&destination, now) {
                return Some(attempt);
            }
            // Those of its lanes that may not yet are filed until they may.
            self.consider(&destination, now);
        }
    }

    /// The next letter of a destination, of a lane that may.
    fn begin(&mut self, destination: &str, now: Instant) -> Option<Attempt> {
        let site = self.sites.get_mut(destination)?;
        let (class, slots) = (site.class(), &self.slots);
        let is_last = site.is_at_its_last(now);
        let (lane, group) = site.waiting.pop(|lane, group| slots.may(class, lane) && !(is_last && group.is_long()))?;
        site.pace.spend(now);
        site.under_way += 1;
        site.used_at = now;
        let slot = self.slots.take(class, lane);
        self.attempts_begun += 1;
        let id = self.attempts_begun;
        self.attempts.insert(id, UnderWay { destination: destination.to_owned(), slot, slow: false });
        self.consider(destination, now);
        Some(Attempt { id, destination: destination.to_owned(), lane, group })
    }

    /// Another letter for whoever has just ended one at this destination, unless others have waited for their turn.
    pub(in super::super) fn follow(&mut self, destination: &str, now: Now) -> Option<Attempt> {
        self.sweep(now.instant);
        let site = self.sites.get(destination)?;
        let class = site.class();
        let others = self.ready.iter().map(Lanes::len).sum::<usize>().saturating_sub(site.filed.len());
        let free = self.slots.may_any(class) && (others == 0 || self.slots.are_plenty(class));
        let may = free && site.wants(now.instant) && site.pace.blocked_until(now.instant).is_none();
        may.then(|| self.begin(destination, now.instant)).flatten()
    }

    /// Puts a destination where its state belongs: among those that may begin, or those that may at some moment.
    pub(super) fn consider(&mut self, destination: &str, now: Instant) {
        let Some(site) = self.sites.get_mut(destination) else { return };
        let class = site.class();
        let mut places = OUTBOUND_LANES_FILED.saturating_sub(site.filed.iter().filter(|(of, _)| *of == class).count());
        if places == 0 || !site.wants(now) {
            return;
        }
        if let Some(until) = site.pace.blocked_until(now) {
            return self.set_timer(destination, until);
        }
        let Some(ready) = self.ready.get_mut(class.index()) else { return };
        let is_last = site.is_at_its_last(now);
        for (lane, group) in site.waiting.heads() {
            if !(is_last && group.is_long() || site.filed.contains(&(class, lane))) {
                ready.push(lane, destination.to_owned());
                site.filed.push((class, lane));
                places -= 1;
                if places == 0 {
                    return;
                }
            }
        }
    }
}
