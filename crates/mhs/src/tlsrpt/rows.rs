//! The counters: one row for each day, domain and policy, and one for each kind of failure with one host under it.

use std::collections::BTreeMap;
use std::time::Duration;

use envelope::{Domain, Timestamp};
use mailauth::limits::REPORT_PERIOD;
use mailauth::tlspolicy::tlsrpt::{FailureDetails, Policy, PolicyResult, Summary};
use storage::{Error, Query, Store, Transaction, Value};

use crate::limits::{TLSRPT_FAILURES_MAX, TLSRPT_LISTED_MAX};

/// Days since 1970, in UTC.
pub fn day_of(at: Timestamp) -> i64 {
    at.seconds().div_euclid(REPORT_PERIOD.as_secs() as i64)
}

/// The first moment of a day.
pub(super) fn start_of(day: i64) -> Timestamp {
    Timestamp::from_seconds(day.saturating_mul(REPORT_PERIOD.as_secs() as i64))
}

/// Sessions that were seen, alike taken together: by day and domain, then by policy.
pub(super) type Counts = BTreeMap<(i64, String), BTreeMap<String, Count>>;

/// Those under one policy; failures by their words.
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    pub(super) fine: i64,
    pub(super) failed: i64,
    pub(super) failures: BTreeMap<String, i64>,
}

/// Adds to what is there. `room` is how many new rows there may be for policies; answers how many there were.
pub(super) fn add(tx: &dyn Transaction, counts: &Counts, mut room: i64) -> Result<i64, Error> {
    const ADD: &str = "UPDATE mhs_tls_policy SET fine = fine + $4, failed = failed + $5 \
                       WHERE day = $1 AND domain = $2 AND policy = $3";
    const NEW: &str = "INSERT INTO mhs_tls_policy (day, domain, policy, fine, failed, words) \
                       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (day, domain, policy) DO UPDATE \
                       SET fine = mhs_tls_policy.fine + excluded.fine, failed = mhs_tls_policy.failed + excluded.failed";
    let mut new = 0;
    for ((day, domain), policies) in counts {
        for (words, count) in policies {
            let key: [Value; 3] = [(*day).into(), domain.as_str().into(), key_of(words)];
            let mut parameters = key.to_vec();
            parameters.extend([count.fine.into(), count.failed.into()]);
            if tx.execute(ADD, &parameters)? == 0 {
                if room <= 0 {
                    continue;
                }
                parameters.push(words.as_str().into());
                tx.execute(NEW, &parameters)?;
                room -= 1;
                new += 1;
            }
            for (words, failed) in &count.failures {
                add_failure(tx, &key, words, *failed)?;
            }
        }
    }
    Ok(new)
}

/// Beyond the limit a failure is counted, and not told apart from the others.
fn add_failure(tx: &dyn Transaction, key: &[Value; 3], words: &str, failed: i64) -> Result<(), Error> {
    const ADD: &str = "UPDATE mhs_tls_failure SET failed = failed + $5 \
                       WHERE day = $1 AND domain = $2 AND policy = $3 AND failure = $4";
    const COUNT: &str = "SELECT count(*) FROM mhs_tls_failure WHERE day = $1 AND domain = $2 AND policy = $3";
    const NEW: &str = "INSERT INTO mhs_tls_failure (day, domain, policy, failure, failed, words) \
                       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (day, domain, policy, failure) DO UPDATE \
                       SET failed = mhs_tls_failure.failed + excluded.failed";
    let mut parameters = key.to_vec();
    parameters.extend([key_of(words), failed.into()]);
    if tx.execute(ADD, &parameters)? > 0 {
        return Ok(());
    }
    if tx.query_one(COUNT, key)?.map_or(Ok(0), |row| row.int(0))? < TLSRPT_FAILURES_MAX {
        parameters.push(words.into());
        tx.execute(NEW, &parameters)?;
    }
    Ok(())
}

fn key_of(words: &str) -> Value {
    storage::seal(&[words.into()]).into()
}

/// Policy rows of a day.
pub(super) fn count(q: &dyn Query, day: i64) -> Result<i64, Error> {
    const COUNT: &str = "SELECT count(*) FROM mhs_tls_policy WHERE day = $1";
    q.query_one(COUNT, &[day.into()])?.map_or(Ok(0), |row| row.int(0))
}

/// What was seen of one domain on one day.
pub(super) fn results(q: &dyn Query, day: i64, domain: &str) -> Result<Vec<PolicyResult>, Error> {
    const POLICIES: &str = "SELECT policy, words, fine, failed FROM mhs_tls_policy WHERE day = $1 AND domain = $2";
    let mut results = Vec::new();
    for row in q.query(POLICIES, &[day.into(), domain.into()])? {
        // What a later program wrote is left to it.
        let Ok(policy) = serde_json::from_str::<Policy>(row.text(1)?) else { continue };
        let summary = Summary {
            total_successful_session_count: row.int(2)? as u64,
            total_failure_session_count: row.int(3)? as u64,
        };
        let failure_details = failures(q, [day.into(), domain.into(), row.int(0)?.into()])?;
        results.push(PolicyResult { policy, summary, failure_details });
    }
    Ok(results)
}

