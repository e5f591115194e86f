//! The operator's routes: the first that matches a letter's recipient and reverse-path says where it goes.
//!
//! The answer is a **key**, as the queue keeps it: a domain (`patras.test`) or an address literal where the MX is asked,
//! `smtp:relay.example.net:587` or `lmtp:/run/dovecot/lmtp` for named hosts. Everything that is counted per destination
//! (connections, rate, rests, turns) is counted by key: all mail to a smart host is one destination.
//!
//! Routes that differ in how they lead to the same hosts have different keys (`smtp:relay.example.net:587;anna`), so that
//! a connection that one sender signed in on never carries another's letters. No key holds a secret.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use directory::{DomainPattern, DomainSet};
use envelope::{Address, AddressError, Domain, Host, Reply, ReversePath};

use super::{NextHop, Options, To};
use crate::mta::outbound::SiteLimits;

/// Whose letters a route is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Those with this reverse-path.
    Address(Address),
    /// Those with a reverse-path in a domain: `@example.org`, or `@.example.org` for what is below it.
    Domain(DomainPattern),
    /// Those with the null reverse-path, which are notices: `<>`.
    Null,
}

impl Sender {
    /// Whether a letter with this reverse-path is meant. Case does not matter: the world writes addresses as it likes.
    pub fn matches(&self, reverse_path: &ReversePath) -> bool {
        match (self, reverse_path) {
            (Self::Null, ReversePath::Null) => true,
            (Self::Address(one), ReversePath::Address(other)) => {
                one.host() == other.host() && one.local().as_str().eq_ignore_ascii_case(other.local().as_str())
            }
            (Self::Domain(pattern), ReversePath::Address(address)) => {
                address.host().name().is_some_and(|domain| pattern.matches(domain))
            }
            _ => false,
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Address(address)) => self.matches(&ReversePath::Address(address.clone())),
            (Self::Domain(one), Self::Domain(other)) => one.covers(other),
            (Self::Null, Self::Null) => true,
            _ => false,
        }
    }
}

impl FromStr for Sender {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix('@') {
            _ if text == "<>" => Ok(Self::Null),
            Some(domain) => Ok(Self::Domain(domain.parse()?)),
            None => Address::parse(text).map(Self::Address),
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Domain(pattern) => write!(f, "@{pattern}"),
            Self::Null => f.write_str("<>"),
        }
    }
}

/// One route: for whom, where to, how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The recipients' domains; empty is every one, and literals too.
    pub domains: DomainSet,
    /// The reverse-paths; empty is every one.
    pub senders: Vec<Sender>,
    /// Where to.
    pub to: To,
    /// How.
    pub options: Options,
}

impl Route {
    fn is_for(&self, reverse_path: &ReversePath, recipient: &Host) -> bool {
        self.is_for_host(recipient) && self.is_for_sender(reverse_path)
    }

    fn is_for_host(&self, host: &Host) -> bool {
        self.domains.is_empty() || host.name().is_some_and(|domain| self.domains.contains(domain))
    }

    fn is_for_sender(&self, reverse_path: &ReversePath) -> bool {
        self.senders.is_empty() || self.senders.iter().any(|sender| sender.matches(reverse_path))
    }

    /// Whether every letter that `other` is for, this one takes.
    fn covers(&self, other: &Self) -> bool {
        let domains = self.domains.is_empty()
            || !other.domains.is_empty()
                && other.domains.patterns().iter().all(|wanted| match wanted {
                    DomainPattern::Exact(name) => self.domains.contains(name),
                    DomainPattern::Below(_) => self.domains.patterns().iter().any(|one| one.covers(wanted)),
                });
        let senders = self.senders.is_empty()
            || !other.senders.is_empty()
                && other.senders.iter().all(|wanted| self.senders.iter().any(|one| one.covers(wanted)));
        domains && senders
    }
}

/// All routes, in their order.
#[derive(Debug, Clone, Default)]
pub struct Table {
    entries: Vec<Entry>,
    /// The first route of each key, but for those by MX, whose keys are made of the recipient's domain.
    by_key: HashMap<String, usize>,
    /// The first route by MX of each mark.
    by_mark: HashMap<String, usize>,
    /// For destinations that no route is for.
    usual: Arc<Options>,
}

#[derive(Debug, Clone)]
struct Entry {
    route: Route,
    to: Arc<To>,
    options: Arc<Options>,
    key: Key,
}

/// How the keys of a route are made.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    /// It is this one.
    Fixed(String),
    /// The domain of the recipient.
    Recipient,
    /// The domain, and this mark: who the sender is makes a difference.
    Marked(String),
}

impl Table {
    /// The table.
    pub fn new(routes: Vec<Route>) -> Self {
        let mut table = Self::default();
        for route in routes {
            let key = table.key_of(&route);
            let index = table.entries.len();
            match &key {
                Key::Fixed(key) => {
                    table.by_key.entry(key.clone()).or_insert(index);
                }
                Key::Marked(mark) => {
                    table.by_mark.entry(mark.clone()).or_insert(index);
                }
                Key::Recipient => {}
            }
            let (to, options) = (Arc::new(route.to.clone()), Arc::new(route.options.clone()));
            table.entries.push(Entry { route, to, options, key });
        }
        table
    }

    /// The same, where destinations that no route is for bear so much.
    pub fn with_limits(mut self, limits: SiteLimits) -> Self {
        self.usual = Arc::new(Options { limits, ..Options::default() });
        self
    }

