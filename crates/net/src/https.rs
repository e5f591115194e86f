//! A small client for HTTPS: one request on one connection, to a server whose certificate verifies. It fetches policies
//! and hands in reports.
//!
//! It follows no redirect, keeps no cookie and caches nothing (RFC 8461 section 3.3 forbids the first and the last), and
//! what it takes is bounded in octets and in time. HTTP itself is hyper's, version 1.1 (RFC 9112).

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use envelope::{Domain, Host};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use crate::dns::{DnsError, Resolver};
use crate::limits::{HTTPS_ADDRESSES_MAX, HTTPS_CONNECT_PATIENCE, HTTPS_HEADER_OCTETS_MAX, HTTPS_PATIENCE};
use crate::stream::{ConnectError, Stream};
use crate::tls::{ClientTls, Roots, Verdict};

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Https {
    resolver: Resolver,
    tls: ClientTls,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsAnswer {
    /// 200 and its like.
    pub status: u16,
    /// The media type, in lower case, without parameters; empty when the server named none.
    pub media_type: String,
    /// Never longer than the caller allowed.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpsError {
    /// The name has no address, or none could be asked for.
    #[error("{0}")]
    Dns(#[from] DnsError),
    /// The name has no address.
    #[error("the name has no address")]
    NoAddress,
    /// Nobody there talks to us.
    #[error("no connection: {0}")]
    Connect(#[from] ConnectError),
    /// The server's certificate does not verify for its name.
    #[error("its certificate cannot be believed: {0}")]
    Untrusted(String),
    /// TLS did not come to stand for another reason.
    #[error("{0}")]
    Tls(String),
    /// What came is no HTTP, or the connection broke.
    #[error("broken HTTP: {0}")]
    Http(String),
    /// The body is longer than the caller allowed.
    #[error("the answer is longer than {0} octets")]
    TooLong(usize),
    /// It all took too long.
    #[error("no answer within {0:?}")]
    TimedOut(std::time::Duration),
}

impl Https {
    /// Believes `roots`, and asks `resolver` for addresses.
    pub fn new(resolver: Resolver, roots: &Roots) -> Self {
        // Encrypting with anybody and looking at the verdict before the first octet says more than a handshake that fails.
        Self { resolver, tls: ClientTls::opportunistic(roots) }
    }

    /// GET.
    pub async fn get(
        &self,
        host: &Domain,
        port: u16,
        path: &str,
        octets_max: usize,
    ) -> Result<HttpsAnswer, HttpsError> {
        self.ask(host, port, request(Method::GET, host, port, path, None)?, octets_max).await
    }

    /// POST. The answer's body is of no interest beyond `octets_max`, so a longer one is an error all the same.
    pub async fn post(
        &self,
        host: &Domain,
        port: u16,
        path: &str,
        (media_type, body): (&str, Bytes),
        octets_max: usize,
    ) -> Result<HttpsAnswer, HttpsError> {
        self.ask(host, port, request(Method::POST, host, port, path, Some((media_type, body)))?, octets_max).await
    }

    async fn ask(
        &self,
        host: &Domain,
        port: u16,
        request: Request<Full<Bytes>>,
        octets_max: usize,
    ) -> Result<HttpsAnswer, HttpsError> {
        let exchange = async {
            let stream = self.connect(host, port).await?;
            exchange(stream, request, octets_max).await
        };
        tokio::time::timeout(HTTPS_PATIENCE, exchange).await.map_err(|_| HttpsError::TimedOut(HTTPS_PATIENCE))?
    }

    /// One address after the other until one talks; what it then says is the answer of them all.
    async fn connect(&self, host: &Domain, port: u16) -> Result<Stream, HttpsError> {
        let mut last = HttpsError::NoAddress;
        let addresses: Vec<IpAddr> = self.resolver.addresses(host).await?;
        for address in addresses.into_iter().take(HTTPS_ADDRESSES_MAX) {
            match Stream::connect(SocketAddr::new(address, port), None, HTTPS_CONNECT_PATIENCE).await {
                Ok(stream) => return self.encrypt(stream, host).await,
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    async fn encrypt(&self, stream: Stream, host: &Domain) -> Result<Stream, HttpsError> {
        let stream = stream.connect_tls(&self.tls, &Host::Name(host.clone())).await;
        let stream = stream.map_err(|gone| HttpsError::Tls(gone.to_string()))?;
        match stream.verdict() {
            Some(Verdict::Verified) => Ok(stream),
            Some(Verdict::Unverified(reason)) => Err(HttpsError::Untrusted(reason.to_string())),
            _ => Err(HttpsError::Untrusted("nothing is known of it".to_owned())),
        }
    }
}

fn request(
    method: Method,
    host: &Domain,
    port: u16,
    path: &str,
    content: Option<(&str, Bytes)>,
) -> Result<Request<Full<Bytes>>, HttpsError> {
    let authority = if port == 443 { host.to_string() } else { format!("{host}:{port}") };
    let builder = Request::builder().method(method).uri(path);
    let mut builder = builder.header(HOST, authority).header(USER_AGENT, "Angelia").header(CONNECTION, "close");
    let mut body = Bytes::new();
    if let Some((media_type, octets)) = content {
        builder = builder.header(CONTENT_TYPE, media_type);
        body = octets;
    }
    builder.body(Full::new(body)).map_err(|error| HttpsError::Http(error.to_string()))
}

async fn exchange(stream: Stream, request: Request<Full<Bytes>>, octets_max: usize) -> Result<HttpsAnswer, HttpsError> {
    let broken = |error: hyper::Error| HttpsError::Http(error.to_string());
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_buf_size(HTTPS_HEADER_OCTETS_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends with this function, whichever way it ends.
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    answer(response, octets_max).await
}

async fn answer(response: Response<Incoming>, octets_max: usize) -> Result<HttpsAnswer, HttpsError> {
    let status = response.status().as_u16();
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match Limited::new(response.into_body(), octets_max).collect().await {
        Ok(collected) => Ok(HttpsAnswer { status, media_type, body: collected.to_bytes() }),
        Err(error) if error.is::<LengthLimitError>() => Err(HttpsError::TooLong(octets_max)),
        Err(error) => Err(HttpsError::Http(error.to_string())),
    }
}
