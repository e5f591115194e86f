//! Claims from the due index: what is due is taken, or parked where there is no room for it, and so out of the way.
//!
//! What is due is looked at on a reader; the desk is asked for room there, outside of any transaction; one transaction
//! then takes and parks. A queue in which nothing is due costs that one look.

use std::collections::HashMap;
use std::sync::Arc;

use envelope::Timestamp;
use storage::{Error, Query};

use crate::desk::{Desk, Reserved, Terms};
use crate::limits::{CLAIM_SCAN_MAX, CLAIM_SCAN_MIN, DUE_BUCKETS};
use crate::site::{self, Standing};
use crate::take::{self, Fate, Lease, Seen};
use crate::types::{Claim, Claimed, Lane};
use crate::{Queue, hot, lock};

/// Rows with what is known of their destinations, and whether there may be more.
struct Look {
    rows: Vec<Seen>,
    standings: HashMap<(String, String), Standing>,
    more: bool,
}

impl Queue {
    /// Claims up to `count_max` recipients that are due at `now`, each within room that the desk has for it. Whatever the
    /// desk refuses, rests or is suspended goes into its destination's own queue in the same transaction: so what is due
    /// is looked at once.
    ///
    /// Ask again at once while there is `more`.
    pub async fn claim_due(&self, now: Timestamp, count_max: usize) -> Result<Claimed, crate::Error> {
        self.mind_the_clock(now).await?;
        let Some((desk, terms)) = self.desk_and_terms().filter(|_| count_max > 0) else {
            return Ok(Claimed::default());
        };
        let first_bucket = {
            let mut first = lock(&self.inner.first_bucket);
            *first = (*first + 1) % DUE_BUCKETS;
            *first
        };
        let look = self.inner.store.read(move |q| look_at_due(q, now, first_bucket, count_max)).await?;
        if look.rows.is_empty() {
            return Ok(Claimed::default());
        }
        let mut reserved = Reserved::new(desk);
        let (fates, cut) = decide(look.rows, &look.standings, &mut reserved, &terms, now, count_max);
        let (claims, parked) = self.carry_out(fates, now, &terms).await?;
        reserved.used(&claims);
        Ok(Claimed { claims, parked, lane: None, more: look.more || cut })
    }

    /// Claims parked rows about which something must be decided at `now`, though their destination rests or is suspended:
    /// that the sender is told of the delay, or that the letter is given up. They are not to be tried.
    pub async fn claim_overdue(&self, now: Timestamp, count_max: usize) -> Result<Claimed, crate::Error> {
        let Some((_, terms)) = self.desk_and_terms().filter(|_| count_max > 0) else { return Ok(Claimed::default()) };
        let count_max = count_max.min(CLAIM_SCAN_MAX);
        let rows = self.inner.store.read(move |q| look_at_overdue(q, now, count_max)).await?;
        if rows.is_empty() {
            return Ok(Claimed::default());
        }
        let more = rows.len() >= count_max;
        let fates = rows.into_iter().map(|seen| (seen, Fate::Taken { asked: false, overdue: true })).collect();
        let (claims, _) = self.carry_out(fates, now, &terms).await?;
        Ok(Claimed { claims, more, ..Claimed::default() })
    }

    pub(crate) fn desk_and_terms(&self) -> Option<(Arc<dyn Desk>, Terms)> {
        self.desk().map(|desk| {
            let terms = desk.terms();
            (desk, terms)
        })
    }

    pub(crate) async fn carry_out(
        &self,
        fates: Vec<(Seen, Fate)>,
        now: Timestamp,
        terms: &Terms,
    ) -> Result<(Vec<Claim>, usize), Error> {
        if fates.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let lease = Lease { node: self.inner.node.clone(), until: now.plus(terms.lease) };
        let write = self.inner.store.write(move |tx| take::carry_out(tx, &fates, &lease));
        Ok(write.await?.0)
    }
}

