//! What is demanded of a connection to one host, as a value, and the order of those who may demand: the letter, the
//! operator, the host's TLSA records, the domain's MTA-STS policy. Who comes later may add to a demand, never lower it.

use std::sync::Arc;

use envelope::{Domain, Reply, RequireTls};
use mailauth::tlspolicy::sts::{Mode, Policy};
use mailauth::tlspolicy::tlsrpt::{self, PolicyKind, ResultType};
use net::{Dane, TlsFault, Untrusted, Verdict};

use super::TlsPolicy;
use super::sts::Trouble;

/// What a connection must be like. The later one is the stronger one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::mta::outbound) enum Level {
    /// Not encrypted.
    Never,
    /// Encrypted where that can be had.
    Opportunistic,
    /// Encrypted, whoever is there.
    Encrypted,
    /// Encrypted, with a certificate that a root which we believe gives the host's name.
    Verified,
    /// Encrypted, with a certificate that these records name.
    Dane(Arc<Dane>),
}

impl Level {
    fn rank(&self) -> u8 {
        match self {
            Self::Never => 0,
            Self::Opportunistic => 1,
            Self::Encrypted => 2,
            Self::Verified => 3,
            Self::Dane(_) => 4,
        }
    }

    /// Whether a connection in the clear will not do.
    pub(in crate::mta::outbound) fn is_demanding(&self) -> bool {
        self.rank() >= 2
    }

    fn at_least(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }
}

/// Whose demand it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mta::outbound) enum By {
    /// Nobody's beyond what all mail gets.
    Custom,
    Operator,
    Letter,
    Dane,
    /// Of this domain.
    Sts(Domain),
}

/// The demand on a connection to one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mta::outbound) struct Demand {
    pub(in crate::mta::outbound) level: Level,
    pub(in crate::mta::outbound) by: By,
    /// What the session is counted under for a TLS report; none where it is not counted.
    pub(in crate::mta::outbound) count: Option<Count>,
}

/// The policy that a session is counted under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mta::outbound) struct Count {
    /// The domain that the report goes to.
    pub(in crate::mta::outbound) domain: Domain,
    pub(in crate::mta::outbound) policy: Arc<tlsrpt::Policy>,
    /// What is wrong however the session goes.
    pub(in crate::mta::outbound) trouble: Option<Trouble>,
    /// The policy asks for a certificate that verifies, if only to be told of others.
    verified: bool,
}

/// A host that no letter goes to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mta::outbound) struct Refusal {
    pub(in crate::mta::outbound) reply: Reply,
    /// It is this letter that the host is not good enough for, and not every letter.
    pub(in crate::mta::outbound) for_this_letter: bool,
    pub(in crate::mta::outbound) count: Option<Box<(Count, Trouble)>>,
}

/// What is known when it is decided.
pub(super) struct Asked<'a> {
    pub(super) host: &'a str,
    /// The operator's word, of the route or for all mail out.
    pub(super) operator: TlsPolicy,
    pub(super) wish: RequireTls,
    /// Whose mail host it is by the DNS; none where the operator named it.
    pub(super) domain: Option<&'a Domain>,
    /// The DNS answer that named it was signed.
    pub(super) named_securely: bool,
    pub(super) dane: Option<Arc<Dane>>,
    pub(super) sts: Option<Arc<Policy>>,
    pub(super) trouble: Option<Trouble>,
}

/// Decides. Without I/O, so that the order can be read here and tested as a table.
pub(super) fn decide(asked: Asked<'_>) -> Result<Demand, Refusal> {
    let mut demand = match asked.operator {
        TlsPolicy::Never if asked.wish == RequireTls::Demanded => {
            return Err(asked.too_weak("the operator has TLS turned off"));
        }
        TlsPolicy::Never => return Ok(plain(Level::Never, By::Operator)),
        TlsPolicy::Opportunistic => plain(Level::Opportunistic, By::Custom),
        TlsPolicy::Required => plain(Level::Encrypted, By::Operator),
        TlsPolicy::Verify => plain(Level::Verified, By::Operator),
        TlsPolicy::Dane => plain(Level::Encrypted, By::Operator),
    };
    if asked.operator == TlsPolicy::Dane && !asked.dane.as_ref().is_some_and(|dane| dane.usable()) {
        return Err(asked.without_dane());
    }
    if asked.wish == RequireTls::Waived && asked.operator != TlsPolicy::Dane {
        return Ok(demand);
    }
    let mut named = asked.named_securely || asked.domain.is_none();
    match &asked.dane {
        Some(dane) if dane.usable() => {
            demand.level = Level::Dane(Arc::clone(dane));
            demand.by = By::Dane;
        }
        dane => {
            if dane.is_some() && !demand.level.is_demanding() {
                demand.level = Level::Encrypted;
                demand.by = By::Dane;
            }
            named |= asked.apply_sts(&mut demand)?;
        }
    }
    demand.count = asked.count().filter(|_| asked.wish != RequireTls::Waived);
    if asked.wish == RequireTls::Demanded {
        if !named {
            return Err(asked.too_weak("nothing vouches for it as a mail host: no DNSSEC, no MTA-STS"));
        }
        if demand.level.rank() < Level::Verified.rank() {
            demand.by = By::Letter;
        }
        demand.level = demand.level.at_least(Level::Verified);
    }
    Ok(demand)
}

