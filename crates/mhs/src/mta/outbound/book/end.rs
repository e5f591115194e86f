//! The ends of attempts: what they say of the destination, and what becomes of the letter and of those behind it.

use envelope::Reply;
use queue::Lane;

use super::slots::{Class, Slot};
use super::{Book, Group, Job, Now, Rest, UnderWay};
use crate::limits::OUTBOUND_UNHEARD_MAX;

/// How an attempt went, as far as the destination is concerned. See [`super::trouble::feedback`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Feedback {
    /// Nothing: the trouble was ours.
    Nothing,
    /// It talked to us, and answered.
    Talked,
    /// It talked to us, and then the connection broke.
    Broken,
    /// It was ready for a letter, and then said nothing.
    Stalled(Reply),
    /// It talked to us, and asks for fewer letters.
    Slower(Reply),
    /// It let us in only to say that we come too often: no letter was spoken of.
    Busy(Reply),
    /// Our own name servers were silent: nobody was asked.
    Unheard(Reply),
    /// Nobody of it talked to us.
    Down(Reply),
}

/// What becomes of the letter, and of what waits behind it.
#[derive(Debug)]
pub(in super::super) enum Ruling {
    /// The outcomes stand as they are.
    Settle,
    /// The same; and the destination, that has rested or of which nothing was known, is alive.
    Healed,
    /// That was no attempt: [`Book::put_back`].
    Again,
    /// The destination rests: the outcomes stand, and these wait without an attempt.
    Rest(Rest, Vec<Job>),
}

impl Book {
    /// Whether nothing good was known of the destination when the attempt began.
    pub(in super::super) fn is_unproven(&self, attempt: u64) -> bool {
        self.attempts.get(&attempt).is_some_and(|under_way| under_way.slot.class() == Class::Unproven)
    }

    /// An attempt at a destination of which nothing is known has no answer yet: it gives its place to others. Nothing is
    /// said of the destination by that.
    pub(in super::super) fn tarries(&mut self, attempt: u64) {
        if self.is_unproven(attempt) {
            self.give_place(attempt);
        }
    }

    fn give_place(&mut self, attempt: u64) {
        let Some(under_way) = self.attempts.get_mut(&attempt) else { return };
        self.slots.slow(&mut under_way.slot);
        if !under_way.slot.is_slow() {
            self.lingering.insert(attempt);
        }
    }

    /// An attempt takes long.
    pub(in super::super) fn lingers(&mut self, attempt: u64, now: Now) {
        let Some(under_way) = self.attempts.get_mut(&attempt) else { return };
        under_way.slow = true;
        if let Some(site) = self.sites.get_mut(&under_way.destination) {
            site.slow = true;
            site.used_at = now.instant;
        }
        self.give_place(attempt);
    }

    /// An attempt has ended. What becomes of its letter is the answer.
    pub(in super::super) fn ended(&mut self, attempt: u64, feedback: Feedback, now: Now) -> Ruling {
        let Some(UnderWay { destination, slot, slow }) = self.attempts.remove(&attempt) else { return Ruling::Settle };
        self.free(attempt, slot);
        let Some(site) = self.sites.get_mut(&destination) else { return Ruling::Settle };
        site.under_way = site.under_way.saturating_sub(1);
        site.used_at = now.instant;
        let others = site.under_way;
        let ruling = match feedback {
            Feedback::Nothing => Ruling::Settle,
            Feedback::Talked => {
                site.slow = slow;
                // The store may know of a rest that was over before we began.
                let is_first = !site.pace.is_proven();
                site.pace.success();
                site.broken = None;
                if site.rest.take().is_some() || is_first { Ruling::Healed } else { Ruling::Settle }
            }
            Feedback::Broken => {
                site.slow = slow;
                site.pace.broken(others);
                Ruling::Settle
            }
            Feedback::Stalled(reply) => {
                site.slow = slow;
                if site.pace.stalled(others) { self.lay_down(&destination, reply, now) } else { Ruling::Settle }
            }
            Feedback::Slower(reply) if site.pace.slow_down(now.instant) => self.lay_down(&destination, reply, now),
            Feedback::Slower(_) => Ruling::Settle,
            Feedback::Busy(reply) if others == 0 && site.pace.slow_down(now.instant) => {
                self.lay_down(&destination, reply, now)
            }
            Feedback::Busy(_) if others == 0 => Ruling::Again,
            Feedback::Busy(reply) | Feedback::Down(reply) if site.pace.failure(others, now.instant) => {
                self.lay_down(&destination, reply, now)
            }
            Feedback::Unheard(reply) if site.pace.failure(others, now.instant) => {
                self.lay_down_shortly(&destination, reply, now)
            }
            Feedback::Unheard(_) | Feedback::Busy(_) | Feedback::Down(_) => Ruling::Again,
        };
        self.consider(&destination, now.instant);
        self.feed(&destination, now.instant);
        ruling
    }

