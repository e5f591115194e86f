//! One question to one server, with DO and AD set, and the whole of its answer: by UDP, and by TCP where that is too
//! small. Answers are kept for a while, signatures and all, since a chain of trust is asked for again and again.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use futures_util::Stream;
use futures_util::stream;
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::{DnsError, DnsHandle, NetError};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::clock;
use crate::limits::{
    DNS_ATTEMPTS, DNS_CACHE_ANSWERS_MAX, DNS_DATAGRAM_OCTETS_MAX, DNS_SIGNED_TTL_MAX, DNS_TRY_PATIENCE,
};

/// Asks these servers, in turn. Cheap to clone.
#[derive(Clone)]
pub(super) struct Asker(Arc<Inner>);

struct Inner {
    servers: Vec<SocketAddr>,
    kept: Mutex<HashMap<(Name, RecordType), (Message, Instant)>>,
}

impl Asker {
    pub(super) fn new(servers: Vec<SocketAddr>) -> Self {
        Self(Arc::new(Inner { servers, kept: Mutex::default() }))
    }

    /// The whole answer: one with records, or one that says there are none.
    pub(super) async fn question(&self, name: &Name, kind: RecordType) -> Result<Message, NetError> {
        let mut request = DnsRequest::from_query(Query::query(name.clone(), kind), options());
        request.metadata.authentic_data = true;
        request.edns.get_or_insert_with(Edns::new).enable_dnssec();
        self.answer(&request).await
    }

    async fn answer(&self, request: &Message) -> Result<Message, NetError> {
        let query = request.queries.first().ok_or(NetError::Message("no question"))?;
        let key = (query.name().to_lowercase(), query.query_type());
        if let Some(kept) = self.kept(&key) {
            return Ok(kept);
        }
        let answer = self.ask(request, query).await?;
        match answer.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => {
                self.keep(key, &answer);
                Ok(answer)
            }
            code => Err(DnsError::ResponseCode(code).into()),
        }
    }

    fn kept(&self, key: &(Name, RecordType)) -> Option<Message> {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(_, until)| *until > clock::instant()).map(|(message, _)| message.clone())
    }

    fn keep(&self, key: (Name, RecordType), answer: &Message) {
        let life = lifetime(answer);
        if life.is_zero() {
            return;
        }
        let room = usize::try_from(DNS_CACHE_ANSWERS_MAX).unwrap_or(usize::MAX);
        let now = clock::instant();
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= room {
            kept.retain(|_, (_, until)| *until > now);
        }
        if kept.len() >= room {
            // What goes is left to chance; what is needed is asked for again.
            let mut stays = false;
            kept.retain(|_, _| {
                stays = !stays;
                stays
            });
        }
        kept.insert(key, (answer.clone(), now + life));
    }

    /// Server after server, some rounds long, until one answers. One that says it failed is not asked again, but
    /// another one may know better.
    async fn ask(&self, request: &Message, query: &Query) -> Result<Message, NetError> {
        let mut last = Err(NetError::NoConnections);
        for _ in 0..=DNS_ATTEMPTS {
            let mut answered = false;
            for server in &self.0.servers {
                match tokio::time::timeout(DNS_TRY_PATIENCE, exchange(*server, request, query)).await {
                    Ok(Ok(answer)) => {
                        answered = true;
                        if matches!(answer.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain) {
                            return Ok(answer);
                        }
                        last = Ok(answer);
                    }
                    Ok(Err(error)) => last = last.or(Err(error)),
                    Err(_) => last = last.or(Err(NetError::Timeout)),
                }
            }
            if answered {
                break;
            }
        }
        last
    }
}

/// As every question here is asked: with the signatures, please.
pub(super) fn options() -> DnsRequestOptions {
    let mut options = DnsRequestOptions::default();
    options.edns_set_dnssec_ok = true;
    options
}

/// The shortest life among its records; an answer without records lives as its SOA says (RFC 2308 section 5).
fn lifetime(answer: &Message) -> Duration {
    let records = answer.answers.iter().chain(&answer.authorities);
    let seconds = records.map(|record| match &record.data {
        RData::SOA(soa) if answer.answers.is_empty() => record.ttl.min(soa.minimum),
        _ => record.ttl,
    });
    let seconds = seconds.min().unwrap_or(0);
    Duration::from_secs(u64::from(seconds)).min(DNS_SIGNED_TTL_MAX)
}

async fn exchange(server: SocketAddr, request: &Message, query: &Query) -> Result<Message, NetError> {
    let mut request = request.clone();
    let mut id = [0; 2];
    rand::fill(&mut id).map_err(|_| NetError::Message("no random numbers"))?;
    request.metadata.id = u16::from_be_bytes(id);
    let bytes = request.to_vec()?;
    let fits = |answer: &Message| {
        answer.metadata.id == request.metadata.id
            && answer.metadata.message_type == MessageType::Response
            && answer.queries.first().is_some_and(|asked| asked == query)
    };
    let answer = by_udp(server, &bytes, fits).await?;
    if !answer.metadata.truncation {
        return Ok(answer);
    }
    let answer = Message::from_vec(&by_tcp(server, &bytes).await?).map_err(hickory_proto::ProtoError::from)?;
    if fits(&answer) { Ok(answer) } else { Err(NetError::Message("the answer is to another question")) }
}

/// From a port of its own, so that a forger must guess it too. What is not the answer is not heard.
async fn by_udp(server: SocketAddr, bytes: &[u8], fits: impl Fn(&Message) -> bool) -> Result<Message, NetError> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; DNS_DATAGRAM_OCTETS_MAX];
    loop {
        let count = socket.recv(&mut buffer).await?;
        match Message::from_vec(buffer.get(..count).unwrap_or_default()) {
            Ok(answer) if fits(&answer) => return Ok(answer),
            _ => {}
        }
    }
}

async fn by_tcp(server: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>, NetError> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

impl DnsHandle for Asker {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let asker = self.clone();
        Box::pin(stream::once(async move {
            let answer = asker.answer(&request).await?;
            Ok(DnsResponse::from_message(answer)?)
        }))
    }
}
