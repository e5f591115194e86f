//! The clock may be set, by hours, either way.
//!
//! Forward: everything is due at once, and meets the room of the desk like any backlog. Leases run out; the fence sees to
//! the rest. Back: what was to happen soon lies hours ahead. That is noticed when the clock goes back under the server,
//! and may have happened while it was stopped; then the due index is walked once, a page with each claim, and whatever
//! lies further ahead than the letter's own patience reaches is due now. What lies impossibly far ahead is looked for
//! every minute, whatever else.

use envelope::{MailId, Timestamp};
use storage::{Error, Query, Transaction};

use crate::desk::Terms;
use crate::limits::{
    CLOCK_SLACK_MILLIS, DUE_AHEAD_MAX, DUE_BUCKETS, OPERATOR_BATCH, PULL_BACK_MILLISECONDS, REST_FORGOTTEN_MILLIS,
};
use crate::rows::mail_id;
use crate::{Queue, hot, lock};

/// What is known of the clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    last: Option<Timestamp>,
    /// When rows were last looked for that lie impossibly far ahead.
    pulled_back: Option<Timestamp>,
    /// Where the walk through the due index goes on.
    walk: Option<Place>,
}

impl Clock {
    /// It is `now`. Answers whether rows are to be looked for that lie impossibly far ahead.
    fn tick(&mut self, now: Timestamp) -> bool {
        let is_set_back = self.last.is_none_or(|last| now.0 < last.0.saturating_sub(CLOCK_SLACK_MILLIS));
        self.last = Some(now);
        if is_set_back {
            self.walk = Some(Place::start());
        }
        let every = i64::try_from(PULL_BACK_MILLISECONDS).unwrap_or(i64::MAX);
        let due = is_set_back || self.pulled_back.is_none_or(|at| now.0 >= at.0.saturating_add(every));
        if due {
            self.pulled_back = Some(now);
        }
        due
    }
}

/// A place in the due index: behind this row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    bucket: i64,
    due: i64,
    mail: MailId,
    number: i64,
}

impl Place {
    fn start() -> Self {
        Self::of_bucket(0)
    }

    fn of_bucket(bucket: i64) -> Self {
        Self { bucket, due: i64::MIN, mail: MailId::from_bytes([0; 16]), number: -1 }
    }
}

/// A row that lies too far ahead, and when it is due instead.
type Mend = (MailId, i64, i64, Timestamp);

impl Queue {
    /// See above. Costs nothing nearly always.
    pub(crate) async fn mind_the_clock(&self, now: Timestamp) -> Result<(), Error> {
        let (pull_back, walk) = {
            let mut clock = lock(&self.inner.clock);
            let pull_back = clock.tick(now);
            (pull_back, clock.walk.clone())
        };
        let Some((_, terms)) = self.desk_and_terms() else { return Ok(()) };
        if pull_back {
            self.pull_far_back(now, &terms).await?;
            self.forget_rests(now).await?;
        }
        let Some(from) = walk else { return Ok(()) };
        let (mends, next) = self
            .inner
            .store
            .read({
                let (from, terms) = (from.clone(), terms);
                move |q| look_ahead(q, &from, &terms, now)
            })
            .await?;
        self.mend(mends).await?;
        let mut clock = lock(&self.inner.clock);
        if clock.walk.as_ref() == Some(&from) {
            clock.walk = next;
        }
        Ok(())
    }

    async fn pull_far_back(&self, now: Timestamp, terms: &Terms) -> Result<(), Error> {
        let longest = now.plus(terms.patience.longest_after(u32::MAX)).0.saturating_add(CLOCK_SLACK_MILLIS);
        let ahead = now.0.saturating_add(DUE_AHEAD_MAX).max(longest);
        let lifetime = i64::try_from(terms.patience.lifetime.as_millis()).unwrap_or(i64::MAX);
        let wake_ahead = ahead.saturating_add(lifetime);
        let lease = now.plus(terms.lease);
        let (mends, wakes) = self.inner.store.read(move |q| far_ahead(q, now, lease, ahead, wake_ahead)).await?;
        self.mend(mends).await?;
        if !wakes.is_empty() {
            self.inner.store.write(move |tx| wake_now(tx, &wakes, now)).await?;
        }
        Ok(())
    }

    /// A rest whose end is long past, and after which nobody tried: its destination has no letters any more.
    async fn forget_rests(&self, now: Timestamp) -> Result<(), Error> {
        let before = now.0.saturating_sub(REST_FORGOTTEN_MILLIS);
        let limit = OPERATOR_BATCH as i64;
        let look = self.inner.store.read(move |q| q.query(hot::RESTS_FORGOTTEN, &[before.into(), limit.into()]));
        let names: Vec<String> =
            look.await?.iter().map(|row| row.text(0).map(str::to_owned)).collect::<Result<_, _>>()?;
        if !names.is_empty() {
            self.inner.store.write(move |tx| forget(tx, &names, before)).await?;
        }
        Ok(())
    }

