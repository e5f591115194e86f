//! Mail transfer: [`inbound`] takes letters in, [`outbound`] carries them on.

pub mod inbound;
pub mod outbound;
