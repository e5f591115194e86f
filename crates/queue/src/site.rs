//! What is known of destinations: which of them rest because nobody there talked to us, and which the operator has
//! suspended. It stands in the store, so it outlives a restart and holds for every node.
//!
//! A recipient's domain can be suspended too, whatever way its letters take: its row is named `@patras.test`.

use envelope::{Reply, Timestamp};
use storage::{Error, Query, Row, Transaction};

use crate::limits::{CLOCK_SLACK_MILLIS, REPLY_OCTETS_MAX};
use crate::settle::cut;
use crate::{Queue, hot};

/// What the operator suspends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A next hop, by its key.
    Destination(String),
    /// The domain (or literal) of recipients' addresses, whatever way their letters take.
    Domain(String),
}

impl Scope {
    /// As its row is named.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Destination(key) => key.clone(),
            Self::Domain(domain) => of_domain(domain),
        }
    }

    pub(crate) fn from_name(name: &str) -> Self {
        match name.strip_prefix('@') {
            Some(domain) => Self::Domain(domain.to_owned()),
            None => Self::Destination(name.to_owned()),
        }
    }
}

/// Something that the operator has suspended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// What.
    pub scope: Scope,
    /// Why, as he said; empty when he did not.
    pub reason: String,
    /// Who it was, where that is known.
    pub by: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// Why something is suspended, and by whom.
#[derive(Debug, Clone, Copy, Default)]
pub struct Why<'a> {
    /// For whoever looks at a letter; may be empty.
    pub reason: &'a str,
    /// Whoever says so, where that is known.
    pub by: Option<&'a str>,
}

impl<'a> From<&'a str> for Why<'a> {
    fn from(reason: &'a str) -> Self {
        Self { reason, by: None }
    }
}

/// Where letters for a suspended domain wait.
pub(crate) fn of_domain(domain: &str) -> String {
    format!("@{}", domain.to_ascii_lowercase())
}

/// A destination that rests: it is left alone until a moment, and then tried with one letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// The key of the next hop.
    pub destination: String,
    /// When it is tried again.
    pub until: Timestamp,
    /// When this rest began.
    pub began: Timestamp,
    /// Failures one after the other.
    pub failures: u32,
    /// When the first of them was.
    pub since: Timestamp,
    /// What was said, or what went wrong.
    pub last_reply: Option<String>,
}

impl Rest {
    /// Whether it is left alone at `now`. A rest that began in the future was written before the clock was set back, and
    /// is over.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until && self.began.0.saturating_sub(CLOCK_SLACK_MILLIS) <= now.0
    }
}

/// What stands in the way of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The operator has suspended the destination.
    pub(crate) suspended: Option<Suspension>,
    /// The operator has suspended the recipient's domain.
    pub(crate) domain_suspended: Option<Suspension>,
    /// It rests, or has rested and was not reached since.
    pub(crate) rest: Option<Rest>,
}

impl Standing {
    /// Whether the operator has asked for an attempt since the destination's rest began.
    pub(crate) fn is_asked(&self, asked: Option<Timestamp>) -> bool {
        asked.is_some_and(|asked| self.rest.as_ref().is_none_or(|rest| asked >= rest.began))
    }

    /// Where a row waits that may not be tried at `now`: the name of that queue.
    pub(crate) fn waits_in(&self, destination: &str, domain: &str, now: Timestamp, asked: bool) -> Option<String> {
        if self.domain_suspended.is_some() {
            return Some(of_domain(domain));
        }
        let rests = self.rest.as_ref().is_some_and(|rest| rest.holds(now)) && !asked;
        (self.suspended.is_some() || rests).then(|| destination.to_owned())
    }
}

impl Queue {
    /// A destination rests until `until`: nobody there talked to us, `failures` times one after the other. It outlives a
    /// restart, and holds for other nodes.
    pub async fn rest(
        &self,
        destination: &str,
        now: Timestamp,
        until: Timestamp,
        failures: u32,
        reply: &Reply,
    ) -> Result<(), crate::Error> {
        let rest = Rest {
            destination: destination.to_owned(),
            until,
            began: now,
            failures,
            since: now,
            last_reply: Some(words(reply)),
        };
        self.inner.store.write(move |tx| write_rest(tx, &rest)).await?;
        Ok(())
    }

    /// A destination was reached: if it rested, that is forgotten.
    pub async fn awake(&self, destination: &str) -> Result<(), crate::Error> {
        let destination = destination.to_owned();
        let name = destination.clone();
        if self.inner.store.read(move |q| standing(q, &name, "")).await?.rest.is_none() {
            return Ok(());
        }
        self.inner.store.write(move |tx| awake(tx, &destination)).await?;
        Ok(())
    }
}

