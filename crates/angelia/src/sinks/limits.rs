//! Limits of the journal's sinks, each with its reason.

use std::time::Duration;

/// Entries that wait for a sink. About 400 octets each, so 4 MB; a tenth of a second of the heaviest load measured.
pub(super) const WAITING_MAX: usize = 10_000;

/// Entries that are written to the store at once. One transaction of this size keeps the writer for a few milliseconds.
pub(super) const BATCH_MAX: usize = 1_000;

/// How long an entry may wait for company before it is written to the store: a trace may be late by this.
pub(super) const BATCH_PATIENCE: Duration = Duration::from_millis(500);

/// Octets of entries in one row, some thirty of them. In larger rows a search would read too much that it does not want;
/// in smaller ones the same sender or connection would be a key of each.
pub(super) const ROW_OCTETS_MAX: usize = 8 * 1024;

/// Keys in a page of a run: 8 KiB, so that a search reads no more than that to find some.
pub(super) const PAGE_KEYS_MAX: usize = 340;

/// Runs of one level that are made one. With more a search would look into more of them, with fewer each key would be
/// written more often.
pub(super) const RUNS_MERGED: usize = 16;

/// A run that was merged from others has so many keys at most: 12 MB, held in memory for that moment. Ten million letters a
/// day then make about a thousand runs, and a search looks into each of them in some microseconds.
pub(super) const RUN_KEYS_MAX: i64 = 500_000;

/// Pages of a merged run written in one transaction: half a MiB, so that mail waits no longer than for some letters.
pub(super) const PAGES_AT_ONCE_MAX: usize = 64;

/// Connections whose first words are remembered until something happens on them that is worth a row. A connection of
/// which nothing came leaves no row, so strangers that only knock cannot fill the disk.
pub(super) const KNOCKS_MAX: usize = 20_000;

/// Rows deleted in one transaction when their days have passed, so that mail waits no longer than for a letter.
pub(super) const PRUNE_ROWS_MAX: i64 = 2_000;

/// The same, of rows that are pages of entries or keys.
pub(super) const PRUNE_PAGES_MAX: i64 = 200;

/// How often old rows are looked for.
pub(super) const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// Rows that one search reads for one key on one day. A key that is in more (a busy address) shows its latest.
pub(super) const FOUND_ROWS_MAX: usize = 500;

/// Text of a peer or of an error on one line of the log, in characters. Event fields are bounded where they are made; this
/// keeps a line readable.
pub(super) const PHRASE_CHARS_MAX: usize = 600;
