//! The numbers of mailbox access, each with its reason.

use std::time::Duration;

/// How long a refused sign-in waits for its answer: a person does not notice, a guesser gets nowhere.
pub const SIGN_IN_DELAY: Duration = Duration::from_secs(1);

/// Failed sign-ins of one address at once, and then one every [`SIGN_IN_FAILURE_INTERVAL`]. An address that has used them
/// up is told to come later, whatever the password: a guess that is answered is a guess that was made. So the number is
/// generous: an office behind one address, each of whose telephones still tries last week's password, passes, and
/// a guesser has 100 passwords at once and 8,640 a day.
pub const SIGN_IN_FAILURE_BURST: u32 = 100;

/// See [`SIGN_IN_FAILURE_BURST`]. A program that asks every ten seconds with a wrong password does not lock its office out.
pub const SIGN_IN_FAILURE_INTERVAL: Duration = Duration::from_secs(10);

/// Addresses whose failures are remembered; each costs 16 octets.
pub const SIGN_IN_ADDRESSES: usize = 64 * 1024;

/// Characters of a claimed name that go into the journal.
pub const JOURNAL_TEXT_MAX: usize = 255;

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
