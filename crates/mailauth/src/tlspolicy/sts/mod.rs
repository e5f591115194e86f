//! SMTP MTA Strict Transport Security (RFC 8461): a TXT record says that a domain has a policy and which edition of it
//! stands, an HTTPS server has the policy, and the policy names the MX hosts and whether a letter may go to others.

mod policy;
mod record;
#[cfg(test)]
mod tests;

use envelope::Domain;

pub use policy::{Mode, Pattern, Policy, PolicyError};
pub use record::Record;

/// Where the policy of a domain lies on its web server (RFC 8461 section 3.3).
pub const POLICY_PATH: &str = "/.well-known/mta-sts.txt";

/// The name of the TXT record of a domain; none when the domain is so long that there can be none.
pub fn record_name(domain: &Domain) -> Option<Domain> {
    Domain::parse(&format!("_mta-sts.{domain}")).ok()
}

/// The host that has the policy of a domain; none when the domain is so long that there can be none.
pub fn policy_host(domain: &Domain) -> Option<Domain> {
    Domain::parse(&format!("mta-sts.{domain}")).ok()
}
