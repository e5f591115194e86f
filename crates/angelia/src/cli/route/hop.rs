//! One way out of this house: the route, what the DNS says, what is demanded of the connection, and what stands in the
//! way just now.

use std::collections::HashMap;

use ::queue::Outlook;
use envelope::{Address, Outcome, ReversePath};
use mhs::mta::outbound::target::{ask, target};
use mhs::mta::outbound::{Place, Settings as Outbound, Target, tls};
use mhs::route::{Answer, Candidate, Heard, NextHop, To, choose};
use net::clock;
use serde::Serialize;

use super::words;
use crate::cli::output::count;
use crate::cli::queue;
use crate::config::Settings;
use crate::sinks::date_time;
use crate::wiring::Ground;

/// One way out.
#[derive(Debug, Serialize)]
pub(super) struct Hop {
    /// Who gets it, when an alias leads elsewhere.
    pub(super) recipient: String,
    /// The reverse-path that it goes on under, when that is another one.
    pub(super) sender: Option<String>,
    /// As the queue names it.
    pub(super) destination: String,
    /// Which `[[route]]` it is.
    pub(super) route: Option<Route>,
    /// How the hosts were found.
    pub(super) found: String,
    /// All hosts, of use or not.
    pub(super) hosts: Vec<Host>,
    /// Why no host would be tried.
    pub(super) nowhere: Option<String>,
    /// The host and address that is tried first.
    pub(super) first: Option<String>,
    /// Who signs in there.
    pub(super) user: Option<String>,
    /// Where connections come from.
    pub(super) source: Vec<String>,
    /// At once.
    pub(super) connections: usize,
    /// Letters in a time.
    pub(super) rate: Option<String>,
    /// Recipients that wait for it already, at least.
    pub(super) waiting: u64,
    /// And no more: a long queue is not counted to its end.
    pub(super) waiting_is_exact: bool,
    /// Why nothing is tried now, in the words of the queue.
    pub(super) in_the_way: Vec<String>,
}

/// The route that a letter takes.
#[derive(Debug, Serialize)]
pub(super) struct Route {
    /// Which one, from 1.
    pub(super) number: usize,
    /// Where it stands in the file.
    pub(super) line: usize,
    /// What it says.
    pub(super) to: String,
}

/// One host of them.
#[derive(Debug, Serialize)]
pub(super) struct Host {
    /// Of its MX record.
    pub(super) preference: Option<u16>,
    pub(super) name: String,
    pub(super) addresses: Vec<String>,
    /// Why it is not tried.
    pub(super) useless: Option<String>,
    /// What is demanded of the connection.
    pub(super) tls: Option<String>,
}

/// Who is asked.
pub(super) struct Asker<'a> {
    pub(super) settings: &'a Settings,
    pub(super) ground: &'a Ground,
    pub(super) context: &'a mhs::Context,
    pub(super) outbound: &'a Outbound,
}

