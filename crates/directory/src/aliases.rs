//! The operator's hand on aliases: an address, or a whole domain, that leads to other addresses.

use std::fmt;
use std::str::FromStr;

use envelope::{Address, AddressError, Domain, DomainError, Host};
use storage::Query;

use crate::accounts::require_domain;
use crate::groups::{Senders, Terms};
use crate::limits::ALIAS_TARGETS_MAX;
use crate::moved::require_not_moved;
use crate::{Directory, Error, Lookup, Settings, groups, names, resolve, schema};

/// What leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AliasSource {
    /// One address.
    Address(Address),
    /// `@athens.test`: every address of the domain that nobody else has.
    CatchAll(Domain),
}

impl fmt::Display for AliasSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::CatchAll(domain) => write!(f, "@{domain}"),
        }
    }
}

/// Why a text is no alias.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AliasSourceError {
    /// It is neither an address …
    #[error(transparent)]
    Address(#[from] AddressError),
    /// … nor `@` and a domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
}

impl FromStr for AliasSource {
    type Err = AliasSourceError;

    fn from_str(text: &str) -> Result<Self, AliasSourceError> {
        match text.strip_prefix('@') {
            Some(domain) => Ok(Self::CatchAll(Domain::parse(domain)?)),
            None => Ok(Self::Address(Address::parse(text)?)),
        }
    }
}

/// One alias as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasEntry {
    /// What leads elsewhere.
    pub source: AliasSource,
    /// Where to, in order of their texts.
    pub targets: Vec<Address>,
    /// Whose address the copies travel under.
    pub owner: Option<Address>,
    /// Who may write to it.
    pub senders: Senders,
}

impl Directory {
    /// Makes an alias, or adds targets to one. A target in a domain of ours must be somebody. An alias may have the
    /// address of an account; the account then gets the mail only if it is among the targets.
    pub async fn add_alias(&self, source: &AliasSource, targets: &[Address]) -> Result<(), Error> {
        self.add_group(source, targets, &Terms::default()).await
    }

    /// The same with terms, which make it a group.
    pub async fn add_group(&self, source: &AliasSource, targets: &[Address], terms: &Terms) -> Result<(), Error> {
        let (source, domain) = usable(source)?;
        let (targets, terms) = (targets.to_vec(), terms.clone());
        let settings = self.inner.settings.clone();
        let change = self.change(move |tx| {
            require_domain(tx, &domain)?;
            if let AliasSource::Address(address) = &source {
                require_not_moved(tx, address)?;
            }
            let mut ours = Vec::new();
            for target in &targets {
                ours.push(target_form(tx, &settings, &source, target)?);
            }
            for target in ours {
                tx.execute(
                    "INSERT INTO directory_alias (source, target, domain) VALUES ($1, $2, $3)
                     ON CONFLICT (source, target) DO NOTHING",
                    &[source.to_string().into(), target.to_string().into(), domain.as_str().into()],
                )?;
            }
            let row =
                tx.query_one("SELECT count(*) FROM directory_alias WHERE source = $1", &[source.to_string().into()])?;
            let count = row.map_or(Ok(0), |row| row.int(0))?;
            if usize::try_from(count).is_ok_and(|count| count > ALIAS_TARGETS_MAX) {
                return Err(Error::TooManyTargets);
            }
            groups::set_terms(tx, &settings, &source, &terms)
        });
        change.await
    }

    /// Removes an alias, or one of its targets.
    pub async fn remove_alias(&self, source: &AliasSource, target: Option<&Address>) -> Result<(), Error> {
        let (source, _) = usable(source)?;
        let target = target.cloned();
        let change = self.change(move |tx| {
            let text = source.to_string();
            let Some(target) = &target else {
                let removed = tx.execute("DELETE FROM directory_alias WHERE source = $1", &[text.into()])?;
                groups::sweep(tx)?;
                return if removed == 0 { Err(Error::NoAlias(source.clone())) } else { Ok(()) };
            };
            let mut removed = 0;
            for form in [names::canonical(target), target.clone()] {
                removed += tx.execute(
                    "DELETE FROM directory_alias WHERE source = $1 AND target = $2",
                    &[text.as_str().into(), form.to_string().into()],
                )?;
            }
            if removed == 0 {
                return Err(Error::NoAliasTarget { source_address: source.clone(), target: target.clone() });
            }
            groups::sweep(tx)?;
            Ok(())
        });
        change.await
    }

    /// The aliases of a domain, or all, by source.
    pub async fn aliases(&self, domain: Option<&Domain>) -> Result<Vec<AliasEntry>, Error> {
        let domain = domain.cloned();
        let read = self.read(move |q, _| {
            if let Some(domain) = &domain {
                require_domain(q, domain)?;
            }
            list(q, domain.as_ref())
        });
        read.await
    }
}

fn list(q: &dyn Query, domain: Option<&Domain>) -> Result<Vec<AliasEntry>, Error> {
    let rows = q.query(
        "SELECT a.source, a.target, g.owner, g.senders
         FROM directory_alias a LEFT JOIN directory_group g ON g.source = a.source
         WHERE ($1 = '' OR a.domain = $1) ORDER BY a.domain, a.source, a.target",
        &[domain.map_or("", Domain::as_str).into()],
    )?;
    let mut entries: Vec<AliasEntry> = Vec::new();
    for row in &rows {
        let text = row.text(0)?;
        let source: AliasSource =
            text.parse().map_err(|error| storage::Error::Damaged(format!("the alias {text:?}: {error}")))?;
        let target = schema::address(row, 1)?;
        match entries.last_mut() {
            Some(last) if last.source == source => last.targets.push(target),
            _ => {
                let owner = if row.maybe_text(2)?.is_some() { Some(schema::address(row, 2)?) } else { None };
                let senders = row.maybe_int(3)?.map_or(Senders::Anybody, Senders::of);
                entries.push(AliasEntry { source, targets: vec![target], owner, senders });
            }
        }
    }
    Ok(entries)
}

/// A source in canonical form, and its domain.
pub(crate) fn usable(source: &AliasSource) -> Result<(AliasSource, Domain), Error> {
    match source {
        AliasSource::CatchAll(domain) => Ok((source.clone(), domain.clone())),
        AliasSource::Address(address) => {
            let (address, domain) = names::usable(address)?;
            let domain = domain.clone();
            Ok((AliasSource::Address(address), domain))
        }
    }
}

/// A target as it is stored: in canonical form when it is ours, to the letter when it is not.
pub(crate) fn target_form(
    q: &dyn Query,
    settings: &Settings,
    source: &AliasSource,
    target: &Address,
) -> Result<Address, Error> {
    let ours = match target.host() {
        Host::Name(domain) => resolve::is_local(q, domain)?,
        Host::Literal(_) => false,
    };
    if !ours {
        return Ok(target.clone());
    }
    let form = names::canonical(target);
    let itself = *source == AliasSource::Address(form.clone());
    if itself && resolve::is_nobodys(q, settings, &form)? {
        return Err(Error::NoAccount(form));
    }
    match resolve::resolve(q, settings, &form)? {
        Lookup::Unknown if itself => Err(Error::NoAccount(form)),
        Lookup::Unknown | Lookup::Foreign => Err(Error::NoTarget(form)),
        _ => Ok(form),
    }
}
