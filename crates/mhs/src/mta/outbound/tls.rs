//! Whether a letter travels encrypted. Between mail servers of strangers the rule is: encrypt with whoever can, in the
//! clear rather than not at all (RFC 7435); what became of it stands in the journal.

pub mod sts;

use envelope::Reply;
use net::{Conversation, Verdict};
use protocol::smtp::client::Client;

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

/// What is demanded of a connection to this host: the route's word, or else that for all mail out. A password goes to
/// nobody but the host that was meant, unless the operator said otherwise; a socket on this machine needs no TLS.
pub(super) fn demand(settings: &Settings, target: &Target, host: &Host) -> TlsPolicy {
    match (&host.place, target.tls) {
        (Place::Unix(_), _) => TlsPolicy::Never,
        (_, Some(policy)) => policy,
        (_, None) if target.credentials.is_some() => TlsPolicy::Verify,
        (_, None) => settings.tls,
    }
}

/// The reply of a host that offers no TLS where it is required (RFC 3207 section 4.1).
pub(super) fn missing() -> Reply {
    Reply::new(451, (4, 7, 10), "TLS is required, and the server offers none")
}

/// For the journal: version, cipher, and whether a root that we believe vouches for the name.
pub(super) fn describe(conversation: &Conversation<Client>) -> Option<String> {
    let tls = conversation.tls()?;
    let verdict = match conversation.verdict() {
        Some(Verdict::Verified) => "verified",
        Some(Verdict::Dane) => "dane",
        Some(Verdict::Unverified(_)) | None => "unverified",
    };
    Some(format!("{} {} {verdict}", tls.version, tls.cipher))
}
