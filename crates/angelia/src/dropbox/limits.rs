//! Limits of the drop box, with their reasons.

use std::time::Duration;

/// How often the server looks. An empty folder costs one system call.
pub(crate) const POLL: Duration = Duration::from_millis(500);

/// After a failure of ours (no disk, no directory), so that the log is not filled.
pub(crate) const PAUSE: Duration = Duration::from_secs(10);

/// Octets of the envelope before a letter: a thousand recipients of 320 octets, and the rest.
pub(crate) const FORM_OCTETS_MAX: usize = 512 * 1024;

/// Letters of one user that one look keeps in memory: one more than a pass takes, which says that there are more.
pub(crate) const LISTED_OF_ONE: usize = OF_ONE_USER + 1;

/// What is no letter, in one look. It is put aside bit by bit; what is beyond goes at once.
pub(crate) const LISTED_ODD_MAX: usize = 1000;

/// How much of it is put aside at once, each with a line in the journal; then not before [`PAUSE`].
pub(crate) const ODD_AT_ONCE: usize = 64;

/// Letters of one user that one pass takes, before others have their turn.
pub(crate) const OF_ONE_USER: usize = 50;

/// Users whose letters are taken at once: those share the commit.
pub(crate) const AT_ONCE: usize = 8;

/// How long a temporary name is left alone. Whoever has not ended his letter by then has died.
pub(crate) const UNFINISHED: Duration = Duration::from_secs(3600);

/// Temporary names of one user. Nobody has so many programs that write a letter at this moment; the others go at once.
pub(crate) const UNFINISHED_OF_ONE_MAX: usize = 1000;

/// Letters of one user that the server may not read and leaves under another name. With so many to look at the operator
/// knows enough; further ones keep their name, and the user's letters behind them wait.
pub(crate) const ASIDE_OF_ONE_MAX: usize = 100;

/// Files of one user that may wait in the folder, letters or not. A job that writes every minute leaves 4,320 in three
/// days without a server, and a user may have four of them. Then `angelia send` takes no more of his.
pub(crate) const WAITING_FILES_MAX: usize = 20_000;

/// The same in octets: twenty letters of the size that most servers take at most.
pub(crate) const WAITING_OCTETS_MAX: u64 = 1024 * 1024 * 1024;

/// Users whom the notice names as having enough there. Each costs 16 octets of it.
pub(crate) const FULL_MAX: usize = 500;

/// Octets of the notice that are read.
pub(crate) const NOTICE_OCTETS_MAX: u64 = 16 * 1024;

/// Files that are put aside, at most; beyond that the journal alone tells of them.
pub(crate) const ASIDE_MAX: usize = 1000;

/// Octets of a file that is put aside: enough to see what it is.
pub(crate) const ASIDE_OCTETS: u64 = 64 * 1024;

/// What must be free on the file system for a letter to be put there, beside the letter: a program that writes letters in
/// a circle fails before the machine does. And what must be free where the store is for the server to take letters from
/// there: the last room is for mail from elsewhere.
pub(crate) const FREE_OCTETS_MIN: u64 = 64 * 1024 * 1024;

/// Octets of a letter, where the server has not said.
pub(crate) const LETTER_OCTETS: u64 = 50 * 1024 * 1024;
