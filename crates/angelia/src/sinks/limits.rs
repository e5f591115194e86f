//! Limits of the journal's sinks, each with its reason.

use std::time::Duration;

/// Entries that wait for a sink. About 400 octets each, so 4 MB; a tenth of a second of the heaviest load measured.
pub(super) const WAITING_MAX: usize = 10_000;

/// Entries that are written to the store at once. One transaction of this size keeps the writer for a few milliseconds.
pub(super) const BATCH_MAX: usize = 1_000;

/// How long an entry may wait for company before it is written to the store: a trace may be late by this.
pub(super) const BATCH_PATIENCE: Duration = Duration::from_millis(500);

/// Octets of entries in one row. PostgreSQL moves longer values out of the row, and other engines refuse over 64 KiB.
pub(super) const ROW_OCTETS_MAX: usize = 16 * 1024;

/// Connections whose first words are remembered until something happens on them that is worth a row. A connection of
/// which nothing came leaves no row, so strangers that only knock cannot fill the disk.
pub(super) const KNOCKS_MAX: usize = 20_000;

/// Rows deleted in one transaction when their days have passed, so that mail waits no longer than for a letter.
pub(super) const PRUNE_ROWS_MAX: i64 = 2_000;

/// How often old rows are looked for.
pub(super) const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// Rows that one search reads for one key on one day. A key that is in more (a busy address) shows its latest.
pub(super) const FOUND_ROWS_MAX: i64 = 500;

/// Text of a peer or of an error on one line of the log, in characters. Event fields are bounded where they are made; this
/// keeps a line readable.
pub(super) const PHRASE_CHARS_MAX: usize = 600;
