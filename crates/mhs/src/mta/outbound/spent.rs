//! What was spent of the rates of destinations, over a restart.
//!
//! Who ends in order writes down what he has spent, and whoever begins takes that away before he uses it. Where nothing was
//! written (a crash, or somebody else who has begun meanwhile), it must be as if all had just been spent
//! ([`super::book::Book::behind`]): a rate is never exceeded, and costs a wait only after a crash.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use envelope::{SessionId, Timestamp};
use storage::{Error, Store, Transaction};

use super::Rate;
use super::book::{Now, Spent};
use crate::limits::OUTBOUND_SPENT_MAX;

/// What was spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AllSpent {
    /// Of destinations that are not named, all may have been spent at this moment; none when that was long ago.
    pub(super) unknown_at: Option<Instant>,
    /// Of these it is known.
    pub(super) known: BTreeMap<String, Spent>,
}

impl AllSpent {
    /// As if all had just been spent.
    pub(super) fn unknown(now: Instant) -> Self {
        Self { unknown_at: Some(now), known: BTreeMap::new() }
    }
}

/// In the place of [`AllSpent::unknown_at`] while the owner is at work.
const AT_WORK: i64 = -1;

/// One server's part of the table, from its beginning to its end.
#[derive(Debug, Clone)]
pub(super) struct Spending {
    node: String,
    /// Nobody else is called so, not even this server in another life.
    owner: String,
}

impl Spending {
    pub(super) fn of(node: &str) -> Self {
        Self { node: node.to_owned(), owner: SessionId::random().to_string() }
    }

    /// Takes what the one before has left.
    pub(super) async fn take(&self, store: &Store, now: Now) -> Result<AllSpent, Error> {
        const UNKNOWN: &str = "SELECT unknown_at FROM mhs_pace_owner WHERE node = $1";
        const ALL: &str = "SELECT destination, next_at, letters, per FROM mhs_pace WHERE node = $1";
        const GO: &str = "DELETE FROM mhs_pace WHERE node = $1";
        const OWN: &str = "INSERT INTO mhs_pace_owner (node, owner, unknown_at) VALUES ($1, $2, $3) \
                           ON CONFLICT (node) DO UPDATE SET owner = excluded.owner, unknown_at = excluded.unknown_at";
        let Self { node, owner } = self.clone();
        let write = move |tx: &dyn Transaction| {
            let unknown_at = tx.query_one(UNKNOWN, &[node.as_str().into()])?.map(|row| row.int(0)).transpose()?;
            let mut known = BTreeMap::new();
            for row in tx.query(ALL, &[node.as_str().into()])? {
                let letters = u32::try_from(row.int(2)?).unwrap_or(1);
                let rate = Rate { letters, per: Duration::from_millis(row.int(3)?.unsigned_abs()) };
                let next = now.instant + Timestamp(row.int(1)?).since(now.wall);
                known.insert(row.text(0)?.to_owned(), Spent { rate, next });
            }
            tx.execute(GO, &[node.as_str().into()])?;
            tx.execute(OWN, &[node.as_str().into(), owner.as_str().into(), AT_WORK.into()])?;
            Ok(match unknown_at.filter(|at| *at != AT_WORK) {
                Some(at) => AllSpent { unknown_at: now.instant.checked_sub(now.wall.since(Timestamp(at))), known },
                None => AllSpent::unknown(now.instant),
            })
        };
        Ok(store.write(write).await?.0)
    }

    /// Leaves it to the next one, unless he has begun already.
    pub(super) async fn leave(&self, store: &Store, spent: AllSpent, now: Now) -> Result<(), Error> {
        const END: &str = "UPDATE mhs_pace_owner SET unknown_at = $3 WHERE node = $1 AND owner = $2";
        const PUT: &str = "INSERT INTO mhs_pace (node, destination, next_at, letters, per) VALUES ($1, $2, $3, $4, $5)";
        if spent.known.len() > OUTBOUND_SPENT_MAX {
            return Ok(());
        }
        let Self { node, owner } = self.clone();
        let write = move |tx: &dyn Transaction| {
            let ago = spent.unknown_at.map(|at| now.instant.saturating_duration_since(at));
            let ago = ago.and_then(|ago| i64::try_from(ago.as_millis()).ok());
            let unknown_at = ago.map_or(0, |ago| now.wall.0.saturating_sub(ago).max(0));
            if tx.execute(END, &[node.as_str().into(), owner.as_str().into(), unknown_at.into()])? == 0 {
                return Ok(());
            }
            for (destination, Spent { rate, next }) in &spent.known {
                let next_at = now.wall.plus(next.saturating_duration_since(now.instant)).0;
                let per = i64::try_from(rate.per.as_millis()).unwrap_or(i64::MAX);
                let row = [
                    node.as_str().into(),
                    destination.as_str().into(),
                    next_at.into(),
                    i64::from(rate.letters).into(),
                    per.into(),
                ];
                tx.execute(PUT, &row)?;
            }
            Ok(())
        };
        store.write(write).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_believed_once_and_only_of_who_ended() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_embedded(folder.path(), &[crate::MIGRATIONS]).await.unwrap();
        let now = Now { instant: Instant::now(), wall: Timestamp(1_000_000) };
        let rate = Rate { letters: 1, per: Duration::from_secs(3600) };
        let next = now.instant + Duration::from_secs(1800);
        let known = BTreeMap::from([("x.test".to_owned(), Spent { rate, next })]);
        let long_ago = now.instant.checked_sub(Duration::from_secs(900));
        let spent = AllSpent { unknown_at: long_ago, known };
        let nothing = AllSpent::unknown(now.instant);
        let first = Spending::of("athens");
        assert_eq!(first.take(&store, now).await.unwrap(), nothing, "nobody has left anything");
        first.leave(&store, spent.clone(), now).await.unwrap();
        assert_eq!(Spending::of("patras").take(&store, now).await.unwrap(), nothing, "that was another server");
        let second = Spending::of("athens");
        assert_eq!(second.take(&store, now).await.unwrap(), spent);
        assert_eq!(Spending::of("athens").take(&store, now).await.unwrap(), nothing, "the second one has not ended");
        // Somebody has begun after him.
        second.leave(&store, spent.clone(), now).await.unwrap();
        let last = Spending::of("athens");
        assert_eq!(last.take(&store, now).await.unwrap(), nothing);
        let empty = AllSpent { known: BTreeMap::new(), ..spent };
        last.leave(&store, empty.clone(), now).await.unwrap();
        assert_eq!(Spending::of("athens").take(&store, now).await.unwrap(), empty);
    }
}
