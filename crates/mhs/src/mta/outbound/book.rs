//! What the outbound side holds in memory: a bounded window over the queue, sorted by destination, and who is at work.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use envelope::{MailId, Reply};
use queue::{Claim, Mail};

use crate::limits::{
    OUTBOUND_ATTEMPTS_EACH, OUTBOUND_ATTEMPTS_MAX, OUTBOUND_RECIPIENTS_MAX, OUTBOUND_WINDOW, OUTBOUND_WINDOW_EACH,
};

/// A recipient in hand. As long as it lives, its lease is renewed.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) claim: Claim,
    book: Arc<Book>,
}

impl Drop for Job {
    fn drop(&mut self) {
        let mut state = self.book.lock();
        // The row may have been settled and claimed anew meanwhile.
        if state.held.get(&key(&self.claim)) == Some(&self.claim.fence) {
            state.held.remove(&key(&self.claim));
        }
    }
}

fn key(claim: &Claim) -> (MailId, i64) {
    (claim.mail.id, claim.number)
}

/// One letter's recipients at one destination.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) mail: Arc<Mail>,
    pub(super) jobs: Vec<Job>,
}

/// The window.
#[derive(Debug, Default)]
pub(super) struct Book {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sites: HashMap<String, Site>,
    /// Destinations with something waiting, in the order of their turns; each once.
    turns: VecDeque<String>,
    /// All claims in hand, with their fences.
    held: HashMap<(MailId, i64), i64>,
    workers: usize,
}

#[derive(Debug, Default)]
struct Site {
    waiting: VecDeque<Group>,
    recipients: usize,
    workers: usize,
    /// How many at most: fewer once the other side has refused one beside others.
    workers_max: Option<usize>,
    /// Nobody answered there: until when it is left alone, and what was said.
    down: Option<(Instant, Reply)>,
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many recipients more may be claimed.
    pub(super) fn room(&self) -> usize {
        OUTBOUND_WINDOW.saturating_sub(self.lock().held.len())
    }

    /// Destinations that have enough in hand.
    pub(super) fn full(&self) -> HashSet<String> {
        let state = self.lock();
        let full = state.sites.iter().filter(|(_, site)| site.recipients >= OUTBOUND_WINDOW_EACH);
        full.map(|(name, _)| name.clone()).collect()
    }

    /// Takes claims in. Answers those whose destination is down, with what was said there.
    pub(super) fn add(self: &Arc<Self>, claims: Vec<Claim>, now: Instant) -> Vec<(Job, Reply)> {
        let mut refused = Vec::new();
        let mut state = self.lock();
        for claim in claims {
            state.held.insert(key(&claim), claim.fence);
            let name = claim.destination.clone();
            let job = Job { claim, book: self.clone() };
            let site = state.sites.entry(name.clone()).or_default();
            match &site.down {
                Some((until, reply)) if *until > now => {
                    refused.push((job, reply.clone()));
                    continue;
                }
                _ => site.down = None,
            }
            if site.waiting.is_empty() {
                state.turns.push_back(name.clone());
            }
            if let Some(site) = state.sites.get_mut(&name) {
                site.push(job);
            }
        }
        refused
    }

    /// Destinations that a worker more should go to, each in its turn; they count as at work from here on.
    pub(super) fn start(&self) -> Vec<String> {
        let mut starts = Vec::new();
        let mut state = self.lock();
        for _ in 0..state.turns.len() {
            if state.workers >= OUTBOUND_ATTEMPTS_MAX {
                break;
            }
            let Some(name) = state.turns.pop_front() else { break };
            let Some(site) = state.sites.get_mut(&name) else { continue };
            if site.waiting.is_empty() {
                continue;
            }
            // One more for every few letters that wait: a short queue is soon done by one connection.
            let wanted = (1 + site.waiting.len() / 4).min(site.workers_max.unwrap_or(OUTBOUND_ATTEMPTS_EACH));
            let more = wanted.saturating_sub(site.workers);
            site.workers += more;
            state.workers += more;
            starts.extend(std::iter::repeat_n(name.clone(), more));
            state.turns.push_back(name);
        }
        starts
    }

