//! Finds out what is demanded of a connection to a host, and remembers how it went: for the journal, and for the report to
//! the host's domain.

use std::net::IpAddr;
use std::sync::Arc;

use envelope::{Domain, Reply, RequireTls};
use journal::{Event, Journal};
use mailauth::tlspolicy::tlsrpt::FailureDetails;
use net::{DnsError, Protection, SecureResolver, Shutdown, TlsFault, Untrusted, clock};
use storage::Store;

use super::demand::{Asked, Count, Demand, Refusal, decide, trouble_of};
use super::memory::{Memory, Protected};
use super::operator;
use super::sts::{Finding, Sts, Trouble};
use crate::limits::STS_REFRESH_EVERY;
use crate::mta::outbound::{Host, Place, Settings, Target, TlsPolicy};
use crate::tlsrpt::{Collector, Session};

/// What is asked beyond the operator's own word. Cheap to clone.
#[derive(Clone)]
pub struct Policies {
    sts: Sts,
    memory: Memory,
    collector: Collector,
}

/// How a session went, and with whom.
pub(in crate::mta::outbound) struct Went<'a> {
    pub(in crate::mta::outbound) host: &'a Host,
    /// Our address.
    pub(in crate::mta::outbound) from: Option<IpAddr>,
    pub(in crate::mta::outbound) trouble: Option<Trouble>,
}

impl Policies {
    /// On a store that was opened with [`crate::MIGRATIONS`].
    pub fn new(store: Store, sts: Sts, collector: Collector) -> Self {
        Self { sts, memory: Memory::new(store), collector }
    }

    /// Keeps the policies fresh and the memory small, until `shutdown`.
    pub async fn run(self, shutdown: Shutdown) {
        let rounds = async {
            loop {
                tokio::time::sleep(STS_REFRESH_EVERY).await;
                if let Err(error) = self.sts.refresh().await {
                    tracing::error!(%error, "MTA-STS policies could not be refreshed");
                }
                if let Err(error) = self.memory.sweep(clock::now()).await {
                    tracing::error!(%error, "hosts of long ago could not be forgotten");
                }
            }
        };
        tokio::select! {
            () = rounds => {}
            () = shutdown.draining() => {}
        }
    }

    /// Counts a session for the report to the host's domain.
    pub(in crate::mta::outbound) fn count(&self, count: &Count, went: Went<'_>) {
        let failure = went.trouble.map(|trouble| FailureDetails {
            result_type: trouble.result,
            sending_mta_ip: went.from.map(|ip| ip.to_string()),
            receiving_mx_hostname: Some(went.host.name.clone()),
            receiving_mx_helo: None,
            receiving_ip: went.host.place.ip().map(|ip| ip.to_string()),
            failed_session_count: 0,
            additional_information: None,
            failure_reason_code: Some(trouble.reason.chars().take(200).collect()),
        });
        let (domain, policy) = (count.domain.clone(), Arc::clone(&count.policy));
        self.collector.note(Session { at: clock::now(), domain, policy, failure });
    }

    /// Remembers how a connection was protected; a downgrade goes into the journal. Nobody waits for it.
    pub(in crate::mta::outbound) fn remember(&self, journal: Arc<dyn Journal>, host: &Host, protected: Protected) {
        let (memory, name) = (self.memory.clone(), host.name.clone());
        tokio::spawn(async move {
            let at = clock::now();
            match memory.note(&name, protected, at).await {
                Ok(None) => {}
                Ok(Some(reason)) => {
                    let event = Event::Warning { place: "tls downgrade".to_owned(), reason };
                    journal.record(journal::Entry { at, session: None, mail: None, event });
                }
                Err(error) => tracing::debug!(%error, "what a host can do could not be remembered"),
            }
        });
    }
}

/// What is demanded of a connection to `host` for a letter with this wish. Everything that this asks is kept for a while,
/// so a letter right after another costs nothing.
pub(in crate::mta::outbound) async fn demand(
    settings: &Settings,
    target: &Target,
    host: &Host,
    wish: RequireTls,
) -> Result<Demand, Refusal> {
    ask(settings, target, host, wish).await.map_err(|refusal| count_refusal(settings, host, refusal))
}

/// The demand in a sentence, for an operator who asks; nothing is counted. `Err` says why no letter goes to the host.
pub async fn explain(settings: &Settings, target: &Target, host: &Host) -> Result<String, Reply> {
    let demand = ask(settings, target, host, RequireTls::Unsaid).await;
    demand.map(|demand| demand.words()).map_err(|refusal| refusal.reply)
}

async fn ask(settings: &Settings, target: &Target, host: &Host, wish: RequireTls) -> Result<Demand, Refusal> {
    let operator = operator(settings, target, host);
    let quiet = operator == TlsPolicy::Never || (wish == RequireTls::Waived && operator != TlsPolicy::Dane);
    let mut asked = Asked {
        host: &host.name,
        operator,
        wish: if matches!(host.place, Place::Unix(_)) { RequireTls::Unsaid } else { wish },
        domain: host.mx_of.as_ref(),
        named_securely: false,
        dane: None,
        sts: None,
        trouble: None,
    };
    if quiet {
        return decide(asked);
    }
    let protection = signed(settings, host).await?;
    asked.named_securely = protection.named_securely;
    asked.dane = protection.dane.map(Arc::new);
    if !asked.dane.as_ref().is_some_and(|dane| dane.usable()) {
        let finding = finding(settings, host).await?;
        asked.sts = finding.policy;
        asked.trouble = finding.trouble;
    }
    decide(asked)
}

/// What the signed DNS says of the host. Who could break an answer must gain nothing by it, so a host without an answer is
/// not talked to (RFC 7672 section 2.1.1).
async fn signed(settings: &Settings, host: &Host) -> Result<Protection, Refusal> {
    let nothing = Protection { named_securely: false, dane: None };
    let (Some(resolver), Ok(name)) = (&settings.dnssec, Domain::parse(&host.name)) else { return Ok(nothing) };
    let Place::Tcp(address) = &host.place else { return Ok(nothing) };
    if name.as_str().parse::<IpAddr>().is_ok() {
        return Ok(nothing);
    }
    let resolver: &SecureResolver = resolver;
    match resolver.protection(host.mx_of.as_ref(), &name, address.port()).await {
        Ok(protection) => Ok(protection),
        Err(DnsError::NoSuchName) => Ok(nothing),
        Err(error) => {
            let text = format!("the signed DNS has no answer about {name}: {error}");
            let why = Untrusted { fault: TlsFault::DnssecInvalid, reason: error.to_string() };
            let count = host.mx_of.as_ref().map(|domain| Box::new((Count::without_policy(domain), trouble_of(&why))));
            Err(Refusal { reply: Reply::new(451, (4, 7, 5), text), for_this_letter: false, count })
        }
    }
}

async fn finding(settings: &Settings, host: &Host) -> Result<Finding, Refusal> {
    let (Some(policies), Some(domain)) = (&settings.policies, &host.mx_of) else { return Ok(Finding::default()) };
    policies.sts.find(domain).await.map_err(|error| {
        tracing::error!(%domain, %error, "the MTA-STS policies could not be read");
        Refusal { reply: crate::acceptance::trouble(&error), for_this_letter: true, count: None }
    })
}

/// A host that is not even talked to counts as a session that failed.
fn count_refusal(settings: &Settings, host: &Host, refusal: Refusal) -> Refusal {
    if let (Some(policies), Some(counted)) = (&settings.policies, &refusal.count) {
        let (count, trouble) = &**counted;
        policies.count(count, Went { host, from: None, trouble: Some(trouble.clone()) });
    }
    refusal
}
