//! Destinations' own queues: rows that wait for room, for the end of a rest, or for the operator.
//!
//! A queue has a lane for each sender, and the lanes are served in turn. Lanes and queues are found by stepping through
//! their index from one to the next, so neither many rows in one nor many of them make a step longer.

use envelope::Timestamp;
use storage::{Error, Query, Transaction};

use crate::claim::standings;
use crate::limits::{CLAIM_SCAN_MAX, LANES_A_CLAIM, OPERATOR_BATCH, PARKED_STEPS_MAX};
use crate::rows::mail_id;
use crate::site::{self, Rest};
use crate::take::{Fate, Seen};
use crate::types::{Claimed, Lane};
use crate::{Queue, hot};

/// A destination that has something parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The key of the next hop.
    pub destination: String,
    /// The operator has suspended it.
    pub suspended: bool,
    /// It rests, or its rest is over and nobody has reached it since.
    pub rest: Option<Rest>,
}

impl Queue {
    /// Claims up to `count_max` recipients out of a destination's own queue, one lane after the other, beginning behind
    /// the lane `after`: remember [`Claimed::lane`] for the next time. The desk has counted them already; whether the
    /// destination rests is its business too. Of a suspended one nothing is claimed.
    pub async fn claim_parked(
        &self,
        destination: &str,
        after: Option<Lane>,
        count_max: usize,
        now: Timestamp,
    ) -> Result<Claimed, crate::Error> {
        let Some((_, terms)) = self.desk_and_terms().filter(|_| count_max > 0) else { return Ok(Claimed::default()) };
        let count_max = count_max.min(CLAIM_SCAN_MAX);
        let name = destination.to_owned();
        let look = self.inner.store.read(move |q| look_at_parked(q, &name, after, count_max)).await?;
        let mut fates = Vec::new();
        for (seen, of_domain) in look.rows {
            let fate = match of_domain {
                None => Fate::Taken { asked: seen.asked.is_some(), overdue: false },
                Some(place) => Fate::Parked { place, wake_at: Timestamp(seen.wake_at) },
            };
            fates.push((seen, fate));
        }
        let (claims, parked) = self.carry_out(fates, now, &terms).await?;
        Ok(Claimed { claims, parked, lane: look.lane.or(after), more: look.more })
    }

    /// Destinations that have something parked, in the order of their keys, behind `after`; a short answer is the end of
    /// the walk. So whatever was parked by another node, or before a restart, is found again.
    pub async fn parked(
        &self,
        after: Option<&str>,
        count_max: usize,
        now: Timestamp,
    ) -> Result<Vec<Parked>, crate::Error> {
        let from = after.unwrap_or_default().to_owned();
        let count_max = count_max.min(PARKED_STEPS_MAX);
        let (found, resumed) = self.inner.store.read(move |q| walk(q, from, count_max)).await?;
        // A domain was resumed, and whoever did it did not come to the end.
        for name in resumed {
            self.inner.store.write(move |tx| unpark(tx, &name, now)).await?;
        }
        Ok(found)
    }
}

/// A part of a destination's own queue.
#[derive(Default)]
struct Look {
    /// With where a row belongs whose domain is suspended.
    rows: Vec<(Seen, Option<String>)>,
    lane: Option<Lane>,
    more: bool,
}

