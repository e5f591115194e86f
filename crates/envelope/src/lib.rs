//! The words every floor speaks: addresses, paths, the envelope, status codes, outcomes, ids, time.
//!
//! Knows nothing of any other crate. A value of these types is right by construction: it was parsed once, at the
//! border, and is never checked again.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)]

mod address;
mod domain;
mod ids;
mod paths;
mod shown;
mod status;
mod time;

pub use address::{Address, AddressError, LocalPart};
pub use domain::{Domain, DomainError, Host};
pub use ids::{AccountId, MailId, MailboxId, SessionId};
pub use paths::{BodyType, Envelope, ForwardPath, Notify, Recipient, RequireTls, Return, ReversePath};
pub use shown::{shown, shown_lines, steers};
pub use status::{EnhancedStatus, Outcome, Reply};
pub use time::Timestamp;
