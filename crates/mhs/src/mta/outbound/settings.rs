//! What an operator sets for mail out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use envelope::{Address, ReversePath};
use net::{ClientTls, Resolver, Roots, SecureResolver};
use protocol::smtp::client::Patience;
use queue::Backoff;

use super::SiteLimits;
use super::tls::{Policies, TlsPolicy};
use crate::limits::{OUTBOUND_CONNECT_PATIENCE, OUTBOUND_DRAIN, OUTBOUND_REST_FIRST, OUTBOUND_REST_MAX};
use crate::route::{Prefer, Sources, Table};

/// Shared by everything that carries mail out.
#[derive(Clone)]
pub struct Settings {
    /// Whom to ask about names.
    pub resolver: Resolver,
    /// 25, but in a lab.
    pub port: u16,
    /// Where we take mail in from other hosts ourselves: mail out is never brought there.
    pub doors: Vec<SocketAddr>,
    /// The DNS of strangers may name hosts on loopback: in a lab.
    pub loopback: bool,
    /// When to try again, and when to give up.
    pub backoff: Backoff,
    /// How long a destination that nobody answered for is left alone: the first time, and at most.
    pub rest_first: Duration,
    /// See [`Settings::rest_first`].
    pub rest_longest: Duration,
    /// How we name ourselves in EHLO: the name that our address has in the DNS.
    pub hello_name: String,
    /// The operator's routes. Mail that none is for goes by MX.
    pub routes: Arc<Table>,
    /// IPv6 or IPv4 first.
    pub prefer: Prefer,
    /// The addresses that connections come from.
    pub sources: Sources,
    /// Whether letters travel encrypted.
    pub tls: TlsPolicy,
    /// What domains and hosts demand themselves; `None` where only the operator's word counts.
    pub policies: Option<Policies>,
    /// Whom to ask about names whose answers must be signed, for DANE; `None` where it is not asked for.
    pub dnssec: Option<SecureResolver>,
    /// How we meet a server that may be anybody.
    pub client_tls: ClientTls,
    /// How we meet a server that must show who it is.
    pub verifying_tls: ClientTls,
    /// How long to wait for a connection.
    pub connect_patience: Duration,
    /// How long to wait for answers.
    pub patience: Patience,
    /// How long attempts under way may go on once the end of work is called.
    pub drain: Duration,
}

impl Settings {
    /// Opportunistic TLS, and every default.
    pub fn new(hello_name: impl Into<String>, resolver: Resolver, roots: &Roots) -> Self {
        Self {
            resolver,
            port: 25,
            doors: Vec::new(),
            loopback: false,
            backoff: Backoff::default(),
            rest_first: OUTBOUND_REST_FIRST,
            rest_longest: OUTBOUND_REST_MAX,
            hello_name: hello_name.into(),
            routes: Arc::default(),
            prefer: Prefer::default(),
            sources: Sources::default(),
            tls: TlsPolicy::Opportunistic,
            policies: None,
            dnssec: None,
            client_tls: ClientTls::opportunistic(roots),
            verifying_tls: ClientTls::verifying(roots),
            connect_patience: OUTBOUND_CONNECT_PATIENCE,
            patience: Patience::default(),
            drain: OUTBOUND_DRAIN,
        }
    }

    /// The next hop of a recipient, by its key.
    pub(super) fn destination(&self, reverse_path: &ReversePath, recipient: &Address) -> String {
        self.routes.destination(reverse_path, recipient)
    }

    /// What a destination bears: as its route says.
    pub(super) fn limits_of(&self, destination: &str) -> SiteLimits {
        self.routes.find(destination).map_or_else(SiteLimits::default, |hop| hop.options.limits)
    }
}
