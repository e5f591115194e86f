//! What the outbound side holds in memory, and who is next: a scheduler that is a value.
//!
//! It has no clock, no lock, no task and no chance in it: whoever calls it says what time it is, and the same calls give
//! the same answers. The glue around it ([`super::schedule`], [`super::work`]) asks which attempts may begin and tells how
//! they ended.
//!
//! - [`lanes`]: senders in turn within a destination, and destinations of different senders in turn.
//! - [`ready`]: which destinations may begin, and who does.
//! - [`pace`]: connections and letters that one destination bears. [`rest`]: dead ones are left alone.
//! - [`end`]: what the end of an attempt means for all that.
//! - [`slots`]: attempts under way, and who may not use them all up.
//! - [`ledger`]: every claim in hand and its lease.

mod end;
mod lanes;
mod ledger;
mod pace;
mod ready;
mod rest;
mod site;
mod slots;
#[cfg(test)]
pub(super) mod tests;
mod window;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use envelope::{MailId, Timestamp};
use queue::{Claim, Lane, Mail};

pub(super) use end::{Feedback, Ruling};
pub(super) use ledger::{Job, Key};
pub(super) use pace::Spent;
pub(super) use rest::{Rest, RestTimes};

use self::lanes::Lanes;
use self::ledger::Ledger;
use self::pace::Pace;
use self::site::Site;
use self::slots::{Slot, Slots};
use super::SiteLimits;
use super::lease::Until;
use super::spent::AllSpent;
use crate::limits::OUTBOUND_LANE_FEW;

/// The time, by both clocks: the one that never goes back, and the one of records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) wall: Timestamp,
}

/// One letter's recipients at one destination.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) mail: Arc<Mail>,
    pub(super) jobs: Vec<Job>,
}

impl Group {
    /// A list's: the other side has something to do until it has taken all of them.
    fn is_long(&self) -> bool {
        self.jobs.len() > OUTBOUND_LANE_FEW
    }
}

/// One letter that goes out now. Whoever has it says how it [`Book::ended`], or that it [`Book::vanished`].
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: u64,
    pub(super) destination: String,
    pub(super) lane: Lane,
    pub(super) group: Group,
}

/// A recipient whose destination is left alone just now.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) job: Job,
    pub(super) rest: Rest,
}

/// Says what a destination bears.
pub(super) type LimitsOf = Box<dyn Fn(&str) -> SiteLimits + Send>;

/// The scheduler.
pub(super) struct Book {
    limits_of: LimitsOf,
    rests: RestTimes,
    /// What went out before this moment is not known.
    began: Option<Instant>,
    /// Of these it is known, as it was then.
    before: BTreeMap<String, Spent>,
    before_at: Option<Instant>,
    sites: BTreeMap<String, Site>,
    ledger: Ledger,
    /// Recipients promised a place that have not come yet.
    promised: usize,
    /// Recipients in hand and promised, by lane, at all destinations.
    lanes: BTreeMap<Lane, usize>,
    /// Destinations that may begin an attempt, by class, each under the lane whose turn it has.
    ready: [Lanes<String>; 2],
    /// Destinations that may at this moment.
    timers: BTreeSet<(Instant, String)>,
    /// Destinations that have more in the store, and room for it.
    hungry: VecDeque<String>,
    slots: Slots,
    attempts: BTreeMap<u64, UnderWay>,
    /// Those that take long and hold a place all the same: too many wait beside the places.
    lingering: BTreeSet<u64>,
    attempts_begun: u64,
    refused: Vec<Refused>,
}

#[derive(Debug)]
struct UnderWay {
    destination: String,
    slot: Slot,
    slow: bool,
}

impl Book {
    pub(super) fn new(limits_of: LimitsOf, rests: RestTimes) -> Self {
        Self {
            limits_of,
            rests,
            began: None,
            before: BTreeMap::new(),
            before_at: None,
            sites: BTreeMap::new(),
            ledger: Ledger::default(),
            promised: 0,
            lanes: BTreeMap::new(),
            ready: Default::default(),
            timers: BTreeSet::new(),
            hungry: VecDeque::new(),
            slots: Slots::default(),
            attempts: BTreeMap::new(),
            lingering: BTreeSet::new(),
            attempts_begun: 0,
            refused: Vec::new(),
        }
    }

    /// Begins at this moment, beside or behind somebody who may have spent all that the rates allow.
    pub(super) fn beginning_at(self, began: Instant) -> Self {
        Self { began: Some(began), ..self }
    }

    /// Begins behind somebody who has left word of what he spent.
    pub(super) fn behind(self, spent: AllSpent, now: Instant) -> Self {
        Self { began: spent.unknown_at, before: spent.known, before_at: Some(now), ..self }
    }

    /// What was spent of the rates.
    pub(super) fn spent(&self, now: Instant) -> AllSpent {
        let of_sites = self.sites.iter().filter_map(|(name, site)| Some((name.clone(), site.pace.spent(now)?)));
        // Those that were not used since the beginning are as they were then.
        let unused = self.before.iter().filter(|(name, one)| one.next > now && !self.sites.contains_key(*name));
        let known = unused.map(|(name, one)| (name.clone(), *one)).chain(of_sites).collect();
        AllSpent { unknown_at: self.began, known }
    }

