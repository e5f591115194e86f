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

mod backoff;
mod error;
pub mod limits;
mod types;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use envelope::{MailId, Timestamp};
use storage::{Store, Transaction};

pub use backoff::Backoff;
pub use error::Error;
pub use types::{Claim, Counts, Filter, Listed, Mail, NewMail, NewRecipient, Settlement, Verdict};

/// The queue. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Queue {
    store: Store,
}

#[allow(unused_variables, clippy::unused_async, clippy::todo)]
impl Queue {
    /// On an open store. `node` names this server among those that share the store; a restarted server takes back its
    /// own leases at once by [`Queue::recover`].
    pub fn new(store: Store, node: &str) -> Self {
        Self { store }
    }

    /// Takes a letter, in the transaction that accepts it. Idempotent by the letter's id. After the commit the caller
    /// says [`Queue::wake`]. Answers false when it was there already (then the body's reference has been dropped again).
    pub fn accept_in(&self, tx: &dyn Transaction, new: &NewMail<'_>) -> Result<bool, storage::Error> {
        todo!()
    }

    /// Something may be due.
    pub fn wake(&self) {}

    /// Waits until [`Queue::wake`] was called, or a second has passed (other processes, and rows due by the clock).
    pub async fn woken(&self) {
        todo!()
    }

    /// Makes what this node had claimed before it died due at once. For the start, before the first claim.
    pub async fn recover(&self, now: Timestamp) -> Result<u64, Error> {
        todo!()
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
        todo!()
    }

    /// Prolongs leases; answers the claims that are lost.
    pub async fn renew(&self, claims: Vec<(MailId, i64, i64)>, until: Timestamp) -> Result<Vec<(MailId, i64)>, Error> {
        todo!()
    }

    /// Ends claims, in a transaction that may also hold the notices about them. Answers for each whether the fence still
    /// was ours; when not, nothing was changed for it.
    pub fn settle_in(&self, tx: &dyn Transaction, ends: &[Settlement]) -> Result<Vec<bool>, storage::Error> {
        todo!()
    }

    /// [`Queue::settle_in`] in a transaction of its own.
    pub async fn settle(&self, ends: Vec<Settlement>) -> Result<Vec<bool>, Error> {
        todo!()
    }

    /// Rows for the operator, soonest due first.
    pub async fn list(&self, filter: Filter, count_max: usize) -> Result<Vec<Listed>, Error> {
        todo!()
    }

    /// One letter's rows.
    pub async fn show(&self, mail: MailId) -> Result<Vec<Listed>, Error> {
        todo!()
    }

    /// How much there is.
    pub async fn counts(&self) -> Result<Counts, Error> {
        todo!()
    }

    /// Makes rows due now. Answers the letters and recipients touched.
    pub async fn retry(&self, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        todo!()
    }

    /// Keeps rows from being tried until released.
    pub async fn hold(&self, filter: Filter) -> Result<Vec<Listed>, Error> {
        todo!()
    }

    /// Ends a hold; the rows are due now.
    pub async fn release(&self, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        todo!()
    }

    /// Takes rows out of the queue without a word to the sender.
    pub async fn drop_rows(&self, filter: Filter) -> Result<Vec<Listed>, Error> {
        todo!()
    }
}
