//! Connections that are being opened, how many to one address at once; and all who wait for a word of the other side, of
//! whom some are broken off when others want their places ([`silences`]).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::silences::{Key, Silences};
use crate::limits::{OUTBOUND_OPENING_EACH, OUTBOUND_OPENING_PATIENCE};

/// All of them. Cheap to clone; every clone is the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Openings(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    silences: Silences<Arc<Notify>>,
    by_address: HashMap<IpAddr, Weak<Semaphore>>,
}

/// A connection that is being opened, until it is dropped.
#[derive(Debug)]
pub(super) struct Opening {
    waiting: Waiting,
    /// None for a socket on this machine, and a host that the operator named.
    _turn: Option<OwnedSemaphorePermit>,
}

/// Somebody who waits for a word of the other side, until it is dropped.
#[derive(Debug)]
pub(in crate::mta::outbound) struct Waiting {
    openings: Openings,
    key: Key,
    broken_off: Arc<Notify>,
}

impl Openings {
    /// Begins one, of an attempt that has waited for a word `since` then; `None` when the address, a stranger's, is not
    /// done with others in time.
    pub(super) async fn begin(&self, address: Option<IpAddr>, since: Instant, is_unproven: bool) -> Option<Opening> {
        self.begin_within(OUTBOUND_OPENING_PATIENCE, address, since, is_unproven).await
    }

    async fn begin_within(
        &self,
        patience: Duration,
        address: Option<IpAddr>,
        since: Instant,
        is_unproven: bool,
    ) -> Option<Opening> {
        let turn = match address {
            Some(address) => {
                let turn = self.lock().turns(address).acquire_owned();
                Some(tokio::time::timeout(patience, turn).await.ok()?.ok()?)
            }
            None => None,
        };
        Some(Opening { waiting: self.wait(since, is_unproven), _turn: turn })
    }

    /// Somebody waits for a word since then, of a destination that has talked to us lately or not.
    pub(super) fn wait(&self, since: Instant, is_unproven: bool) -> Waiting {
        let broken_off = Arc::new(Notify::new());
        let key = self.lock().silences.begin(since, is_unproven, broken_off.clone());
        Waiting { openings: self.clone(), key, broken_off }
    }

    /// So many places are wanted: breaks off those whose time is over.
    pub(super) fn make_room(&self, wanted: usize, now: Instant) {
        self.lock().silences.given_up(wanted, now).for_each(|broken_off| broken_off.notify_one());
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
        if self.by_address.len() > 2 * self.silences.len() {
            self.by_address.retain(|_, turns| turns.strong_count() > 0);
        }
        let turns = Arc::new(Semaphore::new(OUTBOUND_OPENING_EACH));
        self.by_address.insert(address, Arc::downgrade(&turns));
        turns
    }
}

impl Opening {
    /// As [`Waiting::unless_broken_off`].
    pub(super) async fn unless_broken_off<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.waiting.unless_broken_off(work).await
    }
}

impl Waiting {
    /// Waits for something; `None` when it was broken off before.
    pub(in crate::mta::outbound) async fn unless_broken_off<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.broken_off.notified() => None,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.openings.lock().silences.end(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn who_is_given_up_waits_no_more() {
        let (openings, start) = (Openings::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let young = openings.begin(None, at(15), false).await.unwrap();
        let (old, older) = (openings.wait(at(2), false), openings.begin(None, at(1), false).await.unwrap());
        let waits = async |waiting: &Waiting| {
            tokio::time::timeout(Duration::from_millis(20), waiting.unless_broken_off(pending::<()>())).await.is_err()
        };
        openings.make_room(1, at(30));
        assert!(waits(&old).await && waits(&young.waiting).await && !waits(&older.waiting).await);
        drop(older);
        openings.make_room(9, at(30));
        assert!(!waits(&old).await && waits(&young.waiting).await);
        // What is done is done.
        openings.make_room(9, at(60));
        assert!(young.unless_broken_off(std::future::ready(())).await.is_some());
    }

    #[tokio::test]
    async fn one_address_has_so_many_at_once() {
        let openings = Openings::default();
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let begin = |address| openings.begin_within(Duration::from_millis(20), address, Instant::now(), true);
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
        assert!(state.silences.len() == 0 && state.by_address.len() <= 2);
    }
}
