//! SMTP TLS Reporting (RFC 8460): a TXT record names who wants to hear how TLS with a domain's mail hosts went, and a
//! report in JSON tells it, a day at a time.

mod file;
mod letter;
mod moment;
mod record;
mod report;
#[cfg(test)]
mod tests;

use envelope::Domain;

pub use file::{FileError, MEDIA_TYPE_GZIP, MEDIA_TYPE_JSON, file_name, pack, unpack};
pub use letter::ReportLetter;
pub use moment::Moment;
pub use record::{Place, Record};
pub use report::{DateRange, FailureDetails, Policy, PolicyKind, PolicyResult, Report, ResultType, Summary};

/// The name of the TXT record of a domain; none when the domain is so long that there can be none.
pub fn record_name(domain: &Domain) -> Option<Domain> {
    Domain::parse(&format!("_smtp._tls.{domain}")).ok()
}
