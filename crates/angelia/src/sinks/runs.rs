//! Where the rows are that have a key: sorted runs.
//!
//! An index over keys that come in no order costs a page of the disk for each of them. So the keys of what is written
//! together are one run: sorted, in pages, each a few KiB of keys with the ids of their rows. A search looks into every run
//! of a day; that these stay few is the work of [`merge`], which makes one run of sixteen, until they are large.
//!
//! A page belongs to a search only when its run stands in `journal_run`. So a run is merged page by page, in small
//! transactions, and one more makes it stand in for those it was merged from. What a crash leaves of it goes with the day.

use std::sync::atomic::{AtomicBool, Ordering};

use envelope::MailId;
use storage::{Error, Query, Store, Transaction};

use super::keys::Key;
use super::limits::{FOUND_ROWS_MAX, PAGE_KEYS_MAX, PAGES_AT_ONCE_MAX, RUN_KEYS_MAX, RUNS_MERGED};

/// The tables of runs and their pages.
pub(super) const TABLES: &str = "CREATE TABLE journal_run (
        day BIGINT NOT NULL, level BIGINT NOT NULL, run BYTEA NOT NULL, keys BIGINT NOT NULL,
        PRIMARY KEY (day, level, run)
    ) /* clustered */;
    CREATE TABLE journal_run_page (
        day BIGINT NOT NULL, run BYTEA NOT NULL, last BIGINT NOT NULL, number BIGINT NOT NULL, keys BYTEA NOT NULL,
        PRIMARY KEY (day, run, last, number)
    ) /* clustered */";

/// A row's id.
pub(super) type RowId = [u8; 16];

/// Octets of a key in a page: the key and its row.
const ENTRY_OCTETS: usize = 24;

/// Keys with their rows, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Run(Vec<(i64, RowId)>);

/// A run as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    level: i64,
    id: Vec<u8>,
    keys: i64,
}

impl Run {
    pub(super) fn of(mut keys: Vec<(Key, RowId)>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        Self(keys.into_iter().map(|(key, row)| (key.0, row)).collect())
    }

    /// Writes it as a new run. May run again.
    pub(super) fn insert(&self, tx: &dyn Transaction, day: i64) -> Result<(), Error> {
        let id = MailId::random().to_bytes();
        self.insert_pages(tx, day, &id, 0..self.pages())?;
        self.publish(tx, day, &id, 0)
    }

    fn pages(&self) -> usize {
        self.0.len().div_ceil(PAGE_KEYS_MAX)
    }

    fn insert_pages(
        &self,
        tx: &dyn Transaction,
        day: i64,
        id: &RowId,
        pages: std::ops::Range<usize>,
    ) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO journal_run_page (day, run, last, number, keys) VALUES ($1, $2, $3, $4, $5)";
        let some = self.0.chunks(PAGE_KEYS_MAX).enumerate().skip(pages.start).take(pages.len());
        for (number, entries) in some {
            let Some((last, _)) = entries.last() else { continue };
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            let parameters = [day.into(), (*id).into(), (*last).into(), number.into(), encode(entries).into()];
            tx.execute(SQL, &parameters)?;
        }
        Ok(())
    }

    fn publish(&self, tx: &dyn Transaction, day: i64, id: &RowId, level: i64) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO journal_run (day, level, run, keys) VALUES ($1, $2, $3, $4)";
        let keys = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        tx.execute(SQL, &[day.into(), level.into(), (*id).into(), keys.into()]).map(|_| ())
    }
}

/// The rows that have a key, on one day: the latest [`FOUND_ROWS_MAX`], the latest first.
pub(super) fn rows_of(query: &dyn Query, day: i64, key: Key) -> Result<Vec<RowId>, Error> {
    let mut found = Vec::new();
    for run in query.query("SELECT run FROM journal_run WHERE day = $1", &[day.into()])? {
        in_run(query, day, run.blob(0)?, key, &mut found)?;
        latest(&mut found);
    }
    Ok(found)
}

fn in_run(query: &dyn Query, day: i64, run: &[u8], key: Key, found: &mut Vec<RowId>) -> Result<(), Error> {
    const NEXT: &str = "SELECT last, number, keys FROM journal_run_page \
                        WHERE day = $1 AND run = $2 AND (last, number) > ($3, $4) ORDER BY last, number LIMIT 1";
    // The first page that may have it ends with it, or with a larger one.
    let mut behind = (key.0, -1);
    loop {
        let parameters = [day.into(), run.to_vec().into(), behind.0.into(), behind.1.into()];
        let Some(page) = query.query_one(NEXT, &parameters)? else { return Ok(()) };
        let (last, entries) = (page.int(0)?, decode(page.blob(2)?));
        let from = entries.partition_point(|(other, _)| *other < key.0);
        let ours = entries.get(from..).unwrap_or_default().iter().take_while(|(other, _)| *other == key.0);
        found.extend(ours.map(|(_, row)| *row));
        if found.len() > KEPT_ROWS_MAX {
            latest(found);
        }
        if last > key.0 {
            return Ok(());
        }
        behind = (last, page.int(1)?);
    }
}

