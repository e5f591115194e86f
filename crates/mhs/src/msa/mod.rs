//! Mail submission (RFC 6409): what is asked of our own people, and what is done for them.
//!
//! [`signin`]: they prove who they are. [`identity`]: they write under their own addresses. [`complete`]: what a letter
//! lacks is added. [`strip`]: what it is not to show is left out. [`post`]: letters that are submitted without a connection,
//! [`hand_in`]: those of this machine's users.

pub mod complete;
pub mod hand_in;
pub mod identity;
pub mod post;
mod signin;
pub mod strip;
