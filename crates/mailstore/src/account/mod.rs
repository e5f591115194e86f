//! A reader's account, open. One file for each family of verbs.

mod append;
mod mailboxes;
mod purge;
mod read;
mod remove;
mod replace;
mod store_flags;
mod summaries;
mod threads;
mod transfer;

use std::sync::Arc;

use bytes::Bytes;
use envelope::{AccountId, Address, Timestamp};
use storage::{Stage, Transaction};

use crate::feed::{Feed, Hint};
use crate::{Error, Flags, Inner, Label};

pub(crate) use purge::{purge_all, retire_all};
pub(crate) use read::messages;

/// A reader's account. Cheap to clone; holds no lock and no snapshot.
#[derive(Clone)]
pub struct Account {
    id: AccountId,
    address: Address,
    inner: Arc<Inner>,
}

impl Account {
    pub(crate) fn new(id: AccountId, address: Address, inner: Arc<Inner>) -> Self {
        Self { id, address, inner }
    }

    /// Whose.
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// Begins the body of an APPEND; finish it with [`Account::label`].
    pub fn stage(&self) -> Stage {
        self.inner.store.stage_from_outside()
    }

    /// Whether more may come into mailboxes.
    ///
    /// # Errors
    /// [`storage::Error::Full`]: the disk is short of room, and what is left is kept for mail that is here already.
    pub fn check_room(&self) -> Result<(), Error> {
        Ok(self.inner.store.check_room(0)?)
    }

    /// What is kept beside the bytes of an APPEND for the day when the database is lost.
    pub fn label(&self, mailbox: &str, internal_date: Option<Timestamp>, flags: &Flags) -> Bytes {
        let label = Label {
            internal_date: internal_date.unwrap_or_else(|| (self.inner.clock)()),
            flags: flags.system,
            accounts: vec![(self.address.clone(), Some(mailbox.to_owned()))],
            ..Label::default()
        };
        label.encode()
    }

    /// Listens to changes of the account.
    pub fn feed(&self) -> Feed {
        self.inner.hub.listen(self.id, &self.inner.store)
    }

    fn tell(&self, hint: Hint) {
        self.inner.hub.tell(self.id, hint);
    }

    /// A transaction whose closure may also refuse with an [`Error`] of the reader's; then nothing is written.
    async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnMut(&dyn Transaction) -> Result<T, Error> + Send + 'static,
    {
        write(&self.inner, work).await
    }
}

/// See [`Account::write`].
pub(crate) async fn write<T, F>(inner: &Inner, mut work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnMut(&dyn Transaction) -> Result<T, Error> + Send + 'static,
{
    let (says, refused) = std::sync::mpsc::channel();
    let outcome = inner.store.write(move |tx| {
        work(tx).map_err(|error| match error {
            Error::Storage(error) => error,
            reader => {
                let words = reader.to_string();
                // The channel is unbounded, and a closure that is run again refuses once more: the last word counts.
                let _ = says.send(reader);
                storage::Error::Refused(words)
            }
        })
    });
    match outcome.await {
        Ok((value, _committed)) => Ok(value),
        Err(error) => match refused.try_iter().last() {
            Some(reader) if matches!(error, storage::Error::Refused(_)) => Err(reader),
            _ => Err(error.into()),
        },
    }
}