/// Rows found that wait to be sorted out.
const KEPT_ROWS_MAX: usize = 16 * FOUND_ROWS_MAX;

/// An id begins with the time.
fn latest(found: &mut Vec<RowId>) {
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    found.truncate(FOUND_ROWS_MAX);
}

/// Makes one run of sixteen, as long as there are so many of a level and work goes on.
pub(super) async fn merge(store: &Store, day: i64, ends: &AtomicBool) -> Result<(), Error> {
    while !ends.load(Ordering::Relaxed)
        && let Some(chosen) = store.read(move |query| choose(query, day)).await?
    {
        let parts = chosen.clone();
        let whole = store.read(move |query| gather(query, day, &parts)).await?;
        put_in_place(store, day, whole, chosen).await?;
    }
    Ok(())
}

/// Runs of one level that are not large yet. They count where the merged one does not: whoever merges at the same time
/// finds them gone, and gives up.
fn choose(query: &dyn Query, day: i64) -> Result<Option<Vec<Standing>>, Error> {
    const SQL: &str = "SELECT level, run, keys FROM journal_run WHERE day = $1 AND keys < $2 ORDER BY level, run";
    let large = RUN_KEYS_MAX / i64::try_from(RUNS_MERGED).unwrap_or(1);
    let mut runs = Vec::new();
    for row in query.query(SQL, &[day.into(), large.into()])? {
        runs.push(Standing { level: row.int(0)?, id: row.blob(1)?.to_vec(), keys: row.int(2)? });
    }
    let mut levels = runs.chunk_by(|a, b| a.level == b.level);
    Ok(levels.find_map(|level| level.get(..RUNS_MERGED)).map(<[Standing]>::to_vec))
}

fn gather(query: &dyn Query, day: i64, parts: &[Standing]) -> Result<Run, Error> {
    const SQL: &str = "SELECT keys FROM journal_run_page WHERE day = $1 AND run = $2 ORDER BY last, number";
    let mut whole = Vec::new();
    for part in parts {
        query.query_each(SQL, &[day.into(), part.id.clone().into()], &mut |page| {
            whole.extend(decode(page.blob(0)?));
            Ok(true)
        })?;
    }
    // Sixteen runs in order, one behind the other: this kind of sort knows how to make use of that.
    whole.sort();
    Ok(Run(whole))
}

async fn put_in_place(store: &Store, day: i64, whole: Run, parts: Vec<Standing>) -> Result<(), Error> {
    let (id, whole) = (MailId::random().to_bytes(), std::sync::Arc::new(whole));
    let mut at = 0;
    while at < whole.pages() {
        let (end, run) = ((at + PAGES_AT_ONCE_MAX).min(whole.pages()), whole.clone());
        store.write(move |tx| run.insert_pages(tx, day, &id, at..end)).await?;
        at = end;
    }
    let level = parts.iter().map(|part| part.level).max().unwrap_or(0) + 1;
    let old: Vec<Vec<u8>> = parts.iter().map(|part| part.id.clone()).collect();
    let replaced = store
        .write(move |tx| {
            const GONE: &str = "DELETE FROM journal_run WHERE day = $1 AND level = $2 AND run = $3";
            for part in &parts {
                if tx.execute(GONE, &[day.into(), part.level.into(), part.id.clone().into()])? == 0 {
                    return Err(Error::Refused("another node has merged them".into()));
                }
            }
            whole.publish(tx, day, &id, level)
        })
        .await;
    let useless = match replaced {
        Ok(_) => old,
        Err(Error::Refused(_)) => vec![id.to_vec()],
        Err(error) => return Err(error),
    };
    for run in useless {
        const PAGES: &str = "DELETE FROM journal_run_page WHERE day = $1 AND run = $2";
        store.write(move |tx| tx.execute(PAGES, &[day.into(), run.clone().into()])).await?;
    }
    Ok(())
}

fn encode(entries: &[(i64, RowId)]) -> Vec<u8> {
    let mut page = Vec::with_capacity(entries.len() * ENTRY_OCTETS);
    for (key, row) in entries {
        page.extend_from_slice(&key.to_be_bytes());
        page.extend_from_slice(row);
    }
    page
}

