//! Delivery status notifications: what the sender is told when a letter failed, is late, or has arrived
//! (RFC 3461-3464, RFC 6522, RFC 6533 for addresses in UTF-8). Written for people first, for programs second.

mod advice;
mod original;
mod postmaster;
mod report;
mod status;
#[cfg(test)]
mod tests;
mod words;
pub mod xtext;

pub use original::OriginalRecipient;
pub use report::{Action, Framed, Reader, RecipientReport, Report, Returned, Said};
pub use status::{DeliveryStatus, FieldGroup};
