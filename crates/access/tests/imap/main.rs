//! IMAP over real sockets: a server on a store of its own, and clients that speak plain lines to it.
mod clients;
mod fetching;
mod finding;
mod living;
mod mailboxes;
mod modseq;
mod options;
mod reading;
mod revision2;
mod sorting;
mod support;
mod two_sessions;
