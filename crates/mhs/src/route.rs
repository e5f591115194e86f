//! Where the mail of a destination goes (RFC 5321 section 5.1): to hosts, to a mailbox here, or nowhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

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
/// `doors` are the addresses where we take mail in ourselves: nothing is brought there.
pub async fn find(context: &Context, resolver: &Resolver, port: u16, doors: &[SocketAddr], destination: &str) -> Route {
    let ourselves = Ourselves { hostname: &context.settings.hostname, doors };
    match HostName::parse(destination) {
        Ok(HostName::Literal(address)) => not_to_us(&ourselves, destination, vec![host(destination, address, port)]),
        Ok(HostName::Name(domain)) => match context.directory.is_local(&domain).await {
            Ok(true) => Route::Local,
            Ok(false) => by_name(&ourselves, resolver, port, &domain).await,
            Err(error) => {
                context.fault(None, None, "directory", &error);
                deferred((4, 3, 0), "our directory does not answer")
            }
        },
        Err(_) => failed(501, (5, 1, 3), "the domain is not well formed"),
    }
}

/// Where this host begins.
struct Ourselves<'a> {
    hostname: &'a Domain,
    doors: &'a [SocketAddr],
}

impl Ourselves<'_> {
    /// Whether a connection there comes out at one of our own doors.
    fn is_at(&self, there: SocketAddr) -> bool {
        self.doors.iter().filter(|door| door.port() == there.port()).any(|door| {
            door.ip() == there.ip() || door.ip().is_unspecified() && reaches(*door, there) && is_of_this_machine(there)
        })
    }
}

/// Whether a door on every address is one on this kind of address.
fn reaches(door: SocketAddr, there: SocketAddr) -> bool {
    door.is_ipv6() || there.is_ipv4()
}

/// Whether it is one of this machine's addresses: then what is sent there comes from there. Nothing is sent to find out.
fn is_of_this_machine(there: SocketAddr) -> bool {
    let any: IpAddr = if there.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    there.ip().is_loopback() || there.ip().is_unspecified() || {
        let from = UdpSocket::bind((any, 0)).and_then(|socket| {
            socket.connect(there)?;
            socket.local_addr()
        });
        from.is_ok_and(|from| from.ip() == there.ip())
    }
}

/// Only one host has a say here, and it must not be us.
fn not_to_us(ourselves: &Ourselves<'_>, destination: &str, hosts: Vec<Host>) -> Route {
    match hosts.iter().any(|host| ourselves.is_at(host.address)) {
        true => loops(destination),
        false => Route::Hosts(hosts),
    }
}

fn loops(destination: &str) -> Route {
    failed(554, (5, 4, 6), format!("mail for {destination} loops back to this host, and is not for anybody here"))
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
async fn by_name(ourselves: &Ourselves<'_>, resolver: &Resolver, port: u16, domain: &Domain) -> Route {
    match resolver.mx(domain).await {
        // RFC 7505 section 4.1.
        Ok(MailHosts::Null) => failed(556, (5, 1, 10), format!("{domain} takes no mail (null MX)")),
        Ok(MailHosts::Implicit(domain)) => implicit(ourselves, resolver, port, &domain).await,
        Ok(MailHosts::Exchanges(exchanges)) => match before_us(ourselves.hostname, exchanges) {
            Some(exchanges) => by_exchanges(ourselves, resolver, port, domain, &exchanges).await,
            None => loops(domain.as_str()),
        },
        Err(DnsError::NoSuchName) => failed(550, (5, 1, 2), format!("there is no domain {domain}")),
        Err(DnsError::Unusable(why)) => {
            deferred((4, 4, 4), format!("the DNS entries of {domain} are of no use: {why}"))
        }
        Err(DnsError::Temporary(why) | DnsError::Bogus(why)) => {
            deferred((4, 4, 3), format!("no answer about {domain} from the DNS: {why}"))
        }
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
async fn implicit(ourselves: &Ourselves<'_>, resolver: &Resolver, port: u16, domain: &Domain) -> Route {
    match resolver.addresses(domain).await {
        Ok(addresses) if addresses.is_empty() => {
            failed(550, (5, 4, 4), format!("{domain} has neither an MX nor an address in the DNS"))
        }
        Ok(addresses) => {
            let hosts = addresses.into_iter().take(OUTBOUND_HOSTS_MAX);
            let hosts = hosts.map(|address| host(domain.as_str(), address, port)).collect();
            not_to_us(ourselves, domain.as_str(), hosts)
        }
        Err(DnsError::NoSuchName) => failed(550, (5, 1, 2), format!("there is no domain {domain}")),
        Err(error) => deferred((4, 4, 3), format!("the address of {domain}: {error}")),
    }
}

/// The addresses of the hosts, in their order. A host without an address is passed over; that matters only when it is
/// so with all. Where one is an address of ours, under whatever name, only hosts that are preferred to it are left.
async fn by_exchanges(
    ourselves: &Ourselves<'_>,
    resolver: &Resolver,
    port: u16,
    domain: &Domain,
    exchanges: &[Exchange],
) -> Route {
    let mut hosts: Vec<(u16, Host)> = Vec::new();
    let mut later = None;
    let mut ours = false;
    for exchange in exchanges {
        if hosts.len() >= OUTBOUND_HOSTS_MAX {
            break;
        }
        match resolver.addresses(&exchange.host).await {
            Ok(addresses) => {
                let found = addresses.into_iter().map(|address| host(exchange.host.as_str(), address, port));
                let found: Vec<Host> = found.collect();
                if found.iter().any(|host| ourselves.is_at(host.address)) {
                    hosts.retain(|(preference, _)| *preference < exchange.preference);
                    ours = true;
                    break;
                }
                hosts.extend(found.into_iter().map(|host| (exchange.preference, host)));
            }
            Err(DnsError::NoSuchName) => {}
            Err(error) => later = Some(format!("the address of {}: {error}", exchange.host)),
        }
    }
    hosts.truncate(OUTBOUND_HOSTS_MAX);
    let hosts: Vec<Host> = hosts.into_iter().map(|(_, host)| host).collect();
    match (hosts.is_empty(), later) {
        (false, _) => Route::Hosts(hosts),
        (true, Some(why)) => deferred((4, 4, 3), why),
        (true, None) if ours => loops(domain.as_str()),
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
    fn our_own_doors() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let hostname = Domain::parse("mx.athens.test").unwrap();
        for (door, there, is_ours) in [
            ("127.0.0.2:25", "127.0.0.2:25", true),
            ("127.0.0.2:25", "127.0.0.3:25", false),
            ("127.0.0.2:25", "127.0.0.2:2525", false),
            ("0.0.0.0:25", "127.0.0.3:25", true),
            ("0.0.0.0:25", "0.0.0.0:25", true),
            ("0.0.0.0:25", "192.0.2.1:25", false),
            ("[::]:25", "127.0.0.3:25", true),
            ("0.0.0.0:25", "[::1]:25", false),
        ] {
            let doors = [at(door)];
            assert_eq!(Ourselves { hostname: &hostname, doors: &doors }.is_at(at(there)), is_ours, "{door} {there}");
        }
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
