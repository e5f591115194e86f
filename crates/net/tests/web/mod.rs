//! A web server with a certificate of a test's own authority, and that authority. Other crates' tests use this file too.
#![allow(dead_code, unreachable_pub, reason = "each test binary needs some of it")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use net::{CertificateFiles, Roots};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Signs certificates.
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// What a certificate is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Like {
    /// As it should be.
    Right,
    /// It has ended.
    Expired,
    /// Nobody vouches for it.
    SelfSigned,
}

impl Authority {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    /// Whoever believes this authority, and no other.
    pub fn roots(&self) -> Roots {
        Roots::none().with_file(&self.folder.path().join("ca.pem")).unwrap()
    }

    /// A certificate on disk.
    pub fn certify(&self, names: &[&str], like: Like) -> CertificateFiles {
        let stem = format!("{}-{like:?}", names.join("-").replace('*', "any"));
        let files = CertificateFiles {
            chain: self.folder.path().join(format!("{stem}.pem")),
            key: self.folder.path().join(format!("{stem}.key")),
        };
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
        params.not_before = (now - day * 30).into();
        params.not_after = if like == Like::Expired { now - day } else { now + day }.into();
        let key = KeyPair::generate().unwrap();
        let certificate = match like {
            Like::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        };
        std::fs::write(&files.chain, certificate.unwrap().pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    /// For a TLS server that is no part of ours.
    pub fn acceptor(&self, names: &[&str], like: Like) -> TlsAcceptor {
        let files = self.certify(names, like);
        let chain = CertificateDer::pem_file_iter(&files.chain).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
    }
}

/// Head and body of every request.
pub type Requests = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// What is said to a request, octet by octet.
pub type Script = Arc<Mutex<Vec<u8>>>;

/// A web server that says the same to everybody.
pub struct Web {
    pub at: SocketAddr,
    pub requests: Requests,
    pub script: Script,
    serving: JoinHandle<()>,
}

impl Drop for Web {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An answer with a body.
pub fn answer(status: &str, media_type: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
}

impl Web {
    pub async fn start(at: SocketAddr, acceptor: TlsAcceptor, says: Vec<u8>) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let at = listener.local_addr().unwrap();
        let (requests, script) = (Requests::default(), Arc::new(Mutex::new(says)));
        let (seen, saying) = (requests.clone(), script.clone());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen, saying) = (acceptor.clone(), seen.clone(), saying.clone());
                tokio::spawn(async move { serve(stream, &acceptor, &seen, &saying).await });
            }
        });
        Self { at, requests, script, serving }
    }

    pub fn say(&self, says: Vec<u8>) {
        *self.script.lock().unwrap() = says;
    }

    pub fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// A client that does not believe us goes away in the middle; that is its business.
async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, seen: &Requests, says: &Mutex<Vec<u8>>) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut octets = Vec::new();
    let head = loop {
        stream.read_buf(&mut octets).await.ok().filter(|count| *count > 0)?;
        if let Some(end) = octets.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&octets[..head]).into_owned();
    let length =
        text.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    while octets.len() < head + length.unwrap_or(0) {
        stream.read_buf(&mut octets).await.ok().filter(|count| *count > 0)?;
    }
    seen.lock().unwrap().push((text, octets[head..].to_vec()));
    let says = says.lock().unwrap().clone();
    stream.write_all(&says).await.ok()?;
    stream.shutdown().await.ok()
}
