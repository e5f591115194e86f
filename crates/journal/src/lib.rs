//! The operator's language: one typed event per decision, and the trait that records them.
//!
//! Every connection, decision, acceptance, delivery attempt and sign-in is one [`Event`] with the session's and the
//! letter's id. Sinks (a line on stderr, rows in the store) live in the program. Recording never waits and never
//! fails: the journal may be late, never in the way. No secret has a place in it.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)]

mod event;

pub use event::{AttemptOutcome, Event, Service, Severity};

use envelope::{MailId, SessionId, Timestamp};

/// One entry: when, on which connection, about which letter, what.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// When it happened.
    pub at: Timestamp,
    /// The connection it happened on, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The letter it is about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailId>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Takes entries. Cheap to call from a session: implementations hand over to a bounded queue and return.
pub trait Journal: Send + Sync {
    /// Records one entry.
    fn record(&self, entry: Entry);
}

/// For tests: keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Journal for Silent {
    fn record(&self, _entry: Entry) {}
}
