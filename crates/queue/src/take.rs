//! Rows taken for the time of a lease, or put into a queue of their own. Which ones has been decided before, on a reader:
//! here each statement says what it was decided upon, so that a row that has changed since is left alone.

use std::collections::HashMap;
use std::sync::Arc;

use envelope::{MailId, Timestamp};
use storage::{Error, Row, Transaction, Value};

use crate::listed::Wish;
use crate::rows::{self, RecipientRow, mail_id, recipient_columns};
use crate::settle::less;
use crate::types::{Claim, Lane, Mail};

/// A row as it was seen on a reader, as the looks of [`crate::hot`] have it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) mail: MailId,
    pub(crate) number: i64,
    pub(crate) due_at: i64,
    pub(crate) parked: Option<String>,
    pub(crate) wake_at: i64,
    pub(crate) destination: String,
    /// The domain of its address, as text.
    pub(crate) domain: String,
    pub(crate) lane: Lane,
    pub(crate) asked: Option<Timestamp>,
    pub(crate) accepted_at: Timestamp,
    pub(crate) delay_told: bool,
    pub(crate) wish: Option<Wish>,
}

impl Seen {
    pub(crate) fn read(row: &Row) -> Result<Self, Error> {
        let address = row.text(6)?;
        // A damaged address is found when the row is taken.
        let domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain).to_owned();
        Ok(Self {
            mail: mail_id(row, 0)?,
            number: row.int(1)?,
            due_at: row.int(2)?,
            parked: row.maybe_text(3)?.map(str::to_owned),
            wake_at: row.int(4)?,
            destination: row.text(5)?.to_owned(),
            domain,
            lane: Lane(row.int(7)?),
            asked: Some(row.int(8)?).filter(|asked| *asked != 0).map(Timestamp),
            accepted_at: Timestamp(row.int(9)?),
            delay_told: row.int(10)? != 0,
            wish: rows::wish_from(row.int(11)?),
        })
    }

    fn key(&self) -> [Value; 2] {
        [self.mail.to_bytes().into(), self.number.into()]
    }
}

/// What becomes of a row that was seen.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// Leased; `asked` when the operator has asked for an attempt since the destination's rest began.
    Taken { asked: bool, overdue: bool },
    /// Whoever had it is gone; the operator's wish is obeyed.
    Obeyed(Wish),
    /// Into this queue, until something must be decided about it.
    Parked { place: String, wake_at: Timestamp },
}

/// Who takes, and until when.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) node: Arc<str>,
    pub(crate) until: Timestamp,
}

/// Carries out what was decided: the claims, in the order of the decisions, and how many rows were parked.
pub(crate) fn carry_out(
    tx: &dyn Transaction,
    fates: &[(Seen, Fate)],
    lease: &Lease,
) -> Result<(Vec<Claim>, usize), Error> {
    // In the order of the letters, so that two nodes never wait for each other in a circle.
    let mut order: Vec<(usize, &(Seen, Fate))> = fates.iter().enumerate().collect();
    order.sort_unstable_by_key(|(_, (seen, _))| (seen.mail, seen.number));
    let mut taker = Taker { tx, lease, mails: HashMap::new() };
    let mut claims = Vec::new();
    let mut parked = 0;
    for (place, (seen, fate)) in order {
        match fate {
            Fate::Taken { asked, overdue } => claims.extend(taker.take(seen, *asked, *overdue)?.map(|it| (place, it))),
            Fate::Obeyed(wish) => obey(tx, seen, *wish)?,
            Fate::Parked { place, wake_at } => parked += usize::from(park(tx, seen, place, *wake_at)?),
        }
    }
    claims.sort_unstable_by_key(|(place, _)| *place);
    Ok((claims.into_iter().map(|(_, claim)| claim).collect(), parked))
}

fn park(tx: &dyn Transaction, seen: &Seen, place: &str, wake_at: Timestamp) -> Result<bool, Error> {
    const DUE: &str = "UPDATE queue_recipient SET parked = $4, wake_at = $5, claimed_by = NULL \
                       WHERE mail_id = $1 AND number = $2 AND due_at = $3 AND held = 0 AND parked IS NULL AND wish = 0";
    const PARKED: &str = "UPDATE queue_recipient SET parked = $4, wake_at = $5 \
                          WHERE mail_id = $1 AND number = $2 AND parked = $3 AND held = 0";
    let [mail, number] = seen.key();
    let touched = match &seen.parked {
        None => tx.execute(DUE, &[mail, number, seen.due_at.into(), place.into(), wake_at.0.into()])?,
        Some(from) => tx.execute(PARKED, &[mail, number, from.as_str().into(), place.into(), wake_at.0.into()])?,
    };
    Ok(touched == 1)
}

