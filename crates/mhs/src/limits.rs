//! Limits of the services, with their reasons.

use std::time::Duration;

/// Received fields before a letter counts as going in circles (RFC 5321 section 6.3: 100 at least).
pub const HOPS_MAX: usize = 100;

/// Octets of a header that are held in memory while the body streams to disk. A letter with a longer one is refused.
pub const HEADER_OCTETS_MAX: usize = message::limits::HEADER_OCTETS_MAX;

/// Copies of one letter, mailboxes and next hops together. Aliases multiply recipients; one transaction writes them all,
/// and others wait for it.
pub const COPIES_MAX: usize = 5000;

/// How long a failed sign-in waits for its answer: a person does not notice, a guesser gets nowhere.
pub const SIGN_IN_DELAY: Duration = Duration::from_secs(1);

/// Failed sign-ins of one address at once, and then one every [`SIGN_IN_FAILURE_INTERVAL`]: a family behind one address
/// with a forgotten password in each of its telephones passes.
pub const SIGN_IN_FAILURE_BURST: u32 = 20;
/// See [`SIGN_IN_FAILURE_BURST`].
pub const SIGN_IN_FAILURE_INTERVAL: Duration = Duration::from_secs(30);
/// Addresses whose failures are remembered; each costs 16 octets.
pub const SIGN_IN_ADDRESSES: usize = 64 * 1024;

/// Characters of a claimed name, of a Message-ID and the like that go into the journal.
pub const JOURNAL_TEXT_MAX: usize = 255;
