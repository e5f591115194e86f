//! Every limit of the store, each with its reason.

use std::time::Duration;

/// A body up to here stays in memory until it is complete and then goes to disk with its whole group in one sync;
/// a longer one is streamed to a file as it arrives. Most mail is under 100 KiB.
pub const BODY_IN_MEMORY_MAX: usize = 256 * 1024;

/// Octets of a part of a long body on its way to an object store: whole blocks, and S3 takes no part under 5 MiB.
pub const OBJECT_PART: usize = 6 * 1024 * 1024;

/// All bodies in memory together; over it even small ones are streamed, so that ten thousand slow senders cost files,
/// not gigabytes.
pub const BODIES_IN_MEMORY_MAX: usize = 128 * 1024 * 1024;

/// Octets of short bodies that a server keeps in memory after they were written: at ten thousand letters of 4 KiB a second
/// that is the last fifth of a second, in which they go on to their next hop.
pub const RECENT_OCTETS: usize = 8 * 1024 * 1024;

/// What such a body takes beside its octets, about.
pub const RECENT_ENTRY_OCTETS: usize = 400;

/// Octets under one checksum: a range read costs at most this much more than was asked for.
pub const BLOCK: usize = 64 * 1024;

/// Octets of a label. It is the row data of a letter (about 350 octets, and some 30 for each recipient more), not a second
/// body: room for two thousand recipients.
pub const LABEL_MAX: usize = 64 * 1024;

/// Octets one call of `Body::read` answers: the most that a reader holds per connection.
pub const READ_MAX: u64 = 1024 * 1024;

/// A segment over this is sealed and the next begun: small enough to copy forward in seconds, large enough that a
/// hundred gigabytes are four hundred files.
pub const SEGMENT_OCTETS: u64 = 256 * 1024 * 1024;

/// Records in one writev: Linux's IOV_MAX is 1,024, and a group of more gains nothing.
pub const GROUP_RECORDS_MAX: usize = 1000;

/// Octets in one group of bodies: what an ordinary disk syncs in about a tenth of a second.
pub const GROUP_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// Closures under one COMMIT. More does not lower the cost of each, and the first waits for the last.
pub const GROUP_WRITES_MAX: usize = 1000;

/// How long a group goes on taking in closures: the first one's answer waits for it.
pub const GROUP_WAIT_MAX: Duration = Duration::from_millis(25);

/// Closures, or bodies, waiting for their thread. Behind it callers wait in their own task: back-pressure.
pub const WAITING_MAX: usize = 4096;

/// Idle spill segments kept open for the next long body.
pub const SPILLS_IDLE_MAX: usize = 16;

/// Segment files kept open for reading; each is one file descriptor.
pub const SEGMENTS_OPEN_MAX: usize = 128;

/// Prepared statements a connection keeps. The whole program has some two hundred texts.
pub const STATEMENTS_MAX: usize = 512;

/// How long a write waits for another process's transaction. Theirs are a command line's: short.
pub const BUSY_WAIT: Duration = Duration::from_secs(20);

/// How long cutting the log waits for readers: no write gets through meanwhile. Whoever reads for longer is waited for by
/// trying again.
pub const CHECKPOINT_WAIT: Duration = Duration::from_millis(50);

/// SQLite's own page cache of the writer, in KiB: the inner pages of every index that a delivery touches.
pub const PAGE_CACHE_WRITER_KIB: i64 = 16 * 1024;

/// The same of each reader. The operating system caches the file behind it once for all, so eight readers with large
/// caches of their own would only keep eight copies: 240 MiB where 60 serve as well.
pub const PAGE_CACHE_READER_KIB: i64 = 2 * 1024;

/// A write-ahead log over this is cut even if the writer has to wait for it.
pub const LOG_OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// A write-ahead log over this calls for a checkpoint: early enough that readers' look-ups in it stay short.
pub const LOG_OCTETS_CHECKPOINT: u64 = 16 * 1024 * 1024;

/// Runs of one closure that keeps conflicting. Beyond it somebody holds a row for long: better a 451 than a queue.
pub const CONFLICTS_MAX: u32 = 12;

/// How long a connection to the database server may take.
pub const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// How long a body stays that no row ever named. A crash leaves few of them; a database that was put back from an older
/// copy knows nothing of any letter since, and somebody must have the time to notice.
pub const ORPHAN_GRACE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a statement may take, locks of others included: every one of ours is short, and whoever waits for a 250 is
/// better told to come again.
pub const STATEMENT_WAIT: Duration = Duration::from_secs(60);

/// How long the database's machine may leave our octets unacknowledged before the connection is given up.
pub const DATABASE_SILENCE: Duration = Duration::from_secs(30);

/// Octets of the file that is given up when the disk is full: so much that the whole log can be moved into the database,
/// which grows by no more than that, and something beside it. Then the log is written from its beginning again, and needs
/// no more room.
pub const BALLAST_OCTETS: u64 = LOG_OCTETS_CHECKPOINT + 4 * 1024 * 1024;

/// How long after its start a server makes that file, at most: one that ends at once need not.
pub const BALLAST_AFTER: Duration = Duration::from_secs(10);

/// Between two walks through a bucket for objects that no row ever named: a day's worth of them is small change.
pub const ORPHANS_EVERY_MILLIS: i64 = 24 * 3600 * 1000;
