//! The Message Store's doors for readers: IMAP and POP3. One file a verb.
//!
//! A door drives a session of `protocol` over `net`, asks `directory` who is there, and carries out on `mailstore` what
//! the reader asks. Knows nothing of transfer: no queue, no SMTP, no other host.
#![forbid(unsafe_code)]

mod context;
pub mod imap;
pub mod limits;
pub mod pop3;
mod sign_in;

pub use context::{Context, Settings, Visitor};
