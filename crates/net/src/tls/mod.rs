//! TLS by rustls, on both sides: 1.2 and 1.3, nothing older (RFC 8996).
//!
//! [`ServerTls`] is our certificates, read again when they change. [`ClientTls`] is how we meet another's server:
//! opportunistic (encrypt and remember what verification would have said, RFC 7435), verifying, or by the host's own
//! TLSA records (RFC 7672).

mod certificate;
mod client;
mod dane;
mod fault;
mod server;
mod verifier;

use std::io;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};

use protocol::Tls;
use rustls::crypto::CryptoProvider;
use rustls::{CommonState, ProtocolVersion};

use crate::drive::Gone;
use crate::stream::Transport;

pub use certificate::{CertificateError, CertificateFiles};
pub use client::{ClientTls, Roots, Verdict};
pub use fault::{TlsFault, Untrusted};
pub use server::ServerTls;

/// One provider of cryptography for everything.
static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

/// A handshake under way, on either side.
pub(crate) enum Handshake {
    Accept(Box<server::Accepting>),
    Connect(Box<client::Connecting>),
}

/// A handshake that came to its end.
pub(crate) struct Done {
    pub(crate) transport: Transport,
    pub(crate) tls: Tls,
    pub(crate) verdict: Option<Verdict>,
}

impl Handshake {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Done, Gone>> {
        let outcome = match self {
            Self::Accept(accepting) => ready!(accepting.poll(cx)),
            Self::Connect(connecting) => ready!(connecting.poll(cx)),
        };
        Poll::Ready(outcome.map_err(|error| self.failure(&error)))
    }

    /// Whatever breaks a handshake is TLS's failure: the caller wants to know it apart from a lost connection, and a
    /// certificate that was refused apart from both.
    fn failure(&self, error: &io::Error) -> Gone {
        if let Self::Connect(connecting) = self
            && let Some(untrusted) = connecting.refused(error)
        {
            return Gone::Untrusted(untrusted);
        }
        Gone::Tls(match error.kind() {
            io::ErrorKind::UnexpectedEof => "peer closed during the handshake".into(),
            _ => crate::plain(error),
        })
    }
}

/// Version, cipher and the exporter of RFC 9266.
fn facts(
    common: &CommonState,
    export: impl FnOnce([u8; 32], &[u8], Option<&[u8]>) -> Result<[u8; 32], rustls::Error>,
) -> Tls {
    let version = match common.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
        other => format!("{other:?}"),
    };
    let cipher = common.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default();
    // With TLS 1.2 the binding is unique only under the extended master secret, which rustls does not tell of
    // (RFC 9266 section 4.2).
    let exporter = (version == "TLSv1.3")
        .then(|| export([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok())
        .flatten()
        .map(Vec::from);
    Tls { version, cipher: cipher.replacen("TLS13_", "TLS_", 1), exporter, ..Tls::default() }
}
