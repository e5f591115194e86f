//! Groups: aliases with terms. An owner, under whose address the copies travel, so that what comes back comes to him
//! (RFC 5321 section 3.9.2), and who may write to them.

use std::fmt;
use std::str::FromStr;

use envelope::{Address, ReversePath};
use storage::{Query, Transaction};

use crate::aliases::{AliasSource, target_form, usable};
use crate::{Directory, Error, Lookup, names, schema};

/// Who may write to a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Senders {
    /// Everybody.
    #[default]
    Anybody,
    /// Our own people: signed in, or in a trusted network.
    Local,
    /// Those whom it leads to, and its owner. Of ours only those who have signed in; of others the reverse-path is
    /// believed.
    Members,
}

impl Senders {
    const ALL: [(Self, &str); 3] = [(Self::Anybody, "anybody"), (Self::Local, "local"), (Self::Members, "members")];

    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Anybody => 0,
            Self::Local => 1,
            Self::Members => 2,
        }
    }

    /// What the row says; an unknown number is the narrowest, so that nothing is opened by an older program.
    pub(crate) fn of(number: i64) -> Self {
        match number {
            0 => Self::Anybody,
            1 => Self::Local,
            _ => Self::Members,
        }
    }
}

impl fmt::Display for Senders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(senders, _)| senders == self);
        f.write_str(found.map_or("", |(_, word)| word))
    }
}

/// The text names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("say anybody, local or members")]
pub struct SendersError;

impl FromStr for Senders {
    type Err = SendersError;

    fn from_str(text: &str) -> Result<Self, SendersError> {
        let found = Self::ALL.iter().find(|(_, word)| word.eq_ignore_ascii_case(text));
        found.map(|(senders, _)| *senders).ok_or(SendersError)
    }
}

/// What makes an alias a group. What is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Its owner; `Some(None)` takes him away.
    pub owner: Option<Option<Address>>,
    /// Who may write to it.
    pub senders: Option<Senders>,
}

/// Who may write to the group that a letter is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The group.
    pub group: Address,
    /// Who may.
    pub senders: Senders,
    /// Canonical addresses of those it leads to, and of its owner; empty where they are not asked for.
    pub(crate) members: Vec<Address>,
}

impl Directory {
    /// Sets the terms of an alias that stands.
    pub async fn set_group(&self, source: &AliasSource, terms: &Terms) -> Result<(), Error> {
        let (source, _) = usable(source)?;
        let (terms, settings) = (terms.clone(), self.inner.settings.clone());
        let change = self.change(move |tx| {
            let row = tx.query_one(
                "SELECT target FROM directory_alias WHERE source = $1 LIMIT 1",
                &[source.to_string().into()],
            )?;
            if row.is_none() {
                return Err(Error::NoAlias(source.clone()));
            }
            set_terms(tx, &settings, &source, &terms)
        });
        change.await
    }

    /// Where an address of ours leads by itself, as EXPN shows it. `None` when it is no alias.
    pub async fn members(&self, address: &Address) -> Result<Option<Vec<Address>>, Error> {
        let form = names::canonical(address);
        let read = self.read(move |q, _| {
            let rows = q.query(
                "SELECT target FROM directory_alias WHERE source = $1 ORDER BY target",
                &[form.to_string().into()],
            )?;
            let targets: Result<Vec<Address>, Error> = rows.iter().map(|row| Ok(schema::address(row, 0)?)).collect();
            targets.map(|targets| (!targets.is_empty()).then_some(targets))
        });
        read.await
    }

    /// Whether a sender may write to a group. `ours`: he has signed in, or stands in a trusted network.
    pub async fn may_write_to(&self, gate: &Gate, sender: &ReversePath, ours: bool) -> Result<bool, Error> {
        let sender = match (gate.senders, sender.address()) {
            (Senders::Anybody, _) => return Ok(true),
            (Senders::Local, _) => return Ok(ours),
            (Senders::Members, None) => return Ok(false),
            (Senders::Members, Some(sender)) => names::canonical(sender),
        };
        let is_member = |address: &Address| gate.members.contains(&names::canonical(address));
        match self.lookup(&sender).await? {
            Lookup::Foreign => Ok(is_member(&sender)),
            // Whoever claims to be one of us has to prove it.
            _ if !ours => Ok(false),
            Lookup::Local(found) => Ok(is_member(&sender) || found.holders.iter().any(|(_, own)| is_member(own))),
            _ => Ok(false),
        }
    }
}

/// Writes the terms of an alias.
pub(crate) fn set_terms(
    tx: &dyn Transaction,
    settings: &crate::Settings,
    source: &AliasSource,
    terms: &Terms,
) -> Result<(), Error> {
    if terms == &Terms::default() {
        return Ok(());
    }
    if let AliasSource::CatchAll(_) = source {
        return Err(Error::NoGroup(source.clone()));
    }
    let mut now = read_terms(tx, &source.to_string())?;
    if let Some(owner) = &terms.owner {
        now.0 = owner.as_ref().map(|owner| target_form(tx, settings, source, owner)).transpose()?;
    }
    now.1 = terms.senders.unwrap_or(now.1);
    tx.execute(
        "INSERT INTO directory_group (source, owner, senders) VALUES ($1, $2, $3)
         ON CONFLICT (source) DO UPDATE SET owner = excluded.owner, senders = excluded.senders",
        &[source.to_string().into(), now.0.map(|owner| owner.to_string()).into(), now.1.number().into()],
    )?;
    Ok(())
}

/// Owner and senders of an alias; nobody and everybody when it is a plain one.
pub(crate) fn read_terms(q: &dyn Query, source: &str) -> Result<(Option<Address>, Senders), storage::Error> {
    let row = q.query_one("SELECT owner, senders FROM directory_group WHERE source = $1", &[source.into()])?;
    let Some(row) = row else { return Ok((None, Senders::Anybody)) };
    let owner = match row.maybe_text(0)? {
        Some(_) => Some(schema::address(&row, 0)?),
        None => None,
    };
    Ok((owner, Senders::of(row.int(1)?)))
}

/// Terms whose alias has no targets any more go with them.
pub(crate) fn sweep(tx: &dyn Transaction) -> Result<(), storage::Error> {
    tx.execute("DELETE FROM directory_group WHERE source NOT IN (SELECT source FROM directory_alias)", &[])?;
    Ok(())
}
