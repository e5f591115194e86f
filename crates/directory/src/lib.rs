//! Domains, accounts, aliases and credentials: who is somebody here, and who may send where. Knows no queue and no
//! mailboxes.
//!
//! - [`Directory::lookup`] says who gets a letter for an address. Answers are kept in memory and belong to one version
//!   of the directory, so that another process's change is seen within [`limits::STALE_MAX`].
//! - [`Directory::sign_in`] answers the sign-in of any protocol. Unknown users cost the time of known ones.
//! - [`SignInGuard`] stands before it at every door: failures are counted, slowed and written down.
//! - [`SignedIn`] (needed to open a mailbox) and [`RelayAllowed`] (needed to queue for a foreign domain) are made here
//!   and nowhere else.
//! - The rest is for the operator: `add_domain`, `add_account`, `add_alias` and so on, with errors in words that say
//!   what to do.
#![forbid(unsafe_code)]

mod accounts;
mod aliases;
mod argon;
mod cache;
mod domains;
mod error;
mod forwards;
mod groups;
mod guard;
pub mod limits;
mod moved;
mod names;
mod passwords;
mod pattern;
mod quota;
mod recent;
mod relay;
mod resolve;
mod schema;
mod sign_in;
pub mod srs;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use envelope::{AccountId, Address, Domain, Timestamp};
use storage::{Query, Store, Transaction};

pub use accounts::AccountEntry;
pub use aliases::{AliasEntry, AliasSource, AliasSourceError};
pub use domains::DomainEntry;
pub use error::Error;
pub use forwards::ForwardEntry;
pub use groups::{Gate, Senders, SendersError, Terms};
pub use guard::{ClearText, Knock, SignInGuard};
pub use moved::MovedEntry;
pub use names::canonical;
pub use pattern::{DomainPattern, DomainSet};
pub use quota::{Limit, Quota, quota_in};
pub use relay::{Network, NetworkError, RelayAllowed, TrustedNetworks};
pub use resolve::{Step, is_role};
pub use schema::MIGRATIONS;
pub use sign_in::{SignIn, SignedIn};

/// What an operator may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who reads what is sent to `postmaster`, `abuse` and `mailer-daemon` of a domain that has no such account or
    /// alias. `None`: the oldest account of the domain.
    pub postmaster: Option<Address>,
    /// The domain of a sign-in name without an `@`. `None`: the oldest domain.
    pub default_domain: Option<Domain>,
    /// Give a letter with a foreign reverse-path that we carry on to somebody else's domain one of ours ([`srs`]).
    pub srs: bool,
    /// The domain of such addresses. `None`: that of the alias or account that sends the letter on.
    pub srs_domain: Option<Domain>,
    /// What an account may hold, unless the operator says otherwise of it.
    pub quota: Quota,
    /// How old an answer from memory may be; [`limits::STALE_MAX`] but in tests.
    pub stale_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            postmaster: None,
            default_domain: None,
            srs: true,
            srs_domain: None,
            quota: Quota::UNLIMITED,
            stale_max: limits::STALE_MAX,
        }
    }
}

/// Who an address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// Its domain is not ours (or it is an address literal).
    Foreign,
    /// Its domain is ours, but nobody has the address.
    Unknown,
    /// All who get the letter.
    Local(Reached),
    /// Who had the address is here now, and letters do not follow him (RFC 5321 section 3.4).
    Moved(Address),
    /// It stands for a foreign sender, for whom a notice comes back.
    Returning(Returning),
    /// It looks as if it did, and does not.
    NotReturning(srs::SrsError),
}

/// Who gets a letter for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// At least one, each once.
    pub targets: Vec<Target>,
    /// The accounts that the address leads to, before any of them forwards: it is theirs to write under. A catch-all, and
    /// an address that always exists (postmaster), brings letters and makes nobody a holder.
    pub holders: Vec<(AccountId, Address)>,
    /// Who may write there, when not everybody may. Only the terms of the group that was asked for count: what it
    /// leads to, its operator wanted.
    pub gate: Option<Arc<Gate>>,
    /// Who had the address is here now, and letters follow him.
    pub moved_to: Option<Address>,
}

