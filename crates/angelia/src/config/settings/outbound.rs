//! Mail out: connections to other mail servers.

use envelope::Domain;
use mhs::mta::outbound::tls::TlsPolicy;
use mhs::route::{Prefer, Sources};

use super::reader::Reader;

/// How mail goes out.
#[derive(Debug, Clone)]
pub struct OutboundSettings {
    /// The port of other mail servers.
    pub port: u16,
    /// Where connections to them come from.
    pub sources: Sources,
    /// IPv6 or IPv4 first.
    pub prefer: Prefer,
    /// How we name ourselves, if not by our name.
    pub hello_name: Option<Domain>,
    /// Whether letters travel encrypted.
    pub tls: TlsPolicy,
}

impl Reader<'_> {
    pub(super) fn outbound(&mut self) -> OutboundSettings {
        OutboundSettings {
            port: u16::try_from(self.number("outbound.port")).unwrap_or(25),
            sources: self.sources("outbound.source"),
            prefer: match self.choice("outbound.prefer") {
                Some("ipv4") => Prefer::V4,
                Some("ipv6-only") => Prefer::V6Only,
                Some("ipv4-only") => Prefer::V4Only,
                _ => Prefer::V6,
            },
            hello_name: self.domain("outbound.hello_name"),
            tls: self.tls_policy("outbound.tls").unwrap_or_default(),
        }
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
