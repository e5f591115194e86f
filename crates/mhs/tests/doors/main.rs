//! The SMTP doors over real sockets on loopback, with a real store.

mod forwarding;
mod hand_in;
mod lmtp;
mod names;
mod office;
mod outbound;
mod peer;
mod post;
mod quota;
mod reception;
mod submission;
mod trouble;
mod ways;
#[path = "../../../net/tests/web/mod.rs"]
mod web;