fn decode(page: &[u8]) -> Vec<(i64, RowId)> {
    let entry = |octets: &[u8]| {
        let (key, row) = octets.split_first_chunk::<8>()?;
        Some((i64::from_be_bytes(*key), *row.first_chunk()?))
    };
    page.chunks_exact(ENTRY_OCTETS).filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::super::store::{MIGRATIONS, prune};
    use super::*;

    async fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_embedded(folder.path(), &[MIGRATIONS]).await.unwrap();
        (folder, store)
    }

    fn row(number: u64) -> RowId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        id
    }

    async fn count(store: &Store, sql: &'static str) -> i64 {
        store.read(move |query| query.query_one(sql, &[])?.unwrap().int(0)).await.unwrap()
    }

    async fn insert(store: &Store, day: i64, keys: Vec<(Key, RowId)>) {
        let run = Run::of(keys);
        store.write(move |tx| run.insert(tx, day)).await.unwrap();
    }

    /// Rows 0, 1, 2 … each with a key of its own, one that a few share, and one that all share.
    fn keys(rows: std::ops::Range<u64>) -> Vec<(Key, RowId)> {
        let of = |number: u64| {
            let own = Key(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).cast_signed());
            [(own, row(number)), (Key(7 + (number % 100).cast_signed()), row(number)), (Key(-5), row(number))]
        };
        rows.flat_map(of).collect()
    }

    async fn found(store: &Store, key: Key) -> Vec<RowId> {
        store.read(move |query| rows_of(query, 1, key)).await.unwrap()
    }

    /// Whatever has been merged, each key finds its rows, and none of another day.
    #[tokio::test]
    async fn every_key_is_found_before_and_after_a_merge() {
        const RUNS: u64 = 16 * 16 + 3;
        const EACH: u64 = 12;
        let (_folder, store) = store().await;
        for run in 0..RUNS {
            insert(&store, 1, keys(run * EACH..(run + 1) * EACH)).await;
        }
        insert(&store, 2, vec![(Key(-5), row(u64::MAX))]).await;
        for merged in [false, true] {
            if merged {
                merge(&store, 1, &AtomicBool::new(false)).await.unwrap();
                let levels = "SELECT COUNT(*) FROM journal_run WHERE day = 1";
                assert_eq!(count(&store, levels).await, 1 + 3);
                let stray = "SELECT COUNT(*) FROM journal_run_page WHERE run NOT IN (SELECT run FROM journal_run)";
                assert_eq!(count(&store, stray).await, 0);
                let all = "SELECT CAST(SUM(keys) AS BIGINT) FROM journal_run WHERE day = 1";
                assert_eq!(count(&store, all).await, (RUNS * EACH * 3).cast_signed());
            }
            for (key, row) in keys(0..RUNS * EACH).into_iter().step_by(301) {
                assert!(found(&store, key).await.contains(&row) || key == Key(-5), "{key:?}, merged: {merged}");
            }
            let few: Vec<RowId> = (0..RUNS * EACH).rev().filter(|number| number % 100 == 42).map(row).collect();
            assert_eq!(found(&store, Key(49)).await, few);
            // All share it: the latest are found.
            let latest: Vec<RowId> = (0..RUNS * EACH).rev().take(FOUND_ROWS_MAX).map(row).collect();
            assert_eq!(found(&store, Key(-5)).await, latest);
            assert!(found(&store, Key(-6)).await.is_empty());
        }
    }

    #[tokio::test]
    async fn large_runs_are_left_and_old_ones_go() {
        let (_folder, store) = store().await;
        let large = u64::try_from(RUN_KEYS_MAX).unwrap() / 16;
        for run in 0..16 {
            insert(&store, 1, (0..large).map(|number| (Key(number.cast_signed()), row(run))).collect()).await;
        }
        merge(&store, 1, &AtomicBool::new(false)).await.unwrap();
        assert_eq!(count(&store, "SELECT COUNT(*) FROM journal_run").await, 16);
        assert_eq!(found(&store, Key(1000)).await.len(), 16);
        while store.write(|tx| prune(tx, 2)).await.unwrap().0 {}
        assert_eq!(count(&store, "SELECT COUNT(*) FROM journal_run_page").await, 0);
        assert_eq!(count(&store, "SELECT COUNT(*) FROM journal_run").await, 0);
    }

    /// Of two who merge the same runs one gives up, and leaves nothing behind.
    #[tokio::test]
    async fn who_comes_second_gives_up() {
        let (_folder, store) = store().await;
        for run in 0..16 {
            insert(&store, 1, keys(run * 5..run * 5 + 5)).await;
        }
        let chosen = store.read(|query| choose(query, 1)).await.unwrap().unwrap();
        let parts = chosen.clone();
        let whole = store.read(move |query| gather(query, 1, &parts)).await.unwrap();
        merge(&store, 1, &AtomicBool::new(false)).await.unwrap();
        put_in_place(&store, 1, whole, chosen).await.unwrap();
        assert_eq!(count(&store, "SELECT COUNT(*) FROM journal_run").await, 1);
        assert_eq!(count(&store, "SELECT COUNT(DISTINCT run) FROM journal_run_page").await, 1);
        assert_eq!(found(&store, Key(-5)).await.len(), 80);
    }
}
