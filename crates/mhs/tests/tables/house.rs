//! A store with the tables.

use envelope::{Domain, Timestamp};
use storage::{BodiesConfig, Migrations, Store};
use tempfile::TempDir;

use crate::postgres::Postgres;

const TABLES: &[Migrations] = &[mhs::MIGRATIONS];

/// 2023-11-14, a day after 1970 like any other.
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub const DAY: u64 = 86_400;

pub struct House {
    _folder: TempDir,
    pub store: Store,
}

pub fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

pub fn at(seconds: u64) -> Timestamp {
    NOW.plus(std::time::Duration::from_secs(seconds))
}

impl House {
    pub async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
        Self { _folder: folder, store }
    }

    pub async fn cluster(postgres: &Postgres, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bodies = BodiesConfig::Folder(folder.path().to_owned());
        let store = Store::open_cluster(&postgres.database(name), bodies, TABLES).await.unwrap();
        Self { _folder: folder, store }
    }
}