impl Reached {
    fn only(target: Target) -> Self {
        Self { targets: vec![target], holders: Vec::new(), gate: None, moved_to: None }
    }
}

/// The foreign sender that an address of ours stands for, found by its hash. Made here only, so that
/// [`RelayAllowed::for_returning`] can believe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returning(Address);

impl Returning {
    /// The sender.
    pub fn to(&self) -> &Address {
        &self.0
    }
}

/// One who gets a letter. Made here only, so that [`RelayAllowed::for_alias`] can believe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An account of ours.
    #[non_exhaustive]
    Account {
        /// Whose mailboxes.
        id: AccountId,
        /// Its own address, in canonical form.
        address: Address,
        /// `lists` of `anna+lists`, in lower case (RFC 5233).
        detail: Option<String>,
        /// Of the group that leads there, if it has one.
        owner: Option<Address>,
        /// What it may hold.
        quota: Quota,
    },
    /// An alias, or a forward, leads outside.
    #[non_exhaustive]
    Remote {
        /// To the letter as the operator wrote it.
        address: Address,
        /// The address of ours that leads there.
        by: Address,
        /// As above.
        owner: Option<Address>,
    },
}

/// The directory. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Directory {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    settings: Settings,
    clock: fn() -> Timestamp,
    /// For the invented keys of unknown users: it outlives the process.
    secret: [u8; 32],
    srs: srs::Key,
    cache: cache::Cache,
    passwords: passwords::Passwords,
}

impl Directory {
    /// Opens the directory on a store that was opened with [`MIGRATIONS`]. `clock` tells the present.
    pub async fn open(store: Store, settings: Settings, clock: fn() -> Timestamp) -> Result<Self, Error> {
        let fresh = passwords::random::<32>()?;
        let state = "SELECT secret FROM directory_state WHERE id = $1";
        let mut found = store.read(move |q| q.query_one(state, &[schema::STATE.into()])).await?;
        if found.is_none() {
            let insert = "INSERT INTO directory_state (id, version, next_account, secret) VALUES ($1, 1, 1, $2)
                          ON CONFLICT (id) DO NOTHING";
            let write = store.write(move |tx| {
                tx.execute(insert, &[schema::STATE.into(), fresh.into()])?;
                tx.query_one(state, &[schema::STATE.into()])
            });
            found = write.await?.0;
        }
        let secret = found.as_ref().and_then(|row| row.blob(0).ok()?.try_into().ok());
        let secret = secret.ok_or_else(|| storage::Error::Damaged("the row of directory_state".to_owned()))?;
        let cache = cache::Cache::new(settings.stale_max);
        let passwords = passwords::Passwords::new()?;
        let srs = srs::Key::derive(&secret);
        Ok(Self { inner: Arc::new(Inner { store, settings, clock, secret, srs, cache, passwords }) })
    }

    /// Who gets a letter for this address.
    pub async fn lookup(&self, address: &Address) -> Result<Lookup, Error> {
        if let Some(found) = self.returning(address).await? {
            return Ok(found);
        }
        self.refresh().await?;
        let key = names::canonical(address);
        // Who stands behind an address is asked only where its domain is ours: of others the domain says everything.
        if key.host().name().is_none_or(|domain| self.inner.cache.domain(domain) == Some(false)) {
            return Ok(Lookup::Foreign);
        }
        if let Some(found) = self.inner.cache.lookup(&key) {
            return Ok(found);
        }
        let asked = key.clone();
        let resolved = self.read(move |q, settings| Ok((schema::version(q)?, resolve::resolve(q, settings, &asked)?)));
        let (version, found) = resolved.await?;
        match key.host().name().filter(|_| found == Lookup::Foreign) {
            Some(domain) => self.inner.cache.keep_domain(version, domain.clone(), false),
            None => self.inner.cache.keep_lookup(version, key, found.clone()),
        }
        Ok(found)
    }

