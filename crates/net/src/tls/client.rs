//! Our side as the client: whom we believe, and what we remember when we do not ask.

use std::future::Future as _;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use envelope::{Domain, Host};
use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::{ClientConnection, WebPkiServerVerifier};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::{Connect, TlsConnector};

use super::certificate::{CertificateError, end_point_hash};
use super::dane::ByRecords;
use super::fault::{TlsFault, Untrusted};
use super::verifier::{Judges, Verifier};
use super::{Done, Handshake, PROVIDER, facts};
use crate::dane::Dane;
use crate::drive::Gone;
use crate::stream::Transport;

/// The authorities that we believe. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Roots(Arc<RootCertStore>);

impl Roots {
    /// None: nothing verifies.
    pub fn none() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }

    /// Those of this machine. A machine may have none; one that cannot be read is left out.
    pub fn system() -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self(Arc::new(store))
    }

    /// Adds those of a PEM file.
    pub fn with_file(self, path: &Path) -> Result<Self, CertificateError> {
        let bad = |reason: String| CertificateError::Content { path: path.to_owned(), reason };
        let pem = std::fs::read(path).map_err(|error| CertificateError::File { path: path.to_owned(), error })?;
        let mut store = Arc::unwrap_or_clone(self.0);
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            store.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        Ok(Self(Arc::new(store)))
    }
}

/// What verification says of a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A root that we believe vouches for the name.
    Verified,
    /// The host's own TLSA records name it (RFC 7672).
    Dane,
    /// Nobody vouches for it, and why. The connection stands all the same, since it is an opportunistic one.
    Unverified(Untrusted),
}

/// How we meet a server. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls {
    connector: TlsConnector,
    judge: Judge,
    /// Whether a certificate can be refused; otherwise whatever breaks is a handshake that does not work out.
    demanding: bool,
}

/// Where the [`Verdict`] comes from.
#[derive(Clone)]
enum Judge {
    /// The authorities that we believe.
    Roots(Arc<WebPkiServerVerifier>),
    /// There are none.
    Nobody,
    /// The handshake itself, which asked for this name.
    Records(ServerName<'static>),
}

impl ClientTls {
    /// Encrypts with whoever is there, which is what MX mail without DANE or MTA-STS can have (RFC 7435), and tells by
    /// [`Verdict`] what verification would have said.
    pub fn opportunistic(roots: &Roots) -> Self {
        let config = builder().dangerous().with_custom_certificate_verifier(Verifier::of(Anyone)).with_no_client_auth();
        Self { connector: TlsConnector::from(Arc::new(config)), judge: judge(roots), demanding: false }
    }

    /// Talks to nobody but the one whose name was asked for.
    pub fn verifying(roots: &Roots) -> Self {
        let config = builder().with_root_certificates(Arc::clone(&roots.0)).with_no_client_auth();
        Self { connector: TlsConnector::from(Arc::new(config)), judge: judge(roots), demanding: true }
    }

    /// Talks to nobody but the one whom the records name (RFC 7672 section 3). The handshake asks for the TLSA base
    /// domain, whatever the host is called. Where no record can be used nobody is let through: encrypting with
    /// whoever is there is [`ClientTls::opportunistic`].
    pub fn dane(dane: &Dane) -> Result<Self, Untrusted> {
        let base = server_name(&dane.base).map_err(|reason| Untrusted { fault: TlsFault::TlsaInvalid, reason })?;
        let verifier = Verifier::of(ByRecords::new(dane));
        let config = builder().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), judge: Judge::Records(base), demanding: true })
    }

    pub(crate) fn connect(&self, tcp: TcpStream, host: &Host) -> Result<Handshake, Gone> {
        let name = match (&self.judge, host) {
            (Judge::Records(base), _) => base.clone(),
            (_, Host::Literal(ip)) => ServerName::from(*ip),
            (_, Host::Name(domain)) => server_name(domain).map_err(Gone::Tls)?,
        };
        let future = self.connector.connect(name.clone(), tcp);
        Ok(Handshake::Connect(Box::new(Connecting {
            future,
            name,
            judge: self.judge.clone(),
            demanding: self.demanding,
        })))
    }
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER));
    #[allow(clippy::expect_used, reason = "the provider is a constant and has ciphers for both versions")]
    builder.with_protocol_versions(rustls::DEFAULT_VERSIONS).expect("aws-lc-rs speaks TLS 1.2 and 1.3")
}

fn judge(roots: &Roots) -> Judge {
    let built = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots.0), Arc::clone(&PROVIDER)).build();
    // It fails where there is no root to judge by.
    built.map_or(Judge::Nobody, Judge::Roots)
}

fn server_name(domain: &Domain) -> Result<ServerName<'static>, String> {
    let name = ServerName::try_from(domain.as_str().to_owned());
    name.map_err(|_| format!("{domain} is no name for a certificate"))
}

pub(crate) struct Connecting {
    future: Connect<TcpStream>,
    name: ServerName<'static>,
    judge: Judge,
    demanding: bool,
}

impl Connecting {
    /// What a broken handshake says of the server's certificate, where the certificate is what broke it.
    pub(super) fn refused(&self, error: &io::Error) -> Option<Untrusted> {
        self.demanding.then(|| Untrusted::in_io(error)).flatten()
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Done>> {
        let stream = ready!(Pin::new(&mut self.future).poll(cx))?;
        let (_, connection) = stream.get_ref();
        let mut tls = facts(connection, |out, label, context| connection.export_keying_material(out, label, context));
        tls.server_end_point = connection.peer_certificates().and_then(<[_]>::first).and_then(end_point_hash);
        let verdict = Some(self.verdict(connection));
        Poll::Ready(Ok(Done { transport: Transport::Client(Box::new(stream)), tls, verdict }))
    }

    fn verdict(&self, connection: &ClientConnection) -> Verdict {
        let not_trusted = |reason: &str| {
            Verdict::Unverified(Untrusted { fault: TlsFault::CertificateNotTrusted, reason: reason.to_owned() })
        };
        let judge = match &self.judge {
            Judge::Roots(judge) => judge,
            Judge::Nobody => return not_trusted("no root certificates on this machine"),
            Judge::Records(_) => return Verdict::Dane,
        };
        let Some((end_entity, intermediates)) = connection.peer_certificates().and_then(<[_]>::split_first) else {
            return not_trusted("the server showed no certificate");
        };
        match judge.verify_server_cert(end_entity, intermediates, &self.name, &[], UnixTime::now()) {
            Ok(_) => Verdict::Verified,
            Err(error) => Verdict::Unverified(Untrusted::of(&error)),
        }
    }
}

/// Believes every certificate.
#[derive(Debug)]
struct Anyone;

impl Judges for Anyone {
    fn judge(&self, _: &CertificateDer<'_>, _: &[CertificateDer<'_>], _: UnixTime) -> Result<(), Untrusted> {
        Ok(())
    }
}
