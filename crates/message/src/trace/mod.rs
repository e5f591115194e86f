//! Trace fields (RFC 5321 section 4.4): Received and Return-Path, and what a submission server adds to a letter that
//! lacks it.

mod origin;
mod received;
mod return_path;
#[cfg(test)]
mod tests;

pub use origin::{date_field, is_message_id, message_id, message_ids};
pub use received::{Hop, Received, With, hops};
pub use return_path::return_path_field;
