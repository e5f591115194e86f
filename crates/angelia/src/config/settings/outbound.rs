//! Mail out: connections to other mail servers.

use mhs::mta::outbound::tls::TlsPolicy;
use mhs::route::Sources;

use super::reader::{Reader, as_text, wanted};

/// How mail goes out.
#[derive(Debug, Clone)]
pub struct OutboundSettings {
    /// The port of other mail servers.
    pub port: u16,
    /// Where connections to them come from.
    pub sources: Sources,
    /// Whether letters travel encrypted.
    pub tls: TlsPolicy,
}

impl Reader<'_> {
    pub(super) fn outbound(&mut self) -> OutboundSettings {
        OutboundSettings {
            port: u16::try_from(self.number("outbound.port")).unwrap_or(25),
            sources: self
                .read("outbound.source", |value| {
                    let text = as_text(value, "outbound.source")?;
                    let bad = |_| format!("{text:?} is no address; {}", wanted("outbound.source"));
                    Sources::new([text.parse().map_err(bad)?]).map_err(|_| wanted("outbound.source"))
                })
                .unwrap_or_default(),
            tls: match self.choice("outbound.tls") {
                Some("required") => TlsPolicy::Required,
                Some("never") => TlsPolicy::Never,
                _ => TlsPolicy::Opportunistic,
            },
        }
    }
}
