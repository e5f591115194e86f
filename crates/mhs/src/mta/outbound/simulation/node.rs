//! A node: what one server has in memory. Several may be at work on one store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use directory::{DomainPattern, DomainSet};
use envelope::Domain;
use queue::Queue;
use storage::Store;

use super::super::book::Attempt;
use super::super::desk::Desk;
use super::super::fill::Fetching;
use super::super::settle::Ended;
use super::super::{Settings, SiteLimits};
use super::net::Played;
use super::virtual_now;
use crate::route::{Options, Route, Table, To};

/// An attempt under way.
pub(super) struct UnderWay {
    pub(super) attempt: Attempt,
    pub(super) played: Played,
    /// Transactions that the other side has taken.
    pub(super) taken: usize,
}

/// One server.
pub(super) struct Node {
    /// Grows with each death.
    pub(super) life: u32,
    pub(super) lives: bool,
    pub(super) queue: Queue,
    pub(super) desk: Arc<Desk>,
    pub(super) fetching: Fetching,
    pub(super) under_way: BTreeMap<u64, UnderWay>,
    pub(super) ended: Vec<Ended>,
    pub(super) wakes_at: i64,
    pub(super) settles: bool,
    /// When letters began, for destinations that have a rate.
    pub(super) begun: BTreeMap<String, VecDeque<i64>>,
}

impl Node {
    pub(super) fn new(number: usize, store: Store, settings: Arc<Settings>) -> Self {
        let queue = Queue::new(store, &format!("athens{number}"));
        let desk = Arc::new(Desk::new(settings, virtual_now));
        queue.attach(desk.clone());
        Self {
            life: 0,
            lives: true,
            queue,
            desk,
            fetching: Fetching::default(),
            under_way: BTreeMap::new(),
            ended: Vec::new(),
            wakes_at: i64::MAX,
            settles: false,
            begun: BTreeMap::new(),
        }
    }

    /// Everything in memory is lost.
    pub(super) fn die(&mut self) {
        self.life += 1;
        self.lives = false;
        self.queue.detach();
        self.ended.clear();
    }

    /// A letter goes out: no connection too many, and no letter too many in the time of its rate.
    pub(super) fn begins(&mut self, destination: &str, limits: &SiteLimits, at: i64) {
        let there = |under_way: &&UnderWay| under_way.attempt.destination == destination;
        let open = self.under_way.values().filter(there).count();
        assert!(open < limits.connections_max, "{destination}: {open} connections, and one more");
        let Some(rate) = limits.rate else { return };
        let begun = self.begun.entry(destination.to_owned()).or_default();
        let per = rate.per.as_millis() as i64;
        begun.retain(|when| at - when < per);
        begun.push_back(at);
        let most = (rate.letters + rate.burst()) as usize;
        assert!(begun.len() <= most, "{destination}: {} letters in {:?}", begun.len(), rate.per);
    }
}

/// What these destinations bear, as an operator's routes.
pub(super) fn routes(limits: &[(String, SiteLimits)]) -> Table {
    let route = |(name, limits): &(String, SiteLimits)| Route {
        domains: DomainSet::new(vec![DomainPattern::Exact(Domain::parse(name).unwrap())]),
        senders: Vec::new(),
        to: To::Mx,
        options: Options { limits: *limits, ..Options::default() },
    };
    Table::new(limits.iter().map(route).collect())
}