impl Asker<'_> {
    pub(super) async fn ask(&self, from: &ReversePath, recipient: &Address) -> anyhow::Result<Hop> {
        let table = &self.outbound.routes;
        let destination = table.destination(from, recipient);
        let next = table.find(&destination).ok_or_else(|| anyhow::anyhow!("the routes do not know {destination}"))?;
        let survey = ask(self.context, self.outbound, &next, true).await;
        let (chosen, nowhere) = match choose(&next, &survey) {
            Answer::Hosts(hosts) => (hosts, None),
            Answer::Nowhere(outcome) => (Vec::new(), Some(words::outcome(&outcome))),
        };
        let target = target(self.outbound, &next, chosen);
        let (demands, refused) = self.demands(&target).await;
        let first = target.hosts.iter().find(|host| !refused.iter().any(|(name, _)| *name == host.name));
        // No host is left that a connection may go to.
        let nowhere = nowhere.or_else(|| refused.into_iter().next().filter(|_| first.is_none()).map(|(_, why)| why));
        let host = |candidate: &Candidate| Host {
            preference: candidate.preference,
            name: candidate.name.clone(),
            addresses: candidate.places.iter().map(words::place).collect(),
            useless: candidate.useless.as_ref().map(words::useless),
            tls: demands.get(&candidate.name).cloned().filter(|_| candidate.useless.is_none()),
        };
        let first = first.map(|host| match words::place(&host.place) {
            place if place == host.name => place,
            place => format!("{} at {place}", host.name),
        });
        let outlook = self.ground.queue.outlook(&destination, &recipient.host().to_string()).await?;
        Ok(Hop {
            recipient: recipient.to_string(),
            sender: None,
            route: self.route(&next),
            found: found(&next, &survey.heard),
            hosts: survey.candidates.iter().map(host).collect(),
            nowhere,
            first,
            user: target.credentials.as_ref().map(|credentials| credentials.user.clone()),
            source: target.sources.addresses().map(|address| address.to_string()).collect(),
            connections: target.limits.connections_max,
            rate: target.limits.rate.map(|rate| words::rate(&rate)),
            waiting: outlook.waiting,
            waiting_is_exact: outlook.is_exact,
            in_the_way: self.in_the_way(from, recipient, &destination, &outlook).await?,
            destination,
        })
    }

    fn route(&self, next: &NextHop) -> Option<Route> {
        let index = next.route?;
        let line = self.settings.routes.get(index).map_or(0, |route| route.line);
        Some(Route { number: index + 1, line, to: next.to.to_string() })
    }

    /// By the host's name; and the hosts that are not talked to, with what becomes of a letter that has no other.
    async fn demands(&self, target: &Target) -> (HashMap<String, String>, Vec<(String, String)>) {
        let mut demands = HashMap::new();
        let mut refused = Vec::new();
        for host in &target.hosts {
            if !demands.contains_key(&host.name) {
                let said = match host.place {
                    Place::Tcp(_) => tls::policies::explain(self.outbound, target, host).await,
                    Place::Unix(_) => Ok("none over a socket of this machine".to_owned()),
                };
                let said = said.unwrap_or_else(|reply| {
                    let said = format!("not talked to: {}", reply.text);
                    refused.push((host.name.clone(), words::outcome(&Outcome::Deferred(reply))));
                    said
                });
                demands.insert(host.name.clone(), said);
            }
        }
        (demands, refused)
    }

    /// What keeps a new letter from being tried at once.
    async fn in_the_way(
        &self,
        from: &ReversePath,
        recipient: &Address,
        destination: &str,
        outlook: &Outlook,
    ) -> anyhow::Result<Vec<String>> {
        let mut said = Vec::new();
        let now = clock::now();
        if let Some(rule) = self.ground.queue.rule_for(from, recipient, destination).await? {
            let why = if rule.reason.is_empty() { String::new() } else { format!(": {}", rule.reason) };
            let on = queue::rule(&rule.on);
            let since = date_time(rule.added_at);
            said.push(format!("held by the rule on {on} of {since}{why}; `angelia queue release` lets it go"));
        }
        if let Some(suspension) = &outlook.suspended {
            said.push(queue::suspension(suspension, now));
        }
        if let Some(rest) = outlook.rest.as_ref().filter(|rest| rest.holds(now)) {
            let why = rest.last_reply.as_deref().unwrap_or("nobody there talked to us");
            let failures = count(u64::from(rest.failures), "failure");
            said.push(format!("rests until {} after {failures}: {why}", date_time(rest.until)));
        }
        Ok(said)
    }
}

/// How the hosts were found, in words.
fn found(next: &NextHop, heard: &Heard) -> String {
    let name = next.host.as_ref().map(ToString::to_string).unwrap_or_default();
    match (heard, &*next.to) {
        (Heard::Exchanges, _) => format!("the MX records of {name}"),
        (Heard::Implicit, _) => format!("{name} has no MX: its own address"),
        (Heard::NullMx, _) => format!("{name} says that it takes no mail (null MX)"),
        (Heard::Named, To::Hosts { .. }) if next.options.mx => "the MX records of the domains in the route".to_owned(),
        (Heard::Named, To::Hosts { .. }) => "named by the route, no MX is asked for".to_owned(),
        (Heard::Named, _) => "the address stands in the recipient, no DNS is asked".to_owned(),
        (Heard::Trouble(error), _) => format!("about {name}: {error}"),
        (Heard::Malformed, _) => "this is no domain".to_owned(),
        (Heard::Refused, _) => "nothing is asked".to_owned(),
    }
}