    /// How [`Directory::lookup`] comes to its answer, step by step; none for an address that is not ours. For the operator:
    /// nothing of it is kept.
    pub async fn explain(&self, address: &Address) -> Result<Vec<Step>, Error> {
        let asked = names::canonical(address);
        self.read(move |q, settings| resolve::explain(q, settings, &asked)).await
    }

    /// An address of ours that stands for a foreign sender: computed, never kept, since it grows old.
    async fn returning(&self, address: &Address) -> Result<Option<Lookup>, Error> {
        let Some(domain) = address.host().name().filter(|_| srs::has_form(address.local())) else { return Ok(None) };
        if self.inner.settings.srs_domain.as_ref() != Some(domain) && !self.is_local(domain).await? {
            return Ok(None);
        }
        let found = self.inner.srs.original(address.local(), (self.inner.clock)());
        Ok(found.map(|found| match found {
            Ok(sender) => Lookup::Returning(Returning(sender)),
            Err(error) => Lookup::NotReturning(error),
        }))
    }

    /// Whether the domain is one of ours.
    pub async fn is_local(&self, domain: &Domain) -> Result<bool, Error> {
        self.refresh().await?;
        if let Some(found) = self.inner.cache.domain(domain) {
            return Ok(found);
        }
        let asked = domain.clone();
        let resolved = self.read(move |q, _| Ok((schema::version(q)?, resolve::is_local(q, &asked)?)));
        let (version, found) = resolved.await?;
        self.inner.cache.keep_domain(version, domain.clone(), found);
        Ok(found)
    }

    /// Who reads `RCPT TO:<Postmaster>` (RFC 5321 section 4.5.1). [`Lookup::Unknown`] only while nobody has an account.
    pub async fn postmaster(&self) -> Result<Lookup, Error> {
        self.read(resolve::postmaster).await
    }

    /// Whether somebody may name this address as the sender of a letter: his own with any detail, or an alias that
    /// leads to him. A catch-all, or the role of postmaster, is not enough.
    pub async fn may_send_as(&self, who: &SignedIn, address: &Address) -> Result<bool, Error> {
        let Lookup::Local(found) = self.lookup(address).await? else { return Ok(false) };
        Ok(found.holders.iter().any(|(id, _)| *id == who.account()))
    }

    /// Makes sure that what stands in memory is no older than the settings allow.
    async fn refresh(&self) -> Result<(), Error> {
        let cache = &self.inner.cache;
        if cache.is_fresh() {
            return Ok(());
        }
        let _asking = cache.asking.lock().await;
        if cache.is_fresh() {
            return Ok(());
        }
        let asked = Instant::now();
        let version = self.inner.store.read(schema::version).await?;
        cache.confirm(version, asked);
        Ok(())
    }

    /// A consistent view for a function that may fail in words of ours.
    async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Query, &Settings) -> Result<T, Error> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let result = self.inner.store.read(move |q| match work(q, &inner.settings) {
            Err(Error::Store(error)) => Err(error),
            other => Ok(other),
        });
        result.await?
    }

    /// A change: all of it or nothing, and whatever stands in memory is forgotten. An error of ours rolls back too.
    async fn change<T, F>(&self, mut work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnMut(&dyn Transaction) -> Result<T, Error> + Send + 'static,
    {
        let refused = Arc::new(Mutex::new(None));
        let put = Arc::clone(&refused);
        let result = self.inner.store.write(move |tx| {
            // First, since this row is then locked: whatever is checked below stays true until the commit.
            let version = schema::bump(tx)?;
            match work(tx) {
                Ok(value) => Ok((value, version)),
                Err(Error::Store(error)) => Err(error),
                Err(ours) => {
                    let word = ours.to_string();
                    *put.lock().unwrap_or_else(PoisonError::into_inner) = Some(ours);
                    Err(storage::Error::Refused(word))
                }
            }
        });
        match result.await {
            Ok(((value, version), _committed)) => {
                self.inner.cache.confirm(version, Instant::now());
                Ok(value)
            }
            Err(storage::Error::Refused(word)) => {
                let ours = refused.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(ours.unwrap_or(Error::Store(storage::Error::Refused(word))))
            }
            Err(error) => Err(Error::Store(error)),
        }
    }
}
