//! From what the DNS said to the hosts that are tried, or to the reason why there is none. Pure.
//!
//! What a stranger's DNS says may be final: no such domain, no mail host. What comes of the operator's own routes never
//! is: a slip in the configuration must lose no mail, so such letters wait until it is mended.

use envelope::{Outcome, Reply};
use net::DnsError;

use super::survey::{Candidate, Heard, Survey, Useless};
use super::{NextHop, To};
use crate::limits::OUTBOUND_HOSTS_MAX;
use crate::mta::outbound::Host;

/// Where the mail of a destination goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To these, in the order of trying; never empty.
    Hosts(Vec<Host>),
    /// Nowhere, now ([`Outcome::Deferred`]) or ever ([`Outcome::Failed`]).
    Nowhere(Outcome),
}

/// Chooses.
pub fn choose(hop: &NextHop, survey: &Survey) -> Answer {
    if let To::Reject(reply) = &*hop.to {
        return Answer::Nowhere(Outcome::Failed(reply.clone()));
    }
    let hosts: Vec<Host> = survey.candidates.iter().filter(|one| one.useless.is_none()).flat_map(hosts).collect();
    if !hosts.is_empty() {
        return Answer::Hosts(hosts.into_iter().take(OUTBOUND_HOSTS_MAX).collect());
    }
    let name = &hop.host.as_ref().map_or_else(|| hop.key.clone(), ToString::to_string);
    match &survey.heard {
        Heard::Malformed => failed(501, (5, 1, 3), "the domain is not well formed"),
        Heard::NullMx => failed(556, (5, 1, 10), format!("{name} takes no mail (null MX)")),
        Heard::Trouble(DnsError::NoSuchName) => failed(550, (5, 1, 2), format!("there is no domain {name}")),
        Heard::Trouble(DnsError::NoHostName) => {
            failed(550, (5, 4, 4), format!("the MX records of {name} say what no host can be called"))
        }
        Heard::Trouble(DnsError::Unusable(why)) => {
            deferred((4, 4, 4), format!("the DNS entries of {name} are of no use: {why}"))
        }
        Heard::Trouble(DnsError::Temporary(why) | DnsError::Silent(why) | DnsError::Bogus(why)) => {
            deferred((4, 4, 3), format!("no answer about {name} from the DNS: {why}"))
        }
        Heard::Named if hop.route.is_some() && *hop.to != To::Mx => misled(survey),
        Heard::Implicit if no_address(survey) => {
            failed(550, (5, 4, 4), format!("{name} has neither an MX nor an address in the DNS"))
        }
        Heard::Exchanges | Heard::Implicit | Heard::Named | Heard::Refused => no_host(name, survey),
    }
}

fn hosts(candidate: &Candidate) -> impl Iterator<Item = Host> + '_ {
    let Candidate { name, mx_of, .. } = candidate;
    candidate.places.iter().map(|place| Host { name: name.clone(), place: place.clone(), mx_of: mx_of.clone() })
}

fn no_address(survey: &Survey) -> bool {
    survey.candidates.iter().all(|candidate| candidate.useless == Some(Useless::NoAddress))
}

/// None of a stranger's hosts is of use. What may be otherwise later decides first.
fn no_host(name: &str, survey: &Survey) -> Answer {
    let because = |wanted: &dyn Fn(&Useless) -> bool| {
        survey.candidates.iter().find(|candidate| candidate.useless.as_ref().is_some_and(wanted))
    };
    let later = |why: &Useless| matches!(why, Useless::Dns(error) if *error != DnsError::NoSuchName);
    if let Some(Candidate { name, useless: Some(Useless::Dns(error)), .. }) = because(&later) {
        return deferred((4, 4, 3), format!("the address of {name}: {error}"));
    }
    if because(&|why| matches!(why, Useless::Us | Useless::BehindUs)).is_some() {
        let text = format!("mail for {name} loops back to this host, and is not for anybody here");
        return failed(554, (5, 4, 6), text);
    }
    if let Some(Candidate { name: host, useless: Some(Useless::Nobodys(address)), .. }) =
        because(&|why| matches!(why, Useless::Nobodys(_)))
    {
        let of = if host == name { "it".to_owned() } else { format!("its mail host {host}") };
        let text = format!("no mail for {name} can be brought to {address}, the address that the DNS has for {of}");
        let literal = format!("no mail can be brought to {name}: no mail host of others is there");
        let text = if matches!(survey.heard, Heard::Named) { literal } else { text };
        return failed(550, (5, 4, 4), text);
    }
    if let Some(host) = because(&|why| *why == Useless::OtherFamily) {
        let text = format!("{} has addresses of that family only which this host does not use", host.name);
        return deferred((4, 4, 4), text);
    }
    if let Some(host) = because(&|why| *why == Useless::IsAddress) {
        let text = format!("the MX of {name} says {}, which is an address where a name must stand", host.name);
        return failed(550, (5, 4, 4), text);
    }
    failed(550, (5, 4, 4), format!("no mail host of {name} has an address in the DNS"))
}

/// The operator's route leads nowhere: said in words that he finds it by, and waited for.
fn misled(survey: &Survey) -> Answer {
    // The route may be right: it is the DNS that does not answer.
    let unheard = survey.candidates.iter().find_map(|candidate| match candidate.useless.as_ref()? {
        Useless::Dns(error @ (DnsError::Temporary(_) | DnsError::Silent(_) | DnsError::Bogus(_))) => {
            Some((&candidate.name, error))
        }
        _ => None,
    });
    if let Some((name, error)) = unheard {
        return deferred((4, 4, 3), format!("the address of {name}, to which the route leads: {error}"));
    }
    let said = survey.candidates.iter().find_map(|candidate| {
        let name = &candidate.name;
        let status = match candidate.useless.as_ref()? {
            Useless::Dns(DnsError::NoSuchName) => return Some(((4, 3, 5), format!("there is no host {name}"))),
            Useless::Dns(DnsError::Unusable(why)) => {
                return Some(((4, 4, 4), format!("the DNS entries of {name} are of no use: {why}")));
            }
            Useless::Dns(DnsError::NoHostName) => format!("the MX records of {name} say what no host can be called"),
            Useless::Dns(DnsError::Temporary(_) | DnsError::Silent(_) | DnsError::Bogus(_)) => return None,
            Useless::Us | Useless::BehindUs => format!("{name} is this host itself"),
            Useless::OtherFamily => format!("{name} has no address of the family that `outbound.prefer` allows"),
            Useless::NullMx => format!("{name} takes no mail (null MX)"),
            Useless::IsAddress => format!("{name} is an address where the name of an MX must stand"),
            Useless::Nobodys(address) => format!("{name} has the address {address}, where no mail host of others is"),
            Useless::NoAddress | Useless::NotAsked => format!("{name} has no address in the DNS"),
        };
        Some(((4, 3, 5), status))
    });
    let (status, text) = said.unwrap_or(((4, 3, 5), "it names no host".to_owned()));
    deferred(status, format!("the route that this host has for the mail leads nowhere: {text}"))
}

fn deferred((class, subject, detail): (u8, u16, u16), text: impl Into<String>) -> Answer {
    Answer::Nowhere(Outcome::Deferred(Reply::new(451, (class, subject, detail), text)))
}

fn failed(code: u16, (class, subject, detail): (u8, u16, u16), text: impl Into<String>) -> Answer {
    Answer::Nowhere(Outcome::Failed(Reply::new(code, (class, subject, detail), text)))
}

#[cfg(test)]
mod tests;
