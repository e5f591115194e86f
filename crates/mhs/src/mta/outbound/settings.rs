//! What an operator sets for mail out.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use net::{ClientTls, Resolver, Roots};
use protocol::smtp::client::Patience;
use queue::Backoff;

use super::tls::TlsPolicy;
use crate::limits::OUTBOUND_CONNECT_PATIENCE;

/// Shared by everything that carries mail out.
#[derive(Clone)]
pub struct Settings {
    /// Whom to ask about names.
    pub resolver: Resolver,
    /// 25, but in a lab.
    pub port: u16,
    /// Where we take mail in from other hosts ourselves: mail out is never brought there.
    pub doors: Vec<SocketAddr>,
    /// When to try again, and when to give up.
    pub backoff: Backoff,
    /// How we name ourselves in EHLO: the name that our address has in the DNS.
    pub hello_name: String,
    /// The address that connections come from; the machine's choice when `None`.
    pub source: Option<IpAddr>,
    /// Whether letters travel encrypted.
    pub tls: TlsPolicy,
    /// How we meet a server.
    pub client_tls: ClientTls,
    /// How long to wait for a connection.
    pub connect_patience: Duration,
    /// How long to wait for answers.
    pub patience: Patience,
}

impl Settings {
    /// Opportunistic TLS, and every default.
    pub fn new(hello_name: impl Into<String>, resolver: Resolver, roots: &Roots) -> Self {
        Self {
            resolver,
            port: 25,
            doors: Vec::new(),
            backoff: Backoff::default(),
            hello_name: hello_name.into(),
            source: None,
            tls: TlsPolicy::Opportunistic,
            client_tls: ClientTls::opportunistic(roots),
            connect_patience: OUTBOUND_CONNECT_PATIENCE,
            patience: Patience::default(),
        }
    }
}
