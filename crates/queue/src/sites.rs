//! What an operator sees of destinations, and what the desk sees of suspensions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use envelope::Timestamp;
use storage::{Error, Query};

use crate::limits::{OPERATOR_BATCH, SITES_MAX, SUSPENSIONS_MAX, SUSPENSIONS_READ_MILLISECONDS};
use crate::site::{self, Rest, Scope, Suspension, Why};
use crate::{Queue, hot, lock, park};

/// A destination with its letters, as the operator sees it. Numbers count recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The key of the next hop.
    pub destination: String,
    /// In work, or tried by their own patience.
    pub waiting: u64,
    /// In its own queue.
    pub parked: u64,
    /// Held.
    pub held: u64,
    /// When the oldest letter was accepted.
    pub oldest: Timestamp,
    /// The next attempt, when one is known: now, of a letter by its own patience, or at the end of the rest.
    pub next: Option<Timestamp>,
    /// The operator has suspended it, or the domain of that name.
    pub suspended: Option<Suspension>,
    /// How many of the parked wait because the operator has suspended their domain, by whatever way they go.
    pub of_suspended_domains: u64,
    /// It rests, or its rest is over and nobody has reached it since.
    pub rest: Option<Rest>,
    /// Where it does not: what was said last of one of those that wait for their next attempt.
    pub last_reply: Option<String>,
}

/// All suspensions, looked up by what they are about.
#[derive(Debug, Default)]
pub struct Suspensions(HashMap<String, String>);

impl Suspensions {
    /// Why nothing is tried for a recipient of `domain` whose next hop is `destination`; none when that is not so.
    pub fn of(&self, destination: &str, domain: &str) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(destination).or_else(|| self.0.get(&site::of_domain(domain))).map(String::as_str)
    }
}

/// The suspensions as they were read last.
#[derive(Debug, Default)]
pub(crate) struct Known(Option<(Instant, Arc<Suspensions>)>);

impl Known {
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}

impl Queue {
    /// Destinations with letters, those with most first, [`SITES_MAX`] at most: by counting, for the operator.
    pub async fn sites(&self, count_max: usize, now: Timestamp) -> Result<Vec<Site>, crate::Error> {
        let count_max = count_max.min(SITES_MAX);
        Ok(self.inner.store.read(move |q| sites(q, count_max, now)).await?)
    }

    /// Nothing is tried for a destination, or for a domain, until the operator resumes it. What is in work ends as it
    /// ends. Senders are told of delays as ever; letters whose lifetime is over are given up when they have been tried once
    /// more.
    pub async fn suspend(&self, scope: &Scope, why: impl Into<Why<'_>>, now: Timestamp) -> Result<(), crate::Error> {
        let Why { reason, by } = why.into();
        let what =
            Suspension { scope: scope.clone(), reason: reason.to_owned(), by: by.map(str::to_owned), since: now };
        self.inner.store.write(move |tx| site::suspend(tx, &what)).await?;
        lock(&self.inner.suspensions).forget();
        Ok(())
    }

    /// Ends a suspension; false when there was none. What waited for a domain is due now; what waits in a destination's own
    /// queue is found by the desk.
    pub async fn resume(&self, scope: &Scope, now: Timestamp) -> Result<bool, crate::Error> {
        let name = scope.name();
        let of_domain = matches!(scope, Scope::Domain(_));
        let (resumed, _) = self
            .inner
            .store
            .write({
                let name = name.clone();
                move |tx| site::resume(tx, &name)
            })
            .await?;
        let mut moved = if of_domain { OPERATOR_BATCH } else { 0 };
        while moved == OPERATOR_BATCH {
            let name = name.clone();
            (moved, _) = self.inner.store.write(move |tx| park::unpark(tx, &name, now)).await?;
        }
        lock(&self.inner.suspensions).forget();
        self.wake();
        Ok(resumed)
    }

    /// What the operator has suspended.
    pub async fn suspended(&self) -> Result<Vec<Suspension>, crate::Error> {
        Ok(self.inner.store.read(suspended).await?)
    }

    /// The same for the desk, at most a second old.
    pub async fn suspensions(&self) -> Result<Arc<Suspensions>, crate::Error> {
        let every = Duration::from_millis(SUSPENSIONS_READ_MILLISECONDS);
        let present = Instant::now();
        if let Some((at, known)) = &lock(&self.inner.suspensions).0
            && present.duration_since(*at) < every
        {
            return Ok(known.clone());
        }
        let found = self.suspended().await?;
        let known = Suspensions(found.into_iter().map(|one| (one.scope.name(), one.reason)).collect());
        let known = Arc::new(known);
        lock(&self.inner.suspensions).0 = Some((present, known.clone()));
        Ok(known)
    }
}

fn suspended(q: &dyn Query) -> Result<Vec<Suspension>, Error> {
    let row = |row: &storage::Row| {
        Ok(Suspension {
            scope: Scope::from_name(row.text(0)?),
            reason: row.maybe_text(1)?.unwrap_or_default().to_owned(),
            by: row.maybe_text(3)?.map(str::to_owned),
            since: Timestamp(row.int(2)?),
        })
    };
    q.query(hot::SUSPENDED, &[SUSPENSIONS_MAX.into()])?.iter().map(row).collect()
}

fn sites(q: &dyn Query, count_max: usize, now: Timestamp) -> Result<Vec<Site>, Error> {
    // Two sums and a count by one pass over the rows; the database keeps one line for each destination.
    const SQL: &str = "SELECT destination, count(*), \
                       CAST(sum(CASE WHEN held = 1 THEN 1 ELSE 0 END) AS BIGINT), \
                       CAST(sum(CASE WHEN held = 0 AND parked IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT), \
                       min(accepted_at), min(CASE WHEN held = 0 AND parked IS NULL THEN \
                       CASE WHEN claimed_by IS NOT NULL AND due_at > $2 THEN $2 ELSE due_at END END), \
                       CAST(sum(CASE WHEN held = 0 AND substr(parked, 1, 1) = '@' THEN 1 ELSE 0 END) AS BIGINT), \
                       max(CASE WHEN held = 0 AND parked IS NULL THEN last_reply END) \
                       FROM queue_recipient GROUP BY destination ORDER BY 2 DESC, 1 LIMIT $1";
    let mut sites = Vec::new();
    for row in q.query(SQL, &[(count_max as i64).into(), now.0.into()])? {
        let destination = row.text(0)?.to_owned();
        let (all, held, parked) = (row.int(1)?, row.int(2)?, row.int(3)?);
        // By MX, the destination is the recipients' domain.
        let standing = site::standing(q, &destination, &destination)?;
        let suspended = standing.suspended.or(standing.domain_suspended);
        let rest = standing.rest.filter(|_| parked > 0 || row.maybe_int(5).is_ok_and(|due| due.is_some()));
        let until = rest.as_ref().filter(|rest| rest.holds(now)).map(|rest| rest.until);
        let due = row.maybe_int(5)?.map(Timestamp);
        let next = match (until, due) {
            (Some(until), Some(due)) if parked == 0 => Some(until.max(due)),
            (Some(until), _) => Some(until),
            (None, due) => due,
        };
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        sites.push(Site {
            waiting: count(all - held - parked),
            parked: count(parked),
            held: count(held),
            oldest: Timestamp(row.int(4)?),
            next: next.filter(|_| suspended.is_none()),
            suspended,
            of_suspended_domains: count(row.int(6)?),
            last_reply: row.maybe_text(7)?.filter(|_| rest.is_none()).map(str::to_owned),
            rest,
            destination,
        });
    }
    Ok(sites)
}
