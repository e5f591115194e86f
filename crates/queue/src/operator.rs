//! What an operator does by hand: list, retry, hold, release, drop. Works on the store alone, so it works from another
//! process while the server runs.

use std::collections::BinaryHeap;

use envelope::{MailId, Timestamp};
use storage::{Query, Transaction};

use crate::limits::{LIST_MAX, REPLY_OCTETS_MAX};
use crate::listed::{Counts, Filter, Listed, Listing, Next, Order, Wish};
use crate::meant::{Place, page};
use crate::settle::{cut, less};
use crate::{Error, Queue, rows};

/// What is done to each row that is meant.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Due now, unless it is held or in work. What is in work loses the wish that was written into it.
    Retry,
    /// Not tried until it is released, for this reason. What is in work is held when it was not delivered.
    Hold(Option<String>),
    /// The end of a hold: due now. What is in work loses the wish that was written into it.
    Release,
    /// Out of the queue, without a word to the sender. What is in work, when it was not delivered.
    Drop,
}

/// What a deed came to for one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// Done.
    Done,
    /// It is in work: the row has the wish ([`crate::Wish`]), for the end of the attempt.
    Wished,
    /// It is in work, and the wish that its row had is taken back.
    TakenBack,
    /// Left alone.
    Nothing,
}

impl Queue {
    /// Rows for the operator as they stand at `now`, and how many there are: the first `count_max` in this order,
    /// [`LIST_MAX`] at most. Memory is bounded by that, and mail goes on between pages.
    pub async fn look(&self, filter: Filter, order: Order, count_max: usize, now: Timestamp) -> Result<Listing, Error> {
        let count_max = count_max.min(LIST_MAX);
        let (mut first, mut totals) = (BinaryHeap::new(), crate::Totals::default());
        let (mut after, mut before) = (Some(Place::start()), None);
        while let Some(from) = after {
            let (rows, next) = self.page(filter.clone(), now, from).await?;
            for row in rows {
                totals.count(&row, before != Some(row.mail.id));
                before = Some(row.mail.id);
                first.push(Ranked::of(row, order, now));
                if first.len() > count_max {
                    first.pop();
                }
            }
            after = next;
        }
        Ok(Listing { rows: first.into_sorted_vec().into_iter().map(|ranked| ranked.row).collect(), totals })
    }

    /// The first `count_max` rows of [`Queue::look`], soonest first.
    pub async fn list(&self, filter: Filter, count_max: usize, now: Timestamp) -> Result<Vec<Listed>, Error> {
        Ok(self.look(filter, Order::Next, count_max, now).await?.rows)
    }

    /// One letter's rows, in the order of its recipients.
    pub async fn show(&self, mail: MailId, now: Timestamp) -> Result<Vec<Listed>, Error> {
        let filter = Filter { mail: Some(mail), ..Filter::default() };
        let mut rows = self.list(filter, LIST_MAX, now).await?;
        rows.sort_unstable_by_key(|row| row.number);
        if rows.is_empty() { Err(Error::NotFound) } else { Ok(rows) }
    }

    /// Some of the rows that are meant, letter after letter, and where the next page begins, if there is one.
    pub async fn page(
        &self,
        filter: Filter,
        now: Timestamp,
        after: Place,
    ) -> Result<(Vec<Listed>, Option<Place>), Error> {
        Ok(self.inner.store.read(move |q| page(q, &filter, now, after)).await?)
    }

    /// How much there is, by counting: for the operator.
    pub async fn counts(&self) -> Result<Counts, Error> {
        Ok(self.inner.store.read(counts).await?)
    }

    /// Does something to all rows that are meant, a batch in a transaction: mail goes on between them. `each` hears of
    /// every row, as it stood before, and what it came to, when that is on disk.
    pub async fn act(
        &self,
        deed: Deed,
        filter: Filter,
        now: Timestamp,
        mut each: impl FnMut(Listed, Touch),
    ) -> Result<(), Error> {
        let mut after = Some(Place::start());
        while let Some(from) = after {
            let (filter, deed) = (filter.clone(), deed.clone());
            let write = self.inner.store.write(move |tx| act(tx, &filter, now, &deed, from));
            let ((rows, next), _) = write.await?;
            rows.into_iter().for_each(|(row, touched)| each(row, touched));
            after = next;
        }
        self.wake();
        Ok(())
    }

