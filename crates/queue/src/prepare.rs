//! How each recipient of a new letter begins: decided before the transaction that accepts it, with room reserved at the
//! desk; ended after the commit, or when nothing came of it.
//!
//! - *handed over*: its row is born leased to this node, and the desk has it after the commit. No claim is made.
//! - *parked*: in its destination's own queue, when the desk has no room for it.
//! - *due*: there is no desk in this process; whoever has one claims it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use envelope::{Address, ReversePath, Timestamp};

use crate::desk::{Desk, Reserved, Terms};
use crate::rule::Rules;
use crate::types::{Claim, Lane};
use crate::{Queue, lock};

/// How the recipients of one letter begin. When it is dropped, what was reserved and not handed over is given up.
pub struct Prepared {
    pub(crate) node: Arc<str>,
    pub(crate) now: Timestamp,
    /// The same moment, by the clock that never goes back.
    began: Instant,
    pub(crate) lane: Lane,
    /// One for each recipient, in order.
    pub(crate) begins: Vec<Begin>,
    /// Who has a desk, and its terms.
    pub(crate) desk: Option<(Arc<dyn Desk>, Terms)>,
    /// Reserved, as long as nothing was handed over.
    reserved: Mutex<Option<Reserved>>,
    /// What the last run of the transaction has leased.
    leased: Mutex<Vec<Claim>>,
}

/// How one recipient begins.
#[derive(Debug, Clone)]
pub(crate) struct Begin {
    pub(crate) destination: String,
    /// The domain of its address, as text.
    pub(crate) domain: String,
    pub(crate) place: Place,
    /// A rule holds it, for this reason.
    pub(crate) held: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Due,
    Parked,
    HandedOver,
}

impl Prepared {
    pub(crate) fn new(
        queue: &Queue,
        reverse_path: &ReversePath,
        lane: Lane,
        recipients: &[&Address],
        rules: &Rules,
        now: Timestamp,
    ) -> Self {
        let began = Instant::now();
        let desk = queue.desk().map(|desk| {
            let terms = desk.terms();
            (desk, terms)
        });
        let begin = |recipient: &&Address| {
            let destination = match &desk {
                Some((desk, _)) => desk.destination(reverse_path, recipient),
                None => recipient.host().to_string(),
            };
            let held = rules.reason(reverse_path, recipient, &destination);
            let place = if desk.is_some() { Place::Parked } else { Place::Due };
            Begin { destination, domain: recipient.host().to_string(), place, held }
        };
        let begins = recipients.iter().map(begin).collect();
        let node = queue.inner.node.clone();
        let (reserved, leased) = (Mutex::default(), Mutex::default());
        let mut this = Self { node, now, began, lane, begins, desk, reserved, leased };
        this.reserve();
        this
    }

    /// Asks the desk once for each destination.
    fn reserve(&mut self) {
        let Some((desk, _)) = &self.desk else { return };
        let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
        for begin in self.begins.iter().filter(|begin| begin.held.is_none()) {
            *wanted.entry(&begin.destination).or_default() += 1;
        }
        let mut reserved = Reserved::new(desk.clone());
        let mut left: BTreeMap<String, usize> = BTreeMap::new();
        for (destination, wanted) in wanted {
            left.insert(destination.to_owned(), reserved.ask(destination, self.lane, wanted, false));
        }
        for begin in self.begins.iter_mut().filter(|begin| begin.held.is_none()) {
            if let Some(room) = left.get_mut(&begin.destination).filter(|room| **room > 0) {
                *room -= 1;
                begin.place = Place::HandedOver;
            }
        }
        *lock(&self.reserved) = Some(reserved);
    }

    /// What a run of the transaction has leased; an earlier run came to nothing.
    pub(crate) fn lease(&self, claims: Vec<Claim>) {
        *lock(&self.leased) = claims;
    }

    /// After the commit: the desk has what was leased for it. Answers how many; the others are parked, held, or due.
    pub fn hand_over(&self) -> usize {
        let claims = std::mem::take(&mut *lock(&self.leased));
        let count = claims.len();
        // What is left is given up when this goes.
        let reserved = lock(&self.reserved).take();
        if let (Some((desk, _)), Some(mut reserved)) = (self.desk.as_ref().filter(|_| count > 0), reserved) {
            reserved.used(&claims);
            desk.hand_over(claims, self.began.elapsed());
        }
        count
    }

    /// The keys of the next hops, one for each recipient, in order.
    pub fn destinations(&self) -> impl Iterator<Item = &str> {
        self.begins.iter().map(|begin| begin.destination.as_str())
    }

    /// Whether something may be due, for which somebody who sleeps must be woken.
    pub fn is_due(&self) -> bool {
        self.begins.iter().any(|begin| begin.place == Place::Due && begin.held.is_none())
    }
}
