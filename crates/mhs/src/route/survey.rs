//! Asks the DNS about a next hop, and keeps everything that it said: for the hosts that are tried, and for the operator
//! who asks why (`angelia route`).
//!
//! The MX hosts of a domain in the order of their preference, or where it has none the host of its own name
//! (RFC 5321 section 5.1); the hosts of a route as the operator named them, without MX unless he asked for it. An MX that
//! is a CNAME is followed, as the world does, though RFC 5321 section 5.1 forbids it. An MX whose name is the text of an
//! address is no host (RFC 1035 section 3.3.9: it is a name), and is passed over.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use envelope::{Domain, Host as HostName};
use net::{DnsError, Exchange, MailHosts, Resolver};

use super::ourselves::nobodys;
use super::{Endpoint, NextHop, Options, Ourselves, Prefer, Protocol, To};
use crate::limits::{OUTBOUND_EXCHANGES_UNKNOWN, OUTBOUND_HOSTS_MAX};
use crate::mta::outbound::Place;

/// What was found out about a next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// How the hosts were found.
    pub heard: Heard,
    /// The hosts, in the order of preference, those of no use as well.
    pub candidates: Vec<Candidate>,
}

/// How the hosts were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The domain has MX records.
    Exchanges,
    /// It has none: its own name is the host.
    Implicit,
    /// The domain takes no mail (RFC 7505).
    NullMx,
    /// The operator named them, or the recipient did by an address literal.
    Named,
    /// The DNS said no, or nothing.
    Trouble(DnsError),
    /// The destination is no domain.
    Malformed,
    /// A route refuses: nobody was asked.
    Refused,
}

impl Survey {
    /// Whether our own name servers said nothing at all when they were asked: that says nothing of the destination.
    pub fn is_unheard(&self) -> bool {
        let silent = |one: &Candidate| matches!(one.useless, Some(Useless::Dns(DnsError::Silent(_))));
        matches!(self.heard, Heard::Trouble(DnsError::Silent(_))) || self.candidates.iter().any(silent)
    }
}

/// One host, and what there is to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which of the hosts that the operator named it belongs to, from 0.
    pub rank: usize,
    /// Of its MX record.
    pub preference: Option<u16>,
    /// Its name, the literal, or the path of the socket.
    pub name: String,
    /// The domain whose MX records, or whose lack of them, named it; `None` where a person did.
    pub mx_of: Option<Domain>,
    /// Where it can be reached, in the order of trying.
    pub places: Vec<Place>,
    /// Why it is of no use, if so.
    pub useless: Option<Useless>,
}

/// Why a host is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Useless {
    /// It is us, by name or by address.
    Us,
    /// A stranger named it, and all its addresses are those where nobody's mail host is (loopback and the like). This is one.
    Nobodys(IpAddr),
    /// It is preferred no more than we are: mail sent there could come back to us.
    BehindUs,
    /// Its name is the text of an address.
    IsAddress,
    /// It has no address.
    NoAddress,
    /// It has addresses, all of the family that the operator excluded.
    OtherFamily,
    /// It takes no mail (RFC 7505).
    NullMx,
    /// The DNS said no, or nothing.
    Dns(DnsError),
    /// Nobody asked: there are enough before it.
    NotAsked,
}

/// Asks. Bounded: hosts after the first [`OUTBOUND_HOSTS_MAX`] addresses are not asked about unless `thorough`.
pub async fn survey(asker: &Asker<'_>, hop: &NextHop) -> Survey {
    match (&*hop.to, &hop.host) {
        (To::Reject(_), _) => Survey { heard: Heard::Refused, candidates: Vec::new() },
        (To::Mx, None) => Survey { heard: Heard::Malformed, candidates: Vec::new() },
        (To::Mx, Some(HostName::Literal(address))) => {
            let place = SocketAddr::new(*address, hop.options.port.unwrap_or(asker.port));
            let candidate = Candidate::named(0, HostName::Literal(*address).to_string());
            // A stranger's word, as an MX is.
            let candidate = match asker.is_nobodys(*address) {
                true => candidate.useless(Useless::Nobodys(*address)),
                false => asker.reached(candidate, vec![place]),
            };
            Survey { heard: Heard::Named, candidates: vec![candidate] }
        }
        (To::Mx, Some(HostName::Name(domain))) => asker.by_mx(domain, 0, hop.options.port.unwrap_or(asker.port)).await,
        (To::Hosts { protocol, endpoints }, _) => {
            let mut candidates = Vec::new();
            for (rank, endpoint) in endpoints.iter().enumerate() {
                candidates.extend(asker.by_name(*protocol, &hop.options, rank, endpoint).await);
            }
            Survey { heard: Heard::Named, candidates }
        }
    }
}

