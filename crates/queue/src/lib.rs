//! Mail in transit: accepted, waiting for its next hop. Knows no sockets and no mailboxes.
//!
//! - [`Queue::accept_in`] takes a letter inside the transaction that accepts it; each recipient needs a
//!   [`directory::RelayAllowed`].
//! - The [`Desk`] carries mail out. [`Queue::prepare`] asks it for room before a letter is accepted: what it has room for is
//!   handed over right after the commit, what it has none for waits in its destination's own queue.
//! - [`Queue::claim`] hands out recipients that are due, with a lease and a fence. Nothing is held in memory but what
//!   is claimed, however long the backlog.
//! - [`Queue::settle`] ends claims; the fence in the statement decides, never a lock, so whoever lost a lease changes
//!   nothing.
//! - [`Backoff`] says when to try again, a pure function.

#![forbid(unsafe_code)]

mod accept;
mod backoff;
mod claim;
mod claim_full;
mod clock;
mod desk;
mod error;
mod hot;
pub mod limits;
mod listed;
mod meant;
mod operator;
mod park;
mod prepare;
mod recover;
mod rows;
mod rule;
mod schema;
mod settle;
mod site;
mod sites;
mod take;
mod types;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use envelope::{Address, MailId, ReversePath, Timestamp};
use storage::{Store, Transaction};
use tokio::sync::Notify as Bell;

pub use backoff::Backoff;
pub use desk::{Desk, Terms};
pub use error::Error;
pub use listed::{Counts, Filter, Listed, Next};
pub use park::Parked;
pub use prepare::Prepared;
pub use rule::{HoldOn, HoldRule};
pub use schema::MIGRATIONS;
pub use site::{Rest, Scope};
pub use sites::{Site, Suspension, Suspensions};
pub use types::{Claim, Claimed, Lane, Mail, NewMail, NewRecipient, Settlement, Verdict};

use claim_full::{Cursors, Wanted};

/// The queue. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Queue {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    node: Arc<str>,
    /// Who carries mail out, while somebody does.
    desk: RwLock<Option<Arc<dyn Desk>>>,
    rules: Mutex<rule::Known>,
    suspensions: Mutex<sites::Known>,
    clock: Mutex<clock::Clock>,
    first_bucket: Mutex<i64>,
    bell: Bell,
    cursors: Mutex<Cursors>,
    pulled_back: Mutex<Option<Instant>>,
}

