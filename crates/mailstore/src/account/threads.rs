//! Threads of letters that were given none when they came: those whose digest was made later, and those of before.

use envelope::{AccountId, MailboxId};
use storage::{Query, Transaction, Value};

use super::Account;
use crate::limits::THREADS_AT_ONCE;
use crate::rows::narrow;
use crate::{Error, UidSet, threads};

impl Account {
    /// Gives those messages of the set a thread that have none yet. One whose body cannot be read stays without.
    pub async fn find_threads(&self, mailbox: MailboxId, uids: &UidSet) -> Result<(), Error> {
        let mut rest = uids.clone();
        loop {
            let (account, asked) = (self.id, rest.clone());
            let found = self.inner.store.read(move |q| unthreaded(q, account, mailbox.0, &asked)).await?;
            let Some(last) = found.last().copied() else { return Ok(()) };
            let found: UidSet = found.into_iter().collect();
            let now = (self.inner.clock)();
            let summaries = self.summaries(mailbox, &found, THREADS_AT_ONCE).await?;
            self.write(move |tx| {
                for summary in &summaries {
                    let (message, Ok(digest)) = (&summary.message, &summary.digest) else { continue };
                    let thread = threads::join(tx, account, message.uid.into(), message.body, digest, now)?;
                    keep(tx, account, mailbox.0, message.uid, thread)?;
                }
                Ok(())
            })
            .await?;
            rest = rest.above(last);
        }
    }
}

/// The first messages of the set that have no thread.
fn unthreaded(q: &dyn Query, account: AccountId, mailbox: i64, uids: &UidSet) -> Result<Vec<u32>, storage::Error> {
    const SQL: &str = "SELECT uid FROM message WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 \
                       AND thread IS NULL ORDER BY uid LIMIT $5";
    let mut found = Vec::new();
    for (first, last) in uids.ranges() {
        let room = THREADS_AT_ONCE.saturating_sub(found.len());
        if room == 0 {
            break;
        }
        let range: [Value; 5] =
            [account.0.into(), mailbox.into(), i64::from(*first).into(), i64::from(*last).into(), (room as i64).into()];
        q.query_each(SQL, &range, &mut |row| {
            found.push(narrow(row.int(0)?));
            Ok(true)
        })?;
    }
    Ok(found)
}

fn keep(tx: &dyn Transaction, account: AccountId, mailbox: i64, uid: u32, thread: i64) -> Result<(), storage::Error> {
    const SQL: &str = "UPDATE message SET thread = $4 \
                       WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3 AND thread IS NULL";
    tx.execute(SQL, &[account.0.into(), mailbox.into(), i64::from(uid).into(), thread.into()])?;
    Ok(())
}
