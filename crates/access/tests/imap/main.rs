//! IMAP over real sockets: a server on a store of its own, and clients that speak plain lines to it.
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod clients;
mod composing;
mod everywhere;
mod fetching;
mod finding;
mod living;
mod mailboxes;
mod model;
mod modseq;
mod options;
#[path = "../../../storage/tests/postgres/mod.rs"]
mod postgres;
mod quota;
mod reading;
mod relevancy;
mod revision2;
mod sorting;
mod support;
mod two_sessions;
mod uids;
mod watching;
