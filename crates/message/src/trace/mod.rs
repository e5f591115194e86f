//! Trace fields (RFC 5321 section 4.4): Received, Return-Path and Delivered-To, and what a submission server adds to a letter that
//! lacks it.

mod delivered_to;
mod local;
mod origin;
mod received;
mod return_path;
#[cfg(test)]
mod tests;

pub use delivered_to::{delivered_to, delivered_to_field};
pub use local::local_received_field;
pub use origin::{date_field, is_message_id, message_id, message_ids};
pub use received::{Hop, Received, With, hops};
pub use return_path::return_path_field;