fn look_at_due(q: &dyn Query, now: Timestamp, first_bucket: i64, count_max: usize) -> Result<Look, Error> {
    // What the claim has no place for is looked at again: not much more of it than is wanted.
    let scan_max = count_max.saturating_mul(2).clamp(CLAIM_SCAN_MIN, CLAIM_SCAN_MAX);
    let each_max = scan_max.div_ceil(DUE_BUCKETS as usize);
    let mut look = Look { rows: Vec::new(), standings: HashMap::new(), more: false };
    for bucket in (first_bucket..DUE_BUCKETS).chain(0..first_bucket) {
        let found = q.query(hot::LOOK_AT_DUE, &[bucket.into(), now.0.into(), (each_max as i64).into()])?;
        look.more |= found.len() >= each_max;
        for row in &found {
            look.rows.push(Seen::read(row)?);
        }
    }
    look.standings = standings(q, &look.rows)?;
    Ok(look)
}

/// What is known of the destinations of these rows, and of their domains.
pub(crate) fn standings(q: &dyn Query, rows: &[Seen]) -> Result<HashMap<(String, String), Standing>, Error> {
    let mut standings = HashMap::new();
    for seen in rows {
        let key = (seen.destination.clone(), seen.domain.clone());
        if let std::collections::hash_map::Entry::Vacant(place) = standings.entry(key) {
            place.insert(site::standing(q, &seen.destination, &seen.domain)?);
        }
    }
    Ok(standings)
}

fn look_at_overdue(q: &dyn Query, now: Timestamp, count_max: usize) -> Result<Vec<Seen>, Error> {
    let mut rows = Vec::new();
    for bucket in 0..DUE_BUCKETS {
        let left = i64::try_from(count_max - rows.len()).unwrap_or(i64::MAX);
        for row in &q.query(hot::LOOK_AT_OVERDUE, &[bucket.into(), now.0.into(), left.into()])? {
            rows.push(Seen::read(row)?);
        }
        if rows.len() >= count_max {
            break;
        }
    }
    Ok(rows)
}

/// Who is asked for room at once.
type Group = (String, Lane, bool);

/// What becomes of each row. Answers also whether rows were left alone because enough was taken.
fn decide(
    rows: Vec<Seen>,
    standings: &HashMap<(String, String), Standing>,
    reserved: &mut Reserved,
    terms: &Terms,
    now: Timestamp,
    count_max: usize,
) -> (Vec<(Seen, Fate)>, bool) {
    let wake = |seen: &Seen| terms.patience.wake(seen.accepted_at, seen.delay_told, now);
    let mut fates = Vec::with_capacity(rows.len());
    // In the order in which they are met: whoever was due first is asked for first.
    let mut order: Vec<Group> = Vec::new();
    let mut groups: HashMap<Group, Vec<Seen>> = HashMap::new();
    let unknown = Standing::default();
    for seen in rows {
        if let Some(wish) = seen.wish {
            fates.push((seen, Fate::Obeyed(wish)));
            continue;
        }
        let standing = standings.get(&(seen.destination.clone(), seen.domain.clone())).unwrap_or(&unknown);
        let asked = standing.is_asked(seen.asked);
        if let Some(place) = standing.waits_in(&seen.destination, &seen.domain, now, asked) {
            let wake_at = wake(&seen);
            fates.push((seen, Fate::Parked { place, wake_at }));
            continue;
        }
        let group = (seen.destination.clone(), seen.lane, asked);
        let members = groups.entry(group.clone()).or_default();
        if members.is_empty() {
            order.push(group);
        }
        members.push(seen);
    }
    let mut left = count_max;
    let mut cut = false;
    for group in order {
        let members = groups.remove(&group).unwrap_or_default();
        let (destination, lane, asked) = group;
        let wanted = members.len().min(left);
        cut |= wanted < members.len();
        let room = if wanted > 0 { reserved.ask(&destination, lane, wanted, asked) } else { 0 };
        left -= room;
        for (place, seen) in members.into_iter().enumerate() {
            if place < room {
                fates.push((seen, Fate::Taken { asked, overdue: false }));
            } else if room < wanted {
                let wake_at = wake(&seen);
                fates.push((seen, Fate::Parked { place: destination.clone(), wake_at }));
            }
        }
    }
    (fates, cut)
}
