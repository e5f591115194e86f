//! The patience of the queue.

use queue::Backoff;

use super::reader::Reader;

impl Reader<'_> {
    pub(super) fn backoff(&mut self) -> Backoff {
        let backoff = Backoff {
            first: self.duration("queue.retry_first"),
            longest: self.duration("queue.retry_longest"),
            lifetime: self.duration("queue.lifetime"),
            delay_notice: self.duration("queue.delay_notice"),
        };
        if backoff.first.is_zero() && self.problems.is_empty() {
            self.problem("queue.retry_first", 0, "must be longer than nothing");
        }
        if backoff.longest < backoff.first {
            self.problem_beside("queue.retry_longest", 0, "queue.retry_first", "is shorter than `queue.retry_first`");
        }
        backoff
    }
}