    fn site(&mut self, destination: &str, now: Instant) -> &mut Site {
        if !self.sites.contains_key(destination) {
            self.make_place(now);
            let limits = (self.limits_of)(destination);
            let pace = match (self.before.get(destination), self.before_at) {
                (Some(spent), Some(at)) => Pace::after(limits, *spent, at),
                _ => Pace::since(limits, self.began),
            };
            self.sites.insert(destination.to_owned(), Site::new(pace, now));
        }
        self.sites.entry(destination.to_owned()).or_insert_with(|| Site::new(Pace::new(SiteLimits::default()), now))
    }

    /// Takes claims in. Answers those whose destination is left alone, with what is known of that. Where the operator
    /// asked for an attempt, that is forgotten. `now` is no later than when they were asked for.
    pub(super) fn add(&mut self, claims: Vec<Claim>, now: Now) -> Vec<Refused> {
        self.add_asked(claims, now.instant, now)
    }

    fn add_asked(&mut self, claims: Vec<Claim>, asked: Instant, now: Now) -> Vec<Refused> {
        self.sweep(now.instant);
        let mut refused = Vec::new();
        for claim in claims {
            refused.extend(self.add_one(claim, asked, now.instant));
        }
        refused
    }

    /// The same for claims that were asked for a while ago, whose places were promised by [`Book::room`], and for a caller
    /// who cannot wait: [`Book::take_refused`] has the others.
    pub(super) fn hand_over(&mut self, claims: Vec<Claim>, leased_ago: Duration, now: Now) {
        for claim in &claims {
            self.give_up(&claim.destination, claim.lane, 1);
        }
        let asked = now.instant.checked_sub(leased_ago).unwrap_or(now.instant);
        let refused = self.add_asked(claims, asked, now);
        self.refused.extend(refused);
    }

    /// Claims whose destinations are left alone, and that nobody has been told of yet.
    pub(super) fn take_refused(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }

    fn add_one(&mut self, claim: Claim, asked: Instant, now: Instant) -> Option<Refused> {
        let (lane, is_asked_for, destination) = (claim.lane, claim.asked, claim.destination.clone());
        let job = self.ledger.hold(claim, lane, asked, now)?;
        *self.lanes.entry(lane).or_default() += 1;
        let site = self.site(&destination, now);
        site.use_room(lane, 1);
        site.used_at = now;
        if is_asked_for {
            site.wake(now);
        }
        if let Some(rest) = site.resting(now).cloned() {
            return Some(Refused { job, rest });
        }
        site.push(lane, job);
        self.consider(&destination, now);
        None
    }

    fn set_timer(&mut self, destination: &str, at: Instant) {
        let Some(site) = self.sites.get_mut(destination) else { return };
        if let Some(before) = site.timer.replace(at) {
            self.timers.remove(&(before, destination.to_owned()));
        }
        self.timers.insert((at, destination.to_owned()));
    }

    fn fire_timers(&mut self, now: Instant) {
        while let Some((at, _)) = self.timers.first()
            && *at <= now
        {
            let Some((_, destination)) = self.timers.pop_first() else { return };
            if let Some(site) = self.sites.get_mut(&destination) {
                site.timer = None;
            }
            self.consider(&destination, now);
            self.feed(&destination, now);
        }
    }

    /// When to ask again though nothing happens: a pause, a rest or a rate lets somebody go on then.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Everything that waits for a destination.
    pub(super) fn take_all(&mut self, destination: &str) -> Vec<Job> {
        self.sites.get_mut(destination).map(Site::take_all).unwrap_or_default()
    }

    /// What waits and is meant by `which`.
    pub(super) fn take_where(&mut self, mut which: impl FnMut(&Claim) -> bool) -> Vec<Job> {
        self.sites.values_mut().flat_map(|site| site.take_where(&mut which)).collect()
    }

    /// A claim that is not to be tried: written in, so that its lease is renewed, and handed back at once. `None` when a job
    /// for its row lives already.
    pub(super) fn hold(&mut self, claim: Claim, now: Now) -> Option<(Job, Option<Rest>)> {
        let (lane, destination) = (claim.lane, claim.destination.clone());
        let job = self.ledger.hold(claim, lane, now.instant, now.instant)?;
        *self.lanes.entry(lane).or_default() += 1;
        let site = self.site(&destination, now.instant);
        site.use_room(lane, 1);
        Some((job, site.rest.clone()))
    }

    /// Everything that waits.
    pub(super) fn take_everything(&mut self) -> Vec<Job> {
        self.sites.values_mut().flat_map(Site::take_all).collect()
    }

    /// How many recipients of a letter are in hand: waiting, being tried, or at the settler's.
    pub(super) fn in_hand(&self, mail: MailId) -> usize {
        self.ledger.count_of(mail)
    }

    /// All claims in hand: letter, number, fence.
    pub(super) fn leases(&mut self, now: Now) -> Vec<(MailId, i64, i64)> {
        self.sweep(now.instant);
        self.ledger.leases()
    }

    /// These leases were renewed, as `asked` for at a moment, until another one; but those that are `lost` are no longer
    /// ours: what has not been begun is not begun, and what is under way is not ended.
    pub(super) fn renewed(
        &mut self,
        leases: &[(MailId, i64, i64)],
        lost: &BTreeSet<Key>,
        asked: Instant,
        until: Timestamp,
    ) {
        self.ledger.renewed(leases, lost, Until::new(asked, until));
        self.take_where(|claim| lost.contains(&ledger::key(claim)));
    }

    /// Attempts under way at a destination.
    #[cfg(test)]
    pub(super) fn under_way(&self, destination: &str) -> usize {
        self.sites.get(destination).map_or(0, |site| site.under_way)
    }
}
