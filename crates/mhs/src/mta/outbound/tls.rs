//! Whether a letter travels encrypted, and to whom. Between mail servers of strangers the rule is: encrypt with whoever
//! can, in the clear rather than not at all (RFC 7435); a domain that wants more says so by DANE or MTA-STS, an operator by
//! `outbound.tls` or a route, a sender by REQUIRETLS.
//!
//! - [`demand`]: what is demanded of a connection, decided without I/O.
//! - [`policies`]: asks what it takes to decide: [`sts`], and the signed DNS.
//! - [`memory`]: what a host was once able to do, so that a downgrade is noticed.

pub mod demand;
pub mod memory;
pub mod policies;
pub mod sts;

use net::{Conversation, Verdict};
use protocol::smtp::client::Client;

pub use policies::Policies;

use self::demand::Demand;
use super::{Host, Place, Settings, Target};

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum TlsPolicy {
    /// Encrypt where it is offered. A handshake that fails is followed by a connection in the clear.
    #[default]
    Opportunistic,
    /// Encrypt or wait.
    Required,
    /// Encrypt, and only with a server whose certificate a root that we believe gives the name of the host; or wait.
    Verify,
    /// Encrypt, and only with a server whose certificate its TLSA records vouch for (RFC 7672); or wait.
    Dane,
    /// In the clear, for a lab.
    Never,
}

/// What the operator demands of a connection to this host: the route's word, or else that for all mail out. A password goes to
/// nobody but the host that was meant, unless the operator said otherwise. What never leaves this machine needs no TLS: a
/// socket has none, and a program on loopback that a route names gets what it offers.
pub(super) fn operator(settings: &Settings, target: &Target, host: &Host) -> TlsPolicy {
    match (&host.place, target.tls) {
        (Place::Unix(_), _) => TlsPolicy::Never,
        (_, Some(policy)) => policy,
        (_, None) if target.credentials.is_some() => TlsPolicy::Verify,
        (_, None) if is_next_door(host) && settings.tls != TlsPolicy::Never => TlsPolicy::Opportunistic,
        (_, None) => settings.tls,
    }
}

/// On loopback, and named by the operator: the DNS can say that of any host.
fn is_next_door(host: &Host) -> bool {
    host.mx_of.is_none() && host.place.ip().is_some_and(|ip| ip.to_canonical().is_loopback())
}

/// For the journal: version, cipher, and who vouches for the name.
pub(super) fn describe(conversation: &Conversation<Client>, demand: &Demand) -> Option<String> {
    let tls = conversation.tls()?;
    Some(format!("{} {} {}", tls.version, tls.cipher, demand.how(conversation.verdict())))
}

/// How well a connection is protected.
pub(super) fn protected(conversation: &Conversation<Client>) -> memory::Protected {
    match (conversation.tls(), conversation.verdict()) {
        (None, _) => memory::Protected::Clear,
        (Some(_), Some(Verdict::Verified | Verdict::Dane)) => memory::Protected::Verified,
        (Some(_), _) => memory::Protected::Encrypted,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use envelope::Domain;
    use net::{Resolver, Roots};

    use super::*;

    #[test]
    fn nothing_is_demanded_of_who_is_next_door() {
        let resolver = Resolver::named("127.0.0.1:9".parse().unwrap()).unwrap();
        let mut settings = Settings::new("mx.athens.test", resolver, &Roots::none());
        let tcp = |address: &str| Place::Tcp(address.parse().unwrap());
        let host = |place: Place, mx_of: Option<&str>| Host {
            name: "store".to_owned(),
            place,
            mx_of: mx_of.map(|domain| Domain::parse(domain).unwrap()),
        };
        use TlsPolicy::{Never, Opportunistic, Required, Verify};
        for (usual, route, host, wanted) in [
            (Required, None, host(tcp("127.0.0.1:24"), None), Opportunistic),
            (Verify, None, host(tcp("[::1]:24"), None), Opportunistic),
            (Verify, None, host(tcp("[::ffff:127.0.0.1]:24"), None), Opportunistic),
            (Never, None, host(tcp("127.0.0.1:24"), None), Never),
            (Required, Some(Verify), host(tcp("127.0.0.1:24"), None), Verify),
            (Required, None, host(tcp("192.0.2.1:24"), None), Required),
            // Whoever has the DNS say so takes nothing away.
            (Required, None, host(tcp("127.0.0.1:25"), Some("patras.test")), Required),
            (Required, None, host(Place::Unix(PathBuf::from("/run/lmtp")), None), Never),
        ] {
            settings.tls = usual;
            let target = Target { tls: route, ..Target::plain("lmtp:x", vec![host.clone()]) };
            assert_eq!(operator(&settings, &target, &host), wanted, "{usual:?} {route:?} {host:?}");
        }
    }
}
