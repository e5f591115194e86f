//! The one place that asks the machine for the time.

use std::time::{Instant, SystemTime};

use envelope::Timestamp;

/// The present, for records.
pub fn now() -> Timestamp {
    SystemTime::now().into()
}

/// The present, for deadlines: it never goes back. It is the runtime's own clock, so that a test that stops the
/// runtime's time stops this one with it.
pub fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}
