//! The window: how much is in memory, for whom there is room, and who is filled from the store next.

use std::time::Instant;

use queue::Lane;

use super::ledger::Job;
use super::site::Site;
use super::{Book, Now, Rest};
use crate::limits::{
    OUTBOUND_LANE, OUTBOUND_LANE_FEW, OUTBOUND_PARKED_KEPT, OUTBOUND_SITE_KEPT, OUTBOUND_SITES_MAX, OUTBOUND_WINDOW,
    OUTBOUND_WINDOW_BACKLOG, OUTBOUND_WINDOW_FEW,
};

/// A destination that has room, and something in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Hungry {
    pub(in super::super) destination: String,
    /// The lane that was served last.
    pub(in super::super) after: Option<Lane>,
    /// Recipients that it takes.
    pub(in super::super) wanted: usize,
}

impl Book {
    /// How many of `wanted` recipients it takes of this lane for this destination. They are promised their places:
    /// [`Book::hand_over`] what comes and [`Book::give_up`] what does not. A rest is over when the operator `asked`.
    pub(in super::super) fn room(
        &mut self,
        destination: &str,
        lane: Lane,
        wanted: usize,
        asked: bool,
        now: Now,
    ) -> usize {
        self.sweep(now.instant);
        let of_lane = self.lanes.get(&lane).copied().unwrap_or(0);
        // The last places are for senders who have few: a list finds the window full before a person does.
        let few = of_lane + wanted <= OUTBOUND_LANE_FEW;
        let in_all = OUTBOUND_WINDOW.saturating_sub(self.used() + if few { 0 } else { OUTBOUND_WINDOW_FEW });
        let of_lane = OUTBOUND_LANE.saturating_sub(of_lane);
        let site = self.site(destination, now.instant);
        if asked {
            site.wake(now.instant);
        }
        let room = wanted
            .min(if few { in_all } else { site.part_of(in_all) })
            .min(of_lane)
            .min(site.room_of(lane, now.instant));
        if room < wanted {
            site.parked = Some(now.instant);
        }
        if room > 0 {
            site.use_room(lane, room);
            self.promised += room;
            *self.lanes.entry(lane).or_default() += room;
        }
        room
    }

    /// Promised places that are not needed, or are needed by claims that come now.
    pub(in super::super) fn give_up(&mut self, destination: &str, lane: Lane, count: usize) {
        self.promised = self.promised.saturating_sub(count);
        self.free_lane(lane, count);
        if let Some(site) = self.sites.get_mut(destination) {
            site.free_room(lane, count);
        }
    }

    fn free_lane(&mut self, lane: Lane, count: usize) {
        if let Some(used) = self.lanes.get_mut(&lane) {
            *used = used.saturating_sub(count);
            if *used == 0 {
                self.lanes.remove(&lane);
            }
        }
    }

    /// Recipients in hand and promised.
    pub(in super::super) fn used(&self) -> usize {
        self.ledger.len() + self.promised
    }

    /// How many recipients more may be fetched from the backlog. A part of the window is kept for new letters.
    pub(in super::super) fn backlog_room(&mut self, now: Now) -> usize {
        self.sweep(now.instant);
        OUTBOUND_WINDOW_BACKLOG.saturating_sub(self.used())
    }

    /// Strikes out what is gone, and begins anew what was claimed again meanwhile.
    pub(super) fn sweep(&mut self, now: Instant) {
        for freed in self.ledger.sweep() {
            self.free_lane(freed.lane, 1);
            if let Some(site) = self.sites.get_mut(&*freed.destination) {
                site.free_room(freed.lane, 1);
            }
            if let Some(again) = freed.again {
                let refused = self.add_one(again.claim, again.asked, now);
                self.refused.extend(refused);
            }
            self.feed(&freed.destination, now);
        }
        self.fire_timers(now);
    }

    /// Writes a destination down to be filled, when there is more of it in the store and room for it.
    pub(super) fn feed(&mut self, destination: &str, now: Instant) {
        let Some(site) = self.sites.get_mut(destination) else { return };
        if site.parked.is_none() || site.hungry || !site.is_low() {
            return;
        }
        if site.room(now) > 0 {
            site.hungry = true;
            self.hungry.push_back(destination.to_owned());
        } else if site.pace.pauses_long(now)
            && let Some(until) = site.pace.blocked_until(now)
        {
            self.set_timer(destination, until);
        }
    }