    async fn mend(&self, mends: Vec<Mend>) -> Result<(), Error> {
        if mends.is_empty() {
            return Ok(());
        }
        let mended = self.inner.store.write(move |tx| mend(tx, &mends)).await?.0;
        if mended > 0 {
            tracing::warn!(mended, "the clock was set back; letters due too far ahead are due now");
        }
        Ok(())
    }
}

/// A page of the due index: what in it lies further ahead than its patience reaches.
fn look_ahead(q: &dyn Query, from: &Place, terms: &Terms, now: Timestamp) -> Result<(Vec<Mend>, Option<Place>), Error> {
    // What is due soon needs no look.
    let due = from.due.max(now.0.saturating_add(CLOCK_SLACK_MILLIS));
    let parameters = [
        from.bucket.into(),
        due.into(),
        from.mail.to_bytes().into(),
        from.number.into(),
        (OPERATOR_BATCH as i64).into(),
    ];
    let rows = q.query(hot::LOOK_AHEAD, &parameters)?;
    let mut mends = Vec::new();
    let mut last = None;
    for row in &rows {
        let (due, mail, number) = (row.int(0)?, mail_id(row, 1)?, row.int(2)?);
        let attempts = u32::try_from(row.int(3)?).unwrap_or(u32::MAX);
        let claimed = row.maybe_text(4)?.is_some();
        // Whoever holds a lease, and lives, renews it by then.
        let (wait, instead) = match claimed {
            true => (terms.lease * 2, now.plus(terms.lease)),
            false => (terms.patience.longest_after(attempts), now),
        };
        if due > now.plus(wait).0.saturating_add(CLOCK_SLACK_MILLIS) {
            mends.push((mail, number, due, instead));
        }
        last = Some(Place { bucket: from.bucket, due, mail, number });
    }
    let next = match last {
        Some(place) if rows.len() == OPERATOR_BATCH => Some(place),
        _ if from.bucket + 1 < DUE_BUCKETS => Some(Place::of_bucket(from.bucket + 1)),
        _ => None,
    };
    Ok((mends, next))
}

type Key = (MailId, i64);

/// A page of what lies impossibly far ahead: due rows, and parked ones that would never be decided about.
fn far_ahead(
    q: &dyn Query,
    now: Timestamp,
    lease: Timestamp,
    due: i64,
    wake: i64,
) -> Result<(Vec<Mend>, Vec<Key>), Error> {
    let (mut mends, mut wakes) = (Vec::new(), Vec::new());
    for bucket in 0..DUE_BUCKETS {
        let limit = OPERATOR_BATCH as i64;
        for row in &q.query(hot::DUE_FAR_AHEAD, &[bucket.into(), due.into(), limit.into()])? {
            // Whoever holds a lease, and lives, renews it by then.
            let instead = if row.maybe_text(3)?.is_some() { lease } else { now };
            mends.push((mail_id(row, 0)?, row.int(1)?, row.int(2)?, instead));
        }
        for row in &q.query(hot::WAKE_FAR_AHEAD, &[bucket.into(), wake.into(), limit.into()])? {
            wakes.push((mail_id(row, 0)?, row.int(1)?));
        }
    }
    Ok((mends, wakes))
}

fn mend(tx: &dyn Transaction, mends: &[Mend]) -> Result<u64, Error> {
    const SQL: &str = "UPDATE queue_recipient SET due_at = $4 WHERE mail_id = $1 AND number = $2 AND due_at = $3 \
                       AND parked IS NULL";
    let mut mended = 0;
    for (mail, number, due, instead) in mends {
        mended += tx.execute(SQL, &[mail.to_bytes().into(), (*number).into(), (*due).into(), instead.0.into()])?;
    }
    Ok(mended)
}

fn wake_now(tx: &dyn Transaction, keys: &[Key], now: Timestamp) -> Result<(), Error> {
    const SQL: &str =
        "UPDATE queue_recipient SET wake_at = $3 WHERE mail_id = $1 AND number = $2 AND parked IS NOT NULL";
    for (mail, number) in keys {
        tx.execute(SQL, &[mail.to_bytes().into(), (*number).into(), now.0.into()])?;
    }
    Ok(())
}

fn forget(tx: &dyn Transaction, names: &[String], before: i64) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM queue_site WHERE destination = $1 AND suspended = 0 AND rest_until < $2";
    for name in names {
        tx.execute(SQL, &[name.as_str().into(), before.into()])?;
    }
    Ok(())
}
