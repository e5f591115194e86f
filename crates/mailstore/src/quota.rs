//! What an account holds, against what it may hold. The mailboxes' own counters are the account's: what is in a mailbox
//! counts from the transaction that puts it there to the one that takes it out, or that deletes the mailbox.

use directory::Quota;
use envelope::AccountId;
use storage::{Query, Transaction};

use crate::limits::ROWS_BATCH;
use crate::{Error, Mailstore};

/// What an account holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Octets of all its messages; a copy counts like its original.
    pub octets: u64,
    /// Its messages.
    pub messages: u64,
}

impl Usage {
    /// Whether it would be more than `quota` allows with so much more.
    pub fn is_over_with(&self, quota: &Quota, octets: u64, messages: u64) -> bool {
        quota.is_exceeded_by(self.octets.saturating_add(octets), self.messages.saturating_add(messages))
    }
}

/// What the account holds in this view.
pub(crate) fn usage(q: &dyn Query, account: AccountId) -> Result<Usage, storage::Error> {
    const SQL: &str = "SELECT CAST(COALESCE(SUM(octets), 0) AS BIGINT), CAST(COALESCE(SUM(messages), 0) AS BIGINT) \
                       FROM mailbox WHERE account_id = $1";
    let Some(row) = q.query_one(SQL, &[account.0.into()])? else { return Ok(Usage::default()) };
    let count = |column| row.int(column).map(|value| u64::try_from(value).unwrap_or(0));
    Ok(Usage { octets: count(0)?, messages: count(1)? })
}

/// What a change is held against at its end: made before it, so that changes of one account's limits wait for each other
/// in one order, the account's row before a mailbox's.
pub(crate) struct Check {
    account: AccountId,
    quota: Quota,
}

impl Check {
    pub(crate) fn begin(tx: &dyn Transaction, account: AccountId, rule: Quota) -> Result<Self, storage::Error> {
        const LOCK: &str = "UPDATE mail_account SET list_version = list_version WHERE account_id = $1";
        let quota = directory::quota_in(tx, account, rule)?;
        if !quota.is_unlimited() {
            tx.execute(LOCK, &[account.0.into()])?;
        }
        Ok(Self { account, quota })
    }

    /// Refuses when the account holds too much now.
    pub(crate) fn end(self, q: &dyn Query) -> Result<(), Error> {
        if self.quota.is_unlimited() {
            return Ok(());
        }
        let over = usage(q, self.account)?.is_over_with(&self.quota, 0, 0);
        if over { Err(Error::OverQuota) } else { Ok(()) }
    }
}

impl Mailstore {
    /// What an account holds.
    pub async fn usage(&self, account: AccountId) -> Result<Usage, Error> {
        Ok(self.inner.store.read(move |q| usage(q, account)).await?)
    }

    /// Compares the counters of every mailbox with its messages, and answers a sentence for each that is wrong, 1,000 at
    /// most. Reads all rows of messages: some seconds for a million.
    pub async fn verify(&self) -> Result<Vec<String>, Error> {
        const NEXT: &str = "SELECT account_id, mailbox_id FROM mailbox WHERE account_id > $1 \
                            OR (account_id = $1 AND mailbox_id > $2) ORDER BY account_id, mailbox_id LIMIT $3";
        let mut complaints = Vec::new();
        let mut last = (i64::MIN, i64::MIN);
        while complaints.len() < ROWS_BATCH {
            let key = [last.0.into(), last.1.into(), (ROWS_BATCH as i64).into()];
            let rows = self.inner.store.read(move |q| q.query(NEXT, &key)).await?;
            let Some(end) = rows.last() else { break };
            last = (end.int(0)?, end.int(1)?);
            for row in rows {
                let (account, mailbox) = (AccountId(row.int(0)?), row.int(1)?);
                let found = self.inner.store.read(move |q| miscounted(q, account, mailbox)).await?;
                complaints.extend(found);
            }
        }
        complaints.truncate(ROWS_BATCH);
        Ok(complaints)
    }
}

/// What is wrong with the counters of one mailbox.
fn miscounted(q: &dyn Query, account: AccountId, mailbox: i64) -> Result<Option<String>, storage::Error> {
    const KEPT: &str = "SELECT messages, unseen, octets, name FROM mailbox WHERE account_id = $1 AND mailbox_id = $2";
    const TRUE: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(1 - (flags & 1)), 0) AS BIGINT), \
                        CAST(COALESCE(SUM(octets), 0) AS BIGINT) FROM message \
                        WHERE account_id = $1 AND mailbox_id = $2";
    let key = [account.0.into(), mailbox.into()];
    // It may have been deleted a moment ago.
    let Some(kept) = q.query_one(KEPT, &key)? else { return Ok(None) };
    let Some(truth) = q.query_one(TRUE, &key)? else { return Ok(None) };
    for (column, what) in ["messages", "unseen messages", "octets"].into_iter().enumerate() {
        let (counted, there) = (kept.int(column)?, truth.int(column)?);
        if counted != there {
            let name = kept.text(3)?;
            return Ok(Some(format!(
                "mailbox {name:?} of account {}: {counted} {what} are counted, and {there} are there",
                account.0
            )));
        }
    }
    Ok(None)
}