    /// A key that no other way has; the same one for the same way.
    fn key_of(&self, route: &Route) -> Key {
        if let To::Mx = route.to {
            let Some(sender) = route.senders.first() else { return Key::Recipient };
            return Key::Marked(free(&sender.to_string(), |mark| !self.by_mark.contains_key(mark)));
        }
        let is_mine = |key: &str| {
            let Some(other) = self.by_key.get(key).and_then(|index| self.entries.get(*index)) else { return true };
            other.route.to == route.to && other.route.options == route.options
        };
        let plain = route.to.to_string();
        let named = route.options.credentials.as_ref().map(|credentials| format!("{plain};{}", credentials.user));
        Key::Fixed(match named {
            Some(named) if !is_mine(&plain) => free(&named, is_mine),
            _ => free(&plain, is_mine),
        })
    }

    /// The key of the next hop for this recipient of a letter with this reverse-path. Asks nobody; costs a look at each
    /// route before the one that matches.
    pub fn destination(&self, reverse_path: &ReversePath, recipient: &Address) -> String {
        let host = recipient.host();
        match self.entry(reverse_path, host).map(|(_, entry)| &entry.key) {
            Some(Key::Fixed(key)) => key.clone(),
            Some(Key::Marked(mark)) => format!("{host};{mark}"),
            Some(Key::Recipient) | None => host.to_string(),
        }
    }

    /// The route for such a letter, and which it is, from 0.
    pub fn route(&self, reverse_path: &ReversePath, recipient: &Address) -> Option<(usize, &Route)> {
        self.entry(reverse_path, recipient.host()).map(|(index, entry)| (index, &entry.route))
    }

    /// The words of a route that refuses such a letter, for whoever could still refuse it to its sender's face.
    pub fn refusal(&self, reverse_path: &ReversePath, recipient: &Address) -> Option<&Reply> {
        match &self.route(reverse_path, recipient)?.1.to {
            To::Reject(reply) => Some(reply),
            To::Mx | To::Hosts { .. } => None,
        }
    }

    fn entry(&self, reverse_path: &ReversePath, recipient: &Host) -> Option<(usize, &Entry)> {
        self.entries.iter().enumerate().find(|(_, entry)| entry.route.is_for(reverse_path, recipient))
    }

    /// What a key means. `None` when no letter has this key by the routes as they are now: the routes have been changed
    /// since the letter was queued, and [`Self::destination`] has a new one for it.
    pub fn find(&self, key: &str) -> Option<NextHop> {
        if let Some(index) = self.by_key.get(key) {
            return self.next_hop(key, None, Some(*index));
        }
        let (text, index) = match key.split_once(';') {
            Some((text, mark)) => (text, Some(*self.by_mark.get(mark)?)),
            None => (key, None),
        };
        let Ok(host) = Host::parse(text) else {
            // The address of a recipient that was never one; its fate is told by the lookup.
            return key.split_once(':').is_none().then(|| NextHop {
                key: key.to_owned(),
                host: None,
                to: Arc::new(To::Mx),
                options: self.usual.clone(),
                route: None,
            });
        };
        let index = match index {
            Some(index) => {
                Some(index).filter(|index| self.entries.get(*index).is_some_and(|e| e.route.is_for_host(&host)))
            }
            None => {
                let plain = |entry: &Entry| entry.route.senders.is_empty() && entry.route.is_for_host(&host);
                let Some(index) = self.entries.iter().position(plain) else {
                    return self.next_hop(key, Some(host), None);
                };
                Some(index)
            }
        };
        let is_mx = |index: &usize| self.entries.get(*index).is_some_and(|entry| entry.route.to == To::Mx);
        self.next_hop(key, Some(host), Some(index.filter(is_mx)?))
    }

    fn next_hop(&self, key: &str, host: Option<Host>, route: Option<usize>) -> Option<NextHop> {
        let (to, options) = match route {
            Some(index) => self.entries.get(index).map(|entry| (entry.to.clone(), entry.options.clone()))?,
            None => (Arc::new(To::Mx), self.usual.clone()),
        };
        Some(NextHop { key: key.to_owned(), host, to, options, route })
    }

    /// All routes, in their order.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.entries.iter().map(|entry| &entry.route)
    }

    /// Routes that no letter ever takes, each with the earlier one that takes all of its letters.
    pub fn shadowed(&self) -> Vec<(usize, usize)> {
        let shadow = |index: usize| {
            let earlier = self.routes().take(index).enumerate();
            let this = self.routes().nth(index)?;
            earlier.filter(|(_, route)| route.covers(this)).map(|(shade, _)| (index, shade)).next()
        };
        (0..self.entries.len()).filter_map(shadow).collect()
    }

    /// Domains that are named by themselves somewhere, each with its routes: for a look at what is ours as well.
    pub fn named(&self) -> Vec<(usize, Domain)> {
        let mut seen = HashSet::new();
        let mut named = Vec::new();
        for (index, route) in self.routes().enumerate() {
            for pattern in route.domains.patterns() {
                if let DomainPattern::Exact(name) = pattern
                    && seen.insert(name.clone())
                {
                    named.push((index, name.clone()));
                }
            }
        }
        named
    }
}

/// The text, or the text with a number that makes it free.
fn free(text: &str, is_free: impl Fn(&str) -> bool) -> String {
    if is_free(text) {
        return text.to_owned();
    }
    let mut number = 2_usize;
    loop {
        let numbered = format!("{text};{number}");
        if is_free(&numbered) {
            return numbered;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests;
