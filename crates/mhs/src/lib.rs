//! The Message Handling Service: takes letters in, from the world and from our own people, puts them into mailboxes,
//! and carries them on.
//!
//! - [`mta::inbound`]: the SMTP doors, reception and submission, one file a phase.
//! - [`msa`]: what is asked of our own people: sign in, send under your own name, send whole letters.
//! - [`acceptance`]: the one transaction that takes responsibility for a letter. Whoever answers 250 has its
//!   [`storage::Committed`] in hand.
//! - [`mta::outbound`]: carries on what waits in the queue; [`route`] says where to.
//! - [`bounce`]: tells senders what became of their letters.
//! - [`tlsrpt`]: tells domains how TLS with their mail hosts went.
//! - [`mda`]: into which mailbox of an account a letter goes.
//!
//! Knows no mailbox protocol and no web.
#![forbid(unsafe_code)]

pub mod acceptance;
pub mod bounce;
pub mod context;
pub mod limits;
pub mod mda;
pub mod msa;
pub mod mta;
mod ration;
pub mod recipients;
mod require_tls;
pub mod route;
mod schema;
pub mod tlsrpt;

pub use context::{Context, Settings};
pub use schema::MIGRATIONS;
