//! From an address to those who get the letter: aliases expanded, plus-addresses taken apart, postmaster found (RFC
//! 5321 section 4.5.1, RFC 2142). Plain functions over one consistent view of the store.
//!
//! An alias is expanded once in a walk. So a circle of aliases ends, and an alias that leads to its own address
//! reaches the account of that address: `anna -> anna, boss@elsewhere` keeps a copy.

use std::collections::HashSet;

use envelope::{AccountId, Address, Domain, LocalPart};
use storage::Query;

use crate::limits::EXPANSION_MAX;
use crate::names::{canonical, split_detail};
use crate::{Error, Lookup, Settings, Target, schema};

/// Names that every domain of ours answers to, when no account, alias or catch-all has them.
const ROLES: [&str; 2] = ["postmaster", "abuse"];

/// Looks an address up.
pub(crate) fn resolve(q: &dyn Query, settings: &Settings, address: &Address) -> Result<Lookup, Error> {
    let mut walk = Walk { q, settings, start: address, expanded: HashSet::new(), pending: Vec::new(), steps: 0 };
    let mut targets = Vec::new();
    match walk.find(&canonical(address), None)? {
        Found::Foreign => return Ok(Lookup::Foreign),
        Found::Nobody => return Ok(Lookup::Unknown),
        Found::Account(target) => targets.push(target),
        Found::Expanded => {}
    }
    while let Some((address, detail)) = walk.pending.pop() {
        match walk.find(&canonical(&address), detail)? {
            Found::Foreign => targets.push(Target::Remote { address }),
            Found::Nobody => tracing::warn!(%address, "an alias leads to an address that nobody has"),
            Found::Account(target) => targets.push(target),
            Found::Expanded => {}
        }
    }
    keep_first(&mut targets);
    Ok(if targets.is_empty() { Lookup::Unknown } else { Lookup::Local(targets) })
}

/// Everybody gets a letter once, by whatever ways it came to him.
fn keep_first(targets: &mut Vec<Target>) {
    let (mut accounts, mut remotes) = (HashSet::new(), HashSet::new());
    targets.retain(|target| match target {
        Target::Account { id, .. } => accounts.insert(*id),
        Target::Remote { address } => remotes.insert(address.clone()),
    });
}

enum Found {
    Foreign,
    Nobody,
    Account(Target),
    /// Its targets stand in `pending`.
    Expanded,
}

struct Walk<'a> {
    q: &'a dyn Query,
    settings: &'a Settings,
    start: &'a Address,
    expanded: HashSet<String>,
    pending: Vec<(Address, Option<String>)>,
    steps: usize,
}

impl Walk<'_> {
    /// One canonical address: its alias, its account, the same without the detail, the catch-all, the role.
    fn find(&mut self, address: &Address, detail: Option<String>) -> Result<Found, Error> {
        let Some(domain) = address.host().name() else { return Ok(Found::Foreign) };
        if !is_local(self.q, domain)? {
            return Ok(Found::Foreign);
        }
        if let Some(found) = self.find_exactly(address, &detail)? {
            return Ok(found);
        }
        if let Some((base, detail)) = split_detail(address)
            && let Some(found) = self.find_exactly(&base, &Some(detail))?
        {
            return Ok(found);
        }
        if self.expand(&format!("@{domain}"), &detail)? {
            return Ok(Found::Expanded);
        }
        if ROLES.contains(&address.local().as_str()) {
            return self.find_role(domain);
        }
        Ok(Found::Nobody)
    }

    fn find_exactly(&mut self, address: &Address, detail: &Option<String>) -> Result<Option<Found>, Error> {
        if self.expand(&address.to_string(), detail)? {
            return Ok(Some(Found::Expanded));
        }
        let row = self
            .q
            .query_one("SELECT account_id FROM directory_account WHERE address = $1", &[address.to_string().into()])?;
        let Some(row) = row else { return Ok(None) };
        let id = AccountId(row.int(0)?);
        Ok(Some(Found::Account(Target::Account { id, address: address.clone(), detail: detail.clone() })))
    }

    /// Puts the targets of an alias into `pending`. False when there is none, or it was expanded before.
    fn expand(&mut self, source: &str, detail: &Option<String>) -> Result<bool, Error> {
        if self.expanded.contains(source) {
            return Ok(false);
        }
        let rows = self
            .q
            .query("SELECT target FROM directory_alias WHERE source = $1 ORDER BY target DESC", &[source.into()])?;
        self.steps = self.steps.saturating_add(rows.len());
        if self.steps > EXPANSION_MAX {
            return Err(Error::Expansion(self.start.clone()));
        }
        for row in &rows {
            self.pending.push((schema::address(row, 0)?, detail.clone()));
        }
        if rows.is_empty() {
            return Ok(false);
        }
        self.expanded.insert(source.to_owned());
        Ok(true)
    }

    /// The address that the operator named for such mail, else the oldest account of the domain, else the oldest here.
    fn find_role(&mut self, domain: &Domain) -> Result<Found, Error> {
        if let Some(named) = &self.settings.postmaster
            && self.expanded.insert("postmaster".to_owned())
        {
            self.pending.push((named.clone(), None));
            return Ok(Found::Expanded);
        }
        let of_domain = self.q.query_one(
            "SELECT account_id, address FROM directory_account WHERE domain = $1 ORDER BY account_id LIMIT 1",
            &[domain.as_str().into()],
        )?;
        let row = match of_domain {
            Some(row) => Some(row),
            None => self
                .q
                .query_one("SELECT account_id, address FROM directory_account ORDER BY account_id LIMIT 1", &[])?,
        };
        let Some(row) = row else { return Ok(Found::Nobody) };
        let (id, address) = (AccountId(row.int(0)?), schema::address(&row, 1)?);
        Ok(Found::Account(Target::Account { id, address, detail: None }))
    }
}

/// Whether the domain is one of ours.
pub(crate) fn is_local(q: &dyn Query, domain: &Domain) -> Result<bool, storage::Error> {
    let row = q.query_one("SELECT added FROM directory_domain WHERE domain = $1", &[domain.as_str().into()])?;
    Ok(row.is_some())
}

/// Whom `RCPT TO:<Postmaster>` means: the operator's choice, else the postmaster of the default or the oldest domain.
pub(crate) fn postmaster(q: &dyn Query, settings: &Settings) -> Result<Lookup, Error> {
    if let Some(named) = &settings.postmaster {
        // The operator's address may be outside: then it is a target, as an alias' would be.
        return Ok(match resolve(q, settings, named)? {
            Lookup::Foreign => Lookup::Local(vec![Target::Remote { address: named.clone() }]),
            found => found,
        });
    }
    let domain = match &settings.default_domain {
        Some(domain) => Some(domain.clone()),
        None => oldest_domain(q)?,
    };
    let address = domain
        .zip(LocalPart::parse("postmaster").ok())
        .map(|(domain, local)| Address::new(local, envelope::Host::Name(domain)));
    address.map_or(Ok(Lookup::Unknown), |address| resolve(q, settings, &address))
}

/// The first domain that was added.
pub(crate) fn oldest_domain(q: &dyn Query) -> Result<Option<Domain>, storage::Error> {
    let row = q.query_one("SELECT domain FROM directory_domain ORDER BY added, domain LIMIT 1", &[])?;
    row.map(|row| domain(row.text(0)?)).transpose()
}

/// A column that holds a domain.
pub(crate) fn domain(text: &str) -> Result<Domain, storage::Error> {
    Domain::parse(text).map_err(|error| storage::Error::Damaged(format!("the domain {text:?}: {error}")))
}