fn plain(level: Level, by: By) -> Demand {
    Demand { level, by, count: None }
}

impl Asked<'_> {
    /// Whether the policy names the host.
    fn apply_sts(&self, demand: &mut Demand) -> Result<bool, Refusal> {
        let (Some(policy), Some(domain)) = (&self.sts, self.domain) else { return Ok(false) };
        let named = self.is_named(policy);
        if policy.mode == Mode::Enforce {
            if !named {
                let text = format!("the MTA-STS policy of {domain} does not name {} as a mail host of it", self.host);
                let count = self.count().map(|count| Box::new((count, not_named())));
                return Err(Refusal { reply: Reply::new(451, (4, 7, 5), text), for_this_letter: false, count });
            }
            if demand.level.rank() < Level::Verified.rank() {
                demand.by = By::Sts(domain.clone());
            }
            demand.level = demand.level.clone().at_least(Level::Verified);
        }
        Ok(named)
    }

    fn is_named(&self, policy: &Policy) -> bool {
        Domain::parse(self.host).is_ok_and(|host| policy.names(&host))
    }

    fn too_weak(&self, why: &str) -> Refusal {
        let text =
            format!("the letter must travel over verified TLS (REQUIRETLS), and {} will not do: {why}", self.host);
        Refusal { reply: Reply::new(451, (4, 7, 30), text), for_this_letter: true, count: None }
    }

    fn without_dane(&self) -> Refusal {
        let (result, reason) = match &self.dane {
            None => (ResultType::DaneRequired, "it has no TLSA records that are signed"),
            Some(_) => (ResultType::TlsaInvalid, "none of its TLSA records can be used"),
        };
        let text = format!("the operator demands DANE of {}: {reason}", self.host);
        let trouble = Trouble { result, reason: reason.to_owned() };
        let count = self.count().map(|count| Box::new((count, trouble)));
        Refusal { reply: Reply::new(451, (4, 7, 5), text), for_this_letter: false, count }
    }

    /// What the session is counted under.
    fn count(&self) -> Option<Count> {
        let domain = self.domain?.clone();
        let unnamed = |policy_type| tlsrpt::Policy {
            policy_type,
            policy_string: Vec::new(),
            policy_domain: domain.to_string(),
            mx_host: Vec::new(),
        };
        let (policy, trouble, verified) = match (&self.dane, &self.sts, &self.trouble) {
            (Some(dane), ..) => {
                let trouble = (!dane.usable()).then(|| Trouble {
                    result: ResultType::TlsaInvalid,
                    reason: "none of the TLSA records can be used".to_owned(),
                });
                let policy = tlsrpt::Policy {
                    policy_string: dane.records.iter().map(ToString::to_string).collect(),
                    policy_domain: dane.base.to_string(),
                    ..unnamed(PolicyKind::Tlsa)
                };
                (policy, trouble, false)
            }
            (None, Some(policy), _) => {
                let trouble = (!self.is_named(policy)).then(not_named);
                let words = tlsrpt::Policy {
                    policy_string: policy.lines(),
                    mx_host: policy.mx.iter().map(ToString::to_string).collect(),
                    ..unnamed(PolicyKind::Sts)
                };
                (words, trouble, true)
            }
            (None, None, Some(trouble)) => (unnamed(PolicyKind::Sts), Some(trouble.clone()), false),
            (None, None, None) => (unnamed(PolicyKind::NoPolicyFound), None, false),
        };
        Some(Count { domain, policy: Arc::new(policy), trouble, verified })
    }
}