    /// An attempt's place is free. Where it waited beside the places, the next one that takes long waits there.
    fn free(&mut self, attempt: u64, slot: Slot) {
        self.slots.free(slot);
        self.lingering.remove(&attempt);
        while self.slots.may_linger()
            && let Some(next) = self.lingering.pop_first()
        {
            if let Some(under_way) = self.attempts.get_mut(&next) {
                self.slots.slow(&mut under_way.slot);
            }
        }
    }

    /// Whoever had the attempt is gone without a word.
    pub(in super::super) fn vanished(&mut self, attempt: u64, now: Now) {
        if let Some(UnderWay { destination, slot, .. }) = self.attempts.remove(&attempt) {
            self.free(attempt, slot);
            if let Some(site) = self.sites.get_mut(&destination) {
                site.under_way = site.under_way.saturating_sub(1);
            }
            self.consider(&destination, now.instant);
        }
    }

    /// A letter that was taken and not spoken of: it is the first of its lane again.
    pub(in super::super) fn put_back(&mut self, destination: &str, lane: Lane, group: Group, now: Now) {
        self.site(destination, now.instant).waiting.push_front(lane, group);
        self.consider(destination, now.instant);
    }

    /// A destination rests for a while though nobody was asked; that makes its next rest
    /// hardly longer.
    fn lay_down_shortly(&mut self, destination: &str, reply: Reply, now: Now) -> Ruling {
        let times = self.rests;
        let Some(site) = self.sites.get_mut(destination) else { return Ruling::Settle };
        let (known, since) = site.rest.take().map_or((0, now.wall), |rest| (rest.failures, rest.since));
        let failures = known + u32::from(times.length(known, destination) < OUTBOUND_UNHEARD_MAX);
        let until = now.instant + times.length(failures, destination).min(OUTBOUND_UNHEARD_MAX);
        let rest = Rest { failures, since, tried_at: now.wall, until, reply };
        let waiting = self.rest(destination, rest.clone(), now);
        Ruling::Rest(rest, waiting)
    }

    /// A destination rests, longer each time. Where the operator has broken its rest, that goes on instead.
    fn lay_down(&mut self, destination: &str, reply: Reply, now: Now) -> Ruling {
        let times = self.rests;
        let Some(site) = self.sites.get_mut(destination) else { return Ruling::Settle };
        let before = site.rest.take();
        let known = before.as_ref().map_or(0, |rest| rest.failures);
        let (failures, until) = match site.broken.take().filter(|until| *until > now.instant) {
            Some(until) => (known, until),
            None => (known.saturating_add(1), now.instant + times.length(known.saturating_add(1), destination)),
        };
        let since = before.map_or(now.wall, |rest| rest.since);
        let rest = Rest { failures, since, tried_at: now.wall, until, reply };
        let waiting = self.rest(destination, rest.clone(), now);
        Ruling::Rest(rest, waiting)
    }

    /// Lets a destination rest: because nobody answered there, or because the store says so. Everything that waits for it
    /// is handed back.
    pub(in super::super) fn rest(&mut self, destination: &str, rest: Rest, now: Now) -> Vec<Job> {
        let until = rest.until;
        let site = self.site(destination, now.instant);
        site.rest = Some(rest);
        site.broken = None;
        // What waits goes to the store, and is fetched from there when the rest is over.
        site.parked = Some(now.instant);
        let waiting = site.take_all();
        self.set_timer(destination, until);
        waiting
    }

    /// Somebody else has found a destination dead. What we know better stands.
    pub(in super::super) fn learn(&mut self, destination: &str, rest: Rest, now: Now) {
        let site = self.site(destination, now.instant);
        let newer = site.rest.as_ref().is_none_or(|known| known.tried_at < rest.tried_at);
        if newer && site.under_way == 0 && site.waiting.is_empty() {
            self.rest(destination, rest, now);
        }
    }
}
