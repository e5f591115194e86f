//! Answers of the DNS that tell apart what was signed, what its zone does not sign, and what was tampered with
//! (RFC 4035 section 4.3). For DANE, and for nothing else: ordinary mail asks [`crate::Resolver`], which believes what
//! it is told, so that no trouble here ever stops mail for a domain that signs nothing.
//!
//! Two ways to know: we validate ourselves from the root's keys down, or a resolver next to us has done it and says so
//! by its AD bit, which is only worth something where nobody can stand in between (RFC 7672 section 2.1.1, RFC 6840
//! section 5.8).

mod ask;
mod judge;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use hickory_net::NetError;
use hickory_net::dnssec::DnssecDnsHandle;
use hickory_proto::dnssec::TrustAnchors;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::sync::Semaphore;

use crate::dns::DnsError;
use crate::limits::{DNS_ALIASES_MAX, DNS_LOOKUPS_AT_ONCE_MAX, DNS_PATIENCE, DNS_SERVERS_MAX};

use ask::Asker;

/// Asks the DNS and knows what was signed. Cheap to clone; every clone shares the cache.
#[derive(Clone)]
pub struct SecureResolver(Arc<Inner>);

struct Inner {
    how: How,
    at_once: Semaphore,
}

/// Why an answer is believed.
enum How {
    /// The resolver says so.
    Trusting(Asker),
    /// We have seen the signatures.
    Validating(DnssecDnsHandle<Asker>),
}

/// An answer. Nothing in it was tampered with; that would have been an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The records asked for; none when the name has none, or does not exist.
    pub(crate) records: Vec<RData>,
    /// Where the aliases ended.
    pub(crate) name: Name,
    /// Every step of the way was signed, the absence of records included.
    pub(crate) secure: bool,
    /// There was an alias at the name itself.
    pub(crate) is_alias: bool,
    /// The first step was signed: the alias, where there is one.
    pub(crate) starts_secure: bool,
}

/// One step: what stands at one name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Records(Vec<RData>, bool),
    Alias(Name, bool),
    Nothing(bool),
}

impl SecureResolver {
    /// Believes the AD bit of this server: it validates, and nobody stands between it and us.
    pub fn trusting(server: SocketAddr) -> Self {
        Self::with(How::Trusting(Asker::new(vec![server])))
    }

    /// Validates by itself what `server` hands out, or the servers of /etc/resolv.conf. They must know DNSSEC; whether
    /// they can be trusted does not matter. `anchors` is a file of DNSKEY records to believe in place of the root's.
    pub fn validating(server: Option<SocketAddr>, anchors: Option<&Path>) -> Result<Self, DnsError> {
        let anchors = match anchors {
            None => TrustAnchors::default(),
            Some(path) => TrustAnchors::from_file(path)
                .map_err(|error| DnsError::Unusable(format!("the trust anchors in {}: {error}", path.display())))?,
        };
        let asker = Asker::new(server.map_or_else(system_servers, |server| vec![server]));
        Ok(Self::with(How::Validating(DnssecDnsHandle::with_trust_anchor(asker, Arc::new(anchors)))))
    }

    fn with(how: How) -> Self {
        Self(Arc::new(Inner { how, at_once: Semaphore::new(DNS_LOOKUPS_AT_ONCE_MAX) }))
    }

    /// What stands at a name, its aliases followed.
    pub(crate) async fn find(&self, name: &str, kind: RecordType) -> Result<Found, DnsError> {
        let unusable = |error: hickory_proto::ProtoError| DnsError::Unusable(error.to_string());
        let name = Name::from_ascii(format!("{name}.")).map_err(unusable)?.to_lowercase();
        let follow = async {
            let _turn = self.0.at_once.acquire().await;
            self.follow(name, kind).await
        };
        tokio::time::timeout(DNS_PATIENCE, follow).await.unwrap_or_else(|_| Err(timed_out()))
    }

    async fn follow(&self, first: Name, kind: RecordType) -> Result<Found, DnsError> {
        let mut name = first.clone();
        let mut secure = true;
        let mut starts_secure = None;
        for _ in 0..=DNS_ALIASES_MAX {
            let (records, next, step_secure) = match self.step(&name, kind).await? {
                Step::Records(records, secure) => (records, None, secure),
                Step::Nothing(secure) => (Vec::new(), None, secure),
                Step::Alias(next, secure) => (Vec::new(), Some(next), secure),
            };
            secure &= step_secure;
            let starts_secure = *starts_secure.get_or_insert(step_secure);
            match next {
                Some(next) => name = next.to_lowercase(),
                None => return Ok(Found { is_alias: name != first, records, name, secure, starts_secure }),
            }
        }
        Err(DnsError::Unusable(format!("{first} is an alias of an alias of an alias, without end")))
    }

    async fn step(&self, name: &Name, kind: RecordType) -> Result<Step, DnsError> {
        match &self.0.how {
            How::Trusting(asker) => trusted(asker, name, kind).await,
            How::Validating(handle) => judge::validated(handle, name, kind).await,
        }
    }
}

/// By the AD bit, which speaks of a whole answer. Where the end of an alias is not signed, the alias itself may be; that
/// is another question (RFC 7672 section 2.2.2).
async fn trusted(asker: &Asker, name: &Name, kind: RecordType) -> Result<Step, DnsError> {
    let answer = asker.question(name, kind).await.map_err(|error| failure(&error))?;
    let secure = answer.metadata.authentic_data;
    let at_name = || answer.answers.iter().filter(|record| record.name == *name);
    let records: Vec<RData> = at_name().filter(|one| one.record_type() == kind).map(|one| one.data.clone()).collect();
    if !records.is_empty() {
        return Ok(Step::Records(records, secure));
    }
    let alias = at_name().find_map(|record| match &record.data {
        RData::CNAME(target) => Some(target.0.clone()),
        _ => None,
    });
    match alias {
        None => Ok(Step::Nothing(secure)),
        Some(target) if secure => Ok(Step::Alias(target, true)),
        Some(target) => {
            let alone = asker.question(name, RecordType::CNAME).await.map_err(|error| failure(&error))?;
            let same = alone.answers.iter().any(|one| one.name == *name && is_alias_to(&one.data, &target));
            Ok(Step::Alias(target, same && alone.metadata.authentic_data))
        }
    }
}

fn is_alias_to(data: &RData, target: &Name) -> bool {
    matches!(data, RData::CNAME(found) if found.0 == *target)
}

/// A server that does not answer, or says that it failed: a validating one says so of what was tampered with.
fn failure(error: &NetError) -> DnsError {
    DnsError::Temporary(error.to_string())
}

fn timed_out() -> DnsError {
    DnsError::Temporary("timed out".into())
}

/// Those of /etc/resolv.conf, or the one on this machine, as the C library does it.
fn system_servers() -> Vec<SocketAddr> {
    let mut servers: Vec<SocketAddr> = Vec::new();
    if let Ok((config, _)) = hickory_resolver::system_conf::read_system_conf() {
        for server in config.name_servers() {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            let address = SocketAddr::new(server.ip, port);
            if !servers.contains(&address) {
                servers.push(address);
            }
        }
    }
    servers.truncate(DNS_SERVERS_MAX);
    if servers.is_empty() {
        servers.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53));
    }
    servers
}
