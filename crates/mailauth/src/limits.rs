//! Every limit of this crate, with its reason beside the number.

use std::time::Duration;

/// Octets of a policy file (RFC 8461 section 3.3 suggests this very number). Real ones have under 1 KiB.
pub const POLICY_OCTETS_MAX: usize = 64 * 1024;

/// Patterns for MX hosts in one policy. The largest sites have a dozen.
pub const POLICY_PATTERNS_MAX: usize = 256;

/// Octets of a TXT record that is looked at; its id and its keys are far shorter.
pub const RECORD_OCTETS_MAX: usize = 4096;

/// The longest life of a policy, in seconds: about a year (RFC 8461 section 3.2, and errata 7282).
pub const POLICY_SECONDS_MAX: u64 = 31_557_600;

/// Where reports of one domain may go. Two are usual, an address and a service; each costs us a letter or a connection a
/// day.
pub const REPORT_PLACES_MAX: usize = 4;

/// Octets of a report as it comes, compressed or not. Those of the largest providers have some dozen KiB.
pub const REPORT_OCTETS_MAX: usize = 10 * 1024 * 1024;

/// Octets of a report once it is unpacked: JSON packs 20 to 1, and a bomb a thousand to 1.
pub const REPORT_JSON_OCTETS_MAX: usize = 64 * 1024 * 1024;

/// A day: what a report is about (RFC 8460 section 4.1).
pub const REPORT_PERIOD: Duration = Duration::from_secs(86_400);
