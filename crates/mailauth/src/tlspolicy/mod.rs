//! Policies about TLS between mail servers: [`sts`] says what a domain demands of those who write to it, [`tlsrpt`] how
//! the demands were met, told to whom the domain names.

mod fields;
mod record;
pub mod sts;
pub mod tlsrpt;

pub use record::RecordError;