/// A lease ran out, of a row that the operator wanted held or dropped unless it was delivered.
fn obey(tx: &dyn Transaction, seen: &Seen, wish: Wish) -> Result<(), Error> {
    const DROP: &str = "DELETE FROM queue_recipient WHERE mail_id = $1 AND number = $2 AND due_at = $3 AND held = 0 \
                        AND parked IS NULL AND wish = 2";
    const HOLD: &str = "UPDATE queue_recipient SET held = 1, wish = 0, claimed_by = NULL WHERE mail_id = $1 AND number = $2 \
                        AND due_at = $3 AND held = 0 AND parked IS NULL AND wish = 1";
    let [mail, number] = seen.key();
    let key = [mail, number, seen.due_at.into()];
    match wish {
        Wish::Hold => tx.execute(HOLD, &key).map(drop),
        Wish::Drop if tx.execute(DROP, &key)? == 1 => less(tx, seen.mail, 1),
        Wish::Drop => Ok(()),
    }
}

struct Taker<'a> {
    tx: &'a dyn Transaction,
    lease: &'a Lease,
    mails: HashMap<MailId, Arc<Mail>>,
}

impl Taker<'_> {
    fn take(&mut self, seen: &Seen, asked: bool, overdue: bool) -> Result<Option<Claim>, Error> {
        // Another node was faster: no row.
        let Some(row) = self.lease_row(seen)? else { return Ok(None) };
        let read = RecipientRow::read(&row).and_then(|row| Ok((self.mail(seen.mail)?, row)));
        let (mail, row) = match read {
            Ok(read) => read,
            Err(Error::Damaged(what)) => return self.put_aside(seen, &what),
            Err(error) => return Err(error),
        };
        Ok(Some(Claim {
            mail,
            number: row.fixed.number,
            address: row.fixed.address,
            notify: row.fixed.notify,
            original: row.fixed.original,
            destination: row.fixed.destination,
            lane: row.lane,
            attempts: row.attempts,
            delay_told: row.delay_told,
            asked,
            overdue,
            fence: row.fence,
            leased_until: self.lease.until,
        }))
    }

    fn lease_row(&self, seen: &Seen) -> Result<Option<Row>, Error> {
        const DUE: &str = concat!(
            "UPDATE queue_recipient SET due_at = $4, fence = fence + 1, claimed_by = $5 \
             WHERE mail_id = $1 AND number = $2 AND due_at = $3 AND held = 0 AND parked IS NULL AND wish = 0 \
             RETURNING ",
            recipient_columns!()
        );
        const PARKED: &str = concat!(
            "UPDATE queue_recipient SET due_at = $4, fence = fence + 1, claimed_by = $5, parked = NULL, wake_at = 0 \
             WHERE mail_id = $1 AND number = $2 AND parked = $3 AND wake_at = $6 AND held = 0 RETURNING ",
            recipient_columns!()
        );
        let [mail, number] = seen.key();
        let lease: [Value; 2] = [self.lease.until.0.into(), (&*self.lease.node).into()];
        let [until, node] = lease;
        match &seen.parked {
            None => self.tx.query_one(DUE, &[mail, number, seen.due_at.into(), until, node]),
            Some(place) => {
                let parameters = [mail, number, place.as_str().into(), until, node, seen.wake_at.into()];
                self.tx.query_one(PARKED, &parameters)
            }
        }
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
    fn put_aside(&self, seen: &Seen, what: &str) -> Result<Option<Claim>, Error> {
        const SQL: &str = "UPDATE queue_recipient SET held = 1, claimed_by = NULL, hold_reason = $3 \
                           WHERE mail_id = $1 AND number = $2";
        tracing::error!(what, "a damaged row was put aside in the queue");
        let [mail, number] = seen.key();
        self.tx.execute(SQL, &[mail, number, what.into()])?;
        Ok(None)
    }
}
