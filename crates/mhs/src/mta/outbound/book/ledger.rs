//! Every claim in hand, with its lease: what is renewed, and what a claim made twice comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use envelope::MailId;
use queue::{Claim, Lane};

use super::super::lease::{Lease, Until};

/// A row of the queue: letter and number.
pub(in super::super) type Key = (MailId, i64);

pub(super) fn key(claim: &Claim) -> Key {
    (claim.mail.id, claim.number)
}

/// A recipient in hand. As long as it lives, its lease is renewed; when it goes, however it goes, its place is free.
#[derive(Debug)]
pub(in super::super) struct Job {
    pub(in super::super) claim: Claim,
    /// When it came into our hands.
    pub(in super::super) since: Instant,
    ticket: u64,
    lease: Arc<Lease>,
    settled: AtomicI64,
    returned: Arc<Returned>,
}

/// No fence is that low.
const NOT_SETTLED: i64 = i64::MIN;

impl Job {
    /// The fence that counts now: it moves when the lease ran out (the clock was set forward, the machine slept) and the
    /// row was claimed by ourselves once more.
    pub(in super::super) fn fence(&self) -> i64 {
        self.lease.fence()
    }

    pub(in super::super) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// Its row was settled under this fence. When it had already been claimed anew by then, that claim begins once this
    /// job is gone.
    pub(in super::super) fn settled(&self, fence: i64) {
        self.settled.store(fence, Ordering::SeqCst);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let settled = self.settled.load(Ordering::SeqCst);
        let gone = Gone { key: key(&self.claim), ticket: self.ticket, settled };
        self.returned.0.lock().unwrap_or_else(PoisonError::into_inner).push(gone);
    }
}

/// Jobs that are gone, until the ledger looks.
#[derive(Debug, Default)]
struct Returned(Mutex<Vec<Gone>>);

#[derive(Debug)]
struct Gone {
    key: Key,
    ticket: u64,
    settled: i64,
}

/// What a job holds.
#[derive(Debug)]
struct Held {
    /// Whose job it is.
    ticket: u64,
    lease: Arc<Lease>,
    lane: Lane,
    destination: Arc<str>,
    /// The row as it was claimed once more while the job lived, and when: no second job begins beside it.
    again: Option<Again>,
}

/// A place that has become free.
#[derive(Debug)]
pub(super) struct Freed {
    pub(super) lane: Lane,
    pub(super) destination: Arc<str>,
    /// The same row, which begins anew.
    pub(super) again: Option<Again>,
}

/// A claim, and when it was asked for.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) claim: Claim,
    pub(super) asked: Instant,
}

/// All claims in hand.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    held: BTreeMap<Key, Held>,
    returned: Arc<Returned>,
    tickets: u64,
}

impl Ledger {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Writes a claim in that was `asked` for at this moment. `None` when a job for its row lives already: that one has the
    /// new fence, and the new lease, now.
    pub(super) fn hold(&mut self, claim: Claim, lane: Lane, asked: Instant, now: Instant) -> Option<Job> {
        let until = Until::new(asked, claim.leased_until);
        if let Some(held) = self.held.get_mut(&key(&claim)) {
            held.lease.set(claim.fence, until);
            held.again = Some(Again { claim, asked });
            return None;
        }
        self.tickets += 1;
        let (ticket, lease) = (self.tickets, Arc::new(Lease::new(claim.fence, until)));
        let destination = Arc::from(claim.destination.as_str());
        self.held.insert(key(&claim), Held { ticket, lease: lease.clone(), lane, destination, again: None });
        let (settled, returned) = (AtomicI64::new(NOT_SETTLED), self.returned.clone());
        Some(Job { claim, since: now, ticket, lease, settled, returned })
    }

    /// Strikes out jobs that are gone. The row may have been settled and claimed anew meanwhile.
    pub(super) fn sweep(&mut self) -> Vec<Freed> {
        let gone = std::mem::take(&mut *self.returned.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut freed = Vec::with_capacity(gone.len());
        for Gone { key, ticket, settled } in gone {
            if self.held.get(&key).is_none_or(|held| held.ticket != ticket) {
                continue;
            }
            let Some(held) = self.held.remove(&key) else { continue };
            let again = held.again.filter(|again| settled != NOT_SETTLED && again.claim.fence > settled);
            freed.push(Freed { lane: held.lane, destination: held.destination, again });
        }
        freed
    }

    /// How many recipients of a letter are in hand.
    pub(super) fn count_of(&self, mail: MailId) -> usize {
        let returned = self.returned.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = returned.iter().filter(|gone| gone.key.0 == mail).count();
        self.held.range((mail, i64::MIN)..=(mail, i64::MAX)).count().saturating_sub(gone)
    }

    /// Letter, number and fence of all claims in hand.
    pub(super) fn leases(&self) -> Vec<(MailId, i64, i64)> {
        let lease = |(key, held): (&Key, &Held)| (key.0, key.1, held.lease.fence());
        self.held.iter().map(lease).collect()
    }

    /// These leases were renewed, but for those that are `lost`.
    pub(super) fn renewed(&mut self, leases: &[(MailId, i64, i64)], lost: &BTreeSet<Key>, until: Until) {
        for (mail, number, fence) in leases {
            let Some(held) = self.held.get(&(*mail, *number)) else { continue };
            if lost.contains(&(*mail, *number)) {
                held.lease.lose();
            } else {
                held.lease.renew(*fence, until);
            }
        }
    }
}
