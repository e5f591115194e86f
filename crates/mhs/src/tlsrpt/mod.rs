//! TLS reports (RFC 8460): how TLS with each domain's mail hosts went, counted a day at a time, and told to those who ask
//! for it.
//!
//! - [`Collector`] takes what the outbound side saw, without making it wait, and counts it into the store.
//! - [`Reporter`] sends yesterday's reports, each at a time of its own after midnight UTC, by mail or over HTTPS.
//! - [`collected`] is for the operator who wants to look.
//!
//! A report letter says `TLS-Required: No`, and the sessions of such letters are not counted: else each report would be the
//! reason for the next.

mod collect;
mod rows;
mod send;

pub use collect::{Collecting, Collector, Session};
pub use rows::{Collected, collected, day_of};
pub use send::{Reporter, Reporting};
