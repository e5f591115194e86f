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

mod sql;

use std::ops::Range;

use bytes::Bytes;

pub use sql::{Query, Row, Transaction, Value};

/// A kept body's name. It stays the same when compaction moves the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyId(pub i64);

/// The tables of one area, as a list of steps that only ever grows at its end. A step is one or more statements.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// `directory`, `mailstore`, `queue` …
    pub area: &'static str,
    /// Step n brings version n to n + 1.
    pub steps: &'static [&'static str],
}

/// Proof that a write is durable. Made here only; a service needs one to build the 250 after DATA.
#[derive(Debug)]
pub struct Committed(());

/// What went wrong, by whose fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A row does not have the shape that the code expects.
    #[error("column {column} of a row is no {wanted}")]
    Row {
        /// From 0.
        column: usize,
        /// The SQL type.
        wanted: &'static str,
    },
}

/// The door. Cheap to clone; every clone is the same store.
#[derive(Clone)]
pub struct Store {}

/// A body on its way to disk. Dropped without [`Stage::finish`], it leaves nothing.
pub struct Stage {}

/// A body on disk that no row names yet.
#[derive(Debug, Clone)]
pub struct StagedBody {}

/// A body open for reading: checked against its checksum, byte ranges of it.
pub struct Body {}

#[allow(clippy::unused_async, clippy::unimplemented, unused_variables)]
impl Store {
    /// A consistent view. Runs on a reader, off the async threads.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Query) -> Result<T, Error> + Send + 'static,
    {
        unimplemented!()
    }

    /// All or nothing, and durable when it returns. The closure may run more than once.
    pub async fn write<T, F>(&self, work: F) -> Result<(T, Committed), Error>
    where
        T: Send + 'static,
        F: FnMut(&dyn Transaction) -> Result<T, Error> + Send + 'static,
    {
        unimplemented!()
    }

    /// Begins a body.
    pub fn stage(&self) -> Stage {
        unimplemented!()
    }

    /// Opens a kept body.
    pub async fn open(&self, body: BodyId) -> Result<Body, Error> {
        unimplemented!()
    }
}

#[allow(clippy::unused_async, clippy::unimplemented, unused_variables)]
impl Stage {
    /// Adds bytes. Memory stays bounded whatever the size.
    pub async fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        unimplemented!()
    }

    /// Octets so far.
    pub fn len(&self) -> u64 {
        unimplemented!()
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends it: the bytes are synced to disk on return. `label` (1 KiB at most) is kept beside them, opaque to us, and
    /// handed back by a salvage when the database is lost.
    pub async fn finish(self, label: Bytes) -> Result<StagedBody, Error> {
        unimplemented!()
    }
}

#[allow(clippy::unused_async, clippy::unimplemented, unused_variables)]
impl Body {
    /// Octets.
    pub fn len(&self) -> u64 {
        unimplemented!()
    }

    /// Whether it has no octets.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A range of it, cut at its end; at most 1 MiB a call.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        unimplemented!()
    }

    /// The whole of it, when it is no longer than `octets_max`.
    pub async fn read_all(&self, octets_max: u64) -> Result<Bytes, Error> {
        unimplemented!()
    }
}