/// What is known of a destination, and of a recipient's domain.
pub(crate) fn standing(q: &dyn Query, destination: &str, domain: &str) -> Result<Standing, Error> {
    let mut standing = Standing::default();
    for row in q.query(hot::STANDING, &[destination.into(), of_domain(domain).into()])? {
        let suspended = suspension(&row)?;
        if row.text(0)? == destination {
            standing.suspended = suspended;
            standing.rest = rest(&row)?;
        } else {
            standing.domain_suspended = suspended;
        }
    }
    Ok(standing)
}

/// A row of [`hot::STANDING`].
fn suspension(row: &Row) -> Result<Option<Suspension>, Error> {
    if row.int(1)? == 0 {
        return Ok(None);
    }
    Ok(Some(Suspension {
        scope: Scope::from_name(row.text(0)?),
        reason: row.maybe_text(2)?.unwrap_or_default().to_owned(),
        by: row.maybe_text(9)?.map(str::to_owned),
        since: Timestamp(row.int(8)?),
    }))
}

fn rest(row: &Row) -> Result<Option<Rest>, Error> {
    let failures = u32::try_from(row.int(5)?).unwrap_or(u32::MAX);
    if failures == 0 {
        return Ok(None);
    }
    Ok(Some(Rest {
        destination: row.text(0)?.to_owned(),
        until: Timestamp(row.int(3)?),
        began: Timestamp(row.int(4)?),
        failures,
        since: Timestamp(row.int(6)?),
        last_reply: row.maybe_text(7)?.map(str::to_owned),
    }))
}

/// See [`crate::Queue::rest`].
pub(crate) fn write_rest(tx: &dyn Transaction, rest: &Rest) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO queue_site (destination, suspended, suspended_at, rest_until, rested_at, failures, since, \
                       last_reply) VALUES ($1, 0, 0, $2, $3, $4, $5, $6) \
                       ON CONFLICT (destination) DO UPDATE SET rest_until = excluded.rest_until, \
                       rested_at = excluded.rested_at, failures = excluded.failures, last_reply = excluded.last_reply, \
                       since = CASE WHEN queue_site.failures = 0 THEN excluded.since ELSE queue_site.since END";
    let parameters = [
        rest.destination.as_str().into(),
        rest.until.0.into(),
        rest.began.0.into(),
        i64::from(rest.failures.max(1)).into(),
        rest.since.0.into(),
        rest.last_reply.clone().into(),
    ];
    tx.execute(SQL, &parameters)?;
    Ok(())
}

/// See [`crate::Queue::awake`].
pub(crate) fn awake(tx: &dyn Transaction, destination: &str) -> Result<(), Error> {
    const GONE: &str = "DELETE FROM queue_site WHERE destination = $1 AND suspended = 0";
    const AWAKE: &str = "UPDATE queue_site SET rest_until = 0, failures = 0, last_reply = NULL WHERE destination = $1";
    if tx.execute(GONE, &[destination.into()])? == 0 {
        tx.execute(AWAKE, &[destination.into()])?;
    }
    Ok(())
}

/// See [`crate::Queue::suspend`].
pub(crate) fn suspend(tx: &dyn Transaction, what: &Suspension) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO queue_site (destination, suspended, suspended_at, reason, suspended_by, rest_until, \
                       rested_at, failures, since) VALUES ($1, 1, $2, $3, $4, 0, 0, 0, 0) \
                       ON CONFLICT (destination) DO UPDATE SET suspended = 1, suspended_at = excluded.suspended_at, \
                       reason = excluded.reason, suspended_by = excluded.suspended_by";
    let kept = |text: &str| cut(text.to_owned(), REPLY_OCTETS_MAX);
    let by = what.by.as_deref().map(kept);
    tx.execute(SQL, &[what.scope.name().into(), what.since.0.into(), kept(&what.reason).into(), by.into()])?;
    Ok(())
}

/// See [`crate::Queue::resume`]. What the destination had to rest for is forgotten too.
pub(crate) fn resume(tx: &dyn Transaction, name: &str) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM queue_site WHERE destination = $1 AND suspended = 1";
    Ok(tx.execute(SQL, &[name.into()])? > 0)
}

/// The words of a reply, as they are kept.
pub(crate) fn words(reply: &Reply) -> String {
    cut(reply.to_string(), REPLY_OCTETS_MAX)
}
