//! Which TLSA records hold for a host (RFC 7672 section 2.2).
//!
//! Everything on the way to a record must be signed: who is the mail host of a domain, what the host is an alias of,
//! where it stands. Where a step is not signed by a zone that signs nothing, DANE does not apply, and the host is met as
//! if there was no DANE. Where an answer fails, or was tampered with, the host is not met at all: who could suppress a
//! record by breaking an answer would have won (section 2.1.1). TLSA records are asked for only where the host's
//! addresses are signed: some servers of unsigned zones answer such a question with silence (section 2.1.2).

use std::future::Future;

use envelope::Domain;
use hickory_proto::rr::rdata::TLSA;
use hickory_proto::rr::{RData, RecordType};

use super::{Dane, Protection, Tlsa};
use crate::dns::DnsError;
use crate::dnssec::{Found, SecureResolver};
use crate::limits::TLSA_RECORDS_MAX;

/// Where answers come from.
trait Source {
    fn find(&self, name: &str, kind: RecordType) -> impl Future<Output = Result<Found, DnsError>> + Send;
}

impl Source for SecureResolver {
    async fn find(&self, name: &str, kind: RecordType) -> Result<Found, DnsError> {
        self.find(name, kind).await
    }
}

impl SecureResolver {
    /// What the signed DNS says of `host`, a mail host of `next_hop`; `None` where the operator named the host, and no MX.
    /// An error means that this host must not be used now, and another one may be.
    pub async fn protection(
        &self,
        next_hop: Option<&Domain>,
        host: &Domain,
        port: u16,
    ) -> Result<Protection, DnsError> {
        protection(self, next_hop, host, port).await
    }
}

async fn protection(
    source: &impl Source,
    next_hop: Option<&Domain>,
    host: &Domain,
    port: u16,
) -> Result<Protection, DnsError> {
    let mut names = Vec::new();
    if let Some(domain) = next_hop {
        let exchanges = source.find(domain.as_str(), RecordType::MX).await?;
        if !exchanges.secure {
            return Ok(Protection { named_securely: false, dane: None });
        }
        is_named(&exchanges, domain, host)?;
        names = vec![domain.clone()];
        names.extend(Domain::parse(&exchanges.name.to_ascii()));
    }
    let dane = match base_domains(source, host).await? {
        bases if bases.is_empty() => None,
        bases => {
            if next_hop.is_none() {
                names = bases.clone();
            }
            records(source, bases, names, port).await?
        }
    };
    Ok(Protection { named_securely: true, dane })
}

/// The host came from an answer that nobody has vouched for; the signed one must name it too.
fn is_named(exchanges: &Found, domain: &Domain, host: &Domain) -> Result<(), DnsError> {
    let is_host = |data: &RData| match data {
        RData::MX(mx) => Domain::parse(&mx.exchange.to_ascii()).is_ok_and(|name| name == *host),
        _ => false,
    };
    // Without an MX the domain is its own mail host (RFC 5321 section 5.1).
    let implicit = exchanges.records.is_empty() && host == domain;
    if implicit || exchanges.records.iter().any(is_host) {
        return Ok(());
    }
    Err(DnsError::Bogus(format!("{host} is not among the mail hosts that {domain} has signed")))
}

/// The TLSA base domains in the order of trying (section 2.2.3); none where DANE does not apply: the end of the host's
/// aliases, then the host's own name. Where what follows the first alias is not signed, only the host's own name.
async fn base_domains(source: &impl Source, host: &Domain) -> Result<Vec<Domain>, DnsError> {
    let (v4, v6) = (source.find(host.as_str(), RecordType::A), source.find(host.as_str(), RecordType::AAAA));
    let (v4, v6) = tokio::join!(v4, v6);
    // The one that has addresses; a failure counts where the other has none.
    let found = match (v4, v6) {
        (Ok(found), _) | (_, Ok(found)) if !found.records.is_empty() => found,
        (Err(error), _) | (_, Err(error)) => return Err(error),
        (Ok(v4), Ok(v6)) if !v4.secure || !v6.secure => {
            if v4.secure {
                v6
            } else {
                v4
            }
        }
        (Ok(_), Ok(_)) => return Err(DnsError::Bogus(format!("{host} has signed that it has no address"))),
    };
    let mut bases = Vec::new();
    if found.secure && found.is_alias {
        bases.extend(Domain::parse(&found.name.to_ascii()));
    }
    if found.secure || found.is_alias && found.starts_secure {
        bases.push(host.clone());
    }
    Ok(bases)
}

/// The records of the first base domain that has signed ones.
async fn records(
    source: &impl Source,
    bases: Vec<Domain>,
    mut names: Vec<Domain>,
    port: u16,
) -> Result<Option<Dane>, DnsError> {
    for base in bases {
        let found = source.find(&format!("_{port}._tcp.{base}"), RecordType::TLSA).await?;
        let records: Vec<Tlsa> = found.records.iter().filter_map(record).take(TLSA_RECORDS_MAX).collect();
        if found.secure && !records.is_empty() {
            names.insert(0, base.clone());
            let mut seen = std::collections::HashSet::new();
            names.retain(|name| seen.insert(name.clone()));
            return Ok(Some(Dane { base, names, records }));
        }
    }
    Ok(None)
}

fn record(data: &RData) -> Option<Tlsa> {
    let RData::TLSA(TLSA { cert_usage, selector, matching, cert_data, .. }) = data else { return None };
    Some(Tlsa {
        usage: (*cert_usage).into(),
        selector: (*selector).into(),
        matching: (*matching).into(),
        data: cert_data.clone(),
    })
}

#[cfg(test)]
mod tests;
