//! Mail in transit: accepted, waiting for its next hop. Knows no sockets and no mailboxes.
//!
//! - [`Queue::accept_in`] takes a letter inside the transaction that accepts it; each recipient needs a
//!   [`directory::RelayAllowed`].
//! - The [`Desk`] carries mail out. [`Queue::prepare`] asks it for room before a letter is accepted: what it has room for is
//!   handed over right after the commit, what it has none for waits in its destination's own queue.
//! - [`Queue::claim_due`] hands out recipients that are due, with a lease and a fence. Nothing is held in memory but what
//!   is claimed, however long the backlog.
//! - [`Queue::settle`] ends claims; the fence in the statement decides, never a lock, so whoever lost a lease changes
//!   nothing.
//! - [`Backoff`] says when to try again, a pure function.

#![forbid(unsafe_code)]

mod accept;
mod ages;
pub mod backoff;
mod claim;
mod clock;
mod desk;
mod error;
mod hot;
pub mod limits;
mod listed;
mod meant;
mod operator;
mod outlook;
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

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use envelope::{Address, MailId, ReversePath, Timestamp};
use storage::{Store, Transaction};
use tokio::sync::Notify as Bell;

pub use ages::{AGE_MINUTES, Ages};
pub use backoff::Backoff;
pub use desk::{Desk, Terms};
pub use error::Error;
pub use listed::{Counts, Filter, Listed, Listing, Next, Order, Totals, Wish};
pub use meant::Place;
pub use operator::{Deed, Touch};
pub use outlook::Outlook;
pub use park::Parked;
pub use prepare::Prepared;
pub use rule::{HoldOn, HoldRule};
pub use schema::MIGRATIONS;
pub use site::{Rest, Scope, Suspension, Why};
pub use sites::{Site, Suspensions};
pub use types::{Claim, Claimed, Lane, Mail, NewMail, NewRecipient, Settled, Settlement, Verdict};

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
    recovered: AtomicBool,
    bell: Bell,
}

impl Queue {
    /// The name of this server among those that share the store.
    pub fn node(&self) -> &str {
        &self.inner.node
    }

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
            recovered: AtomicBool::new(false),
            bell: Bell::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// From now on this desk is asked for room, and has what it has room for.
    pub fn attach(&self, desk: Arc<dyn Desk>) {
        *self.inner.desk.write().unwrap_or_else(PoisonError::into_inner) = Some(desk);
    }

    /// The end of this desk: new rows are due; those that were prepared before may still be handed to it. Of another desk
    /// that was attached since, nothing is changed.
    pub fn detach<D: Desk + ?Sized>(&self, desk: &Arc<D>) {
        let mut attached = self.inner.desk.write().unwrap_or_else(PoisonError::into_inner);
        // By address alone: the table of functions of one type may stand in several places.
        if attached.as_ref().is_some_and(|other| std::ptr::addr_eq(Arc::as_ptr(other), Arc::as_ptr(desk))) {
            attached.take();
        }
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

    /// In place of [`Queue::accept_in`] for a letter that was accepted before, by a transaction whose answer was lost:
    /// [`Prepared::hand_over`] hands over what that one has leased. What has been delivered since is gone, and stays gone.
    pub fn find_in(&self, tx: &dyn Transaction, new: &NewMail<'_>, prepared: &Prepared) -> Result<(), storage::Error> {
        accept::find(tx, new, prepared)
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

    /// Prolongs leases, never shortens one: where the clock was set back, what is written stands. Answers the claims (letter and number) that are lost.
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

    /// Whether each of these claims (letter, number, fence) is still ours, and the operator has not wished it held or dropped:
    /// for a row that has waited in memory, just before it is tried.
    pub async fn still_stand(&self, claims: Vec<(MailId, i64, i64)>) -> Result<Vec<bool>, Error> {
        let look = self.inner.store.read(move |q| claims.iter().map(|claim| settle::stands(q, *claim)).collect());
        Ok(look.await?)
    }

    /// Ends claims, in a transaction that may also hold the notices about them. Answers for each what has come of it. A
    /// notice may go out only when all that it tells of was [`Settled::Written`]; else the caller undoes the transaction.
    pub fn settle_in(&self, tx: &dyn Transaction, ends: &[Settlement]) -> Result<Vec<Settled>, storage::Error> {
        settle::settle(tx, ends)
    }

    /// [`Queue::settle_in`] in a transaction of its own.
    pub async fn settle(&self, ends: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        let write = self.inner.store.write(move |tx| settle::settle(tx, &ends));
        Ok(write.await?.0)
    }
}

/// Nothing behind these locks can be left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
