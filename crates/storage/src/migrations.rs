//! Tables and their upgrades: one list per area, a version row each, forward only.

use crate::{Error, Transaction};

/// The tables of one area, as a list of steps that only ever grows at its end. A step is one or more statements.
///
/// Texts are in the common dialect. A table whose rows should lie in the order of its key ends with
/// `) /* clustered */;`: SQLite then gets `WITHOUT ROWID`, PostgreSQL a comment.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// `directory`, `mailstore`, `queue` …
    pub area: &'static str,
    /// Step n brings version n to n + 1.
    pub steps: &'static [&'static str],
}

/// The store's own tables: which body lies where, and what is left alive in each segment.
pub(crate) const OWN: Migrations = Migrations {
    area: "storage",
    steps: &[
        "
        CREATE TABLE storage_body (
            body BIGINT PRIMARY KEY,
            segment BIGINT NOT NULL,
            place BIGINT NOT NULL,
            octets BIGINT NOT NULL,
            stored BIGINT NOT NULL,
            label BIGINT NOT NULL,
            checksum BIGINT NOT NULL,
            refs BIGINT NOT NULL,
            dead_since BIGINT NOT NULL
        );
        CREATE INDEX storage_body_dead ON storage_body (dead_since) WHERE dead_since > 0;
        CREATE TABLE storage_segment (
            segment BIGINT PRIMARY KEY,
            octets BIGINT NOT NULL,
            live BIGINT NOT NULL,
            condemned_at BIGINT NOT NULL
        );
    ",
        // Which record on disk is known to be dead, so that every other is known to be an orphan; and whose bodies they are.
        "
        ALTER TABLE storage_segment ADD COLUMN orphans BIGINT NOT NULL DEFAULT 0;
        CREATE TABLE storage_freed (segment BIGINT NOT NULL, body BIGINT NOT NULL, PRIMARY KEY (segment, body))
            /* clustered */;
        CREATE TABLE storage_orphan (body BIGINT PRIMARY KEY, noticed_at BIGINT NOT NULL);
        CREATE TABLE storage_epoch (one BIGINT PRIMARY KEY, epoch BIGINT NOT NULL, older BIGINT NOT NULL);
    ",
    ],
};

/// The table that knows all versions. Its own shape never changes.
pub(crate) const VERSIONS: &str =
    "CREATE TABLE IF NOT EXISTS storage_version (area TEXT PRIMARY KEY, version BIGINT NOT NULL)";

/// What an engine adds to a transaction for migrating: texts with several statements.
pub(crate) trait Migrate: Transaction {
    fn batch(&self, sql: &str) -> Result<(), Error>;
}

/// Brings all areas up. Runs in one transaction that excludes every other migrator.
pub(crate) fn run(tx: &dyn Migrate, areas: &[Migrations]) -> Result<(), Error> {
    for area in std::iter::once(&OWN).chain(areas) {
        let found = tx
            .query_one("SELECT version FROM storage_version WHERE area = $1", &[area.area.into()])?
            .map_or(Ok(0), |row| row.int(0))?;
        let known = i64::try_from(area.steps.len()).unwrap_or(i64::MAX);
        if found > known {
            return Err(Error::Newer { area: area.area.to_owned(), found, known });
        }
        if found == known {
            continue;
        }
        for step in area.steps.iter().skip(usize::try_from(found).unwrap_or(0)) {
            tx.batch(step)?;
        }
        tx.execute(
            "INSERT INTO storage_version (area, version) VALUES ($1, $2)
             ON CONFLICT (area) DO UPDATE SET version = excluded.version",
            &[area.area.into(), known.into()],
        )?;
    }
    Ok(())
}
