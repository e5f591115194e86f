//! Bodies that were written a moment ago, in memory: most letters are read once soon after they came, by whoever carries
//! them on or by the reader who was waiting for them, and then neither the database nor the disk need be asked.
//!
//! A body never changes, so what is here is right as long as somebody names it. Bounded in octets; the oldest go first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Body;
use crate::BodyId;
use crate::limits::RECENT_ENTRY_OCTETS;

/// Short bodies of the last moments.
pub(crate) struct Recent {
    octets_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bodies: HashMap<BodyId, Body>,
    order: VecDeque<BodyId>,
    octets: usize,
}

impl Recent {
    /// None is kept where `octets_max` is 0.
    pub(crate) fn new(octets_max: usize) -> Self {
        Self { octets_max, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing behind the lock can be left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any is kept at all.
    pub(crate) fn is_on(&self) -> bool {
        self.octets_max > 0
    }

    /// Remembers a body, and forgets the oldest until there is room.
    pub(crate) fn put(&self, id: BodyId, body: Body) {
        let mut state = self.lock();
        state.octets += cost(&body);
        state.order.push_back(id);
        if let Some(before) = state.bodies.insert(id, body) {
            state.octets -= cost(&before);
        }
        while state.octets > self.octets_max
            && let Some(oldest) = state.order.pop_front()
        {
            if let Some(gone) = state.bodies.remove(&oldest) {
                state.octets -= cost(&gone);
            }
        }
    }

    /// The body, if it is here.
    pub(crate) fn get(&self, id: BodyId) -> Option<Body> {
        if !self.is_on() {
            return None;
        }
        self.lock().bodies.get(&id).cloned()
    }
}

fn cost(body: &Body) -> usize {
    usize::try_from(body.len()).unwrap_or(usize::MAX).saturating_add(RECENT_ENTRY_OCTETS)
}