    /// [`Deed::Retry`]. Answers the rows touched, the first [`LIST_MAX`]; so do the others.
    pub async fn retry(&self, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        self.touched(Deed::Retry, filter, now).await
    }

    /// [`Deed::Hold`].
    pub async fn hold(&self, filter: Filter, reason: Option<&str>, now: Timestamp) -> Result<Vec<Listed>, Error> {
        self.touched(Deed::Hold(reason.map(str::to_owned)), filter, now).await
    }

    /// [`Deed::Release`].
    pub async fn release(&self, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        self.touched(Deed::Release, filter, now).await
    }

    /// [`Deed::Drop`].
    pub async fn drop_rows(&self, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        self.touched(Deed::Drop, filter, now).await
    }

    /// Takes rows of one letter (number, fence) out of the queue, in a transaction that also tells its sender. False when
    /// one of them is gone, was claimed since it was looked at, or is being sent at `now`, held or not: its worker may
    /// have it delivered. Then the caller undoes the transaction.
    pub fn withdraw_in(
        &self,
        tx: &dyn Transaction,
        mail: MailId,
        rows: &[(i64, i64)],
        now: Timestamp,
    ) -> Result<bool, storage::Error> {
        const SQL: &str = "DELETE FROM queue_recipient WHERE mail_id = $1 AND number = $2 AND fence = $3 \
                           AND (claimed_by IS NULL OR due_at <= $4)";
        for (number, fence) in rows {
            if tx.execute(SQL, &[mail.to_bytes().into(), (*number).into(), (*fence).into(), now.0.into()])? != 1 {
                return Ok(false);
            }
        }
        less(tx, mail, i64::try_from(rows.len()).unwrap_or(i64::MAX))?;
        Ok(true)
    }

    async fn touched(&self, deed: Deed, filter: Filter, now: Timestamp) -> Result<Vec<Listed>, Error> {
        let mut rows = Vec::new();
        let keep = |row, touched| {
            if touched != Touch::Nothing && rows.len() < LIST_MAX {
                rows.push(row);
            }
        };
        self.act(deed, filter, now, keep).await?;
        Ok(rows)
    }
}

/// A row with its place in an order: what comes last is on top of a heap, to let it go.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    first: i64,
    then: String,
    due: Timestamp,
    mail: MailId,
    number: i64,
}

struct Ranked {
    rank: Rank,
    row: Listed,
}

impl Ranked {
    fn of(row: Listed, order: Order, now: Timestamp) -> Self {
        let (first, then) = match order {
            Order::Next => (soonest(&row.next, now).0, String::new()),
            Order::Age => (row.mail.accepted_at.0, String::new()),
            Order::Size => (i64::try_from(row.mail.octets).map_or(i64::MIN, |octets| -octets), String::new()),
            Order::Sender => (0, row.mail.reverse_path.to_string().to_ascii_lowercase()),
            Order::Destination => (0, row.destination.clone()),
        };
        Self { rank: Rank { first, then, due: row.due, mail: row.mail.id, number: row.number }, row }
    }
}

