//! What can be measured: a server with an SMTP door, and the processes behind it; where letters end there, with an IMAP door.

use std::net::SocketAddr;

use crate::process::Tree;

/// One server under test. Dropped, it stops what it started.
pub(crate) trait Subject {
    /// As it stands in the table.
    fn name(&self) -> &'static str;
    /// Where letters go in.
    fn smtp(&self) -> SocketAddr;
    /// Its processes, now.
    fn processes(&self) -> Tree;
}

/// One that keeps mailboxes.
pub(crate) trait Store: Subject {
    /// Where letters are counted.
    fn imap(&self) -> SocketAddr;
}

/// The one domain of the bench.
pub(crate) const DOMAIN: &str = "bench.test";
/// Every account's password.
pub(crate) const PASSWORD: &str = "bench-password";

/// `user7@bench.test`
pub(crate) fn address(account: usize) -> String {
    format!("user{account}@{DOMAIN}")
}
