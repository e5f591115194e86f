//! MIME (RFC 2045, 2046, 2049): what a part says of itself, and the tree of parts as byte ranges.

mod boundaries;
mod content;
mod content_type;
mod disposition;
mod lines;
mod parameters;
mod part;
mod scanner;
mod structure;
#[cfg(test)]
mod tests;

pub use content::Content;
pub use content_type::ContentType;
pub use disposition::Disposition;
pub(crate) use parameters::percent_encode;
pub use parameters::{Parameter, Parameters};
pub use part::{Kind, Part, PartId};
pub use scanner::{Options, Scanner};
pub use structure::Structure;
