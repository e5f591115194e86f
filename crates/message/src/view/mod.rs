//! A message as IMAP shows it: ENVELOPE and BODYSTRUCTURE as data (RFC 3501 section 7.4.2). How they are written on
//! the wire is `protocol`'s.

mod body_structure;
mod envelope;
#[cfg(test)]
mod tests;

pub use body_structure::{BodyStructure, Shape};
pub use envelope::Envelope;
