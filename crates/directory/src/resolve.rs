//! From an address to those who get the letter: moved users followed, aliases expanded, plus-addresses taken apart,
//! forwards taken, postmaster found (RFC 5321 sections 3.4, 3.9 and 4.5.1, RFC 2142). Plain functions over one consistent
//! view of the store.
//!
//! An alias is expanded once in a walk. So a circle of aliases ends, and an alias that leads to its own address
//! reaches the account of that address: `anna -> anna, boss@elsewhere` keeps a copy. A circle of forwards ends in the
//! mailbox where it would begin again. A forward that leads to nobody leaves the letter where it was.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use envelope::{AccountId, Address, Domain, LocalPart};
use storage::Query;

use crate::forwards::read_forward;
use crate::groups::{Gate, Senders, read_terms};
use crate::limits::EXPANSION_MAX;
use crate::moved::read_moved;
use crate::names::{canonical, split_detail};
use crate::{Error, Lookup, Reached, Settings, Target, quota_in, schema};

/// Names that every domain of ours answers to, when no account, alias or catch-all has them; and our own hostname. The
/// last one writes our notices, and somebody may answer.
const ROLES: [&str; 3] = ["postmaster", "abuse", "mailer-daemon"];

/// Whether a local part, in whatever case, is one of those that always exist: `postmaster`, `abuse`, `mailer-daemon`.
pub fn is_role(local: &LocalPart) -> bool {
    ROLES.iter().any(|role| local.as_str().eq_ignore_ascii_case(role))
}

/// Looks an address up.
pub(crate) fn resolve(q: &dyn Query, settings: &Settings, address: &Address) -> Result<Lookup, Error> {
    Walk::new(q, settings, address).run()
}

/// The same walk, told step by step.
pub(crate) fn explain(q: &dyn Query, settings: &Settings, address: &Address) -> Result<Vec<Step>, Error> {
    let mut told = Vec::new();
    let mut walk = Walk::new(q, settings, address);
    walk.told = Some(&mut told);
    walk.run()?;
    Ok(told)
}

/// Whether nothing but a catch-all or a role has the letters of this address: an alias to itself would only seem to be one.
pub(crate) fn is_nobodys(q: &dyn Query, settings: &Settings, address: &Address) -> Result<bool, Error> {
    Ok(match explain(q, settings, address)?.first() {
        Some(Step::Alias { source, .. }) => source.starts_with('@'),
        Some(Step::Role { .. }) => true,
        _ => false,
    })
}

/// Everybody gets a letter once, by whatever ways it came to him.
fn keep_first(targets: &mut Vec<Target>) {
    let (mut accounts, mut remotes) = (HashSet::new(), HashSet::new());
    targets.retain(|target| match target {
        Target::Account { id, .. } => accounts.insert(*id),
        Target::Remote { address, .. } => remotes.insert(address.clone()),
    });
}

/// One step on the way from an address to those who get its letters, as [`crate::Directory::explain`] tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Who had the address is elsewhere now.
    Moved {
        /// The address.
        from: Address,
        /// Where.
        to: Address,
        /// Letters follow him; otherwise senders are told.
        follows: bool,
    },
    /// An alias, a group or a catch-all.
    Alias {
        /// The address; `@` and the domain of a catch-all.
        source: String,
        /// Where it leads.
        to: Vec<Address>,
        /// Who hears of what cannot be delivered, where it is a group with an owner.
        owner: Option<Address>,
        /// Who may write to it.
        senders: Senders,
    },
    /// An account.
    Account {
        /// Its address.
        address: Address,
        /// Where its letters go on to.
        forwards: Vec<Address>,
        /// Whether it has them itself all the same.
        keeps: bool,
    },
    /// An address that always exists: of the postmaster and the like.
    Role {
        /// The address.
        address: Address,
        /// Who has its letters.
        to: Address,
    },
    /// Nobody has this address, though something leads there.
    Nobody(Address),
}

enum Found {
    Foreign,
    Nobody,
    /// He has gone, and his letters are not to follow.
    Moved(Address),
    /// An account, or more addresses in `pending`.
    Somebody,
}

/// How the walk came to an address.
#[derive(Debug, Clone, Default)]
struct Way {
    detail: Option<String>,
    /// Of the last group on the way that has one.
    owner: Option<Address>,
    /// The address of ours that leads here; none at the beginning.
    by: Option<Address>,
    /// Accounts whose forwards led here.
    forwards: Vec<AccountId>,
    /// A catch-all or a role stood on the way: it was nobody's address, and is nobody's to write under.
    is_fallback: bool,
}

impl Way {
    fn remote(self, address: Address) -> Option<Target> {
        self.by.map(|by| Target::Remote { address, by, owner: self.owner })
    }
}

