//! Asking the DNS: where a domain's mail goes, which addresses a host has, what a name says in TXT, and whose an
//! address is.
//!
//! The answers keep apart what mail has to tell apart: a name that does not exist (never), a name that has nothing of
//! the kind (an empty answer), and an answer that cannot be had now (later). This resolver validates nothing; it is
//! for MX, A, AAAA, PTR and TXT. Answers are cached as long as they say, within bounds.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use envelope::Domain;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as HickoryDnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::sync::Semaphore;

use crate::limits::{
    DNS_ATTEMPTS, DNS_CACHE_ANSWERS_MAX, DNS_LOOKUPS_AT_ONCE_MAX, DNS_NEGATIVE_TTL_MAX, DNS_PATIENCE,
    DNS_POSITIVE_TTL_MAX, DNS_TRY_PATIENCE, EXCHANGES_MAX,
};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// NXDOMAIN: asking again is of no use.
    #[error("no such name in the DNS")]
    NoSuchName,
    /// There is an answer, and nothing can be made of it: the fault of whoever keeps the name, and of no short life.
    #[error("unusable answer from the DNS: {0}")]
    Unusable(String),
    /// There are MX records, and none of them says what a host may be called (RFC 1035 section 2.3.1).
    #[error("none of the MX records in the DNS names a host")]
    NoHostName,
    /// A server failed, or has said nothing that is of use: ask again later.
    #[error("no answer from the DNS: {0}")]
    Temporary(String),
    /// No server of ours answered at all: nothing is known of the name, nor of any other just now.
    #[error("no answer from the DNS: {0}")]
    Silent(String),
    /// The answer is not what the name's zone has signed. Comes from [`crate::SecureResolver`] only; nothing is sent
    /// on such an answer, until it is mended.
    #[error("the DNS answer fails validation (DNSSEC): {0}")]
    Bogus(String),
}

/// Where a domain's mail goes (RFC 5321 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailHosts {
    /// These hosts, in the order of trying: lower preference first, chance among equals. Never empty.
    Exchanges(Vec<Exchange>),
    /// The domain has no MX: its mail goes to the host of its own name, if that has an address.
    Implicit(Domain),
    /// The domain says that it takes no mail (RFC 7505).
    Null,
}

/// One MX record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Lower is tried first.
    pub preference: u16,
    /// The host.
    pub host: Domain,
}

/// Asks the DNS. Cheap to clone; every clone shares the cache.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

struct Inner {
    resolver: TokioResolver,
    /// Who is asked, for the operator to look at.
    servers: String,
    /// Hickory answers "busy" when too much is asked at once; we wait instead.
    at_once: Semaphore,
    chance: RandomState,
}

impl Resolver {
    /// As this machine is set up: /etc/resolv.conf, and /etc/hosts for addresses. Without any name server there, the
    /// one on this machine, as the C library does it.
    pub fn system() -> Result<Self, DnsError> {
        let (config, options) = hickory_resolver::system_conf::read_system_conf()
            .unwrap_or_else(|_| (at(([127, 0, 0, 1], 53).into()), ResolverOpts::default()));
        Self::build(config, options, ResolveHosts::Always)
    }

    /// One named server, and nothing else.
    pub fn named(server: SocketAddr) -> Result<Self, DnsError> {
        Self::build(at(server), ResolverOpts::default(), ResolveHosts::Never)
    }

    fn build(config: ResolverConfig, mut options: ResolverOpts, hosts: ResolveHosts) -> Result<Self, DnsError> {
        options.timeout = DNS_TRY_PATIENCE;
        options.attempts = DNS_ATTEMPTS;
        options.cache_size = DNS_CACHE_ANSWERS_MAX;
        options.positive_max_ttl = Some(DNS_POSITIVE_TTL_MAX);
        options.negative_max_ttl = Some(DNS_NEGATIVE_TTL_MAX);
        options.use_hosts_file = hosts;
        options.try_tcp_on_error = true;
        let server = |server: &NameServerConfig| match server.connections.first() {
            Some(way) if way.port != 53 => SocketAddr::new(server.ip, way.port).to_string(),
            _ => server.ip.to_string(),
        };
        let servers = config.name_servers().iter().map(server).collect::<Vec<_>>().join(", ");
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = builder.with_options(options).build().map_err(|error| DnsError::Temporary(error.to_string()))?;
        let at_once = Semaphore::new(DNS_LOOKUPS_AT_ONCE_MAX);
        Ok(Self(Arc::new(Inner { resolver, servers, at_once, chance: RandomState::new() })))
    }

