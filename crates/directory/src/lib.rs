//! Domains, accounts, aliases and credentials: who is somebody here, and who may send where. Knows no queue and no
//! mailboxes.
//!
//! - [`Directory::lookup`] says who gets a letter for an address. Answers are kept in memory and belong to one version
//!   of the directory, so that another process's change is seen within [`limits::STALE_MAX`].
//! - [`Directory::sign_in`] answers the sign-in of any protocol. Unknown users cost the time of known ones.
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
pub mod limits;
mod names;
mod passwords;
mod pattern;
mod recent;
mod relay;
mod resolve;
mod schema;
mod sign_in;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use envelope::{AccountId, Address, Domain, Timestamp};
use storage::{Query, Store, Transaction};

pub use accounts::AccountEntry;
pub use aliases::{AliasEntry, AliasSource, AliasSourceError};
pub use domains::DomainEntry;
pub use error::Error;
pub use pattern::{DomainPattern, DomainSet};
pub use relay::{Network, NetworkError, RelayAllowed, TrustedNetworks};
pub use schema::MIGRATIONS;
pub use sign_in::{SignIn, SignedIn};

/// What an operator may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who reads what is sent to `postmaster` and `abuse` of a domain that has no such account or alias. `None`: the
    /// oldest account of the domain.
    pub postmaster: Option<Address>,
    /// The domain of a sign-in name without an `@`. `None`: the oldest domain.
    pub default_domain: Option<Domain>,
    /// How old an answer from memory may be; [`limits::STALE_MAX`] but in tests.
    pub stale_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { postmaster: None, default_domain: None, stale_max: limits::STALE_MAX }
    }
}

/// Who an address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// Its domain is not ours (or it is an address literal).
    Foreign,
    /// Its domain is ours, but nobody has the address.
    Unknown,
    /// All who get the letter: at least one, each once.
    Local(Vec<Target>),
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
    },
    /// An alias leads outside.
    #[non_exhaustive]
    Remote {
        /// To the letter as the operator wrote it.
        address: Address,
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
        Ok(Self { inner: Arc::new(Inner { store, settings, clock, secret, cache, passwords }) })
    }

    /// Who gets a letter for this address.
    pub async fn lookup(&self, address: &Address) -> Result<Lookup, Error> {
        self.refresh().await?;
        let key = names::canonical(address);
        if let Some(found) = self.inner.cache.lookup(&key) {
            return Ok(found);
        }
        let asked = key.clone();
        let resolved = self.read(move |q, settings| Ok((schema::version(q)?, resolve::resolve(q, settings, &asked)?)));
        let (version, found) = resolved.await?;
        self.inner.cache.keep_lookup(version, key, found.clone());
        Ok(found)
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
    /// leads to him.
    pub async fn may_send_as(&self, who: &SignedIn, address: &Address) -> Result<bool, Error> {
        let Lookup::Local(targets) = self.lookup(address).await? else { return Ok(false) };
        Ok(targets.iter().any(|target| matches!(target, Target::Account { id, .. } if *id == who.account())))
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
