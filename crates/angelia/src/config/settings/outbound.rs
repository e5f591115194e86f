//! Mail out: connections to other mail servers.

use std::net::SocketAddr;
use std::time::Duration;

use envelope::Domain;
use mhs::bounce::DoubleBounce;
use mhs::mta::outbound::SiteLimits;
use mhs::mta::outbound::tls::TlsPolicy;
use mhs::route::{Prefer, Sources};

use super::doors::ListenSettings;
use super::reader::{Reader, as_text};
use crate::config::kind;

/// How mail goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundSettings {
    /// The port of other mail servers.
    pub port: u16,
    /// Where connections to them come from.
    pub sources: Sources,
    /// The DNS may name hosts on loopback.
    pub loopback: bool,
    /// IPv6 or IPv4 first.
    pub prefer: Prefer,
    /// How we name ourselves, if not by our name.
    pub hello_name: Option<Domain>,
    /// Whether letters travel encrypted.
    pub tls: TlsPolicy,
    /// How long a dead destination is left alone, at first and at most.
    pub rests: (Duration, Duration),
    /// What a destination bears whose route says nothing.
    pub limits: SiteLimits,
    /// What becomes of notices that cannot be delivered.
    pub double_bounce: DoubleBounce,
}

impl Reader<'_> {
    pub(super) fn outbound(&mut self, dns_server: Option<SocketAddr>, listen: &[ListenSettings]) -> OutboundSettings {
        let port = u16::try_from(self.number("outbound.port")).unwrap_or(25);
        // Nobody on the Internet takes mail, or answers questions, at other ports; nor can he reach doors on loopback.
        let is_laboratory = port != 25
            || dns_server.is_some_and(|server| server.port() != 53)
            || listen.iter().all(|door| door.address.ip().is_loopback());
        OutboundSettings {
            port,
            loopback: self.bool_if_said("outbound.allow_loopback").unwrap_or(is_laboratory),
            sources: self.sources("outbound.source"),
            prefer: match self.choice("outbound.prefer") {
                Some("ipv4") => Prefer::V4,
                Some("ipv6-only") => Prefer::V6Only,
                Some("ipv4-only") => Prefer::V4Only,
                _ => Prefer::V6,
            },
            hello_name: self.domain("outbound.hello_name"),
            tls: self.tls_policy("outbound.tls").unwrap_or_default(),
            rests: self.rests(),
            limits: self.usual_limits(),
            double_bounce: match self.choice("queue.double_bounce") {
                Some("drop") => DoubleBounce::Drop,
                _ => DoubleBounce::Postmaster,
            },
        }
    }

    /// For destinations whose route says nothing.
    fn usual_limits(&mut self) -> SiteLimits {
        let name = "outbound.rate";
        let rate = self.read(name, |value| kind::rate(as_text(value, name)?));
        SiteLimits { connections_max: self.count("outbound.connections").max(1), rate }
    }

    /// Never longer than letters wait themselves: where an operator is impatient with letters he is so with servers.
    fn rests(&mut self) -> (Duration, Duration) {
        let (first, longest) = (self.duration("queue.rest_first"), self.duration("queue.rest_longest"));
        let (retry_first, retry_longest) = (self.duration("queue.retry_first"), self.duration("queue.retry_longest"));
        if first.is_zero() && self.problems.is_empty() {
            self.problem("queue.rest_first", 0, "must be longer than nothing");
        }
        if longest < first {
            self.problem_beside("queue.rest_longest", 0, "queue.rest_first", "is shorter than `queue.rest_first`");
        }
        (first.min(retry_first), longest.min(retry_longest))
    }

    pub(super) fn tls_policy(&mut self, name: &'static str) -> Option<TlsPolicy> {
        Some(match self.choice(name)? {
            "required" => TlsPolicy::Required,
            "verify" => TlsPolicy::Verify,
            "dane" => TlsPolicy::Dane,
            "never" => TlsPolicy::Never,
            _ => TlsPolicy::Opportunistic,
        })
    }
}