    /// What waits in memory for destinations that have asked for a long pause: it waits in the store until that is over.
    pub(in super::super) fn take_paused(&mut self, now: Now) -> Vec<Job> {
        self.sweep(now.instant);
        let mut waiting = Vec::new();
        let pauses = |site: &Site| !site.waiting.is_empty() && site.pace.pauses_long(now.instant);
        let paused: Vec<String> =
            self.sites.iter().filter(|(_, site)| pauses(site)).map(|(name, _)| name.clone()).collect();
        for destination in paused {
            if let Some(site) = self.sites.get_mut(&destination) {
                site.parked = Some(now.instant);
                waiting.extend(site.take_all());
            }
            self.feed(&destination, now.instant);
        }
        waiting
    }

    /// There are rows of these destinations in the store.
    pub(in super::super) fn parked(&mut self, destinations: impl IntoIterator<Item = String>, now: Now) {
        for destination in destinations {
            let site = self.site(&destination, now.instant);
            site.parked.get_or_insert(now.instant);
            self.feed(&destination, now.instant);
        }
    }

    /// The destinations to be filled next, in turn; no more than `count_max` recipients for all of them. Say afterwards how
    /// it was [`Book::fed`].
    pub(in super::super) fn hungry(&mut self, count_max: usize, now: Now) -> Vec<Hungry> {
        self.sweep(now.instant);
        let mut left = count_max;
        let mut free = OUTBOUND_WINDOW_BACKLOG.saturating_sub(self.used());
        let mut some = Vec::new();
        while left > 0
            && let Some(destination) = self.hungry.pop_front()
        {
            let Some(site) = self.sites.get_mut(&destination) else { continue };
            site.hungry = false;
            let wanted = site.room(now.instant).min(left).min(site.part_of(free));
            if wanted > 0 {
                left -= wanted;
                free -= wanted;
                some.push(Hungry { destination, after: site.lane, wanted });
            }
        }
        some
    }

    /// What was there for a destination: the lane that was served last, and whether there is `more`. A row that found no
    /// room a moment ago may not have been there yet.
    pub(in super::super) fn fed(&mut self, destination: &str, lane: Option<Lane>, more: bool, now: Now) {
        let Some(site) = self.sites.get_mut(destination) else { return };
        site.lane = lane;
        let lately = site.parked.is_some_and(|at| now.instant.saturating_duration_since(at) < OUTBOUND_PARKED_KEPT);
        if more {
            self.feed(destination, now.instant);
        } else if lately {
            let again = now.instant + OUTBOUND_PARKED_KEPT;
            if site.timer.is_none() {
                self.set_timer(destination, again);
            }
        } else {
            site.parked = None;
        }
    }

    /// Where so many destinations are known, some are forgotten that have nothing in hand: those that rest, which the store
    /// remembers, and what they have parked, which the walk over the store finds again; else any of them.
    pub(super) fn make_place(&mut self, now: Instant) {
        for only_resting in [true, false] {
            if self.sites.len() < OUTBOUND_SITES_MAX {
                return;
            }
            // Many at once, since all of them are looked at.
            let mut places = OUTBOUND_SITES_MAX / 10;
            let timers = &mut self.timers;
            self.sites.retain(|name, site| {
                let goes = places > 0 && site.is_empty_handed() && (site.rest.is_some() || !only_resting);
                if goes {
                    places -= 1;
                    // Nobody knows any more what it has spent.
                    if site.pace.spent(now).is_some() {
                        self.began = Some(now);
                    }
                    if let Some(timer) = site.timer {
                        timers.remove(&(timer, name.clone()));
                    }
                }
                !goes
            });
        }
    }

    /// Forgets destinations that are of no use any more. Answers those whose rest was written down.
    pub(in super::super) fn forget(&mut self, now: Now) -> Vec<(String, Rest)> {
        self.sweep(now.instant);
        let mut rests = Vec::new();
        let kept = if self.sites.len() > OUTBOUND_SITES_MAX / 2 { OUTBOUND_SITE_KEPT / 10 } else { OUTBOUND_SITE_KEPT };
        self.sites.retain(|name, site| {
            let idle = site.is_idle(now.instant) && now.instant.saturating_duration_since(site.used_at) > kept;
            if idle {
                rests.extend(site.rest.take().map(|rest| (name.clone(), rest)));
                if let Some(timer) = site.timer {
                    self.timers.remove(&(timer, name.clone()));
                }
            }
            !idle
        });
        rests
    }
}
