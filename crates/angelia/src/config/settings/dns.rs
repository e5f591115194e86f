//! How it is known what was signed in the DNS.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::reader::Reader;

/// How it is known what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dnssec {
    /// It is not, and there is no DANE.
    Off,
    /// This server says so.
    Ad(SocketAddr),
    /// We see the signatures, from these keys down, or from the root's own.
    Validate(Option<PathBuf>),
}

impl Reader<'_> {
    pub(super) fn dnssec(&mut self, server: Option<SocketAddr>) -> Dnssec {
        let trusted = self.bool("dns.trusted_ad");
        let anchors = self.path("dns.trust_anchors");
        match self.choice("dns.dnssec") {
            Some("validate") => Dnssec::Validate(anchors),
            Some("ad") => match server {
                Some(server) if trusted || server.ip().is_loopback() => Dnssec::Ad(server),
                Some(_) => {
                    let text =
                        "the name server is not on this machine; say `dns.trusted_ad = true` if the way to it is safe";
                    self.problem("dns.dnssec", 0, text);
                    Dnssec::Off
                }
                None => {
                    self.problem("dns.dnssec", 0, "`ad` needs a `dns.server`, whose word is believed");
                    Dnssec::Off
                }
            },
            _ => Dnssec::Off,
        }
    }
}
