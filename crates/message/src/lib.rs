//! Internet message format and MIME: reading what the world sends, writing what the standards say.
//!
//! The reader is tolerant (bare LF, 8-bit header fields, junk lines, a missing end boundary) and never fails: any
//! bytes are some message. It keeps byte ranges into the message, so that nothing is copied and IMAP's `BODY[…]` is
//! exact. It takes linear time, and its memory is bounded by [`limits`]. The writer is exact: CRLF, folded lines,
//! ASCII unless told otherwise.
//!
//! Knows no socket, no disk and no clock: the present is an argument (RFC 5322, 2045-2049, 2231, 2047, 6532, 3464).
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic)]

pub mod address;
pub mod build;
pub mod convert;
pub mod date;
pub mod digest;
pub mod dsn;
pub mod encoding;
#[cfg(test)]
mod golden;
pub mod header;
pub mod limits;
pub mod mime;
mod span;
pub mod text;
pub mod trace;
pub mod view;

pub use span::Span;