    /// The next letter for a destination.
    pub(super) fn take(&self, destination: &str) -> Option<Group> {
        let mut state = self.lock();
        let site = state.sites.get_mut(destination)?;
        let group = site.waiting.pop_front()?;
        site.recipients = site.recipients.saturating_sub(group.jobs.len());
        Some(group)
    }

    /// The other side refused a connection. While others stand, it only wants fewer: the letter goes back to them.
    /// `Err` hands it back when nobody else is at work.
    pub(super) fn refused(&self, destination: &str, group: Group) -> Result<(), Group> {
        let mut state = self.lock();
        match state.sites.get_mut(destination) {
            Some(site) if site.workers > 1 => {
                site.workers_max = Some(site.workers - 1);
                site.recipients += group.jobs.len();
                site.waiting.push_front(group);
                if site.waiting.len() == 1 && !state.turns.iter().any(|name| name == destination) {
                    state.turns.push_back(destination.to_owned());
                }
                Ok(())
            }
            _ => Err(group),
        }
    }

    /// A worker has ended.
    pub(super) fn finish(&self, destination: &str, now: Instant) {
        let mut state = self.lock();
        state.workers = state.workers.saturating_sub(1);
        if let Some(site) = state.sites.get_mut(destination) {
            site.workers = site.workers.saturating_sub(1);
        }
        state.sites.retain(|_, site| site.is_of_use(now));
    }

    /// Nobody answers there: everything that waits for it is handed back.
    pub(super) fn down(&self, destination: &str, until: Instant, reply: &Reply) -> Vec<Job> {
        if let Some(site) = self.lock().sites.get_mut(destination) {
            site.down = Some((until, reply.clone()));
        }
        self.take_all(destination)
    }

    /// Everything that waits for a destination.
    pub(super) fn take_all(&self, destination: &str) -> Vec<Job> {
        let mut state = self.lock();
        let Some(site) = state.sites.get_mut(destination) else { return Vec::new() };
        site.recipients = 0;
        let waiting = std::mem::take(&mut site.waiting);
        drop(state);
        waiting.into_iter().flat_map(|group| group.jobs).collect()
    }

    /// Everything that waits.
    pub(super) fn take_everything(&self) -> Vec<Job> {
        let mut state = self.lock();
        state.turns.clear();
        let sites = std::mem::take(&mut state.sites);
        drop(state);
        sites.into_values().flat_map(|site| site.waiting).flat_map(|group| group.jobs).collect()
    }

    /// All claims in hand: letter, number, fence.
    pub(super) fn leases(&self) -> Vec<(MailId, i64, i64)> {
        self.lock().held.iter().map(|((mail, number), fence)| (*mail, *number, *fence)).collect()
    }

    /// These are no longer ours: what has not been begun is not begun.
    pub(super) fn lose(&self, lost: &HashSet<(MailId, i64)>) {
        let mut dropped = Vec::new();
        let mut state = self.lock();
        for site in state.sites.values_mut() {
            for group in &mut site.waiting {
                let (gone, kept) =
                    std::mem::take(&mut group.jobs).into_iter().partition(|job| lost.contains(&key(&job.claim)));
                group.jobs = kept;
                let gone: Vec<Job> = gone;
                site.recipients = site.recipients.saturating_sub(gone.len());
                dropped.extend(gone);
            }
            site.waiting.retain(|group| !group.jobs.is_empty());
        }
        // A job takes the lock when it goes.
        drop(state);
        drop(dropped);
    }
}

impl Site {
    /// Next to the other recipients of its letter, when they were claimed together.
    fn push(&mut self, job: Job) {
        self.recipients += 1;
        let mail = job.claim.mail.clone();
        let group = self.waiting.back_mut();
        match group.filter(|group| group.mail.id == mail.id && group.jobs.len() < OUTBOUND_RECIPIENTS_MAX) {
            Some(group) => group.jobs.push(job),
            None => self.waiting.push_back(Group { mail, jobs: vec![job] }),
        }
    }

    fn is_of_use(&self, now: Instant) -> bool {
        self.workers > 0 || !self.waiting.is_empty() || self.down.as_ref().is_some_and(|(until, _)| *until > now)
    }
}
