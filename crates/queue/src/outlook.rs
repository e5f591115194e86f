//! What a letter to one destination would find there: by searches in indexes, however long the queue is.

use storage::{Error, Query};

use crate::limits::{DUE_BUCKETS, OUTLOOK_PARKED_MAX, OUTLOOK_UNPARKED_MAX};
use crate::site::{self, Rest, Scope, Suspension};
use crate::{Queue, hot};

/// One destination, seen by a letter that is to go there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The operator has suspended the recipient's domain, or the destination.
    pub suspended: Option<Suspension>,
    /// It rests, or its rest is over and nobody has reached it since.
    pub rest: Option<Rest>,
    /// Recipients that wait for it and are not held: at least so many.
    pub waiting: u64,
    /// And no more.
    pub is_exact: bool,
}

impl Queue {
    /// What is known of a destination and of a recipient's domain, and how much waits there.
    pub async fn outlook(&self, destination: &str, domain: &str) -> Result<Outlook, crate::Error> {
        let (destination, domain) = (destination.to_owned(), domain.to_owned());
        Ok(self.inner.store.read(move |q| outlook(q, &destination, &domain)).await?)
    }
}

fn outlook(q: &dyn Query, destination: &str, domain: &str) -> Result<Outlook, Error> {
    let standing = site::standing(q, destination, domain)?;
    let suspended = standing.domain_suspended.or(standing.suspended);
    let mut queues = vec![destination.to_owned()];
    if let Some(Suspension { scope: scope @ Scope::Domain(_), .. }) = &suspended {
        queues.push(scope.name());
    }
    let (mut waiting, mut is_exact) = (0, true);
    for queue in queues {
        let limit = OUTLOOK_PARKED_MAX as i64;
        let mut count = 0;
        q.query_each(hot::PARKED_IN, &[queue.into(), limit.into()], &mut |_| {
            count += 1;
            Ok(true)
        })?;
        waiting += count;
        is_exact &= count < OUTLOOK_PARKED_MAX;
    }
    for bucket in 0..DUE_BUCKETS {
        let limit = OUTLOOK_UNPARKED_MAX as i64;
        let mut seen = 0;
        q.query_each(hot::UNPARKED, &[bucket.into(), limit.into()], &mut |row| {
            seen += 1;
            waiting += usize::from(row.text(0)? == destination);
            Ok(true)
        })?;
        is_exact &= seen < OUTLOOK_UNPARKED_MAX;
    }
    Ok(Outlook { suspended, rest: standing.rest, waiting: waiting as u64, is_exact })
}
