//! The journal's tables: rows of entries by day, and the runs of keys that find them ([`super::runs`]).
//!
//! Everything begins with the day (days since 1970, UTC), so that old days are deleted from one end and a search is one
//! look a day.

use std::collections::BTreeMap;

use envelope::Timestamp;
use journal::Entry;
use storage::{Error, Migrations, Query, Transaction, Value};

use super::keys::{self, Name};
use super::limits::{PRUNE_PAGES_MAX, PRUNE_ROWS_MAX};
use super::runs::{self, RowId, Run};

/// The tables of the area `journal`.
pub(crate) const MIGRATIONS: Migrations = Migrations {
    area: "journal",
    steps: &[
        "CREATE TABLE journal_row (
            day BIGINT NOT NULL, row_id BYTEA NOT NULL, entries TEXT NOT NULL,
            PRIMARY KEY (day, row_id)
        ) /* clustered */;
        CREATE TABLE journal_key (
            day BIGINT NOT NULL, hash BIGINT NOT NULL, row_id BYTEA NOT NULL,
            PRIMARY KEY (day, hash, row_id)
        ) /* clustered */",
        // An index over keys in no order was a third of what a letter cost.
        "DROP TABLE journal_key",
        runs::TABLES,
    ],
};

/// One row to write: entries of about one time, as a JSON array.
#[derive(Debug, Clone)]
pub(super) struct NewRow {
    pub(super) day: i64,
    pub(super) id: RowId,
    pub(super) entries: String,
}

/// What is written in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<NewRow>,
    /// Of each day.
    pub(super) runs: BTreeMap<i64, Run>,
}

/// The day of a moment.
pub(super) fn day(at: Timestamp) -> i64 {
    at.seconds().div_euclid(86_400)
}

/// Writes a batch; may run again.
pub(super) fn insert(tx: &dyn Transaction, batch: &Batch) -> Result<(), Error> {
    for row in &batch.rows {
        tx.execute(
            "INSERT INTO journal_row (day, row_id, entries) VALUES ($1, $2, $3)",
            &[row.day.into(), row.id.into(), row.entries.as_str().into()],
        )?;
    }
    batch.runs.iter().try_for_each(|(day, run)| run.insert(tx, *day))
}

/// Deletes some of what is older than `before`; answers whether there may be more.
pub(super) fn prune(tx: &dyn Transaction, before: i64) -> Result<bool, Error> {
    const RUNS: &str = "DELETE FROM journal_run WHERE (day, level, run) IN
         (SELECT day, level, run FROM journal_run WHERE day < $1 ORDER BY day, level, run LIMIT $2)";
    const PAGES: &str = "DELETE FROM journal_run_page WHERE (day, run, last, number) IN
         (SELECT day, run, last, number FROM journal_run_page WHERE day < $1 ORDER BY day, run, last, number LIMIT $2)";
    const ROWS: &str = "DELETE FROM journal_row WHERE (day, row_id) IN
         (SELECT day, row_id FROM journal_row WHERE day < $1 ORDER BY day, row_id LIMIT $2)";
    let mut more = false;
    for (sql, some) in [(RUNS, PRUNE_ROWS_MAX), (PAGES, PRUNE_PAGES_MAX), (ROWS, PRUNE_PAGES_MAX)] {
        let parameters: [Value; 2] = [before.into(), some.into()];
        more |= tx.execute(sql, &parameters)? >= some.unsigned_abs();
    }
    Ok(more)
}

/// Every entry that has this name, oldest first, over all days that are kept; of a busy name the latest of each day.
pub(super) fn entries_of(query: &dyn Query, name: &Name) -> Result<Vec<Entry>, Error> {
    const ROW: &str = "SELECT entries FROM journal_row WHERE day = $1 AND row_id = $2";
    let range = query.query_one("SELECT MIN(day), MAX(day) FROM journal_row", &[])?;
    let Some(range) = range else { return Ok(Vec::new()) };
    let (Some(first), Some(last)) = (range.maybe_int(0)?, range.maybe_int(1)?) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for day in first..=last {
        for row in runs::rows_of(query, day, name.key())? {
            let Some(row) = query.query_one(ROW, &[day.into(), row.into()])? else { continue };
            found.extend(read(row.text(0)?).into_iter().filter(|entry| keys::has(entry, name)));
        }
    }
    found.sort_by_key(|entry| entry.at);
    Ok(found)
}

/// What a row holds. An entry that a newer program wrote and that we do not know is left out.
fn read(entries: &str) -> Vec<Entry> {
    if let Ok(all) = serde_json::from_str(entries) {
        return all;
    }
    let values: Vec<serde_json::Value> = serde_json::from_str(entries).unwrap_or_default();
    values.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect()
}
