//! Claims: rows that are due, taken for the time of a lease.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use envelope::{MailId, Timestamp};
use storage::{Error, Transaction};

use crate::limits::{DUE_AHEAD_MAX, DUE_BUCKETS};

const CLAIM_SCAN_MAX: i64 = 2000;
use crate::rows::{self, RecipientRow, mail_id, recipient_columns};
use crate::types::{Claim, Mail};

/// Where each bucket is looked through next. Rows whose destination has no room are passed over, and met again when the
/// cursor comes round: so a long backlog for one destination never hides the others, and no claim looks at all of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cursors {
    places: HashMap<i64, Place>,
    first_bucket: i64,
}

/// The last row looked at.
#[derive(Debug, Clone)]
struct Place {
    due: i64,
    mail: MailId,
    number: i64,
}

impl Place {
    fn start() -> Self {
        Self { due: i64::MIN, mail: MailId::from_bytes([0; 16]), number: -1 }
    }
}

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) now: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) node: String,
    pub(crate) count_max: usize,
    pub(crate) each_max: usize,
    pub(crate) full: Arc<HashSet<String>>,
}

/// Takes what is due, and moves the cursors.
///
/// Answers also whether some bucket was not looked through to its end: then the next claim may find what this one did
/// not.
pub(crate) fn claim(tx: &dyn Transaction, wanted: &Wanted, cursors: &mut Cursors) -> Result<(Vec<Claim>, bool), Error> {
    let mut taker = Taker { tx, wanted, mails: HashMap::new(), each: HashMap::new(), claims: Vec::new() };
    let first = cursors.first_bucket;
    cursors.first_bucket = (first + 1) % DUE_BUCKETS;
    for bucket in (first..DUE_BUCKETS).chain(0..first) {
        if taker.claims.len() >= wanted.count_max {
            break;
        }
        let kept = cursors.places.remove(&bucket);
        let midway = kept.is_some();
        let mut next = taker.take_from(bucket, kept.unwrap_or_else(Place::start))?;
        if next.is_none() && midway && taker.claims.len() < wanted.count_max {
            // Round to the beginning, for what became due behind the cursor.
            next = taker.take_from(bucket, Place::start())?;
        }
        if let Some(place) = next {
            cursors.places.insert(bucket, place);
        }
    }
    Ok((taker.claims, !cursors.places.is_empty()))
}

struct Taker<'a> {
    tx: &'a dyn Transaction,
    wanted: &'a Wanted,
    mails: HashMap<MailId, Arc<Mail>>,
    each: HashMap<String, usize>,
    claims: Vec<Claim>,
}

impl Taker<'_> {
    /// Looks through a part of a bucket; answers where to go on, or `None` when its end was reached.
    fn take_from(&mut self, bucket: i64, place: Place) -> Result<Option<Place>, Error> {
        const SQL: &str = "SELECT due_at, mail_id, number, destination FROM queue_recipient \
                           WHERE held = 0 AND parked IS NULL AND bucket = $1 AND due_at <= $2 \
                           AND (due_at, mail_id, number) > ($3, $4, $5) ORDER BY due_at, mail_id, number LIMIT $6";
        let scan_max = CLAIM_SCAN_MAX / DUE_BUCKETS;
        let parameters = [
            bucket.into(),
            self.wanted.now.0.into(),
            place.due.into(),
            place.mail.to_bytes().into(),
            place.number.into(),
            scan_max.into(),
        ];
        let due = self.tx.query(SQL, &parameters)?;
        let to_the_end = (due.len() as i64) < scan_max;
        for row in &due {
            let place = Place { due: row.int(0)?, mail: mail_id(row, 1)?, number: row.int(2)? };
            if self.has_room(row.text(3)?) {
                self.take(&place)?;
            }
            if self.claims.len() >= self.wanted.count_max {
                return Ok(Some(place));
            }
        }
        match due.last() {
            Some(last) if !to_the_end => {
                Ok(Some(Place { due: last.int(0)?, mail: mail_id(last, 1)?, number: last.int(2)? }))
            }
            _ => Ok(None),
        }
    }

    fn has_room(&self, destination: &str) -> bool {
        !self.wanted.full.contains(destination)
            && self.each.get(destination).is_none_or(|count| *count < self.wanted.each_max)
    }

    fn take(&mut self, place: &Place) -> Result<(), Error> {
        const SQL: &str = concat!(
            "UPDATE queue_recipient SET due_at = $4, fence = fence + 1, claimed_by = $5 \
             WHERE mail_id = $1 AND number = $2 AND due_at = $3 AND held = 0 AND parked IS NULL RETURNING ",
            recipient_columns!()
        );
        let parameters = [
            place.mail.to_bytes().into(),
            place.number.into(),
            place.due.into(),
            self.wanted.until.0.into(),
            self.wanted.node.as_str().into(),
        ];
        // Another node was faster: no row.
        let Some(row) = self.tx.query_one(SQL, &parameters)? else { return Ok(()) };
        let read = RecipientRow::read(&row).and_then(|row| Ok((self.mail(place.mail)?, row)));
        let (mail, row) = match read {
            Ok(read) => read,
            Err(Error::Damaged(what)) => return self.put_aside(place, &what),
            Err(error) => return Err(error),
        };
        *self.each.entry(row.fixed.destination.clone()).or_default() += 1;
        self.claims.push(Claim {
            mail,
            number: row.fixed.number,
            address: row.fixed.address,
            notify: row.fixed.notify,
            original: row.fixed.original,
            destination: row.fixed.destination,
            attempts: row.attempts,
            delay_told: row.delay_told,
            lane: row.lane,
            asked: row.asked.is_some(),
            overdue: false,
            fence: row.fence,
        });
        Ok(())
    }

    fn mail(&mut self, id: MailId) -> Result<Arc<Mail>, Error> {
        if let Some(mail) = self.mails.get(&id) {
            return Ok(mail.clone());
        }
        let mail = Arc::new(rows::read_mail(self.tx, id)?.ok_or_else(|| rows::damaged(id))?);
        self.mails.insert(id, mail.clone());
        Ok(mail)
    }

    /// A damaged row is never tried and never lost: it is held, for the operator to look at.
    fn put_aside(&self, place: &Place, what: &str) -> Result<(), Error> {
        const SQL: &str = "UPDATE queue_recipient SET held = 1, claimed_by = NULL, hold_reason = $3 \
                           WHERE mail_id = $1 AND number = $2";
        tracing::error!(what, "a damaged row was put aside in the queue");
        self.tx.execute(SQL, &[place.mail.to_bytes().into(), place.number.into(), what.into()])?;
        Ok(())
    }
}

/// Makes due what lies impossibly far ahead: the clock has been set back since.
pub(crate) fn pull_back(tx: &dyn Transaction, now: Timestamp) -> Result<u64, Error> {
    const SQL: &str =
        "UPDATE queue_recipient SET due_at = $2 WHERE held = 0 AND parked IS NULL AND bucket = $1 AND due_at > $3";
    let ahead = now.0.saturating_add(DUE_AHEAD_MAX);
    let mut pulled = 0;
    for bucket in 0..DUE_BUCKETS {
        pulled += tx.execute(SQL, &[bucket.into(), now.0.into(), ahead.into()])?;
    }
    Ok(pulled)
}
