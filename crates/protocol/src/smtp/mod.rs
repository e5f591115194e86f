//! SMTP (RFC 5321) and LMTP (RFC 2033), both sides, as sans-IO sessions.
//!
//! [`Server`] takes mail in, [`Client`] sends it on. What they share is the [`grammar`] and the [`encode`]rs. A
//! line ends with CRLF and with nothing else, a body ends with CRLF.CRLF and with nothing else: a bare CR or LF
//! never does, and a letter that holds one is refused, so that no two servers can disagree on where it ends.

pub mod client;
pub mod encode;
pub mod grammar;
pub mod limits;
mod line_ends;
pub mod server;

pub use client::{Client, Extensions};
pub use server::Server;
