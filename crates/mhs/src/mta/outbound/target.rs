//! From a destination to its [`Target`], and the journal's word of it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use envelope::{Domain, Host as HostName, Outcome, Recipient};
use journal::{AttemptOutcome, Event};

use super::{Batch, Settings, SiteLimits};
use crate::Context;
use crate::limits::OUTBOUND_LOOKUPS_PATIENCE;
use crate::mta::outbound::tls::TlsPolicy;
use crate::route::survey::Asker;
use crate::route::{Answer, Credentials, NextHop, Ourselves, Protocol, Sources, Survey, To, choose, survey};

/// Where a host can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// One of its addresses, with the port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Place {
    /// The address, where there is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// How a socket on this machine is named to strangers: its path is nobody's business.
const THIS_MACHINE: &str = "localhost";

/// A host that takes the mail of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// Its name, the address literal, or the path of the socket: what a certificate has to say, and the journal tells.
    pub name: String,
    /// Where it is reached.
    pub place: Place,
    /// The domain whose MX records, or whose lack of them, named it (RFC 5321 section 5.1); `None` where the operator or
    /// the recipient's address named the host itself.
    pub mx_of: Option<Domain>,
}

impl Host {
    /// Its name for those who are not the operator: senders, in notices.
    pub fn public_name(&self) -> &str {
        match self.place {
            Place::Tcp(_) => &self.name,
            Place::Unix(_) => THIS_MACHINE,
        }
    }
}

/// Where a destination's mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As the queue has it: a domain, an address literal, or the key of a route.
    pub destination: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// In the order of trying; never empty.
    pub hosts: Vec<Host>,
    /// What the route demands; `None` where it says nothing, and [`Settings::tls`] holds.
    pub tls: Option<TlsPolicy>,
    /// Sign in with these before anything is sent.
    pub credentials: Option<Credentials>,
    /// The addresses that connections come from.
    pub sources: Sources,
    /// How much it bears.
    pub limits: SiteLimits,
}

impl Target {
    /// Hosts for a destination, and nothing special about them.
    pub fn plain(destination: impl Into<String>, hosts: Vec<Host>) -> Self {
        Self {
            destination: destination.into(),
            protocol: Protocol::Smtp,
            hosts,
            tls: None,
            credentials: None,
            sources: Sources::default(),
            limits: SiteLimits::default(),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The domain is ours: a domain that was added after the letter had been queued.
    Local,
    /// There.
    Target(Target),
    /// Nowhere, now ([`Outcome::Deferred`]) or ever ([`Outcome::Failed`]).
    Nowhere(Outcome),
    /// Our name servers do not answer at all: whoever asks soon may hear more.
    Unheard(envelope::Reply),
    /// A trouble of ours: nothing is known of the destination.
    Ours(envelope::Reply),
    /// No letter has this destination by the routes as they are now: it wants to be asked for anew
    /// ([`crate::route::Table::destination`]).
    Changed,
}

/// Asks where the mail of `destination` goes.
pub async fn find(context: &Context, settings: &Settings, destination: &str) -> Found {
    let Some(hop) = settings.routes.find(destination) else { return Found::Changed };
    if let (To::Mx, Some(HostName::Name(domain))) = (&*hop.to, &hop.host) {
        match context.directory.is_local(domain).await {
            Ok(true) => return Found::Local,
            Ok(false) => {}
            Err(error) => {
                context.fault(None, None, "directory", &error);
                let reply = envelope::Reply::new(451, (4, 3, 0), "our directory does not answer");
                return Found::Ours(reply);
            }
        }
    }
    let survey = ask(context, settings, &hop, false).await;
    match choose(&hop, &survey) {
        Answer::Hosts(hosts) => Found::Target(target(settings, &hop, hosts)),
        Answer::Nowhere(Outcome::Deferred(reply)) if survey.is_unheard() => Found::Unheard(reply),
        Answer::Nowhere(outcome) => Found::Nowhere(outcome),
    }
}

/// Asks the DNS about a next hop; `thorough` about hosts too that would not be tried.
pub async fn ask(context: &Context, settings: &Settings, hop: &NextHop, thorough: bool) -> Survey {
    let mut names = vec![context.settings.hostname.clone()];
    names.extend(Domain::parse(&settings.hello_name).ok().filter(|name| *name != context.settings.hostname));
    let ourselves = Ourselves { names, doors: settings.doors.clone() };
    let (prefer, port, loopback) = (settings.prefer, settings.port, settings.loopback);
    let asker = Asker {
        resolver: &settings.resolver,
        prefer,
        ourselves: &ourselves,
        port,
        loopback,
        patience: OUTBOUND_LOOKUPS_PATIENCE,
        thorough,
    };
    survey(&asker, hop).await
}

/// What the route says of these hosts, and what holds for all where it says nothing.
pub fn target(settings: &Settings, hop: &NextHop, hosts: Vec<Host>) -> Target {
    let options = &hop.options;
    let protocol = match &*hop.to {
        To::Hosts { protocol, .. } => *protocol,
        To::Mx | To::Reject(_) => Protocol::Smtp,
    };
    Target {
        destination: hop.key.clone(),
        protocol,
        hosts,
        tls: options.tls,
        credentials: options.credentials.clone(),
        sources: options.sources.or(settings.sources),
        limits: options.limits,
    }
}

/// Tells which hosts a letter is brought to.
pub(super) fn tell(context: &Context, target: &Target, batch: &Batch) {
    let told = |host: &Host| match host.place.ip() {
        Some(ip) => format!("{}[{ip}]", host.name),
        None => host.name.clone(),
    };
    let hosts = target.hosts.iter().map(told).collect();
    let event = Event::Routed { destination: target.destination.clone(), hosts };
    context.record(None, Some(batch.mail.id), event);
}

/// Tells of an attempt that came to no host.
pub(super) fn tell_nowhere(
    context: &Context,
    mail: envelope::MailId,
    recipient: &Recipient,
    destination: &str,
    outcome: &Outcome,
) {
    let event = Event::Attempt {
        recipient: recipient.address.clone(),
        host: destination.to_owned(),
        ip: None,
        tls: None,
        outcome: word(outcome),
        reply: outcome.reply().clone(),
    };
    context.record(None, Some(mail), event);
}

/// The journal's word for an outcome.
pub(super) fn word(outcome: &Outcome) -> AttemptOutcome {
    match outcome {
        Outcome::Delivered(_) => AttemptOutcome::Delivered,
        Outcome::Deferred(_) => AttemptOutcome::Deferred,
        Outcome::Failed(_) => AttemptOutcome::Failed,
    }
}
