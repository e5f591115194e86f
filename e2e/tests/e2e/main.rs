//! One test binary for the whole system: the program as it is built, real sockets, and mail clients and servers that
//! nobody here wrote.
//!
//! `cargo xtask test e2e` builds the program, installs the clients, and names the program in `ANGELIA_BIN`. Each test
//! starts what it needs on free ports of loopback, and stops it by its process id.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod cli;
mod crash;
mod dane;
mod dovecot;
mod drop;
mod exim;
mod fetchers;
mod forwarding;
mod hostile;
mod imap_clients;
mod lab;
mod lmtp;
mod named;
mod neomutt;
mod postfix;
mod postgres;
mod python;
mod queue;
mod raw;
mod server;
mod smtp_clients;
mod smuggling;
mod story;
mod talks;
mod tool;
mod transit;
