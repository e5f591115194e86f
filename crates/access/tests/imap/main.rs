//! IMAP over real sockets: a server on a store of its own, and clients that speak plain lines to it.

mod clients;
mod fetching;
mod finding;
mod living;
mod mailboxes;
mod reading;
mod support;
mod two_sessions;
