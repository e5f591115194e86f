//! Limits of the directory, each with its reason.

use std::time::Duration;

/// How old an answer from memory may be after another process changed the directory. An operator who adds an account
/// on the command line tries it at once; a check costs one row.
pub const STALE_MAX: Duration = Duration::from_millis(500);

/// Addresses whose lookup is kept in memory, in each of two generations. An entry has some 300 octets, so that 64 Ki
/// of them are some 20 MiB however many addresses a stranger tries.
pub const LOOKUPS_MAX: usize = 32 * 1024;

/// Domains whose "ours or not" is kept in memory, in each of two generations.
pub const DOMAINS_MAX: usize = 8 * 1024;

/// Targets of one alias. A longer list is a mailing list, which is another thing.
pub const ALIAS_TARGETS_MAX: usize = 1000;

/// Addresses that the letters of one account go on to. More is a group.
pub const FORWARD_TARGETS_MAX: usize = 20;

/// How many days a notice may take to come back to an address that stands for a foreign sender. Five are what servers try
/// a letter for (RFC 5321 section 4.5.4.1); the rest is for those who answer late.
pub const SRS_DAYS_MAX: i64 = 21;

/// Recipients that one address may turn into when aliases name aliases. More is refused rather than cut: a cut list
/// loses mail.
pub const EXPANSION_MAX: usize = 2000;

/// Memory of one argon2id computation, in KiB (OWASP password storage cheat sheet: 19 MiB, 2 passes, 1 lane).
pub const ARGON2_MEMORY_KIB: u32 = 19 * 1024;

/// Passes of argon2id over its memory.
pub const ARGON2_PASSES: u32 = 2;

/// Lanes of argon2id.
pub const ARGON2_LANES: u32 = 1;

/// Passwords that are hashed at once, on a machine with so many cores: 152 MiB, and 400 sign-ins a second.
pub const HASHES_AT_ONCE_MAX: usize = 8;

/// Octets of a password's salt (RFC 9106 section 3.1 recommends 16).
pub const SALT_OCTETS: usize = 16;

/// Sign-ins that may wait for a core to check their password on. At 20 ms each on two cores the last one waits five
/// seconds; whoever comes then is asked to come again.
pub const SIGN_INS_WAITING_MAX: usize = 512;

/// Passwords that were right lately, in each of two generations: clients reconnect for every check, and one argon2
/// each time would make a core busy at fifty of them a second.
pub const VERIFIED_MAX: usize = 8 * 1024;

/// How long a right password is remembered. A changed password is noticed at once, whatever this says.
pub const VERIFIED_FOR: Duration = Duration::from_secs(600);

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
pub const SIGN_IN_NAME_MAX: usize = 255;

/// The widest IPv4 network that may send without signing in: what one organisation was ever given.
pub const V4_WIDEST: u8 = 8;

/// The same for IPv6: the widest that a registry has given to one network.
pub const V6_WIDEST: u8 = 19;