/// Who asks, and how.
pub struct Asker<'a> {
    /// Whom.
    pub resolver: &'a Resolver,
    /// Which addresses.
    pub prefer: Prefer,
    /// Who we are ourselves.
    pub ourselves: &'a Ourselves,
    /// That of other mail servers: 25 but in a lab.
    pub port: u16,
    /// A stranger's DNS may name hosts on loopback: in a lab.
    pub loopback: bool,
    /// How long the questions about all MX hosts of a domain may take together.
    pub patience: Duration,
    /// Ask about all hosts, even those that would not be tried.
    pub thorough: bool,
}

impl Candidate {
    fn named(rank: usize, name: String) -> Self {
        Self { rank, preference: None, name, mx_of: None, places: Vec::new(), useless: None }
    }

    fn useless(self, why: Useless) -> Self {
        Self { useless: Some(why), ..self }
    }
}

impl Asker<'_> {
    async fn by_name(&self, protocol: Protocol, options: &Options, rank: usize, endpoint: &Endpoint) -> Vec<Candidate> {
        let port = endpoint.port(protocol, options, self.port).unwrap_or(self.port);
        match endpoint {
            Endpoint::Unix(path) => vec![socket(rank, path.clone())],
            Endpoint::Tcp { host: HostName::Literal(address), .. } => {
                let candidate = Candidate::named(rank, HostName::Literal(*address).to_string());
                vec![self.reached(candidate, vec![SocketAddr::new(*address, port)])]
            }
            Endpoint::Tcp { host: HostName::Name(name), .. } if options.mx => {
                let survey = self.by_mx(name, rank, port).await;
                match survey.heard {
                    Heard::Trouble(error) => {
                        vec![Candidate::named(rank, name.to_string()).useless(Useless::Dns(error))]
                    }
                    Heard::NullMx => vec![Candidate::named(rank, name.to_string()).useless(Useless::NullMx)],
                    _ => survey.candidates,
                }
            }
            Endpoint::Tcp { host: HostName::Name(name), .. } => {
                vec![self.addresses(Candidate::named(rank, name.to_string()), name, port).await]
            }
        }
    }

    /// The MX hosts of a domain.
    async fn by_mx(&self, domain: &Domain, rank: usize, port: u16) -> Survey {
        let (heard, candidates) = match self.resolver.mx(domain).await {
            Ok(MailHosts::Null) => (Heard::NullMx, Vec::new()),
            Ok(MailHosts::Implicit(name)) => {
                let candidate = Candidate { mx_of: Some(domain.clone()), ..Candidate::named(rank, name.to_string()) };
                match self.addresses(candidate, &name, port).await {
                    Candidate { useless: Some(Useless::Dns(error)), .. } => (Heard::Trouble(error), Vec::new()),
                    candidate => (Heard::Implicit, vec![candidate]),
                }
            }
            Ok(MailHosts::Exchanges(exchanges)) => {
                (Heard::Exchanges, self.exchanges(domain, rank, port, exchanges).await)
            }
            Err(error) => (Heard::Trouble(error), Vec::new()),
        };
        Survey { heard, candidates }
    }

    /// We may stand among the hosts as a second choice. Then only those that are preferred to us are asked about.
    async fn exchanges(&self, domain: &Domain, rank: usize, port: u16, exchanges: Vec<Exchange>) -> Vec<Candidate> {
        let named = exchanges.iter().filter(|one| self.ourselves.is_called(&one.host));
        let mut ours = named.map(|one| one.preference).min();
        let mut candidates = Vec::with_capacity(exchanges.len());
        let (mut places, mut unknown, until) = (0, 0, Instant::now() + self.patience);
        for exchange in exchanges {
            let mx_of = Some(domain.clone());
            let preference = Some(exchange.preference);
            let name = exchange.host.to_string();
            let candidate = Candidate { preference, mx_of, ..Candidate::named(rank, name) };
            let is_behind = ours.is_some_and(|ours| exchange.preference >= ours);
            let candidate = match () {
                () if self.ourselves.is_called(&exchange.host) => candidate.useless(Useless::Us),
                () if is_behind && !self.thorough => candidate.useless(Useless::BehindUs),
                () if places >= OUTBOUND_HOSTS_MAX && !self.thorough => candidate.useless(Useless::NotAsked),
                () if exchange.host.as_str().parse::<IpAddr>().is_ok() => candidate.useless(Useless::IsAddress),
                () if unknown >= OUTBOUND_EXCHANGES_UNKNOWN && !self.thorough => candidate.useless(Useless::NotAsked),
                () => self.addresses_until(until, candidate, &exchange.host, port).await,
            };
            if candidate.useless == Some(Useless::Us) {
                ours = Some(ours.map_or(exchange.preference, |ours| ours.min(exchange.preference)));
            }
            let is_unknown = matches!(&candidate.useless, Some(Useless::Dns(error)) if *error != DnsError::NoSuchName);
            unknown += usize::from(is_unknown);
            places += candidate.places.len();
            candidates.push(candidate);
        }
        if let Some(ours) = ours {
            for candidate in &mut candidates {
                if candidate.useless.is_none() && candidate.preference.is_some_and(|preference| preference >= ours) {
                    candidate.useless = Some(Useless::BehindUs);
                }
            }
        }
        candidates
    }

    /// The same within the time that there is for all.
    async fn addresses_until(&self, until: Instant, candidate: Candidate, host: &Domain, port: u16) -> Candidate {
        let asking = self.addresses(candidate.clone(), host, port);
        match tokio::time::timeout_at(until.into(), asking).await {
            Ok(candidate) => candidate,
            Err(_) => candidate.useless(Useless::Dns(DnsError::Temporary("no answer in time".to_owned()))),
        }
    }

    async fn addresses(&self, candidate: Candidate, host: &Domain, port: u16) -> Candidate {
        match self.resolver.addresses(host).await {
            Ok(mut addresses) => {
                let nobodys = addresses.iter().copied().find(|address| self.is_nobodys(*address));
                addresses.retain(|address| candidate.mx_of.is_none() || !self.is_nobodys(*address));
                let ordered = self.prefer.order(&addresses);
                let all = addresses.iter().map(|address| SocketAddr::new(*address, port));
                match () {
                    () if addresses.is_empty() => {
                        candidate.useless(nobodys.map_or(Useless::NoAddress, Useless::Nobodys))
                    }
                    () if all.into_iter().any(|place| self.ourselves.is_at(place)) => candidate.useless(Useless::Us),
                    () if ordered.is_empty() => candidate.useless(Useless::OtherFamily),
                    () => self.reached(candidate, ordered.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()),
                }
            }
            Err(error) => candidate.useless(Useless::Dns(error)),
        }
    }

    /// Whether it is no address for a stranger's host.
    fn is_nobodys(&self, address: IpAddr) -> bool {
        nobodys(address) && !(self.loopback && address.to_canonical().is_loopback())
    }

    fn reached(&self, candidate: Candidate, places: Vec<SocketAddr>) -> Candidate {
        let useless = match () {
            () if places.iter().any(|place| self.ourselves.is_at(*place)) => Some(Useless::Us),
            () if places.iter().all(|place| self.prefer.excludes(place.ip())) => Some(Useless::OtherFamily),
            () => None,
        };
        Candidate { places: places.into_iter().map(Place::Tcp).collect(), useless, ..candidate }
    }
}

fn socket(rank: usize, path: PathBuf) -> Candidate {
    let name = path.display().to_string();
    Candidate { places: vec![Place::Unix(path)], ..Candidate::named(rank, name) }
}