struct Walk<'a> {
    q: &'a dyn Query,
    settings: &'a Settings,
    start: &'a Address,
    /// The address that was asked for has been found.
    is_under_way: bool,
    expanded: HashSet<String>,
    pending: Vec<(Address, Way)>,
    steps: usize,
    targets: Vec<Target>,
    holders: Vec<(AccountId, Address)>,
    /// Those, and accounts that a catch-all or a role led to.
    readers: Vec<Address>,
    /// Accounts that forward, each with the copy that it does not keep.
    forwarded: HashMap<AccountId, Target>,
    gate: Option<(Senders, Option<Address>)>,
    moved_to: Option<Address>,
    /// Where somebody wants to know how it came about.
    told: Option<&'a mut Vec<Step>>,
}

impl<'a> Walk<'a> {
    fn new(q: &'a dyn Query, settings: &'a Settings, start: &'a Address) -> Self {
        Self {
            q,
            settings,
            start,
            is_under_way: false,
            expanded: HashSet::new(),
            pending: Vec::new(),
            steps: 0,
            targets: Vec::new(),
            holders: Vec::new(),
            readers: Vec::new(),
            forwarded: HashMap::new(),
            gate: None,
            moved_to: None,
            told: None,
        }
    }

    fn run(mut self) -> Result<Lookup, Error> {
        match self.find(&canonical(self.start), Way::default())? {
            Found::Foreign => return Ok(Lookup::Foreign),
            Found::Nobody => return Ok(Lookup::Unknown),
            Found::Moved(to) => return Ok(Lookup::Moved(to)),
            Found::Somebody => self.is_under_way = true,
        }
        while let Some((address, way)) = self.pending.pop() {
            match self.find(&canonical(&address), way.clone())? {
                Found::Foreign => self.targets.extend(way.remote(address)),
                Found::Nobody => self.nobody(&address, &way),
                // What an alias or a forward leads to is followed in any case: nobody is there to be told.
                Found::Moved(to) => self.pending.push((to, way)),
                Found::Somebody => {}
            }
        }
        Ok(self.end())
    }

    fn tell(&mut self, step: impl FnOnce() -> Step) {
        if let Some(told) = &mut self.told {
            told.push(step());
        }
    }

    /// One canonical address: where it moved, its alias, its account, the same without the detail, the catch-all, the
    /// role.
    fn find(&mut self, address: &Address, way: Way) -> Result<Found, Error> {
        let Some(domain) = address.host().name() else { return Ok(Found::Foreign) };
        if !is_local(self.q, domain)? {
            return Ok(Found::Foreign);
        }
        if let Some(found) = self.find_exactly(address, &way)? {
            return Ok(found);
        }
        if let Some((base, detail)) = split_detail(address)
            && let Some(found) = self.find_exactly(&base, &Way { detail: Some(detail), ..way.clone() })?
        {
            return Ok(found);
        }
        let way = Way { is_fallback: true, ..way };
        if self.expand(&format!("@{domain}"), address, &way)? {
            return Ok(Found::Somebody);
        }
        if is_role(address.local()) {
            return self.find_role(address, domain, &way);
        }
        Ok(Found::Nobody)
    }

    fn find_exactly(&mut self, address: &Address, way: &Way) -> Result<Option<Found>, Error> {
        if let Some(found) = self.find_moved(address, way)? {
            return Ok(Some(found));
        }
        if self.expand(&address.to_string(), address, way)? {
            return Ok(Some(Found::Somebody));
        }
        let row = self
            .q
            .query_one("SELECT account_id FROM directory_account WHERE address = $1", &[address.to_string().into()])?;
        let Some(row) = row else { return Ok(None) };
        self.account(AccountId(row.int(0)?), address, way)?;
        Ok(Some(Found::Somebody))
    }

    /// Somebody who moved. Where two moved to each other's address, the second is taken for what else it is.
    fn find_moved(&mut self, address: &Address, way: &Way) -> Result<Option<Found>, Error> {
        let Some((to, forwards)) = read_moved(self.q, address)? else { return Ok(None) };
        if !self.expanded.insert(format!("moved {address}")) {
            return Ok(None);
        }
        self.tell(|| Step::Moved { from: address.clone(), to: to.clone(), follows: forwards });
        if !forwards {
            return Ok(Some(Found::Moved(to)));
        }
        if !self.is_under_way {
            self.moved_to = Some(to.clone());
        }
        self.pending.push((to, Way { by: Some(address.clone()), ..way.clone() }));
        Ok(Some(Found::Somebody))
    }

    /// Puts the targets of an alias into `pending`. False when there is none, or it was expanded before. `address` is
    /// what led here, which a catch-all is not told by its source.
    fn expand(&mut self, source: &str, address: &Address, way: &Way) -> Result<bool, Error> {
        if self.expanded.contains(source) {
            return Ok(false);
        }
        let rows = self
            .q
            .query("SELECT target FROM directory_alias WHERE source = $1 ORDER BY target DESC", &[source.into()])?;
        self.count(rows.len())?;
        if rows.is_empty() {
            return Ok(false);
        }
        let (owner, senders) = read_terms(self.q, source)?;
        if !self.is_under_way && senders != Senders::Anybody {
            self.gate = Some((senders, owner.clone()));
        }
        let targets = rows.iter().map(|row| schema::address(row, 0)).collect::<Result<Vec<_>, _>>()?;
        self.tell(|| Step::Alias {
            source: source.to_owned(),
            to: targets.iter().rev().cloned().collect(),
            owner: owner.clone(),
            senders,
        });
        let owner = owner.or_else(|| way.owner.clone());
        let way = Way { owner, by: Some(address.clone()), ..way.clone() };
        self.pending.extend(targets.into_iter().map(|target| (target, way.clone())));
        self.expanded.insert(source.to_owned());
        Ok(true)
    }

