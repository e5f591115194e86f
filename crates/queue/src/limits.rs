//! Every number that bounds the queue, with its reason.

/// Buckets of the due index. A row's bucket comes from its letter's id, so that on a distributed database "due now" is
/// not one hot place.
pub const DUE_BUCKETS: i64 = 8;

/// Rows that one claim looks at, at most: each is taken or parked, in one transaction.
pub const CLAIM_SCAN_MAX: usize = 2000;

/// Rows that one claim looks at, at least, though less is wanted: a backlog that must be parked is soon out of the way.
pub const CLAIM_SCAN_MIN: usize = 500;

/// Letters that one answer of `list` shows at most.
pub const LIST_MAX: usize = 10_000;

/// Longest last reply kept in a row, in octets.
pub const REPLY_OCTETS_MAX: usize = 1000;

/// How often rows due by the clock, or put in by other processes, are looked for, in milliseconds.
pub const POLL_MILLISECONDS: u64 = 1000;

/// A waiting row that is due later than this from now, in milliseconds (two days), is due at once: unless the operator
/// has set a longer one, no back-off is that long, so the clock has been set back.
pub const DUE_AHEAD_MAX: i64 = 2 * 86_400_000;

/// Rows that one transaction of an operator's command touches: mail goes on between them.
pub const OPERATOR_BATCH: usize = 500;

/// How often rows are looked for that lie impossibly far ahead, in milliseconds.
pub const PULL_BACK_MILLISECONDS: u64 = 60_000;

/// Longest SMTP dialogue kept in a row, in octets.
pub const DIALOGUE_OCTETS_MAX: usize = 4096;

/// Rules about what is held: each letter is compared with all of them, from memory.
pub const RULES_MAX: i64 = 10_000;

/// How old the rules in memory may be, in milliseconds: another process may have changed them.
pub const RULES_READ_MILLISECONDS: u64 = 1000;

/// How far the clocks of two nodes may be apart before one takes the other's rest for one of the future, in milliseconds.
pub const CLOCK_SLACK_MILLIS: i64 = 60_000;

/// Lanes that one claim serves: more of them than a claim has room for would only share it into crumbs.
pub const LANES_A_CLAIM: usize = 32;

/// Destinations that one part of the walk over parked rows steps over, each a search in an index.
pub const PARKED_STEPS_MAX: usize = 1000;

/// Rows of a destination's own queue that are counted when one destination is asked about: enough to say that there are
/// many, and read in milliseconds.
pub const OUTLOOK_PARKED_MAX: usize = 10_000;

/// The same of what is in no such queue, for each bucket of the due index: more than the window of mail out has.
pub const OUTLOOK_UNPARKED_MAX: usize = 1000;

/// Destinations that the operator sees at once.
pub const SITES_MAX: usize = 10_000;

/// Suspensions that count: they are held in memory.
pub const SUSPENSIONS_MAX: i64 = 10_000;

/// How old the suspensions in memory may be, in milliseconds: another process may have changed them.
pub const SUSPENSIONS_READ_MILLISECONDS: u64 = 1000;

/// Claims of a node that died, gathered at once.
pub const RECOVER_MAX: usize = 10_000;

/// How long after its end a rest is remembered that nobody has touched since, in milliseconds (a day): the next failure
/// goes on where this one left off.
pub const REST_FORGOTTEN_MILLIS: i64 = 86_400_000;
