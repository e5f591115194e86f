//! The one narrow door to everything that must outlive a crash. Knows no mail.
//!
//! Four calls, two engines:
//! - [`Store::read`]: a consistent view.
//! - [`Store::write`]: all or nothing, durable on return; the closure may be run again on a conflict.
//! - [`Store::stage`]: bytes of a body on disk, kept only if a transaction names them.
//! - [`Store::open`]: byte ranges of a body.
//!
//! Embedded: SQLite (WAL, synchronous=FULL) with one writer that commits whole groups, and bodies in segment files.
//! Cluster: PostgreSQL, and bodies in a folder or an S3 bucket. The SQL texts are the same on both: parameters are
//! `$1`, `$2` …, column types are BIGINT, TEXT and BYTEA only.
//!
//! What it refuses: a write after a failed sync, a body or a row that does not agree with its checksum, a store that a
//! newer program wrote.
#![forbid(unsafe_code)]

mod bodies;
mod bucket;
mod cluster;
mod embedded;
mod epoch;
mod error;
mod failpoint;
mod housekeeping;
mod ids;
pub mod limits;
mod migrations;
mod room;
mod seal;
mod sql;
mod store;
mod verify;

pub use bodies::record;
pub use bodies::{Body, Salvage, Salvaged, Stage, StagedBody};
pub use bucket::Bucket;
pub use error::Error;
pub use housekeeping::Housekeeping;
pub use migrations::Migrations;
pub use room::Reserve;
pub use seal::seal;
pub use sql::{Query, Row, Transaction, Value};
pub use store::{BodiesConfig, Committed, Options, Store};
pub use verify::Verdict;

/// A kept body's name. It stays the same when compaction moves the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyId(pub i64);

/// Services hold these across awaits and spawn the tasks that do.
const fn _is_send_and_sync<T: Send + Sync>() {}
const _: () = {
    _is_send_and_sync::<Store>();
    _is_send_and_sync::<Stage>();
    _is_send_and_sync::<StagedBody>();
    _is_send_and_sync::<Body>();
};
