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
/// nobody but the host that was meant, unless the operator said otherwise; a socket on this machine needs no TLS.
pub(super) fn operator(settings: &Settings, target: &Target, host: &Host) -> TlsPolicy {
    match (&host.place, target.tls) {
        (Place::Unix(_), _) => TlsPolicy::Never,
        (_, Some(policy)) => policy,
        (_, None) if target.credentials.is_some() => TlsPolicy::Verify,
        (_, None) => settings.tls,
    }
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