impl Queue {
    /// On an open store. `node` names this server among those that share the store; a restarted server takes back its
    /// own leases at once by [`Queue::recover`].
    pub fn new(store: Store, node: &str) -> Self {
        let inner = Inner {
            store,
            node: node.into(),
            desk: RwLock::default(),
            rules: Mutex::default(),
            suspensions: Mutex::default(),
            clock: Mutex::default(),
            first_bucket: Mutex::default(),
            bell: Bell::new(),
            cursors: Mutex::default(),
            pulled_back: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// From now on this desk is asked for room, and has what it has room for.
    pub fn attach(&self, desk: Arc<dyn Desk>) {
        *self.inner.desk.write().unwrap_or_else(PoisonError::into_inner) = Some(desk);
    }

    /// The end of the desk. New rows are due; those that were prepared before may still be handed to it.
    pub fn detach(&self) {
        self.inner.desk.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(crate) fn desk(&self) -> Option<Arc<dyn Desk>> {
        self.inner.desk.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says how each recipient of a letter will begin, and reserves room at the desk: just before the transaction of
    /// [`Queue::accept_in`]. After the commit say [`Prepared::hand_over`]; whoever drops it gives the room up.
    ///
    /// When the outcome of the transaction stays unknown, nothing is lost: what may have been leased is due when the lease
    /// runs out.
    pub async fn prepare(
        &self,
        reverse_path: &ReversePath,
        lane: Lane,
        recipients: &[&Address],
        now: Timestamp,
    ) -> Result<Prepared, storage::Error> {
        let rules = self.known_rules().await?;
        Ok(Prepared::new(self, reverse_path, lane, recipients, &rules, now))
    }

    /// Takes a letter, in the transaction that accepts it. Idempotent by the letter's id. After the commit the caller
    /// says [`Prepared::hand_over`] and [`Queue::wake`]. Answers false when it was there already (then the body's
    /// reference has been dropped again).
    pub fn accept_in(
        &self,
        tx: &dyn Transaction,
        new: &NewMail<'_>,
        prepared: &Prepared,
    ) -> Result<bool, storage::Error> {
        accept::accept(tx, new, prepared)
    }

    /// The same for a letter that was found again after the queue was lost: its rows are held, since nobody knows whether
    /// it has gone out. The operator releases or drops them.
    pub fn accept_held_in(&self, tx: &dyn Transaction, new: &NewMail<'_>) -> Result<bool, storage::Error> {
        accept::accept_held(tx, new, "found again after the queue was lost; it may have gone out already")
    }

    /// Something may be due.
    pub fn wake(&self) {
        self.inner.bell.notify_one();
    }

    /// Waits until [`Queue::wake`] was called, or a second has passed (other processes, and rows due by the clock). For
    /// one waiter. Cancel-safe.
    pub async fn woken(&self) {
        let poll = Duration::from_millis(limits::POLL_MILLISECONDS);
        // A poll that ran out is as good as a bell.
        let _ = tokio::time::timeout(poll, self.inner.bell.notified()).await;
    }

    /// Claims up to `count_max` recipients that are due at `now` for the time of `lease`, at most `each_max` of one
    /// destination, and none of the destinations in `full`.
    pub async fn claim(
        &self,
        now: Timestamp,
        count_max: usize,
        each_max: usize,
        lease: Duration,
        full: Arc<HashSet<String>>,
    ) -> Result<Vec<Claim>, Error> {
        self.pull_back(now).await?;
        if count_max == 0 || !self.is_anything_due(now).await? {
            return Ok(Vec::new());
        }
        let node = self.inner.node.to_string();
        let wanted = Wanted { now, until: now.plus(lease), node, count_max, each_max, full };
        for _ in 0..8 {
            let (claims, goes_on) = self.claim_once(wanted.clone()).await?;
            if !claims.is_empty() || !goes_on {
                return Ok(claims);
            }
            // Nothing but rows whose destination has no room, and the cursors are midway: on at once, in another
            // transaction, so that a long backlog for one destination delays nobody else by a poll each time.
        }
        Ok(Vec::new())
    }

    async fn claim_once(&self, wanted: Wanted) -> Result<(Vec<Claim>, bool), Error> {
        let cursors = lock(&self.inner.cursors).clone();
        let write = self.inner.store.write(move |tx| {
            // The closure may run again: each run begins where the last claim ended.
            let mut moved = cursors.clone();
            let (claims, goes_on) = claim_full::claim(tx, &wanted, &mut moved)?;
            Ok((claims, goes_on, moved))
        });
        let ((claims, goes_on, moved), _) = write.await?;
        *lock(&self.inner.cursors) = moved;
        Ok((claims, goes_on))
    }

    /// A glance on a reader, so that an idle queue costs no transaction.
    async fn is_anything_due(&self, now: Timestamp) -> Result<bool, Error> {
        const SQL: &str = "SELECT due_at FROM queue_recipient WHERE held = 0 AND parked IS NULL AND bucket = $1 AND due_at <= $2 LIMIT 1";
        let glance = self.inner.store.read(move |q| {
            for bucket in 0..limits::DUE_BUCKETS {
                if q.query_one(SQL, &[bucket.into(), now.0.into()])?.is_some() {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        Ok(glance.await?)
    }

    async fn pull_back(&self, now: Timestamp) -> Result<(), Error> {
        let every = Duration::from_millis(limits::PULL_BACK_MILLISECONDS);
        let present = Instant::now();
        if lock(&self.inner.pulled_back).is_some_and(|last| present.duration_since(last) < every) {
            return Ok(());
        }
        *lock(&self.inner.pulled_back) = Some(present);
        let (pulled, _) = self.inner.store.write(move |tx| claim_full::pull_back(tx, now)).await?;
        if pulled > 0 {
            tracing::warn!(pulled, "the clock was set back; letters due far ahead are due now");
        }
        Ok(())
    }

    /// Prolongs leases; answers the claims (letter and number) that are lost.
    pub async fn renew(&self, claims: Vec<(MailId, i64, i64)>, until: Timestamp) -> Result<Vec<(MailId, i64)>, Error> {
        let node = self.inner.node.clone();
        let write = self.inner.store.write(move |tx| {
            let mut lost = Vec::new();
            for (mail, number, fence) in &claims {
                if !settle::renew(tx, (*mail, *number, *fence), until, &node)? {
                    lost.push((*mail, *number));
                }
            }
            Ok(lost)
        });
        Ok(write.await?.0)
    }

    /// Ends claims, in a transaction that may also hold the notices about them. Answers for each whether the fence still
    /// was ours; when not, nothing was changed for it.
    pub fn settle_in(&self, tx: &dyn Transaction, ends: &[Settlement]) -> Result<Vec<bool>, storage::Error> {
        settle::settle(tx, ends)
    }

    /// [`Queue::settle_in`] in a transaction of its own.
    pub async fn settle(&self, ends: Vec<Settlement>) -> Result<Vec<bool>, Error> {
        let write = self.inner.store.write(move |tx| settle::settle(tx, &ends));
        Ok(write.await?.0)
    }
}

/// Nothing behind these locks can be left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
