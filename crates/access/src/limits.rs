//! The numbers of mailbox access, each with its reason.

use std::time::Duration;

/// Messages of one COPY, where the operator says nothing else: each is a row in one transaction.
pub const SAVED_MESSAGES_MAX: u32 = 1_000_000;

/// Time between two words about a command that goes on (RFC 9585). Clients that hear nothing for half a minute or more
/// take a connection for dead.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// The same at the least, while one piece of work goes on of which nothing is known before its end.
pub const PROGRESS_EVERY_MIN: Duration = Duration::from_millis(50);

/// Octets of answers that are gathered before they are sent and the client's reading is waited for: one FETCH holds
/// this much of a mailbox in memory, whatever the mailbox holds.
pub const OUTPUT_OCTETS_MAX: usize = 64 * 1024;

/// One read of a body that passes through: one block of the store.
pub const PIECE_OCTETS: u64 = 64 * 1024;

/// Message rows read at once for FETCH and SEARCH: a query each costs more than the rows, and they are about 100
/// octets each.
pub const ROWS_BATCH: usize = 500;

/// How much of a header ENVELOPE, SEARCH and BODY[HEADER.FIELDS] look into; it is held in memory for that long. The
/// largest headers known, of lists that keep every hop and seal, stay under 1 MiB. `BODY[HEADER]` has no limit, and what
/// the parts say of themselves (BODYSTRUCTURE) is read as far as `message::limits::HEADER_OCTETS_MAX`.
pub const HEADER_OCTETS_MAX: u64 = 4 * 1024 * 1024;

/// Octets of decoded text that SEARCH holds at a time.
pub const SEARCH_PIECE_OCTETS: usize = 256 * 1024;

/// A waiting session shares the list of its mailbox's messages with others when it is longer than this; shorter ones
/// cost less than the look.
pub const SHARED_ENTRIES_MIN: usize = 200;

/// Bodies opened by one look for FETCH and SEARCH: the look costs more than a small body.
pub const BODIES_AT_ONCE_MAX: usize = 64;

/// Octets of bodies opened by one look: they wait in memory while the client reads.
pub const BODIES_OCTETS_MAX: u64 = 256 * 1024;

/// Messages that SORT and THREAD put in order: what they are ordered by is held for each, about 300 octets.
pub const SORT_MESSAGES_MAX: usize = 200_000;

/// What one CATENATE may copy of octets that are here already, in messages of the largest size: who names a letter a
/// thousand times in one command fills the disk for nothing.
pub const CATENATED_MESSAGES_MAX: u64 = 4;

/// Words of one text of a FUZZY search that count (RFC 6203): each is looked for twice.
pub const FUZZY_WORDS_MAX: usize = 16;

/// Mailboxes of one ESEARCH (RFC 7377): each is a SELECT.
pub const SEARCHED_MAILBOXES_MAX: usize = 2000;

/// Searches of one connection that are kept up to date (RFC 5267).
pub const WATCHES_MAX: usize = 16;

/// Ranges of UIDs in one result that is kept up to date: 8 octets each, so all results of a connection take 2.5 MiB.
pub const WATCHED_RANGES_MAX: usize = 20_000;

/// Messages of one sorted result that is kept up to date: with every new one, all are put in order again.
pub const WATCHED_SORTED_MAX: usize = 5_000;

/// Answers of answers in THREAD. No conversation is longer; who writes References that make it so wants only our time.
pub const THREAD_DEPTH_MAX: usize = 1000;

/// Texts of header fields that the index of texts is asked for by one SEARCH: mail programs ask for a handful, and with more the
/// digests are as fast.
pub const SEARCH_TEXTS_ASKED_MAX: usize = 16;
