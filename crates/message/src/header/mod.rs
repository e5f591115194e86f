//! The header section: fields with their byte ranges, found tolerantly, kept exactly (RFC 5322 section 2.2).

mod collect;
mod field;
mod section;
#[cfg(test)]
mod tests;

pub use collect::{HeaderCollector, Progress};
pub use field::{Field, unfold};
pub use section::Header;
pub(crate) use section::{Line, classify, line_end_octets};
