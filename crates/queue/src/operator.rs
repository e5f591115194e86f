//! What an operator does by hand: list, retry, hold, release, drop. Works on the store alone, so it works from another
//! process while the server runs.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use envelope::{MailId, Timestamp};
use storage::{Query, Transaction};

use crate::limits::{LIST_MAX, REPLY_OCTETS_MAX};
use crate::listed::{Counts, Filter, Listed};
use crate::meant::{self, Key, page};
use crate::settle::{cut, less};
use crate::{Error, Queue};

impl Queue {
    /// Rows for the operator as they stand at `now`, soonest due first; [`LIST_MAX`] at most. Memory is bounded by that,
    /// and mail goes on between pages.
    pub async fn list(&self, filter: Filter, count_max: usize, now: Timestamp) -> Result<Vec<Listed>, Error> {
        let count_max = count_max.min(LIST_MAX);
        let mut soonest = BinaryHeap::new();
        let mut after = Some(meant::start());
        while let Some(from) = after {
            let filter = filter.clone();
            let (rows, next) = self.inner.store.read(move |q| page(q, &filter, now, from)).await?;
            for row in rows {
                soonest.push(ByDue(row));
                if soonest.len() > count_max {
                    soonest.pop();
                }
            }
            after = next;
        }
        Ok(soonest.into_sorted_vec().into_iter().map(|row| row.0).collect())
    }

    /// One letter's rows.
    pub async fn show(&self, mail: MailId, now: Timestamp) -> Result<Vec<Listed>, Error> {
        let filter = Filter { mail: Some(mail), ..Filter::default() };
        let rows = self.list(filter, LIST_MAX, now).await?;
        if rows.is_empty() { Err(Error::NotFound) } else { Ok(rows) }
    }

    /// How much there is, by counting: for the operator.
    pub async fn counts(&self) -> Result<Counts, Error> {
        Ok(self.inner.store.read(counts).await?)
    }

    /// Makes rows due now, but for those that are in work. Answers the rows touched, the first [`LIST_MAX`].
    pub async fn retry(&self, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        self.act(filter, now, Deed::Retry).await
    }

    /// Keeps rows from being tried until released. An attempt under way ends as it ends.
    pub async fn hold(&self, filter: Filter, reason: Option<&str>, now: Timestamp) -> Result<Vec<Listed>, Error> {
        let reason = reason.map(|reason| cut(reason.to_owned(), REPLY_OCTETS_MAX));
        self.act(filter, now, Deed::Hold(reason)).await
    }

    /// Ends a hold; the rows are due now.
    pub async fn release(&self, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        self.act(filter, now, Deed::Release).await
    }

    /// Takes rows out of the queue without a word to the sender.
    pub async fn drop_rows(&self, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        self.act(filter, now, Deed::Drop).await
    }

    async fn act(&self, filter: Filter, now: Timestamp, deed: Deed) -> Result<Vec<Listed>, Error> {
        let mut all = Vec::new();
        let mut after = Some(meant::start());
        while let Some(from) = after {
            let (filter, deed) = (filter.clone(), deed.clone());
            let write = self.inner.store.write(move |tx| act(tx, &filter, now, &deed, from));
            let ((mut touched, next), _) = write.await?;
            touched.truncate(LIST_MAX - all.len());
            all.append(&mut touched);
            after = next;
        }
        self.wake();
        Ok(all)
    }
}

/// What is done to each row that is meant.
#[derive(Debug, Clone)]
enum Deed {
    /// Due now, unless somebody is at it.
    Retry,
    Hold(Option<String>),
    Release,
    Drop,
}

/// By what is due last, so that a heap of the soonest lets the latest go.
struct ByDue(Listed);

impl ByDue {
    fn key(&self) -> (Timestamp, MailId, i64) {
        (self.0.due, self.0.mail.id, self.0.number)
    }
}

impl PartialEq for ByDue {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for ByDue {}

impl PartialOrd for ByDue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByDue {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// One batch of an operator's deed, from a page on. Answers the rows touched, and where the next page begins.
fn act(
    tx: &dyn Transaction,
    filter: &Filter,
    now: Timestamp,
    deed: &Deed,
    after: Key,
) -> Result<(Vec<Listed>, Option<Key>), storage::Error> {
    let (rows, next) = page(tx, filter, now, after)?;
    let mut touched = Vec::new();
    for row in rows {
        if act_on(tx, deed, now, &row)? {
            touched.push(row);
        }
    }
    Ok((touched, next))
}

fn act_on(tx: &dyn Transaction, deed: &Deed, now: Timestamp, row: &Listed) -> Result<bool, storage::Error> {
    const RETRY: &str = "UPDATE queue_recipient SET due_at = $3, claimed_by = NULL, asked = $3, parked = NULL \
                         WHERE mail_id = $1 AND number = $2 AND held = 0 AND (claimed_by IS NULL OR due_at <= $3)";
    const HOLD: &str = "UPDATE queue_recipient SET held = 1, hold_reason = $3 \
                        WHERE mail_id = $1 AND number = $2 AND held = 0";
    const RELEASE: &str = "UPDATE queue_recipient SET held = 0, hold_reason = NULL, asked = $3, parked = NULL, \
                           due_at = CASE WHEN claimed_by IS NULL OR due_at <= $3 THEN $3 ELSE due_at END \
                           WHERE mail_id = $1 AND number = $2 AND held = 1";
    const DROP: &str = "DELETE FROM queue_recipient WHERE mail_id = $1 AND number = $2";
    let [mail, number] = [row.mail.id.to_bytes().into(), row.number.into()];
    let touched = match deed {
        Deed::Retry => tx.execute(RETRY, &[mail, number, now.0.into()])?,
        Deed::Release => tx.execute(RELEASE, &[mail, number, now.0.into()])?,
        Deed::Hold(reason) => tx.execute(HOLD, &[mail, number, reason.clone().into()])?,
        Deed::Drop => {
            let touched = tx.execute(DROP, &[mail, number])?;
            if touched == 1 {
                less(tx, row.mail.id, 1)?;
            }
            touched
        }
    };
    Ok(touched == 1)
}

/// For the operator only: counts by scanning.
fn counts(q: &dyn Query) -> Result<Counts, storage::Error> {
    const SQL: &str = "SELECT held, count(*) FROM queue_recipient GROUP BY held";
    let mut counts = Counts::default();
    for row in q.query(SQL, &[])? {
        let count = u64::try_from(row.int(1)?).unwrap_or(0);
        if row.int(0)? == 0 { counts.waiting = count } else { counts.held = count }
    }
    Ok(counts)
}
