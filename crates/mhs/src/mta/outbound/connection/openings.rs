//! Connections that are being opened: how many to one address at once, and which are broken off when others want their
//! places. A host that accepts a connection and then says nothing would hold a place for five minutes
//! (RFC 5321 section 4.5.3.2.1).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::limits::{OUTBOUND_OPENING_EACH, OUTBOUND_OPENING_PATIENCE};

/// All that are being opened. Cheap to clone; every clone is the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Openings(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    begun: u64,
    /// Those that wait longest first.
    under_way: BTreeMap<(Instant, u64), Arc<Notify>>,
    by_address: HashMap<IpAddr, Weak<Semaphore>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Opening {
    openings: Openings,
    key: (Instant, u64),
    broken_off: Arc<Notify>,
    /// None for a socket on this machine, and a host that the operator named.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Openings {
    /// Begins one, of an attempt that has waited for a word `since` then; `None` when the address, a stranger's, is not
    /// done with others in time.
    pub(super) async fn begin(&self, address: Option<IpAddr>, since: Instant) -> Option<Opening> {
        self.begin_within(OUTBOUND_OPENING_PATIENCE, address, since).await
    }

    async fn begin_within(&self, patience: Duration, address: Option<IpAddr>, since: Instant) -> Option<Opening> {
        let turn = match address {
            Some(address) => {
                let turn = self.lock().turns(address).acquire_owned();
                Some(tokio::time::timeout(patience, turn).await.ok()?.ok()?)
            }
            None => None,
        };
        let broken_off = Arc::new(Notify::new());
        let mut state = self.lock();
        state.begun += 1;
        let key = (since, state.begun);
        state.under_way.insert(key, broken_off.clone());
        Some(Opening { openings: self.clone(), key, broken_off, _turn: turn })
    }

    /// Breaks off so many, of those that have waited for as long at least; the longest first.
    pub(super) fn break_off(&self, count: usize, waited: Duration, now: Instant) {
        let state = self.lock();
        let late = state.under_way.iter().take_while(|((since, _), _)| now.saturating_duration_since(*since) >= waited);
        late.take(count).for_each(|(_, broken_off)| broken_off.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn turns(&mut self, address: IpAddr) -> Arc<Semaphore> {
        if let Some(turns) = self.by_address.get(&address).and_then(Weak::upgrade) {
            return turns;
        }
        // As many as are in use may stand here without use.
        if self.by_address.len() > 2 * self.under_way.len() {
            self.by_address.retain(|_, turns| turns.strong_count() > 0);
        }
        let turns = Arc::new(Semaphore::new(OUTBOUND_OPENING_EACH));
        self.by_address.insert(address, Arc::downgrade(&turns));
        turns
    }
}

impl Opening {
    /// Waits for something; `None` when it was broken off before.
    pub(super) async fn unless_broken_off<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.broken_off.notified() => None,
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.openings.lock().under_way.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn who_waits_longest_is_broken_off() {
        let (openings, start) = (Openings::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let young = openings.begin(None, at(15)).await.unwrap();
        let (old, older) = (openings.begin(None, at(2)).await.unwrap(), openings.begin(None, at(1)).await.unwrap());
        let is_broken = async |opening: &Opening| opening.unless_broken_off(std::future::ready(())).await.is_none();
        let waits = async |opening: &Opening| {
            tokio::time::timeout(Duration::from_millis(20), opening.unless_broken_off(pending::<()>())).await.is_err()
        };
        openings.break_off(1, Duration::from_secs(20), at(20));
        assert!(waits(&older).await, "nobody has waited for so long");
        openings.break_off(1, Duration::from_secs(10), at(20));
        assert!(waits(&old).await && waits(&young).await && !waits(&older).await);
        drop(older);
        openings.break_off(9, Duration::from_secs(10), at(20));
        assert!(!waits(&old).await && waits(&young).await);
        // What is done is done.
        openings.break_off(9, Duration::ZERO, at(20));
        assert!(!is_broken(&young).await);
    }

    #[tokio::test]
    async fn one_address_has_so_many_at_once() {
        let openings = Openings::default();
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let begin = |address| openings.begin_within(Duration::from_millis(20), address, Instant::now());
        let mut held = Vec::new();
        for _ in 0..OUTBOUND_OPENING_EACH {
            held.push(begin(address("192.0.2.1")).await.unwrap());
        }
        assert!(begin(address("192.0.2.1")).await.is_none());
        assert!(begin(address("192.0.2.2")).await.is_some());
        held.pop();
        assert!(begin(address("192.0.2.1")).await.is_some());
        held.clear();
        let state = openings.lock();
        assert!(state.under_way.is_empty() && state.by_address.len() <= 2);
    }
}
