//! Answers kept in memory, so that a RCPT costs no query. What is kept belongs to one version of the directory; when
//! the version row has moved, all of it goes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use envelope::{Address, Domain};

use crate::Lookup;
use crate::limits::{DOMAINS_MAX, LOOKUPS_MAX};
use crate::recent::Recent;

pub(crate) struct Cache {
    state: Mutex<State>,
    /// Held by whoever asks the store for the version, so that the others wait instead of asking too.
    pub(crate) asking: tokio::sync::Mutex<()>,
    stale_max: Duration,
}

struct State {
    version: i64,
    checked: Option<Instant>,
    lookups: Recent<Address, Lookup>,
    domains: Recent<Domain, bool>,
}

impl State {
    /// Whether an answer of this version may be kept.
    fn moves_to(&mut self, version: i64) -> bool {
        if version > self.version {
            self.version = version;
            self.lookups.clear();
            self.domains.clear();
        }
        version == self.version
    }
}

impl Cache {
    pub(crate) fn new(stale_max: Duration) -> Self {
        let state =
            State { version: 0, checked: None, lookups: Recent::new(LOOKUPS_MAX), domains: Recent::new(DOMAINS_MAX) };
        Self { state: Mutex::new(state), asking: tokio::sync::Mutex::new(()), stale_max }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that panics runs under the lock; and a cache has no invariant that half a change could break.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the version was read so lately that answers may be given from memory.
    pub(crate) fn is_fresh(&self) -> bool {
        self.state().checked.is_some_and(|checked| checked.elapsed() < self.stale_max)
    }

    /// The version was read, by a question asked at `asked`.
    pub(crate) fn confirm(&self, version: i64, asked: Instant) {
        let mut state = self.state();
        state.moves_to(version);
        state.checked = Some(asked);
    }

    pub(crate) fn lookup(&self, address: &Address) -> Option<Lookup> {
        self.state().lookups.get(address)
    }

    pub(crate) fn keep_lookup(&self, version: i64, address: Address, found: Lookup) {
        let mut state = self.state();
        if state.moves_to(version) {
            state.lookups.insert(address, found);
        }
    }

    pub(crate) fn domain(&self, domain: &Domain) -> Option<bool> {
        self.state().domains.get(domain)
    }

    pub(crate) fn keep_domain(&self, version: i64, domain: Domain, is_local: bool) {
        let mut state = self.state();
        if state.moves_to(version) {
            state.domains.insert(domain, is_local);
        }
    }
}
