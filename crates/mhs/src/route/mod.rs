//! Where the mail of a destination goes (RFC 5321 section 5.1).
//!
//! - [`table`]: the operator's routes. A recipient and a reverse-path become the key of a next hop, without any DNS;
//!   the queue keeps that key, and everything per destination is counted by it.
//! - [`way`]: what a route says: by MX, to named hosts over SMTP or LMTP, or not at all.
//! - [`next_hop`]: what a key means once it has been found in the table.
//! - [`mod@survey`]: asks the DNS about a next hop, and keeps what it said.
//! - [`choice`]: from a survey to the hosts that are tried, or to the reason why there is none. Pure.
//! - [`ourselves`]: whether a host is us.
//! - [`family`]: IPv6 and IPv4, in the order of trying, and the addresses that connections come from.

pub mod choice;
pub mod family;
pub mod next_hop;
pub mod ourselves;
pub mod survey;
pub mod table;
pub mod way;

pub use choice::{Answer, choose};
pub use family::{Prefer, Sources};
pub use next_hop::NextHop;
pub use ourselves::Ourselves;
pub use survey::{Candidate, Heard, Survey, Useless, survey};
pub use table::{Route, Sender, Table};
pub use way::{Credentials, Endpoint, Options, Protocol, To, USUAL_REFUSAL, WayError};
