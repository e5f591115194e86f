//! The Message Store: mailboxes, messages, flags, UID, MODSEQ, and the feed of changes. Knows no protocol and no queue.
//!
//! - [`Mailstore::deliver_in`] puts a letter into a mailbox inside the transaction that accepts it; it is idempotent by
//!   the letter's id. After the commit the caller says [`Mailstore::announce`].
//! - [`Mailstore::open`] gives a reader an [`Account`]; it takes a [`directory::SignedIn`], so who forgot the sign-in
//!   does not compile.
//! - Names of mailboxes are UTF-8 with `/` between levels; IMAP's UTF-7 is the door's business.

#![forbid(unsafe_code)]

mod account;
mod changes;
mod deliver;
mod digests;
mod entries;
mod error;
mod feed;
mod flags;
mod grams;
pub mod label;
pub mod limits;
mod name;
mod quota;
mod rebuild;
mod rows;
mod schema;
mod snapshot;
mod threads;
mod types;
mod uids;
mod views;

use std::sync::Arc;

use directory::Quota;
use envelope::{AccountId, Timestamp};
use storage::{Store, Transaction};

pub use account::Account;
pub use digests::digest_of;
pub use entries::Entries;
pub use error::Error;
pub use feed::{Feed, Hint};
pub use flags::{ANSWERED, DELETED, DRAFT, FLAGGED, FlagBits, Flags, Keywords, SEEN, SYSTEM, StoreMode};
pub use grams::Candidates;
pub use label::{Label, Leg};
pub use quota::Usage;
pub use rebuild::{InTransit, Older, Rebuilt, Transit, rebuild};
pub use schema::MIGRATIONS;
pub use types::{
    Append, Changes, Copied, Delivery, Entry, Expunged, Mailbox, Message, Placed, Role, Selected, Status, Stored,
    Summary, Vanished, View,
};
pub use uids::UidSet;

/// The Message Store. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Mailstore {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: fn() -> Timestamp,
    hub: Arc<feed::Hub>,
    views: Arc<views::Views>,
    /// What an account may hold, unless the operator says otherwise of it.
    quota: Quota,
}

impl Mailstore {
    /// On an open store. `clock` tells the present (`net::clock::now`).
    pub fn new(store: Store, clock: fn() -> Timestamp) -> Self {
        Self::with_quota(store, clock, Quota::UNLIMITED)
    }

    /// The same with a limit for each account of which the operator says nothing else.
    pub fn with_quota(store: Store, clock: fn() -> Timestamp, quota: Quota) -> Self {
        let (hub, views) = (feed::Hub::new(), Arc::default());
        Self { inner: Arc::new(Inner { store, clock, hub, views, quota }) }
    }

    fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }

    /// Puts a letter into a mailbox, or refuses it (`Refused`) when the account has been removed. Four statements on the common path,
    /// five for an answer. With several recipients in one transaction,
    /// call it in ascending order of account, so that two transactions never wait for each other in a circle.
    pub fn deliver_in(&self, tx: &dyn Transaction, delivery: &Delivery) -> Result<Placed, storage::Error> {
        deliver::deliver(tx, delivery, self.now())
    }

    /// Where a letter stands that was delivered before, by a transaction whose answer was lost. `None` when its reader has
    /// removed it since, or moved it elsewhere: it is not delivered again.
    pub fn find_in(&self, tx: &dyn Transaction, delivery: &Delivery) -> Result<Option<Placed>, storage::Error> {
        deliver::find(tx, delivery, self.now())
    }

    /// Tells listeners, after the commit.
    pub fn announce<'a>(&self, placed: impl IntoIterator<Item = &'a Placed>) {
        for one in placed.into_iter().filter(|one| !one.duplicate) {
            self.inner.hub.tell(one.account, Hint::Mailbox(one.mailbox));
        }
    }

    /// Makes the index of texts and keeps views on disk, behind the deliveries, until the task is aborted: once in a server.
    pub fn keep_index(&self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(grams::run(Arc::downgrade(&self.inner)))
    }

    /// Does at once what of that is due. Answers how many segments of the index there are more.
    pub async fn index(&self) -> Result<usize, Error> {
        grams::all(&self.inner).await
    }

    /// Opens a reader's account; it has INBOX and the default mailboxes from its first opening on.
    pub async fn open(&self, who: &directory::SignedIn) -> Result<Account, Error> {
        const SQL: &str = "SELECT mailbox_next FROM mail_account WHERE account_id = $1";
        let (id, now) = (who.account(), self.now());
        let known = self.inner.store.read(move |q| q.query_one(SQL, &[id.0.into()])).await?;
        match known.map(|row| row.int(0)).transpose()? {
            None => {
                self.inner.store.write(move |tx| rows::ensure_account(tx, id, now)).await?;
            }
            Some(next) if next < 0 => return Err(Error::Cannot("the account has been removed")),
            Some(_) => {}
        }
        Ok(Account::new(id, who.address().clone(), self.inner.clone()))
    }

    /// Takes away everything that an account has, in the transaction that removes the account itself. Its messages go
    /// by [`Mailstore::sweep`] afterwards.
    pub fn remove_account_in(&self, tx: &dyn Transaction, account: AccountId) -> Result<(), storage::Error> {
        account::retire_all(tx, account)
    }

    /// Empties mailboxes that were deleted and not emptied yet: after [`Mailstore::remove_account_in`], and at the start
    /// for what a crash left.
    pub async fn sweep(&self) -> Result<(), Error> {
        account::purge_all(&self.inner).await
    }
}
