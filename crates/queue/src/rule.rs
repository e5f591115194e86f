//! Rules about what is held: new letters that match begin held, and wait for the operator.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use directory::srs;
use envelope::{Address, ReversePath, Timestamp};
use storage::{Error, Query};

use crate::limits::{REPLY_OCTETS_MAX, RULES_MAX, RULES_READ_MILLISECONDS};
use crate::settle::cut;
use crate::{Filter, Queue, lock};

/// What a rule is about. Compared whatever the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldOn {
    /// Letters of this sender, forwarded or not; empty for bounces.
    Sender(String),
    /// Letters of everybody at this domain.
    SenderDomain(String),
    /// Recipients at this domain (or literal).
    Domain(String),
    /// Recipients whose next hop has this key.
    Destination(String),
}

impl HoldOn {
    fn key(&self) -> (i64, String) {
        let (kind, value) = match self {
            Self::Sender(value) => (0, value),
            Self::SenderDomain(value) => (1, value),
            Self::Domain(value) => (2, value),
            Self::Destination(value) => (3, value),
        };
        (kind, value.to_ascii_lowercase())
    }

    /// What a rule may be about that holds this letter to this recipient; the first rule among them does.
    fn any_of(from: &ReversePath, to: &Address, destination: &str) -> impl Iterator<Item = Self> {
        let of_sender = |from: &Address| [Self::SenderDomain(from.host().to_string()), Self::Sender(from.to_string())];
        // Of a letter that was forwarded: the address that stands for its sender, and the sender.
        let behind = from.address().and_then(srs::behind);
        let senders: Vec<Self> = match from.address() {
            Some(from) => [from].into_iter().chain(&behind).flat_map(of_sender).collect(),
            None => vec![Self::Sender(String::new())],
        };
        let others = [Self::Domain(to.host().to_string()), Self::Destination(destination.to_owned())];
        senders.into_iter().chain(others)
    }

    /// The rows that are there already and that it would hold.
    pub fn filter(&self) -> Filter {
        let none = Filter::default();
        match self {
            Self::Sender(sender) => Filter { sender: Some(sender.clone()), ..none },
            Self::SenderDomain(domain) => Filter { sender: Some(format!("@{domain}")), ..none },
            Self::Domain(domain) => Filter { domain: Some(domain.clone()), ..none },
            Self::Destination(key) => Filter { destination: Some(key.clone()), ..none },
        }
    }

    fn from_key(kind: i64, value: String) -> Option<Self> {
        Some(match kind {
            0 => Self::Sender(value),
            1 => Self::SenderDomain(value),
            2 => Self::Domain(value),
            3 => Self::Destination(value),
            _ => return None,
        })
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRule {
    /// What it is about.
    pub on: HoldOn,
    /// Why, for whoever looks at a held letter.
    pub reason: String,
    /// Since when.
    pub added_at: Timestamp,
}

/// All rules, looked up by what they are about.
#[derive(Debug, Default)]
pub(crate) struct Rules(HashMap<(i64, String), String>);

impl Rules {
    /// Why a new row begins held, if it does.
    pub(crate) fn reason(&self, from: &ReversePath, to: &Address, destination: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        HoldOn::any_of(from, to, destination).find_map(|on| self.0.get(&on.key()).cloned())
    }
}

/// The rules as they were read last.
#[derive(Debug, Default)]
pub(crate) struct Known {
    read: Option<(Instant, Arc<Rules>)>,
}

impl Queue {
    /// Adds a rule, or gives one its reason anew. It counts for what is accepted from then on, on other nodes and in other
    /// processes a second later; for what is there already, [`Queue::hold`].
    pub async fn add_rule(&self, rule: HoldRule) -> Result<(), crate::Error> {
        const COUNT: &str = "SELECT count(*) FROM queue_rule";
        const SQL: &str = "INSERT INTO queue_rule (kind, value, reason, added_at) VALUES ($1, $2, $3, $4) \
                           ON CONFLICT (kind, value) DO UPDATE SET reason = excluded.reason";
        let (kind, value) = rule.on.key();
        let (reason, at) = (cut(rule.reason, REPLY_OCTETS_MAX), rule.added_at.0);
        let write = self.inner.store.write(move |tx| {
            let parameters = [kind.into(), value.as_str().into(), reason.as_str().into(), at.into()];
            tx.execute(SQL, &parameters)?;
            let count = tx.query_one(COUNT, &[])?.map_or(Ok(0), |row| row.int(0))?;
            if count > RULES_MAX { Err(Error::Refused(format!("there are {RULES_MAX} rules already"))) } else { Ok(()) }
        });
        write.await?;
        lock(&self.inner.rules).read = None;
        Ok(())
    }

    /// Takes a rule away; false when there was none. What it has held stays held, until it is released.
    pub async fn remove_rule(&self, on: &HoldOn) -> Result<bool, crate::Error> {
        const SQL: &str = "DELETE FROM queue_rule WHERE kind = $1 AND value = $2";
        let (kind, value) = on.key();
        let write = self.inner.store.write(move |tx| tx.execute(SQL, &[kind.into(), value.as_str().into()]));
        let (gone, _) = write.await?;
        lock(&self.inner.rules).read = None;
        Ok(gone > 0)
    }

    /// All rules.
    pub async fn rules(&self) -> Result<Vec<HoldRule>, crate::Error> {
        Ok(self.inner.store.read(read).await?)
    }

    /// The rule that would hold a new letter to this recipient.
    pub async fn rule_for(
        &self,
        from: &ReversePath,
        to: &Address,
        destination: &str,
    ) -> Result<Option<HoldRule>, crate::Error> {
        let rules = self.rules().await?;
        let found = |on: HoldOn| rules.iter().find(|rule| rule.on.key() == on.key()).cloned();
        Ok(HoldOn::any_of(from, to, destination).find_map(found))
    }

    /// The rules, at most a second old.
    pub(crate) async fn known_rules(&self) -> Result<Arc<Rules>, Error> {
        let every = Duration::from_millis(RULES_READ_MILLISECONDS);
        let present = Instant::now();
        if let Some((at, rules)) = &lock(&self.inner.rules).read
            && present.duration_since(*at) < every
        {
            return Ok(rules.clone());
        }
        let found = self.inner.store.read(read).await?;
        let rules = Arc::new(Rules(found.into_iter().map(|rule| (rule.on.key(), rule.reason)).collect()));
        lock(&self.inner.rules).read = Some((present, rules.clone()));
        Ok(rules)
    }
}

fn read(q: &dyn Query) -> Result<Vec<HoldRule>, Error> {
    const SQL: &str = "SELECT kind, value, reason, added_at FROM queue_rule ORDER BY kind, value";
    let mut rules = Vec::new();
    q.query_each(SQL, &[], &mut |row| {
        if let Some(on) = HoldOn::from_key(row.int(0)?, row.text(1)?.to_owned()) {
            rules.push(HoldRule { on, reason: row.text(2)?.to_owned(), added_at: Timestamp(row.int(3)?) });
        }
        Ok(true)
    })?;
    Ok(rules)
}