/// When something happens to it.
fn soonest(next: &Next, now: Timestamp) -> Timestamp {
    match next {
        Next::Active { .. } | Next::Turn => now,
        Next::Due { at } => *at,
        Next::Resting { until, .. } => *until,
        Next::Suspended(_) | Next::Held { .. } => Timestamp(i64::MAX),
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// A row that is meant, and what the deed came to.
type Done = (Listed, Touch);

/// One batch of an operator's deed, from a page on, and where the next page begins.
fn act(
    tx: &dyn Transaction,
    filter: &Filter,
    now: Timestamp,
    deed: &Deed,
    after: Place,
) -> Result<(Vec<Done>, Option<Place>), storage::Error> {
    let (rows, next) = page(tx, filter, now, after)?;
    let mut done = Vec::new();
    for row in rows {
        let touched = act_on(tx, deed, now, &row)?;
        done.push((row, touched));
    }
    Ok((done, next))
}

/// The deed itself, or the wish where somebody is at the row. Whoever ends his attempt between the two leaves a row that the deed
/// itself is for.
fn act_on(tx: &dyn Transaction, deed: &Deed, now: Timestamp, row: &Listed) -> Result<Touch, storage::Error> {
    if do_now(tx, deed, now, row)? {
        return Ok(Touch::Done);
    }
    let touch = wish(tx, deed, now, row)?;
    let may_have_ended = touch == Touch::Nothing && row.is_claimed();
    Ok(if may_have_ended && do_now(tx, deed, now, row)? { Touch::Done } else { touch })
}

fn do_now(tx: &dyn Transaction, deed: &Deed, now: Timestamp, row: &Listed) -> Result<bool, storage::Error> {
    // What it would have waited for is kept: whoever asks loses no time by it.
    const RETRY: &str = "UPDATE queue_recipient SET due_at = $3, claimed_by = NULL, asked = $3, parked = NULL, wish = 0, \
                         wake_at = CASE WHEN parked IS NOT NULL OR claimed_by IS NOT NULL THEN 0 \
                         WHEN due_at > $3 THEN due_at WHEN asked <> 0 THEN wake_at ELSE 0 END \
                         WHERE mail_id = $1 AND number = $2 AND held = 0 AND (claimed_by IS NULL OR due_at <= $3)";
    const HOLD: &str = "UPDATE queue_recipient SET held = 1, hold_reason = $4, wish = 0 \
                        WHERE mail_id = $1 AND number = $2 AND held = 0 AND (claimed_by IS NULL OR due_at <= $3)";
    const RELEASE: &str = "UPDATE queue_recipient SET held = 0, hold_reason = NULL, asked = $3, parked = NULL, wish = 0, wake_at = 0, \
                           due_at = CASE WHEN claimed_by IS NULL OR due_at <= $3 THEN $3 ELSE due_at END \
                           WHERE mail_id = $1 AND number = $2 AND held = 1";
    const DROP: &str = "DELETE FROM queue_recipient WHERE mail_id = $1 AND number = $2 \
                        AND (claimed_by IS NULL OR due_at <= $3)";
    let key = [row.mail.id.to_bytes().into(), row.number.into(), now.0.into()];
    let done = match deed {
        Deed::Retry => tx.execute(RETRY, &key)?,
        Deed::Release => tx.execute(RELEASE, &key)?,
        Deed::Hold(reason) => {
            let reason = reason.clone().map(|reason| cut(reason, REPLY_OCTETS_MAX));
            tx.execute(HOLD, &[&key[..], &[reason.into()]].concat())?
        }
        Deed::Drop => tx.execute(DROP, &key)?,
    };
    if done == 1 && matches!(deed, Deed::Drop) {
        less(tx, row.mail.id, 1)?;
    }
    Ok(done == 1)
}

/// Of a row that is in work at `now`: whoever ends the attempt reads what is written here.
fn wish(tx: &dyn Transaction, deed: &Deed, now: Timestamp, row: &Listed) -> Result<Touch, storage::Error> {
    const SQL: &str = "UPDATE queue_recipient SET wish = $4, hold_reason = $5 WHERE mail_id = $1 AND number = $2 \
                       AND claimed_by IS NOT NULL AND due_at > $3 AND (wish <> 0 OR $4 <> 0) AND (held = 0 OR $4 = 2)";
    let (wish, reason, touch) = match deed {
        Deed::Hold(reason) => (Some(Wish::Hold), reason.clone(), Touch::Wished),
        Deed::Drop => (Some(Wish::Drop), None, Touch::Wished),
        Deed::Retry | Deed::Release => (None, None, Touch::TakenBack),
    };
    let reason = reason.map(|reason| cut(reason, REPLY_OCTETS_MAX));
    let parameters =
        [row.mail.id.to_bytes().into(), row.number.into(), now.0.into(), rows::wish_number(wish).into(), reason.into()];
    Ok(if tx.execute(SQL, &parameters)? == 1 { touch } else { Touch::Nothing })
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
