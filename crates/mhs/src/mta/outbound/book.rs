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
    ticket: u64,
}

impl Job {
    /// The fence that counts now: it moves when the lease ran out (the clock was set forward, the machine slept) and the
    /// row was claimed by ourselves once more.
    pub(super) fn fence(&self) -> i64 {
        let state = self.book.lock();
        let held = state.held.get(&key(&self.claim)).filter(|held| held.ticket == self.ticket);
        held.map_or(self.claim.fence, |held| held.fence)
    }

    /// Its row was settled under this fence. When it had already been claimed anew by then, that claim begins now.
    pub(super) fn settled(&self, fence: i64) {
        let key = key(&self.claim);
        let mut state = self.book.lock();
        if state.held.get(&key).is_none_or(|held| held.ticket != self.ticket) {
            return;
        }
        let again = state.held.remove(&key).and_then(|held| held.again);
        if let Some(again) = again.filter(|again| again.fence > fence) {
            let job = self.book.hold(&mut state, again);
            state.push(job);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let mut state = self.book.lock();
        // The row may have been settled and claimed anew meanwhile.
        if state.held.get(&key(&self.claim)).is_some_and(|held| held.ticket == self.ticket) {
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
    /// All claims in hand.
    held: HashMap<(MailId, i64), Held>,
    tickets: u64,
    workers: usize,
}

/// What a job holds.
#[derive(Debug)]
struct Held {
    /// Whose job it is.
    ticket: u64,
    fence: i64,
    /// The row as it was claimed once more while the job lived: no second job begins beside it.
    again: Option<Claim>,
}

#[derive(Debug, Default)]
struct Site {
    waiting: VecDeque<Group>,
    recipients: usize,
    workers: usize,
    /// How many at most: fewer once the other side has refused one beside others.
    workers_max: Option<usize>,
    /// Nobody answered there.
    down: Option<Down>,
}

/// Nobody of a destination talked to us.
#[derive(Debug, Clone)]
pub(super) struct Down {
    /// When that was.
    pub(super) since: Instant,
    /// Until then it is left alone.
    pub(super) until: Instant,
    /// What was said, or what went wrong.
    pub(super) reply: Reply,
}

/// A recipient whose destination is left alone just now.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) job: Job,
    pub(super) down: Down,
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

    /// Takes claims in. Answers those whose destination is down, with what is known of that. Where the operator asked for
    /// an attempt, that is forgotten.
    pub(super) fn add(self: &Arc<Self>, claims: Vec<Claim>, now: Instant) -> Vec<Refused> {
        let mut refused = Vec::new();
        let mut state = self.lock();
        for claim in claims {
            if let Some(held) = state.held.get_mut(&key(&claim)) {
                held.fence = claim.fence;
                held.again = Some(claim);
                continue;
            }
            let (name, asked) = (claim.destination.clone(), claim.asked);
            let job = self.hold(&mut state, claim);
            let site = state.sites.entry(name).or_default();
            match &site.down {
                Some(down) if down.until > now && !asked => {
                    refused.push(Refused { job, down: down.clone() });
                    continue;
                }
                _ => site.down = None,
            }
            state.push(job);
        }
        refused
    }

    fn hold(self: &Arc<Self>, state: &mut State, claim: Claim) -> Job {
        state.tickets += 1;
        let ticket = state.tickets;
        state.held.insert(key(&claim), Held { ticket, fence: claim.fence, again: None });
        Job { claim, book: self.clone(), ticket }
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
    pub(super) fn down(&self, destination: &str, down: Down) -> Vec<Job> {
        if let Some(site) = self.lock().sites.get_mut(destination) {
            site.down = Some(down);
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
        self.lock().held.iter().map(|((mail, number), held)| (*mail, *number, held.fence)).collect()
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

impl State {
    /// Lets it wait for its destination's turn.
    fn push(&mut self, job: Job) {
        let site = self.sites.entry(job.claim.destination.clone()).or_default();
        if site.waiting.is_empty() {
            self.turns.push_back(job.claim.destination.clone());
        }
        site.push(job);
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
        self.workers > 0 || !self.waiting.is_empty() || self.down.as_ref().is_some_and(|down| down.until > now)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use envelope::{Address, BodyType, ReversePath, Timestamp};
    use storage::BodyId;

    use super::*;

    /// A claim for one recipient of a letter.
    pub(in super::super) fn claim(mail: MailId, number: i64, to: &str) -> Claim {
        let mail = Mail {
            id: mail,
            body: BodyId(1),
            octets: 1,
            reverse_path: ReversePath::Null,
            body_type: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            accepted_at: Timestamp(0),
            delivered_to: None,
        };
        let address = Address::parse(to).unwrap();
        let destination = address.host().to_string();
        let mail = Arc::new(mail);
        let (notify, original) = (None, None);
        Claim {
            mail,
            number,
            address,
            notify,
            original,
            destination,
            attempts: 0,
            delay_told: false,
            asked: false,
            overdue: false,
            lane: queue::Lane(0),
            fence: 1,
        }
    }

    fn many(destination: &str, letters: usize) -> Vec<Claim> {
        (0..letters).map(|_| claim(MailId::random(), 0, &format!("a@{destination}"))).collect()
    }

    #[test]
    fn recipients_of_a_letter_go_together() {
        let (book, now) = (Arc::new(Book::default()), Instant::now());
        let (one, two) = (MailId::random(), MailId::random());
        let to = |n: i64| format!("r{n}@x.test");
        let mut claims: Vec<Claim> = (0..150).map(|n| claim(one, n, &to(n))).collect();
        claims.push(claim(two, 0, "a@x.test"));
        claims.push(claim(two, 1, "a@y.test"));
        assert!(book.add(claims, now).is_empty());
        assert_eq!(book.room(), OUTBOUND_WINDOW - 152);
        let sizes: Vec<usize> = std::iter::from_fn(|| book.take("x.test")).map(|group| group.jobs.len()).collect();
        assert_eq!(sizes, [100, 50, 1]);
        assert_eq!(book.take("y.test").unwrap().jobs.len(), 1);
        // What is out of hand is no longer held.
        assert_eq!((book.room(), book.leases().len()), (OUTBOUND_WINDOW, 0));
    }

    #[test]
    fn a_row_claimed_twice_is_one_job() {
        let (book, now) = (Arc::new(Book::default()), Instant::now());
        let first = claim(MailId::random(), 0, "a@x.test");
        let again = |fence| Claim { fence, ..first.clone() };
        book.add(vec![first.clone()], now);
        let job = book.take("x.test").unwrap().jobs.remove(0);
        // The lease ran out under way: the job goes on under the new fence, and no second one begins.
        book.add(vec![again(2)], now);
        assert!(book.take("x.test").is_none());
        assert_eq!((job.fence(), book.leases()[0].2), (2, 2));
        // It was settled to be tried later, and is claimed before the job has gone: now there is work for a second one.
        book.add(vec![again(3)], now);
        job.settled(2);
        let second = book.take("x.test").unwrap().jobs.remove(0);
        assert_eq!((second.fence(), second.claim.fence), (3, 3));
        drop(job);
        assert_eq!(book.leases().len(), 1, "the second one holds it still");
        second.settled(3);
        assert!(book.leases().is_empty() && book.take("x.test").is_none());
    }

    #[test]
    fn workers_are_many_and_not_too_many() {
        let (book, now) = (Arc::new(Book::default()), Instant::now());
        book.add(many("busy.test", 500), now);
        book.add(many("quiet.test", 1), now);
        let starts = book.start();
        let count = |starts: &[String], name: &str| starts.iter().filter(|start| *start == name).count();
        assert_eq!(count(&starts, "busy.test"), OUTBOUND_ATTEMPTS_EACH);
        assert_eq!(count(&starts, "quiet.test"), 1);
        assert!(book.start().is_empty());
        // One is refused while others stand: the letter goes back, and one fewer is let in from now on.
        let group = book.take("busy.test").unwrap();
        assert!(book.refused("busy.test", group).is_ok());
        book.finish("busy.test", now);
        assert!(book.start().is_empty());
        book.finish("busy.test", now);
        assert_eq!(book.start().len(), 1);
        // The last one that is refused has to bear it.
        let group = book.take("quiet.test").unwrap();
        assert!(book.refused("quiet.test", group).is_err());
        // All destinations together have their limit too.
        for n in 0..OUTBOUND_ATTEMPTS_MAX {
            book.add(many(&format!("d{n}.test"), 1), now);
        }
        assert_eq!(book.start().len(), OUTBOUND_ATTEMPTS_MAX - OUTBOUND_ATTEMPTS_EACH);
    }

    #[test]
    fn a_site_that_is_down_is_left_alone_for_a_while() {
        let (book, now) = (Arc::new(Book::default()), Instant::now());
        book.add(many("x.test", 3), now);
        assert_eq!(book.start().len(), 1);
        let _first = book.take("x.test").unwrap();
        let reply = Reply::plain(421, "busy");
        let down = Down { since: now, until: now + Duration::from_secs(9), reply: reply.clone() };
        assert_eq!(book.down("x.test", down.clone()).len(), 2);
        book.finish("x.test", now);
        let refused = book.add(many("x.test", 1), now + Duration::from_secs(8));
        assert_eq!(refused[0].down.reply, reply);
        // The operator asked for an attempt: what is known of the destination is forgotten.
        let asked = |mut claim: Claim| {
            claim.asked = true;
            claim
        };
        assert!(book.add(many("x.test", 1).into_iter().map(asked).collect(), now).is_empty());
        assert!(book.add(many("x.test", 1), now).is_empty());
        assert_eq!(book.down("x.test", down).len(), 2);
        assert!(book.add(many("x.test", 1), now + Duration::from_secs(10)).is_empty());
        assert_eq!(book.start(), ["x.test"]);
    }

    #[test]
    fn what_is_full_says_so_and_what_is_lost_is_not_begun() {
        let (book, now) = (Arc::new(Book::default()), Instant::now());
        book.add(many("x.test", OUTBOUND_WINDOW_EACH), now);
        book.add(many("y.test", 2), now);
        assert_eq!(book.full(), HashSet::from(["x.test".to_owned()]));
        let lost: HashSet<_> = book.leases().iter().map(|(mail, number, _)| (*mail, *number)).collect();
        book.lose(&lost);
        assert!(book.take("x.test").is_none() && book.take("y.test").is_none());
        assert_eq!(book.room(), OUTBOUND_WINDOW);
        book.add(many("z.test", 7), now);
        assert_eq!(book.take_everything().len(), 7);
    }
}
