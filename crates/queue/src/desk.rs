//! The desk: who carries mail out, as the queue sees it. It stands in `mhs`, and is attached while it works.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use envelope::{Address, ReversePath};

use crate::backoff::Backoff;
use crate::types::{Claim, Lane};

/// What the outbound side says to the queue. No method waits, and none calls the queue: some are called while a letter
/// is being accepted.
pub trait Desk: Send + Sync {
    /// The key of the next hop for this recipient, by the table of routes.
    fn destination(&self, reverse_path: &ReversePath, recipient: &Address) -> String;

    /// How many of `wanted` recipients of one lane it takes at once. They are reserved: each is handed over, or claimed,
    /// or given up. None when the destination rests, unless the operator has `asked` for an attempt since.
    ///
    /// Those refused are parked in the destination's own queue: the desk asks for them when it has room again.
    fn room(&self, destination: &str, lane: Lane, wanted: usize, asked: bool) -> usize;

    /// Recipients that were accepted a moment ago, within a reservation, leased to this node already. It may come after
    /// the desk was detached; then the desk parks them, or lets the leases run out. Their leases began so long ago, by the
    /// clock that never goes back.
    fn hand_over(&self, claims: Vec<Claim>, leased_ago: Duration);

    /// So many of a reservation came to nothing.
    fn give_up(&self, destination: &str, lane: Lane, count: usize);

    /// How long it leases, and the patience with letters.
    fn terms(&self) -> Terms;
}

/// See [`Desk::terms`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// A lease lasts so long when nobody renews it.
    pub lease: Duration,
    /// When senders are told of a delay, and when letters are given up.
    pub patience: Backoff,
}

/// Room that was reserved at the desk; what was not used is given up at the end.
pub(crate) struct Reserved {
    desk: Arc<dyn Desk>,
    left: HashMap<(String, Lane), usize>,
}

impl Reserved {
    pub(crate) fn new(desk: Arc<dyn Desk>) -> Self {
        Self { desk, left: HashMap::new() }
    }

    /// Asks for room.
    pub(crate) fn ask(&mut self, destination: &str, lane: Lane, wanted: usize, asked: bool) -> usize {
        let room = self.desk.room(destination, lane, wanted, asked).min(wanted);
        if room > 0 {
            *self.left.entry((destination.to_owned(), lane)).or_default() += room;
        }
        room
    }

    /// These were claimed within it.
    pub(crate) fn used(&mut self, claims: &[Claim]) {
        for claim in claims {
            if let Some(left) = self.left.get_mut(&(claim.destination.clone(), claim.lane)) {
                *left = left.saturating_sub(1);
            }
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        for ((destination, lane), left) in self.left.drain() {
            if left > 0 {
                self.desk.give_up(&destination, lane, left);
            }
        }
    }
}