fn not_named() -> Trouble {
    Trouble { result: ResultType::ValidationFailure, reason: "the policy does not name this MX host".to_owned() }
}

impl Count {
    /// For a host of a domain whose policy is not known.
    pub(super) fn without_policy(domain: &Domain) -> Self {
        let policy = tlsrpt::Policy {
            policy_type: PolicyKind::NoPolicyFound,
            policy_string: Vec::new(),
            policy_domain: domain.to_string(),
            mx_host: Vec::new(),
        };
        Self { domain: domain.clone(), policy: Arc::new(policy), trouble: None, verified: false }
    }

    /// What a report says of a session that came to stand: `None` when it was as the policy wants it.
    pub(in crate::mta::outbound) fn judge(&self, encrypted: bool, verdict: Option<&Verdict>) -> Option<Trouble> {
        if let Some(trouble) = &self.trouble {
            return Some(trouble.clone());
        }
        match verdict {
            _ if !encrypted => {
                Some(Trouble { result: ResultType::StarttlsNotSupported, reason: "STARTTLS is not offered".to_owned() })
            }
            Some(Verdict::Unverified(why)) if self.verified => Some(trouble_of(why)),
            _ => None,
        }
    }
}

/// What a report says of a server that is not the one that was meant.
pub(in crate::mta::outbound) fn trouble_of(why: &Untrusted) -> Trouble {
    let result = ResultType::from(why.fault.result_type().to_owned());
    Trouble { result, reason: why.reason.clone() }
}

impl Demand {
    /// In a sentence.
    pub(super) fn words(&self) -> String {
        let what = match &self.level {
            Level::Never => "in the clear",
            Level::Opportunistic => "encrypted where that is offered",
            Level::Encrypted => "encrypted, whoever is there",
            Level::Verified => "encrypted, with a certificate that verifies for the name",
            Level::Dane(_) => "encrypted, with a certificate that the host's TLSA records name",
        };
        let testing = self.count.as_ref().filter(|count| count.policy.policy_type == PolicyKind::Sts);
        let more = match (&self.by, testing) {
            (By::Custom, Some(count)) if count.trouble.is_none() => {
                format!("; the MTA-STS policy of {} is only being tested", count.domain)
            }
            (By::Custom, Some(count)) => count
                .trouble
                .as_ref()
                .map_or(String::new(), |trouble| format!("; MTA-STS of {}: {}", count.domain, trouble.reason)),
            _ => self.whose(),
        };
        format!("{what}{more}")
    }

    fn whose(&self) -> String {
        match &self.by {
            By::Custom => String::new(),
            By::Operator => "; the operator demands it".to_owned(),
            By::Letter => "; the letter demands it (REQUIRETLS)".to_owned(),
            By::Dane => "; the TLSA records of the host demand it".to_owned(),
            By::Sts(domain) => format!("; the MTA-STS policy of {domain} demands it"),
        }
    }

    /// Why a letter waits when TLS was not as demanded.
    pub(in crate::mta::outbound) fn unmet(&self, host: &str, why: &Untrusted) -> Reply {
        let (status, what) = match why.fault {
            TlsFault::StartTlsNotSupported => ((4, 7, 10), "TLS is required, and the server offers none".to_owned()),
            // That says nothing of the host but that it is not to be had now.
            TlsFault::Broken => ((4, 4, 2), format!("TLS with {host} failed: {}", why.reason)),
            _ => ((4, 7, 5), format!("TLS with {host} failed: {}", why.reason)),
        };
        Reply::new(451, status, format!("{what}{}", self.whose()))
    }

    /// Whether only this letter's own wish may have kept a host from being good enough.
    pub(in crate::mta::outbound) fn is_of_the_letter(&self) -> bool {
        self.by == By::Letter
    }

    /// How a certificate was verified, for the journal.
    pub(in crate::mta::outbound) fn how(&self, verdict: Option<&Verdict>) -> &'static str {
        match verdict {
            Some(Verdict::Dane) => "verified by dane",
            Some(Verdict::Verified) if matches!(self.by, By::Sts(_)) => "verified by sts",
            Some(Verdict::Verified) => "verified by pkix",
            Some(Verdict::Unverified(_)) | None => "unverified",
        }
    }
}

#[cfg(test)]
#[path = "demand_tests.rs"]
mod tests;
