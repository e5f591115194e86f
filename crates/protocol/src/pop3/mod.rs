//! POP3 (RFC 1939, RFC 2449): a reader takes his letters home.
//!
//! The server's session is [`Server`]. It holds the list of the maildrop as it was at sign-in, answers STAT, LIST,
//! UIDL, DELE and RSET from it, and asks its service for three things only: is he who he says, give me this message,
//! and (at QUIT) remove these. So "download and delete" deletes only what a client asked for in a session that ended
//! in order, and "download and keep" finds the same unique-ids tomorrow.
//!
//! Refused: APOP, since it needs the password in clear on the server (RFC 1939 section 7 has it optional); a password
//! without TLS unless the operator allows it; bytes kept across STLS.

pub mod encode;
pub mod grammar;
pub mod limits;
pub mod server;

pub use server::{Config, Event, Maildrop, Message, Server};
