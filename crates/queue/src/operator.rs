//! What an operator does by hand: list, retry, hold, release, drop. Works on the store alone, so it works from another
//! process while the server runs.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use envelope::{MailId, Timestamp};
use storage::{Error, Query, Transaction};

use crate::limits::{LIST_MAX, OPERATOR_BATCH};
use crate::rows::{self, RecipientRow, recipient_columns};
use crate::settle::less;
use crate::types::{Counts, Filter, Listed};

/// The key of a row: letter and number.
pub(crate) type Key = (MailId, i64);

/// What is done to each row that is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    /// Due now, unless somebody is at it.
    Retry(Timestamp),
    Hold,
    Release(Timestamp),
    Drop,
}

fn is_meant(filter: &Filter, row: &RecipientRow, sender: &str) -> bool {
    filter.mail.is_none_or(|mail| mail == row.fixed.mail)
        && filter.destination.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&row.fixed.destination))
        && filter.recipient.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&row.fixed.address.to_string()))
        && filter.sender.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(sender))
        && filter.held.is_none_or(|held| held == row.held)
}

/// One page of rows behind `after`, those that are meant, and whether there are more.
fn page(q: &dyn Query, filter: &Filter, after: Key) -> Result<(Vec<Listed>, Option<Key>), Error> {
    const ALL: &str = concat!(
        "SELECT ",
        recipient_columns!(),
        " FROM queue_recipient WHERE (mail_id, number) > ($1, $2) ORDER BY mail_id, number LIMIT $3"
    );
    const ONE: &str = concat!(
        "SELECT ",
        recipient_columns!(),
        " FROM queue_recipient WHERE mail_id = $1 AND number > $2 ORDER BY number LIMIT $3"
    );
    let (sql, from) = match filter.mail {
        Some(mail) => (ONE, mail),
        None => (ALL, after.0),
    };
    let parameters = [from.to_bytes().into(), after.1.into(), (OPERATOR_BATCH as i64).into()];
    let mut rows = Vec::new();
    let mut last = None;
    let mut count = 0;
    q.query_each(sql, &parameters, &mut |row| {
        count += 1;
        last = Some((rows::mail_id(row, 0)?, row.int(1)?));
        match RecipientRow::read(row) {
            Ok(row) => rows.push(row),
            Err(error) => tracing::error!(%error, "a damaged row in the queue"),
        }
        Ok(true)
    })?;
    let mut listed: Vec<Listed> = Vec::new();
    for row in rows {
        let known = listed.last().map(|listed| &listed.mail).filter(|mail| mail.id == row.fixed.mail).cloned();
        let mail = match known {
            Some(mail) => mail,
            None => match rows::read_mail(q, row.fixed.mail) {
                Ok(Some(mail)) => mail,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!(%error, "a damaged row in the queue");
                    continue;
                }
            },
        };
        if is_meant(filter, &row, &mail.reverse_path.to_string()) {
            listed.push(line(mail, row));
        }
    }
    Ok((listed, last.filter(|_| count == OPERATOR_BATCH)))
}

fn line(mail: crate::Mail, row: RecipientRow) -> Listed {
    Listed {
        mail,
        number: row.fixed.number,
        address: row.fixed.address,
        destination: row.fixed.destination,
        held: row.held,
        claimed: row.claimed,
        attempts: row.attempts,
        due: row.due,
        last_reply: row.last_reply,
    }
}

/// Where the first page begins.
pub(crate) fn start() -> Key {
    (MailId::from_bytes([0; 16]), -1)
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

/// The rows that are meant, soonest due first, `count_max` of them; memory is bounded by that.
pub(crate) fn list(q: &dyn Query, filter: &Filter, count_max: usize) -> Result<Vec<Listed>, Error> {
    let count_max = count_max.min(LIST_MAX);
    let mut soonest = BinaryHeap::new();
    let mut after = Some(start());
    while let Some(from) = after {
        let (rows, next) = page(q, filter, from)?;
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

/// One batch of an operator's deed, from a page on. Answers the rows touched, and where the next page begins.
pub(crate) fn act(
    tx: &dyn Transaction,
    filter: &Filter,
    deed: Deed,
    after: Key,
) -> Result<(Vec<Listed>, Option<Key>), Error> {
    let (rows, next) = page(tx, filter, after)?;
    let mut touched = Vec::new();
    for row in rows {
        if act_on(tx, deed, &row)? {
            touched.push(row);
        }
    }
    Ok((touched, next))
}

fn act_on(tx: &dyn Transaction, deed: Deed, row: &Listed) -> Result<bool, Error> {
    const RETRY: &str = "UPDATE queue_recipient SET due_at = $3, claimed_by = NULL, asked = 1 \
                         WHERE mail_id = $1 AND number = $2 AND held = 0 AND (claimed_by IS NULL OR due_at <= $3)";
    const HOLD: &str = "UPDATE queue_recipient SET held = 1 WHERE mail_id = $1 AND number = $2 AND held = 0";
    const RELEASE: &str = "UPDATE queue_recipient SET held = 0, asked = 1, \
                           due_at = CASE WHEN claimed_by IS NULL OR due_at <= $3 THEN $3 ELSE due_at END \
                           WHERE mail_id = $1 AND number = $2 AND held = 1";
    const DROP: &str = "DELETE FROM queue_recipient WHERE mail_id = $1 AND number = $2";
    let key = [row.mail.id.to_bytes().into(), row.number.into()];
    let touched = match deed {
        Deed::Retry(now) => tx.execute(RETRY, &with(key, now))?,
        Deed::Release(now) => tx.execute(RELEASE, &with(key, now))?,
        Deed::Hold => tx.execute(HOLD, &key)?,
        Deed::Drop => {
            let touched = tx.execute(DROP, &key)?;
            if touched == 1 {
                less(tx, row.mail.id, 1)?;
            }
            touched
        }
    };
    Ok(touched == 1)
}

fn with(key: [storage::Value; 2], now: Timestamp) -> [storage::Value; 3] {
    let [mail, number] = key;
    [mail, number, now.0.into()]
}

/// For the operator only: counts by scanning.
pub(crate) fn counts(q: &dyn Query) -> Result<Counts, Error> {
    const SQL: &str = "SELECT held, count(*) FROM queue_recipient GROUP BY held";
    let mut counts = Counts::default();
    for row in q.query(SQL, &[])? {
        let count = u64::try_from(row.int(1)?).unwrap_or(0);
        if row.int(0)? == 0 { counts.waiting = count } else { counts.held = count }
    }
    Ok(counts)
}
