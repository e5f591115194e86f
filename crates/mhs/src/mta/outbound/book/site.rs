//! One destination: what waits for it, lane by lane, and what is known of it.

use std::collections::BTreeMap;
use std::time::Instant;

use queue::{Claim, Lane};

use super::ledger::Job;
use super::pace::Pace;
use super::rest::Rest;
use super::slots::Class;
use super::{Group, lanes::Lanes};
use crate::limits::{
    OUTBOUND_LANE_EACH, OUTBOUND_LANE_FEW, OUTBOUND_PROBE_RECIPIENTS, OUTBOUND_RECIPIENTS_MAX, OUTBOUND_REST_KEPT,
    OUTBOUND_WINDOW_EACH,
};

/// A destination with something in hand, or with something worth remembering.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) waiting: Lanes<Group>,
    pub(super) pace: Pace,
    /// Nobody talked to us at the last attempt. Stays, when it is over, until somebody does.
    pub(super) rest: Option<Rest>,
    /// The end of the rest that the operator has broken.
    pub(super) broken: Option<Instant>,
    pub(super) under_way: usize,
    /// Its last attempt took long.
    pub(super) slow: bool,
    /// Recipients in hand and promised, by lane.
    used: BTreeMap<Lane, usize>,
    used_count: usize,
    /// When a recipient last found no room: there is more of it in the store.
    pub(super) parked: Option<Instant>,
    /// The lane of its queue in the store that was served last.
    pub(super) lane: Option<Lane>,
    /// It stands in the list of those that are to be filled.
    pub(super) hungry: bool,
    /// The lanes under which it stands among those that may begin.
    pub(super) filed: Vec<(Class, Lane)>,
    /// When it is looked at again.
    pub(super) timer: Option<Instant>,
    pub(super) used_at: Instant,
}

impl Site {
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self {
            waiting: Lanes::default(),
            pace,
            rest: None,
            broken: None,
            under_way: 0,
            slow: false,
            used: BTreeMap::new(),
            used_count: 0,
            parked: None,
            lane: None,
            hungry: false,
            filed: Vec::new(),
            timer: None,
            used_at: now,
        }
    }

    /// Left alone just now.
    pub(super) fn resting(&self, now: Instant) -> Option<&Rest> {
        self.rest.as_ref().filter(|rest| rest.until > now)
    }

    /// The operator wants it tried now, whatever is known.
    pub(super) fn wake(&mut self, now: Instant) {
        if let Some(rest) = self.rest.as_mut().filter(|rest| rest.until > now) {
            self.broken = Some(rest.until);
            rest.until = now;
        }
    }

    /// Recipients that it has in hand at most, of all lanes. One that has not talked to us, or not since a rest, has one
    /// probe under way: what waits for that in memory may only have to be written back.
    fn most(&self) -> usize {
        let is_known = self.rest.is_none() && self.pace.is_proven();
        if is_known { OUTBOUND_WINDOW_EACH } else { OUTBOUND_PROBE_RECIPIENTS }
    }

    /// Recipients that it takes more, of all lanes.
    pub(super) fn room(&self, now: Instant) -> usize {
        let most = if self.resting(now).is_some() { 0 } else { self.most() };
        most.min(self.pace.worth(now)).saturating_sub(self.used_count)
    }

    /// Its part of what is `free`: it never has more than it leaves to others, so the more destinations want some, the
    /// less each has, and there is always some for one more.
    pub(super) fn part_of(&self, free: usize) -> usize {
        free.saturating_sub(self.used_count).div_ceil(2)
    }

    /// The same for one lane. There is always room for a sender who has few here, but behind a rest or a long pause.
    pub(super) fn room_of(&self, lane: Lane, now: Instant) -> usize {
        let used = self.used.get(&lane).copied().unwrap_or(0);
        let few =
            if self.rest.is_none() && self.pace.worth(now) > 0 { OUTBOUND_LANE_FEW.saturating_sub(used) } else { 0 };
        self.room(now).min(OUTBOUND_LANE_EACH.saturating_sub(used)).max(few)
    }

    pub(super) fn use_room(&mut self, lane: Lane, count: usize) {
        *self.used.entry(lane).or_default() += count;
        self.used_count += count;
    }

    pub(super) fn free_room(&mut self, lane: Lane, count: usize) {
        self.used_count = self.used_count.saturating_sub(count);
        if let Some(used) = self.used.get_mut(&lane) {
            *used = used.saturating_sub(count);
            if *used == 0 {
                self.used.remove(&lane);
            }
            if self.used.is_empty() {
                // An emptied map keeps a node.
                self.used = BTreeMap::new();
            }
        }
    }

    /// So little is in hand that more is fetched.
    pub(super) fn is_low(&self) -> bool {
        self.used_count <= self.most() / 2
    }

    pub(super) fn class(&self) -> Class {
        if self.pace.is_proven() && !self.slow { Class::Proven } else { Class::Unproven }
    }

    /// Something waits, and one more attempt may begin, now or at some time.
    pub(super) fn wants(&self, now: Instant) -> bool {
        let may = self.resting(now).is_none() && self.under_way < self.pace.connections(now);
        may && if self.is_at_its_last(now) {
            self.waiting.heads().any(|(_, group)| !group.is_long())
        } else {
            !self.waiting.is_empty()
        }
    }

    /// One connection of several is left, and all others are at work: letters to many leave it to letters to few, which
    /// would have to wait until one of the many is done.
    pub(super) fn is_at_its_last(&self, now: Instant) -> bool {
        self.under_way > 0 && self.under_way + 1 == self.pace.connections(now)
    }

    /// Next to the other recipients of its letter, when they were claimed together.
    pub(super) fn push(&mut self, lane: Lane, job: Job) {
        let mail = job.claim.mail.clone();
        let last = self.waiting.last_mut(lane);
        match last.filter(|last| last.mail.id == mail.id && last.jobs.len() < OUTBOUND_RECIPIENTS_MAX) {
            Some(group) => group.jobs.push(job),
            None => self.waiting.push(lane, Group { mail, jobs: vec![job] }),
        }
    }

    /// Everything that waits.
    pub(super) fn take_all(&mut self) -> Vec<Job> {
        self.waiting.drain().into_iter().flat_map(|group| group.jobs).collect()
    }

    /// What waits and is meant by `which`.
    pub(super) fn take_where(&mut self, which: &mut impl FnMut(&Claim) -> bool) -> Vec<Job> {
        let mut taken = Vec::new();
        self.waiting.retain(|group| {
            let (out, kept) = std::mem::take(&mut group.jobs).into_iter().partition(|job| which(&job.claim));
            group.jobs = kept;
            let out: Vec<Job> = out;
            taken.extend(out);
            !group.jobs.is_empty()
        });
        taken
    }

    /// Whether nothing of it is in memory.
    pub(super) fn is_empty_handed(&self) -> bool {
        self.used_count == 0 && self.under_way == 0
    }

    /// Whether it may be forgotten.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.is_empty_handed()
            && self.parked.is_none()
            && self.rest.as_ref().is_none_or(|rest| now.saturating_duration_since(rest.until) > OUTBOUND_REST_KEPT)
            && !self.pace.is_of_use(now)
    }
}