fn failures(q: &dyn Query, key: [Value; 3]) -> Result<Vec<FailureDetails>, Error> {
    const FAILURES: &str = "SELECT words, failed FROM mhs_tls_failure WHERE day = $1 AND domain = $2 AND policy = $3 \
                            ORDER BY failed DESC, failure";
    let mut failures = Vec::new();
    for row in q.query(FAILURES, &key)? {
        let Ok(details) = serde_json::from_str::<FailureDetails>(row.text(0)?) else { continue };
        failures.push(FailureDetails { failed_session_count: row.int(1)? as u64, ..details });
    }
    Ok(failures)
}

/// One domain's day.
#[derive(Debug, Clone, PartialEq)]
pub struct Collected {
    /// Whose mail hosts.
    pub domain: String,
    /// How it went.
    pub results: Vec<PolicyResult>,
}

/// What has been collected on a day, at most [`TLSRPT_LISTED_MAX`] domains in their order; of one domain where one is
/// named.
pub async fn collected(store: &Store, day: i64, domain: Option<Domain>) -> Result<Vec<Collected>, Error> {
    const DOMAINS: &str = "SELECT DISTINCT domain FROM mhs_tls_policy WHERE day = $1 ORDER BY domain LIMIT $2";
    let read = move |q: &dyn Query| {
        let domains = match &domain {
            Some(domain) => vec![domain.to_string()],
            None => {
                let rows = q.query(DOMAINS, &[day.into(), TLSRPT_LISTED_MAX.into()])?;
                rows.iter().map(|row| row.text(0).map(str::to_owned)).collect::<Result<_, _>>()?
            }
        };
        let all = domains.into_iter().map(|domain| Ok(Collected { results: results(q, day, &domain)?, domain }));
        all.filter(|one| one.as_ref().map_or(true, |one: &Collected| !one.results.is_empty())).collect()
    };
    store.read(read).await
}

/// A report that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) day: i64,
    pub(super) domain: String,
    /// A bit for each place, in the order of the record, that has it already.
    pub(super) done: i64,
}

/// Where to go on.
pub(super) type Cursor = (i64, String);

/// Reports that are due now, ours from here until `pause` has passed; a report that was never looked at gets a moment of
/// its own in the first hours of the day. Looks at `count_max` domains; the cursor is none when there are no more.
pub(super) fn claim_due(
    tx: &dyn Transaction,
    from: &Cursor,
    now: Timestamp,
    (pause, count_max): (Duration, i64),
    moment: &dyn Fn(i64, &str) -> Timestamp,
) -> Result<(Vec<Due>, Option<Cursor>), Error> {
    const LOOK: &str = "SELECT DISTINCT p.day, p.domain, r.due_at, r.done FROM mhs_tls_policy p \
                        LEFT JOIN mhs_tls_report r ON r.day = p.day AND r.domain = p.domain \
                        WHERE p.day < $1 AND (p.day > $2 OR (p.day = $2 AND p.domain > $3)) \
                        ORDER BY p.day, p.domain LIMIT $4";
    const PLAN: &str = "INSERT INTO mhs_tls_report (day, domain, due_at, tries, done) VALUES ($1, $2, $3, 0, 0) \
                        ON CONFLICT DO NOTHING";
    const CLAIM: &str = "UPDATE mhs_tls_report SET due_at = $3, tries = tries + 1 WHERE day = $1 AND domain = $2";
    let rows = tx.query(LOOK, &[day_of(now).into(), from.0.into(), from.1.as_str().into(), count_max.into()])?;
    let (mut due, mut next) = (Vec::new(), None);
    for row in &rows {
        let (day, domain) = (row.int(0)?, row.text(1)?);
        next = Some((day, domain.to_owned()));
        match row.maybe_int(2)? {
            Some(at) if at <= now.0 => {
                tx.execute(CLAIM, &[day.into(), domain.into(), now.plus(pause).0.into()])?;
                due.push(Due { day, domain: domain.to_owned(), done: row.int(3)? });
            }
            Some(_) => {}
            None => {
                tx.execute(PLAN, &[day.into(), domain.into(), moment(day, domain).0.into()])?;
            }
        }
    }
    Ok((due, next.filter(|_| rows.len() as i64 == count_max)))
}

/// Some places have it; the others get it later.
pub(super) fn note(tx: &dyn Transaction, due: &Due, done: i64) -> Result<(), Error> {
    const NOTE: &str = "UPDATE mhs_tls_report SET done = $3 WHERE day = $1 AND domain = $2";
    tx.execute(NOTE, &[due.day.into(), due.domain.as_str().into(), done.into()])?;
    Ok(())
}

/// Everybody has it, or nobody wants it.
pub(super) fn finish(tx: &dyn Transaction, due: &Due) -> Result<(), Error> {
    for sql in [
        "DELETE FROM mhs_tls_policy WHERE day = $1 AND domain = $2",
        "DELETE FROM mhs_tls_failure WHERE day = $1 AND domain = $2",
        "DELETE FROM mhs_tls_report WHERE day = $1 AND domain = $2",
    ] {
        tx.execute(sql, &[due.day.into(), due.domain.as_str().into()])?;
    }
    Ok(())
}

/// Forgets the days before this one.
pub(super) fn forget(tx: &dyn Transaction, before: i64) -> Result<u64, Error> {
    let mut gone = 0;
    for sql in [
        "DELETE FROM mhs_tls_policy WHERE day < $1",
        "DELETE FROM mhs_tls_failure WHERE day < $1",
        "DELETE FROM mhs_tls_report WHERE day < $1",
    ] {
        gone += tx.execute(sql, &[before.into()])?;
    }
    Ok(gone)
}