    /// Where the mail of `domain` goes.
    pub async fn mx(&self, domain: &Domain) -> Result<MailHosts, DnsError> {
        let answers = self.lookup(absolute(domain)?, RecordType::MX).await?;
        let records: Vec<_> = answers
            .iter()
            .filter_map(|data| match data {
                RData::MX(mx) => Some((mx.preference, &mx.exchange)),
                _ => None,
            })
            .collect();
        match records.as_slice() {
            [] => return Ok(MailHosts::Implicit(domain.clone())),
            [(_, exchange)] if exchange.is_root() => return Ok(MailHosts::Null),
            _ => {}
        }
        let mut exchanges: Vec<_> = records
            .iter()
            .filter_map(|(preference, name)| Some(Exchange { preference: *preference, host: to_domain(name)? }))
            .collect();
        if exchanges.is_empty() {
            return Err(DnsError::NoHostName);
        }
        let turn = self.0.chance.hash_one(clock_turn());
        exchanges.sort_by_cached_key(|one| (one.preference, self.0.chance.hash_one((turn, one.host.as_str()))));
        let mut seen = HashSet::new();
        exchanges.retain(|one| seen.insert(one.host.clone()));
        exchanges.truncate(EXCHANGES_MAX);
        Ok(MailHosts::Exchanges(exchanges))
    }

    /// The addresses of a host, IPv6 first (RFC 6724); none when the name has none.
    pub async fn addresses(&self, host: &Domain) -> Result<Vec<IpAddr>, DnsError> {
        let name = absolute(host)?;
        let (v6, v4) = tokio::join!(self.lookup(name.clone(), RecordType::AAAA), self.lookup(name, RecordType::A));
        let addresses: Vec<IpAddr> = [&v6, &v4]
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|data| match data {
                RData::A(a) => Some(IpAddr::V4(a.0)),
                RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
                _ => None,
            })
            .collect();
        if addresses.is_empty() {
            // One of them may have failed, and then an empty answer would be a lie.
            v6?;
            v4?;
        }
        Ok(addresses)
    }

    /// The TXT records of a name, each with its strings joined; none when the name has none.
    pub async fn txt(&self, name: &Domain) -> Result<Vec<Vec<u8>>, DnsError> {
        let answers = self.lookup(absolute(name)?, RecordType::TXT).await?;
        let texts = answers.iter().filter_map(|data| match data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        });
        Ok(texts.collect())
    }

    /// The names of an address; none when it has none.
    pub async fn ptr(&self, address: IpAddr) -> Result<Vec<Domain>, DnsError> {
        let answers = match self.lookup(Name::from(address), RecordType::PTR).await {
            Err(DnsError::NoSuchName) => return Ok(Vec::new()),
            other => other?,
        };
        let names = answers.iter().filter_map(|data| match data {
            RData::PTR(name) => to_domain(name),
            _ => None,
        });
        Ok(names.collect())
    }

    async fn lookup(&self, name: Name, kind: RecordType) -> Result<Vec<RData>, DnsError> {
        let ask = async {
            let _turn = self.0.at_once.acquire().await;
            self.0.resolver.lookup(name, kind).await
        };
        match tokio::time::timeout(DNS_PATIENCE, ask).await {
            Err(_) => Err(DnsError::Silent(format!("the name server {} has not answered in time", self.0.servers))),
            Ok(Ok(answer)) => answers(&answer),
            Ok(Err(error)) => nothing(&error, &self.0.servers),
        }
    }
}

/// A CNAME may lead to a name that does not exist; the answer then has the CNAME and says so.
fn answers(answer: &Lookup) -> Result<Vec<RData>, DnsError> {
    if answer.message().response_code == ResponseCode::NXDomain {
        return Err(DnsError::NoSuchName);
    }
    Ok(answer.answers().iter().map(|record| record.data.clone()).collect())
}

fn nothing(error: &NetError, servers: &str) -> Result<Vec<RData>, DnsError> {
    match error {
        NetError::Dns(HickoryDnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Err(DnsError::NoSuchName),
            // It names others who know, and does not ask them for us (RFC 2308 section 2.2).
            _ if none.ns.is_some() && none.soa.is_none() => Err(DnsError::Temporary(format!(
                "the name server {servers} only refers to others: it does not recurse"
            ))),
            _ => Ok(Vec::new()),
        },
        NetError::Dns(other) => Err(DnsError::Temporary(other.to_string())),
        NetError::Timeout | NetError::NoConnections | NetError::Io(_) => {
            Err(DnsError::Silent(format!("the name server {servers} does not answer")))
        }
        other => Err(DnsError::Temporary(other.to_string())),
    }
}

fn at(server: SocketAddr) -> ResolverConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = server.port();
    }
    ResolverConfig::from_name_servers(vec![NameServerConfig::new(server.ip(), true, connections)])
}

/// With its final dot, so that no search list applies.
fn absolute(domain: &Domain) -> Result<Name, DnsError> {
    Name::from_ascii(format!("{domain}.")).map_err(|error| DnsError::Unusable(error.to_string()))
}

fn to_domain(name: &Name) -> Option<Domain> {
    Domain::parse(&name.to_ascii()).ok()
}

/// Something that is another one at every call, to shuffle by.
fn clock_turn() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
