//! Mail in transit: accepted, waiting for its next hop. Knows no sockets and no mailboxes.
//!
//! - [`Queue::accept_in`] takes a letter inside the transaction that accepts it; each recipient needs a
//!   [`directory::RelayAllowed`].
//! - [`Queue::claim`] hands out recipients that are due, with a lease and a fence. Nothing is held in memory but what
//!   is claimed, however long the backlog.
//! - [`Queue::settle`] ends claims; the fence in the statement decides, never a lock, so whoever lost a lease changes
//!   nothing.
//! - [`Backoff`] says when to try again, a pure function.

#![forbid(unsafe_code)]

mod accept;
mod backoff;
mod claim;
mod error;
pub mod limits;
mod operator;
mod rows;
mod schema;
mod settle;
mod types;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use envelope::{MailId, Timestamp};
use storage::{Store, Transaction};
use tokio::sync::Notify as Bell;

pub use backoff::Backoff;
pub use error::Error;
pub use schema::MIGRATIONS;
pub use types::{Claim, Counts, Filter, Listed, Mail, NewMail, NewRecipient, Settlement, Verdict};

use claim::{Cursors, Wanted};
use operator::Deed;

/// The queue. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Queue {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    node: String,
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
            node: node.to_owned(),
            bell: Bell::new(),
            cursors: Mutex::default(),
            pulled_back: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes a letter, in the transaction that accepts it. Idempotent by the letter's id. After the commit the caller
    /// says [`Queue::wake`]. Answers false when it was there already (then the body's reference has been dropped again).
    pub fn accept_in(&self, tx: &dyn Transaction, new: &NewMail<'_>) -> Result<bool, storage::Error> {
        accept::accept(tx, new)
    }

    /// The same for a letter that was found again after the queue was lost: its rows are held, since nobody knows whether
    /// it has gone out. The operator releases or drops them.
    pub fn accept_held_in(&self, tx: &dyn Transaction, new: &NewMail<'_>) -> Result<bool, storage::Error> {
        const HOLD: &str = "UPDATE queue_recipient SET held = 1 WHERE mail_id = $1";
        let fresh = accept::accept(tx, new)?;
        if fresh {
            tx.execute(HOLD, &[new.mail.to_bytes().into()])?;
        }
        Ok(fresh)
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

    /// Makes what this node had claimed before it died due at once. For the start, before the first claim.
    pub async fn recover(&self, now: Timestamp) -> Result<u64, Error> {
        const SQL: &str = "UPDATE queue_recipient SET due_at = $2, claimed_by = NULL WHERE claimed_by = $1";
        let node = self.inner.node.clone();
        let write = self.inner.store.write(move |tx| tx.execute(SQL, &[node.as_str().into(), now.0.into()]));
        Ok(write.await?.0)
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
        let node = self.inner.node.clone();
        let wanted = Wanted { now, until: now.plus(lease), node, count_max, each_max, full };
        for _ in 0..limits::CLAIM_SCANS_MAX {
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
            let (claims, goes_on) = claim::claim(tx, &wanted, &mut moved)?;
            Ok((claims, goes_on, moved))
        });
        let ((claims, goes_on, moved), _) = write.await?;
        *lock(&self.inner.cursors) = moved;
        Ok((claims, goes_on))
    }

    /// A glance on a reader, so that an idle queue costs no transaction.
    async fn is_anything_due(&self, now: Timestamp) -> Result<bool, Error> {
        const SQL: &str = "SELECT due_at FROM queue_recipient WHERE held = 0 AND bucket = $1 AND due_at <= $2 LIMIT 1";
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
        let (pulled, _) = self.inner.store.write(move |tx| claim::pull_back(tx, now)).await?;
        if pulled > 0 {
            tracing::warn!(pulled, "the clock was set back; letters due far ahead are due now");
        }
        Ok(())
    }

    /// Prolongs leases; answers the claims (letter and number) that are lost.
    pub async fn renew(&self, claims: Vec<(MailId, i64, i64)>, until: Timestamp) -> Result<Vec<(MailId, i64)>, Error> {
        let write = self.inner.store.write(move |tx| {
            let mut lost = Vec::new();
            for (mail, number, fence) in &claims {
                if !settle::renew(tx, (*mail, *number, *fence), until)? {
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

    /// Rows for the operator, soonest due first; [`limits::LIST_MAX`] at most.
    pub async fn list(&self, filter: Filter, count_max: usize) -> Result<Vec<Listed>, Error> {
        Ok(self.inner.store.read(move |q| operator::list(q, &filter, count_max)).await?)
    }

    /// One letter's rows.
    pub async fn show(&self, mail: MailId) -> Result<Vec<Listed>, Error> {
        let filter = Filter { mail: Some(mail), ..Filter::default() };
        let rows = self.list(filter, limits::LIST_MAX).await?;
        if rows.is_empty() { Err(Error::NotFound) } else { Ok(rows) }
    }

    /// How much there is, by counting: for the operator.
    pub async fn counts(&self) -> Result<Counts, Error> {
        Ok(self.inner.store.read(operator::counts).await?)
    }

    /// Makes rows due now, but for those that are in work. Answers the rows touched, the first [`limits::LIST_MAX`].
    pub async fn retry(&self, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        self.act(filter, Deed::Retry(now)).await
    }

    /// Keeps rows from being tried until released. An attempt under way ends as it ends.
    pub async fn hold(&self, filter: Filter) -> Result<Vec<Listed>, Error> {
        self.act(filter, Deed::Hold).await
    }

    /// Ends a hold; the rows are due now.
    pub async fn release(&self, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        self.act(filter, Deed::Release(now)).await
    }

    /// Takes rows out of the queue without a word to the sender.
    pub async fn drop_rows(&self, filter: Filter) -> Result<Vec<Listed>, Error> {
        self.act(filter, Deed::Drop).await
    }

    async fn act(&self, filter: Filter, deed: Deed) -> Result<Vec<Listed>, Error> {
        let mut all = Vec::new();
        let mut after = Some(operator::start());
        while let Some(from) = after {
            let filter = filter.clone();
            let ((mut touched, next), _) =
                self.inner.store.write(move |tx| operator::act(tx, &filter, deed, from)).await?;
            touched.truncate(limits::LIST_MAX - all.len());
            all.append(&mut touched);
            after = next;
        }
        self.wake();
        Ok(all)
    }
}

/// Nothing behind these locks can be left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
