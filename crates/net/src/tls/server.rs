//! Our side as the server: certificates by name, read again when their files change, without touching a connection.

use std::collections::HashMap;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::certificate::{Certificate, CertificateError, CertificateFiles};
use super::{Done, Handshake, PROVIDER, facts};
use crate::stream::Transport;

type Stamps = Vec<[Option<(SystemTime, u64)>; 2]>;

/// Our certificates. Cheap to clone; every clone is the same set.
#[derive(Clone)]
pub struct ServerTls(Arc<Inner>);

struct Inner {
    files: Vec<CertificateFiles>,
    current: ArcSwap<Current>,
    stamps: Mutex<Stamps>,
    /// Outlives a reload, so that clients resume their sessions.
    ticketer: Arc<dyn ProducesTickets>,
}

/// One reading of the files.
struct Current {
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
}

/// The certificates, and which one answers to which name.
#[derive(Debug)]
struct Certificates {
    all: Vec<Certificate>,
    by_name: HashMap<String, usize>,
}

impl ServerTls {
    /// Reads the certificates. The first one is shown to clients that name no host, or one that we do not know.
    pub fn open(files: Vec<CertificateFiles>) -> Result<Self, CertificateError> {
        let ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()
            .map_err(|error| CertificateError::Making(format!("session tickets: {error}")))?;
        let stamps = files.iter().map(CertificateFiles::stamp).collect();
        let current = Current::read(&files, &ticketer)?;
        Ok(Self(Arc::new(Inner {
            files,
            current: ArcSwap::from_pointee(current),
            stamps: Mutex::new(stamps),
            ticketer,
        })))
    }

    /// Reads them again if a file has changed: true when it did. On an error the old ones stay in use, and the files
    /// are tried again at the next call (a renewal writes two files, one after the other).
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let mut stamps = self.0.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let found: Stamps = self.0.files.iter().map(CertificateFiles::stamp).collect();
        if *stamps == found {
            return Ok(false);
        }
        self.0.current.store(Arc::new(Current::read(&self.0.files, &self.0.ticketer)?));
        *stamps = found;
        Ok(true)
    }

    /// The names of each certificate and when it ends, in their order.
    pub fn describe(&self) -> Vec<(Vec<String>, SystemTime)> {
        let current = self.0.current.load();
        current.certificates.all.iter().map(|one| (one.names.clone(), one.not_after)).collect()
    }

    pub(crate) fn accept(&self, tcp: TcpStream) -> Handshake {
        let current = self.0.current.load();
        let future = current.acceptor.accept(tcp);
        let certificates = Arc::clone(&current.certificates);
        Handshake::Accept(Box::new(Accepting { future, certificates }))
    }
}

impl Current {
    fn read(files: &[CertificateFiles], ticketer: &Arc<dyn ProducesTickets>) -> Result<Self, CertificateError> {
        let all = files.iter().map(CertificateFiles::read).collect::<Result<Vec<_>, _>>()?;
        if all.is_empty() {
            return Err(CertificateError::None);
        }
        let mut by_name = HashMap::new();
        for (index, certificate) in all.iter().enumerate() {
            for name in &certificate.names {
                by_name.entry(name.clone()).or_insert(index);
            }
        }
        let certificates = Arc::new(Certificates { all, by_name });
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_safe_default_protocol_versions()
            .map_err(|error| CertificateError::Making(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.ticketer = Arc::clone(ticketer);
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificates })
    }
}

impl Certificates {
    /// The exact name, then the wildcard one label up, then the first.
    fn pick(&self, name: Option<&str>) -> Option<&Certificate> {
        let index = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let wildcard = name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
            let by_wildcard = || wildcard.and_then(|wildcard| self.by_name.get(&wildcard));
            self.by_name.get(&name).or_else(by_wildcard).copied()
        });
        self.all.get(index.unwrap_or(0))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.pick(hello.server_name()).map(|certificate| Arc::clone(&certificate.key))
    }
}

pub(crate) struct Accepting {
    future: Accept<TcpStream>,
    certificates: Arc<Certificates>,
}

impl Accepting {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Done>> {
        let stream = ready!(Pin::new(&mut self.future).poll(cx))?;
        let (_, connection) = stream.get_ref();
        let mut tls = facts(connection, |out, label, context| connection.export_keying_material(out, label, context));
        tls.server_name = connection.server_name().map(str::to_owned);
        let shown = self.certificates.pick(connection.server_name());
        tls.server_end_point = shown.and_then(|certificate| certificate.end_point.clone());
        Poll::Ready(Ok(Done { transport: Transport::Server(Box::new(stream)), tls, verdict: None }))
    }
}
