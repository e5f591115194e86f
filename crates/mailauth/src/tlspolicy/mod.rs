//! Policies about TLS between mail servers: [`sts`] says what a domain demands of those who write to it, [`tlsrpt`] how
//! the demands were met, told to whom the domain names.

mod fields;
pub mod sts;
pub mod tlsrpt;
