//! The feed of changes: one broadcast per account, for IDLE, the webmail and push.
//!
//! A hint says where to look, never what happened; the truth is MODSEQ. Hints may be lost (a slow listener, another
//! process): then [`Hint::LookAgain`] comes, at the latest with the next poll. So memory is bounded whatever happens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use envelope::{AccountId, MailboxId};
use storage::{Query, Store};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::grams::Touched;
use crate::limits::{FEED_HINTS_MAX, POLL_ACCOUNTS_MAX, POLL_MILLISECONDS};

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Messages or flags of this mailbox changed.
    Mailbox(MailboxId),
    /// Mailboxes came, went or changed their names.
    List,
    /// Something changed somewhere in the account.
    LookAgain,
}

/// A subscription to one account's changes. It ends when dropped.
pub struct Feed {
    account: AccountId,
    receiver: broadcast::Receiver<Hint>,
    hub: Arc<Hub>,
}

impl Feed {
    /// Waits for the next hint. Cancel-safe.
    pub async fn next(&mut self) -> Hint {
        match self.receiver.recv().await {
            Ok(hint) => hint,
            // What was missed is somewhere in the account.
            Err(RecvError::Lagged(_)) => Hint::LookAgain,
            // The hub is ours to keep, so its sender lives as long as we do.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut listeners = self.hub.lock();
        // Our own receiver still counts.
        let last = listeners.accounts.get(&self.account).is_some_and(|channel| channel.sender.receiver_count() <= 1);
        if last {
            listeners.accounts.remove(&self.account);
        }
    }
}

/// All accounts that somebody listens to.
pub(crate) struct Hub {
    listeners: Mutex<Listeners>,
}

struct Listeners {
    accounts: HashMap<AccountId, Channel>,
    /// What the index of texts has to look at.
    touched: Touched,
    /// A task looks for other processes' changes.
    polling: bool,
}

struct Channel {
    sender: broadcast::Sender<Hint>,
    /// What the account's MODSEQs came to at the last poll.
    seen: Option<i64>,
}

impl Hub {
    pub(crate) fn new() -> Arc<Self> {
        let listeners = Listeners { accounts: HashMap::new(), touched: Touched::All, polling: false };
        Arc::new(Self { listeners: Mutex::new(listeners) })
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        // Nothing in here can be left half done by a panic.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the account's listeners, if any.
    pub(crate) fn tell(&self, account: AccountId, hint: Hint) {
        let mut listeners = self.lock();
        if let Hint::Mailbox(mailbox) = hint {
            listeners.touched.add(account, mailbox);
        }
        if let Some(channel) = listeners.accounts.get(&account) {
            // No receiver: the last one is just going.
            let _ = channel.sender.send(hint);
        }
    }

    /// Mailboxes that something happened in since the last time.
    pub(crate) fn take_touched(&self) -> Touched {
        self.lock().touched.take()
    }

    /// Listens. The first listener starts the poll for changes by other processes.
    pub(crate) fn listen(self: &Arc<Self>, account: AccountId, store: &Store) -> Feed {
        let mut listeners = self.lock();
        let channel = listeners
            .accounts
            .entry(account)
            .or_insert_with(|| Channel { sender: broadcast::channel(FEED_HINTS_MAX).0, seen: None });
        let receiver = channel.sender.subscribe();
        if !listeners.polling {
            listeners.polling = true;
            tokio::spawn(poll(Arc::downgrade(self), store.clone()));
        }
        drop(listeners);
        Feed { account, receiver, hub: self.clone() }
    }

    /// The accounts for the next poll, behind `after`; `None` (and no task any more) when nobody listens.
    fn next_accounts(&self, after: AccountId) -> Option<Vec<AccountId>> {
        let mut listeners = self.lock();
        if listeners.accounts.is_empty() {
            listeners.polling = false;
            return None;
        }
        let mut accounts: Vec<AccountId> = listeners.accounts.keys().copied().collect();
        drop(listeners);
        accounts.sort_unstable();
        let start = accounts.partition_point(|account| *account <= after);
        accounts.rotate_left(start);
        accounts.truncate(POLL_ACCOUNTS_MAX);
        Some(accounts)
    }

    /// Polls until every account has had its turn.
    fn rounds(&self) -> usize {
        self.lock().accounts.len().div_ceil(POLL_ACCOUNTS_MAX)
    }

    /// Takes in what a poll saw.
    fn compare(&self, seen: &[(AccountId, i64)]) {
        let mut listeners = self.lock();
        for (account, sum) in seen {
            let Some(channel) = listeners.accounts.get_mut(account) else { continue };
            if channel.seen.replace(*sum) != Some(*sum) {
                let _ = channel.sender.send(Hint::LookAgain);
            }
        }
    }
}

/// Looks for what other processes changed, while somebody listens.
async fn poll(hub: Weak<Hub>, store: Store) {
    let mut after = AccountId(i64::MIN);
    let mut version = None;
    let mut rounds_left = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(POLL_MILLISECONDS)).await;
        let Some(hub) = hub.upgrade() else { return };
        let Some(accounts) = hub.next_accounts(after) else { return };
        // Cheap where the engine can tell that no other process wrote; the round is finished all the same.
        let now = store.foreign_version().await.ok();
        rounds_left = if now != version || now.is_none() { hub.rounds() } else { rounds_left };
        version = now;
        if rounds_left == 0 {
            continue;
        }
        rounds_left -= 1;
        after = accounts.last().copied().unwrap_or(after);
        let found = store.read(move |q| accounts.iter().map(|account| Ok((*account, sum(q, *account)?))).collect());
        match found.await {
            Ok::<Vec<_>, _>(seen) => hub.compare(&seen),
            Err(error) => tracing::warn!(%error, "looking for changes of other processes failed"),
        }
    }
}

/// A number that moves with every change of the account: MODSEQs only grow, and so does the list's version.
fn sum(q: &dyn Query, account: AccountId) -> Result<i64, storage::Error> {
    const MAILBOXES: &str = "SELECT mailbox_id, modseq FROM mailbox WHERE account_id = $1";
    const LIST: &str = "SELECT list_version FROM mail_account WHERE account_id = $1";
    let mut sum = q.query_one(LIST, &[account.0.into()])?.map_or(Ok(0), |row| row.int(0))?.wrapping_mul(1 << 20);
    q.query_each(MAILBOXES, &[account.0.into()], &mut |row| {
        sum = sum.wrapping_add(row.int(0)?.wrapping_mul(1 << 40)).wrapping_add(row.int(1)?);
        Ok(true)
    })?;
    Ok(sum)
}
