//! The judges, pure: what a domain says of itself, read from bytes and held against what is there.
//!
//! - [`tlspolicy`]: must mail to a domain travel encrypted, and to whom (MTA-STS), and who is told how that went
//!   (TLS-RPT).
//!
//! SPF, DKIM, DMARC and ARC will stand beside it. Knows no socket, no disk, no clock and no runtime: records and files
//! come as bytes, the present as an argument.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)]

pub mod limits;
pub mod tlspolicy;
