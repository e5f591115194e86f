//! The Message Store: mailboxes, messages, flags, UID, MODSEQ, and the feed of changes. Knows no protocol and no queue.
//!
//! - [`Mailstore::deliver_in`] puts a letter into a mailbox inside the transaction that accepts it; it is idempotent by
//!   the letter's id. After the commit the caller says [`Mailstore::announce`].
//! - [`Mailstore::open`] gives a reader an [`Account`]; it takes a [`directory::SignedIn`], so who forgot the sign-in
//!   does not compile.
//! - Names of mailboxes are UTF-8 with `/` between levels; IMAP's UTF-7 is the door's business.

#![forbid(unsafe_code)]

mod account;
mod error;
mod feed;
mod flags;
pub mod limits;
mod types;
mod uids;

use envelope::Timestamp;
use storage::{Store, Transaction};

pub use account::Account;
pub use error::Error;
pub use feed::{Feed, Hint};
pub use flags::{ANSWERED, DELETED, DRAFT, FLAGGED, FlagBits, Flags, Keywords, SEEN, SYSTEM, StoreMode};
pub use types::{
    Append, Changes, Copied, Delivery, Entry, Expunged, Mailbox, Message, Placed, Role, Selected, Status, Stored,
    Vanished, View,
};
pub use uids::UidSet;

/// The Message Store. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Mailstore {
    store: Store,
    clock: fn() -> Timestamp,
}

impl Mailstore {
    /// On an open store. `clock` tells the present (`net::clock::now`).
    pub fn new(store: Store, clock: fn() -> Timestamp) -> Self {
        Self { store, clock }
    }

    /// Puts a letter into a mailbox. Two statements on the common path. With several recipients in one transaction,
    /// call it in ascending order of account, so that two transactions never wait for each other.
    pub fn deliver_in(&self, tx: &dyn Transaction, delivery: &Delivery) -> Result<Placed, storage::Error> {
        let _ = (tx, delivery);
        todo!()
    }

    /// Tells listeners, after the commit.
    pub fn announce(&self, placed: &[Placed]) {
        let _ = placed;
    }

    /// Opens a reader's account; it has INBOX and the default mailboxes from its first opening on.
    pub async fn open(&self, who: &directory::SignedIn) -> Result<Account, Error> {
        let _ = (who, &self.store, self.clock);
        todo!()
    }

    /// Removes everything that an account has, in the transaction that removes the account itself.
    pub fn remove_account_in(&self, tx: &dyn Transaction, account: envelope::AccountId) -> Result<(), storage::Error> {
        let _ = (tx, account);
        todo!()
    }
}
