//! Where the mail of a destination goes (RFC 5321 section 5.1): to hosts, to a mailbox here, or nowhere.

use std::net::{IpAddr, SocketAddr};

use envelope::{Domain, Host as HostName, Outcome, Reply};
use net::{DnsError, Exchange, MailHosts, Resolver};

use crate::Context;
use crate::limits::OUTBOUND_HOSTS_MAX;
use crate::mta::outbound::Host;

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The domain is ours: a domain that was added after the letter had been queued.
    Local,
    /// To these, in the order of trying; never empty.
    Hosts(Vec<Host>),
    /// Nowhere, now ([`Outcome::Deferred`]) or ever ([`Outcome::Failed`]).
    Nowhere(Outcome),
}

/// Finds the way to a destination: a domain or an address literal, as the queue names it. `port` is 25 but in a lab.
pub async fn find(context: &Context, resolver: &Resolver, port: u16, destination: &str) -> Route {
    match HostName::parse(destination) {
        Ok(HostName::Literal(address)) => Route::Hosts(vec![host(destination, address, port)]),
        Ok(HostName::Name(domain)) => match context.directory.is_local(&domain).await {
            Ok(true) => Route::Local,
            Ok(false) => by_name(&context.settings.hostname, resolver, port, &domain).await,
            Err(error) => {
                context.fault(None, None, "directory", &error);
                deferred((4, 3, 0), "our directory does not answer")
            }
        },
        Err(_) => failed(501, (5, 1, 3), "the domain is not well formed"),
    }
}

fn host(name: &str, address: IpAddr, port: u16) -> Host {
    Host { name: name.to_owned(), address: SocketAddr::new(address, port) }
}

fn deferred((class, subject, detail): (u8, u16, u16), text: impl Into<String>) -> Route {
    Route::Nowhere(Outcome::Deferred(Reply::new(451, (class, subject, detail), text)))
}

fn failed(code: u16, (class, subject, detail): (u8, u16, u16), text: impl Into<String>) -> Route {
    Route::Nowhere(Outcome::Failed(Reply::new(code, (class, subject, detail), text)))
}

/// Asks the DNS.
async fn by_name(own: &Domain, resolver: &Resolver, port: u16, domain: &Domain) -> Route {
    match resolver.mx(domain).await {
        // RFC 7505 section 4.1.
        Ok(MailHosts::Null) => failed(556, (5, 1, 10), format!("{domain} takes no mail (null MX)")),
        Ok(MailHosts::Implicit(domain)) => implicit(resolver, port, &domain).await,
        Ok(MailHosts::Exchanges(exchanges)) => match before_us(own, exchanges) {
            Some(exchanges) => by_exchanges(resolver, port, domain, &exchanges).await,
            None => failed(554, (5, 4, 6), format!("the DNS sends the mail of {domain} to us, and it is not ours")),
        },
        Err(DnsError::NoSuchName) => failed(550, (5, 1, 2), format!("there is no domain {domain}")),
        Err(DnsError::Unusable(why)) => {
            deferred((4, 4, 4), format!("the DNS entries of {domain} are of no use: {why}"))
        }
        Err(DnsError::Temporary(why)) => deferred((4, 4, 3), format!("no answer about {domain} from the DNS: {why}")),
    }
}

/// We may stand among the hosts as a second choice. Then only those that are preferred to us are tried, or the letter
/// would go in circles (RFC 5321 section 5.1). `None` when nobody is.
fn before_us(own: &Domain, mut exchanges: Vec<Exchange>) -> Option<Vec<Exchange>> {
    if let Some(ours) = exchanges.iter().find(|one| one.host == *own).map(|one| one.preference) {
        exchanges.retain(|one| one.preference < ours);
    }
    (!exchanges.is_empty()).then_some(exchanges)
}

/// No MX: the host of that name, if there is one.
async fn implicit(resolver: &Resolver, port: u16, domain: &Domain) -> Route {
    match resolver.addresses(domain).await {
        Ok(addresses) if addresses.is_empty() => {
            failed(550, (5, 4, 4), format!("{domain} has neither an MX nor an address in the DNS"))
        }
        Ok(addresses) => {
            let hosts = addresses.into_iter().take(OUTBOUND_HOSTS_MAX);
            Route::Hosts(hosts.map(|address| host(domain.as_str(), address, port)).collect())
        }
        Err(DnsError::NoSuchName) => failed(550, (5, 1, 2), format!("there is no domain {domain}")),
        Err(error) => deferred((4, 4, 3), format!("the address of {domain}: {error}")),
    }
}

/// The addresses of the hosts, in their order. A host without an address is passed over; that matters only when it is
/// so with all.
async fn by_exchanges(resolver: &Resolver, port: u16, domain: &Domain, exchanges: &[Exchange]) -> Route {
    let mut hosts = Vec::new();
    let mut later = None;
    for exchange in exchanges {
        if hosts.len() >= OUTBOUND_HOSTS_MAX {
            break;
        }
        match resolver.addresses(&exchange.host).await {
            Ok(addresses) => {
                hosts.extend(addresses.into_iter().map(|address| host(exchange.host.as_str(), address, port)));
            }
            Err(DnsError::NoSuchName) => {}
            Err(error) => later = Some(format!("the address of {}: {error}", exchange.host)),
        }
    }
    hosts.truncate(OUTBOUND_HOSTS_MAX);
    match (hosts.is_empty(), later) {
        (false, _) => Route::Hosts(hosts),
        (true, Some(why)) => deferred((4, 4, 3), why),
        (true, None) => failed(550, (5, 4, 4), format!("no mail host of {domain} has an address in the DNS")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(preference: u16, host: &str) -> Exchange {
        Exchange { preference, host: Domain::parse(host).unwrap() }
    }

    #[test]
    fn we_never_send_to_ourselves_or_behind_us() {
        let own = Domain::parse("mx2.athens.test").unwrap();
        let all = vec![
            exchange(5, "mx1.athens.test"),
            exchange(10, "mx2.athens.test"),
            exchange(10, "mx3.athens.test"),
            exchange(20, "mx4.athens.test"),
        ];
        assert_eq!(before_us(&own, all.clone()), Some(all[..1].to_vec()));
        assert_eq!(before_us(&own, all[1..].to_vec()), None);
        assert_eq!(before_us(&Domain::parse("elsewhere.test").unwrap(), all.clone()), Some(all));
    }
}