fn look_at_parked(q: &dyn Query, destination: &str, after: Option<Lane>, count_max: usize) -> Result<Look, Error> {
    if site::standing(q, destination, "")?.suspended.is_some() {
        return Ok(Look::default());
    }
    let lanes_max = count_max.min(LANES_A_CLAIM);
    let (lanes, more_lanes) = lanes(q, destination, after, lanes_max)?;
    let mut look = Look { rows: Vec::new(), lane: lanes.last().copied(), more: more_lanes };
    let share = count_max.div_ceil(lanes.len().max(1));
    // Each lane's share first, then what the others have left over.
    let mut seconds = Vec::new();
    let mut firsts = Vec::new();
    for lane in lanes {
        let mut rows = rows_of(q, destination, lane, share * 2)?;
        look.more |= rows.len() >= share * 2;
        seconds.extend(rows.split_off(share.min(rows.len())));
        firsts.extend(rows);
    }
    firsts.extend(seconds);
    look.more |= firsts.len() > count_max;
    firsts.truncate(count_max);
    let standings = standings(q, &firsts)?;
    let place = |seen: &Seen| {
        let standing = standings.get(&(seen.destination.clone(), seen.domain.clone()))?;
        standing.domain_suspended.is_some().then(|| site::of_domain(&seen.domain))
    };
    look.rows = firsts.into_iter().map(|seen| (seen.clone(), place(&seen))).collect();
    Ok(look)
}

/// The next lanes behind `after`, round to it again; and whether there are others.
fn lanes(q: &dyn Query, destination: &str, after: Option<Lane>, count_max: usize) -> Result<(Vec<Lane>, bool), Error> {
    let mut lanes: Vec<Lane> = Vec::new();
    let start = after.map_or(i64::MIN, |lane| lane.0.saturating_add(1));
    let mut from = Some(start);
    let mut is_round = false;
    while lanes.len() <= count_max {
        let found = match from {
            Some(from) => q.query_one(hot::NEXT_LANE, &[destination.into(), from.into()])?,
            None => None,
        };
        let lane = match found {
            Some(row) => Lane(row.int(0)?),
            None if is_round => break,
            None => {
                (is_round, from) = (true, Some(i64::MIN));
                continue;
            }
        };
        if is_round && lane.0 >= start {
            break;
        }
        lanes.push(lane);
        from = lane.0.checked_add(1);
    }
    let more = lanes.len() > count_max;
    lanes.truncate(count_max);
    Ok((lanes, more))
}

fn rows_of(q: &dyn Query, destination: &str, lane: Lane, count_max: usize) -> Result<Vec<Seen>, Error> {
    q.query(hot::ROWS_OF_LANE, &[destination.into(), lane.0.into(), (count_max as i64).into()])?
        .iter()
        .map(Seen::read)
        .collect()
}

/// Destinations with something parked, and queues of domains that are not suspended any more.
fn walk(q: &dyn Query, mut from: String, count_max: usize) -> Result<(Vec<Parked>, Vec<String>), Error> {
    let (mut found, mut resumed) = (Vec::new(), Vec::new());
    while found.len() < count_max {
        let Some(row) = q.query_one(hot::NEXT_PARKED, &[from.as_str().into()])? else { break };
        from = row.text(0)?.to_owned();
        let standing = match from.strip_prefix('@') {
            Some(domain) => site::standing(q, "", domain)?,
            None => site::standing(q, &from, "")?,
        };
        if !from.starts_with('@') {
            let suspended = standing.suspended.is_some();
            found.push(Parked { destination: from.clone(), suspended, rest: standing.rest });
        } else if standing.domain_suspended.is_none() && resumed.len() < count_max {
            resumed.push(from.clone());
        }
    }
    Ok((found, resumed))
}

/// Makes a page of what is parked in a queue due. Answers how many.
pub(crate) fn unpark(tx: &dyn Transaction, name: &str, now: Timestamp) -> Result<usize, Error> {
    const DUE: &str = "UPDATE queue_recipient SET parked = NULL, wake_at = 0, due_at = $3 \
                       WHERE mail_id = $1 AND number = $2 AND parked IS NOT NULL";
    let rows = tx.query(hot::PARKED_IN, &[name.into(), (OPERATOR_BATCH as i64).into()])?;
    for row in &rows {
        tx.execute(DUE, &[mail_id(row, 0)?.to_bytes().into(), row.int(1)?.into(), now.0.into()])?;
    }
    Ok(rows.len())
}