    fn count(&mut self, more: usize) -> Result<(), Error> {
        self.steps = self.steps.saturating_add(more);
        if self.steps > EXPANSION_MAX { Err(Error::Expansion(self.start.clone())) } else { Ok(()) }
    }

    /// An account: its mailbox, or where its letters go on to.
    fn account(&mut self, id: AccountId, address: &Address, way: &Way) -> Result<(), Error> {
        let (detail, owner) = (way.detail.clone(), way.owner.clone());
        let quota = quota_in(self.q, id, self.settings.quota)?;
        let target = Target::Account { id, address: address.clone(), detail, owner: owner.clone(), quota };
        if way.forwards.is_empty() {
            self.readers.push(address.clone());
            self.holders.extend((!way.is_fallback).then(|| (id, address.clone())));
        }
        if self.forwarded.contains_key(&id) {
            // Its forward led back to itself; or another way led to it, and everything is done.
            self.targets.extend(way.forwards.contains(&id).then_some(target));
            return Ok(());
        }
        let (onward, keeps) = read_forward(self.q, id)?;
        self.tell(|| Step::Account { address: address.clone(), forwards: onward.clone(), keeps });
        if onward.is_empty() {
            self.targets.push(target);
            return Ok(());
        }
        self.count(onward.len())?;
        self.forwarded.insert(id, target.clone());
        let forwards = way.forwards.iter().copied().chain([id]).collect();
        let way = Way { detail: None, owner, by: Some(address.clone()), forwards, is_fallback: way.is_fallback };
        self.pending.extend(onward.into_iter().map(|to| (to, way.clone())));
        if keeps {
            self.targets.push(target);
        }
        Ok(())
    }

    /// An address that nobody has stood behind another: what was to be forwarded there stays.
    fn nobody(&mut self, address: &Address, way: &Way) {
        tracing::warn!(%address, by = ?way.by, "an alias or a forward leads to an address that nobody has");
        self.tell(|| Step::Nobody(address.clone()));
        let kept = way.forwards.last().and_then(|id| self.forwarded.get(id));
        self.targets.extend(kept.cloned());
    }

    /// The address that the operator named for such mail, else the oldest account of the domain, else the oldest here.
    fn find_role(&mut self, address: &Address, domain: &Domain, way: &Way) -> Result<Found, Error> {
        let way = Way { detail: None, by: Some(address.clone()), ..way.clone() };
        if let Some(named) = &self.settings.postmaster
            && self.expanded.insert("postmaster".to_owned())
        {
            self.tell(|| Step::Role { address: address.clone(), to: named.clone() });
            self.pending.push((named.clone(), way));
            return Ok(Found::Somebody);
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
        let account = schema::address(&row, 1)?;
        self.tell(|| Step::Role { address: address.clone(), to: account.clone() });
        self.account(AccountId(row.int(0)?), &account, &way)?;
        Ok(Found::Somebody)
    }

    fn end(mut self) -> Lookup {
        keep_first(&mut self.targets);
        if self.targets.is_empty() {
            return Lookup::Unknown;
        }
        let gate = self.gate.take().map(|(senders, owner)| {
            let members = if senders == Senders::Members { self.members(owner) } else { Vec::new() };
            Arc::new(Gate { group: self.start.clone(), senders, members })
        });
        Lookup::Local(Reached { targets: self.targets, holders: self.holders, gate, moved_to: self.moved_to })
    }

    fn members(&self, owner: Option<Address>) -> Vec<Address> {
        let remotes = self.targets.iter().filter_map(|target| match target {
            Target::Remote { address, .. } => Some(canonical(address)),
            Target::Account { .. } => None,
        });
        self.readers.iter().cloned().chain(remotes).chain(owner.as_ref().map(canonical)).collect()
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
        let found = resolve(q, settings, named)?;
        if found != Lookup::Foreign {
            return Ok(found);
        }
        let by = own_postmaster(q, settings)?.unwrap_or_else(|| named.clone());
        return Ok(Lookup::Local(Reached::only(Target::Remote { address: named.clone(), by, owner: None })));
    }
    own_postmaster(q, settings)?.map_or(Ok(Lookup::Unknown), |address| resolve(q, settings, &address))
}

/// The postmaster of the default domain, or of the oldest.
fn own_postmaster(q: &dyn Query, settings: &Settings) -> Result<Option<Address>, Error> {
    let domain = match &settings.default_domain {
        Some(domain) => Some(domain.clone()),
        None => oldest_domain(q)?,
    };
    let named = domain.zip(LocalPart::parse("postmaster").ok());
    Ok(named.map(|(domain, local)| Address::new(local, envelope::Host::Name(domain))))
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
