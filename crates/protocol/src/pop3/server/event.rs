//! What a session asks its service, and what it is told at its beginning.

use crate::sasl::{Reason, Request};

/// A question to the service. While one is open, the session reads no further.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Who is it? Answer with [`super::Server::scram_keys`], [`super::Server::sign_in_accepted`],
    /// [`super::Server::sign_in_refused`] or [`super::Server::maildrop_unavailable`].
    Authenticate(Request),
    /// A sign-in failed within its mechanism: note it, wait a little if you like, then
    /// [`super::Server::sign_in_refused`].
    SignInFailed {
        /// Who it claimed to be, if it came that far.
        user: String,
        /// `SCRAM-SHA-256`.
        mechanism: &'static str,
        /// Why.
        reason: Reason,
    },
    /// Hand over this message: [`super::Server::message_begin`], then [`super::Server::message_chunk`] until it wants
    /// no more, then [`super::Server::message_end`]. Or [`super::Server::message_refused`].
    Retrieve {
        /// From 1.
        number: u32,
        /// The message's own name, as the service gave it.
        uid: u32,
        /// Octets as they were listed.
        octets: u64,
    },
    /// QUIT: remove these, and answer with [`super::Server::update_done`] or [`super::Server::update_failed`]. Asked
    /// only when there is something to remove.
    Update {
        /// UIDs, in the order of the maildrop.
        deleted: Vec<u32>,
    },
}

/// What an operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Our name, in the greeting.
    pub hostname: String,
    /// Passwords may come without TLS. For loopback and tests.
    pub cleartext_allowed: bool,
    /// STLS is offered: the driver can be a TLS server.
    pub stls: bool,
}
