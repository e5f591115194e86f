//! MTA-STS (RFC 8461): which policy holds for a domain just now.
//!
//! The TXT record says which edition stands. A policy that was fetched is kept for as long as it says, and holds for
//! that long whatever becomes of the DNS and of the web server: who blocks both cannot turn it off (section 3.3, 10.2). It
//! is fetched anew when the record names another edition, and once a day before anybody asks.

mod cache;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use envelope::{Domain, Timestamp};
use mailauth::limits::POLICY_OCTETS_MAX;
use mailauth::tlspolicy::sts::{self, Mode, Policy, Record};
use mailauth::tlspolicy::tlsrpt::ResultType;
use net::{DnsError, Https, HttpsError, Resolver, clock};
use storage::{Error, Store};

use crate::limits::{STS_MEMORY_MAX, STS_PATIENCE, STS_PATIENCE_AFTER_FAILURE, STS_REFRESH_MAX};

pub use cache::{Cache, Kept};

/// What holds for a domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// The policy, when there is one that asks for anything.
    pub policy: Option<Arc<Policy>>,
    /// The record says that there is a policy, and the policy could not be had.
    pub trouble: Option<Trouble>,
}

/// Why a policy could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// As a report calls it.
    pub result: ResultType,
    /// In words.
    pub reason: String,
}

/// Finds policies. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Sts {
    inner: Arc<Inner>,
}

struct Inner {
    resolver: Resolver,
    https: Https,
    port: u16,
    cache: Cache,
    /// What was found a moment ago. Who asks while another is asking waits for that one's answer.
    memory: Mutex<HashMap<Domain, Arc<tokio::sync::Mutex<Option<Known>>>>>,
}

struct Known {
    finding: Finding,
    until: Instant,
}

impl Sts {
    /// Asks `resolver` for records and `https` for policies, at this port: 443, but in a lab.
    pub fn new(store: Store, resolver: Resolver, https: Https, port: u16) -> Self {
        let inner = Inner { resolver, https, port, cache: Cache::new(store), memory: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The policy of a domain. An error is our own store's: then nobody knows whether the domain has one.
    pub async fn find(&self, domain: &Domain) -> Result<Finding, Error> {
        let place = self.place(domain);
        let mut known = place.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.until > clock::instant()) {
            return Ok(known.finding.clone());
        }
        let finding = self.look(domain).await?;
        let patience = if finding.trouble.is_some() { STS_PATIENCE_AFTER_FAILURE } else { STS_PATIENCE };
        *known = Some(Known { finding: finding.clone(), until: clock::instant() + patience });
        Ok(finding)
    }

    fn place(&self, domain: &Domain) -> Arc<tokio::sync::Mutex<Option<Known>>> {
        let mut memory = self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= STS_MEMORY_MAX && !memory.contains_key(domain) {
            let now = clock::instant();
            memory.retain(|_, place| {
                place.try_lock().map_or(true, |known| known.as_ref().is_some_and(|known| known.until > now))
            });
            if memory.len() >= STS_MEMORY_MAX {
                // All asked for within a minute: asking again costs a look into the store each.
                memory.clear();
            }
        }
        Arc::clone(memory.entry(domain.clone()).or_default())
    }

    async fn look(&self, domain: &Domain) -> Result<Finding, Error> {
        let now = clock::now();
        let kept = self.inner.cache.live(domain, now).await?;
        let Ok(record) = self.record(domain).await else { return Ok(Finding::of(kept, None)) };
        match kept {
            Some(kept) if kept.id == record.id => Ok(Finding::of(Some(kept), None)),
            kept => match self.fetch(domain).await {
                Ok((file, policy)) => Ok(Finding::of(Some(self.keep(domain, record, file, policy, now).await?), None)),
                Err(trouble) => Ok(Finding::of(kept, Some(trouble))),
            },
        }
    }

    /// Every failure means the same here: nothing new is known.
    async fn record(&self, domain: &Domain) -> Result<Record, ()> {
        let name = sts::record_name(domain).ok_or(())?;
        let texts = match self.inner.resolver.txt(&name).await {
            Ok(texts) => texts,
            Err(DnsError::NoSuchName) => return Err(()),
            Err(error) => {
                tracing::debug!(%name, %error, "no answer about an MTA-STS record");
                return Err(());
            }
        };
        Record::choose(&texts).map_err(|error| tracing::debug!(%name, %error, "no MTA-STS record"))
    }

    async fn fetch(&self, domain: &Domain) -> Result<(Vec<u8>, Policy), Trouble> {
        let trouble = |result, reason: String| Trouble { result, reason };
        let failed = |reason: String| trouble(ResultType::StsPolicyFetchError, reason);
        let void = |reason: String| trouble(ResultType::StsPolicyInvalid, reason);
        let host = sts::policy_host(domain).ok_or_else(|| failed("the name of its web server is too long".into()))?;
        let answer = self.inner.https.get(&host, self.inner.port, sts::POLICY_PATH, POLICY_OCTETS_MAX).await;
        let answer = answer.map_err(|error| match error {
            HttpsError::Untrusted(_) => trouble(ResultType::StsWebpkiInvalid, format!("{host}: {error}")),
            HttpsError::TooLong(_) => void(format!("{host}: {error}")),
            error => failed(format!("{host}: {error}")),
        })?;
        if answer.status != 200 {
            return Err(failed(format!("{host} answers with status {}", answer.status)));
        }
        if answer.media_type != "text/plain" {
            return Err(void(format!("{host} has it as {:?} and not as text/plain", answer.media_type)));
        }
        let policy = Policy::parse(&answer.body).map_err(|error| void(format!("{host}: {error}")))?;
        Ok((answer.body.to_vec(), policy))
    }

    async fn keep(
        &self,
        domain: &Domain,
        record: Record,
        file: Vec<u8>,
        policy: Policy,
        now: Timestamp,
    ) -> Result<Kept, Error> {
        let expires = now.plus(policy.max_age);
        let kept = Kept { id: record.id, fetched: now, expires, policy: Arc::new(policy) };
        self.inner.cache.put(domain, &kept, file, now).await?;
        Ok(kept)
    }

    /// Fetches anew what was fetched a day ago and is still in use, a bounded number of policies, and forgets what has
    /// run out. Answers how many policies were fetched.
    pub async fn refresh(&self) -> Result<usize, Error> {
        let now = clock::now();
        self.inner.cache.sweep(now).await?;
        let mut fetched = 0;
        for domain in self.inner.cache.to_refresh(now, STS_REFRESH_MAX).await? {
            let Ok(record) = self.record(&domain).await else { continue };
            match self.fetch(&domain).await {
                Ok((file, policy)) => {
                    self.keep(&domain, record, file, policy, now).await?;
                    fetched += 1;
                }
                Err(trouble) => {
                    tracing::debug!(%domain, reason = trouble.reason, "an MTA-STS policy is kept as it was")
                }
            }
        }
        Ok(fetched)
    }
}

impl Finding {
    fn of(kept: Option<Kept>, trouble: Option<Trouble>) -> Self {
        let policy = kept.map(|kept| kept.policy).filter(|policy| policy.mode != Mode::None);
        Self { policy, trouble }
    }
}
