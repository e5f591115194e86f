//! Content transfer encodings (RFC 2045 section 6), encoded words (RFC 2047), and charsets.

pub mod base64;
pub mod charset;
pub mod quoted_printable;
mod transfer;
mod utf7;
pub mod words;

pub use charset::text_of;
pub use transfer::{Decoder, TransferEncoding};
