//! The wire protocols as sans-IO sessions: SMTP with LMTP, IMAP, POP3, and the SASL mechanisms they share.
//!
//! Knows no socket, no disk and no clock. The protocol folders never import each other; what they share is
//! [`session`], [`lines`] and [`sasl`].
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)
)]

pub mod imap;
pub mod lines;
pub mod pop3;
pub mod sasl;
pub mod session;
pub mod smtp;

pub use session::{Session, Step, Tls};
