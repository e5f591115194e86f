//! A node: what one server has in memory. Several may be at work on one store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use directory::{DomainPattern, DomainSet};
use envelope::{Domain, Outcome};
use queue::Queue;
use storage::Store;

use super::super::book::Attempt;
use super::super::connection::silences::{self, Silences};
use super::super::desk::Desk;
use super::super::fill::Fetching;
use super::super::settle::{End, Ended};
use super::super::{Settings, SiteLimits};
use super::net::{HOUR, MINUTE, Played};
use super::office::{Event, Office, key};
use super::{set_clock, virtual_now};
use crate::route::{Options, Route, Table, To};

/// An attempt under way.
pub(super) struct UnderWay {
    pub(super) attempt: Attempt,
    pub(super) played: Played,
    /// Transactions that the other side has taken.
    pub(super) taken: usize,
    /// Its place among those who are silent.
    pub(super) silence: Option<silences::Key>,
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
    pub(super) silences: Silences<u64>,
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
            silences: Silences::default(),
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
        self.queue.detach(&self.desk);
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

impl Office {
    /// Everything that a node has in memory is lost, at any moment; the store stays. Then a new life begins: at once, or
    /// later where there is another node.
    pub(super) async fn kill(&mut self) {
        self.kills += 1;
        self.excuse(|under_way| under_way.taken);
        for under_way in std::mem::take(&mut self.node().under_way).into_values() {
            self.servers.get_mut(&under_way.attempt.destination).unwrap().hang_up();
        }
        let (node, others) = (self.here, self.nodes.iter().filter(|node| node.lives).count() > 1);
        self.node().die();
        match others {
            true => {
                let after = self.chance.below(40 * MINUTE);
                self.plan(after, Event::Rise(node));
            }
            false => self.rise().await,
        }
    }

    /// A node begins a new life.
    pub(super) async fn rise(&mut self) {
        let node = Node::new(self.here, self.store.clone(), self.settings.clone());
        let life = self.node().life;
        *self.node() = Node { life, ..node };
        self.queue().recover(virtual_now().wall).await.unwrap();
        self.plan_here(5 * MINUTE, Event::Renew);
        self.plan_seconds(10);
    }

    /// What the other side has, or may have, and we have not written down: it may go out once more.
    fn excuse(&mut self, transactions: impl Fn(&UnderWay) -> usize) {
        let node = &self.nodes[self.here];
        let mut keys = Vec::new();
        for under_way in node.under_way.values() {
            let taken = under_way.played.takes.iter().take(transactions(under_way)).flat_map(|(_, places)| places);
            keys.extend(taken.map(|place| key(&under_way.attempt.group.jobs[*place])));
        }
        let delivered = |ended: &&Ended| matches!(ended.end, End::Outcome(Outcome::Delivered(_)));
        keys.extend(node.ended.iter().filter(delivered).map(|ended| key(&ended.job)));
        keys.iter().for_each(|key| self.post.item(key).excuses += 1);
    }

    /// Somebody sets the clock, by hours. Where another node has the same clock, it finds leases run out, and what is
    /// just going out goes out again.
    pub(super) fn jump(&mut self) {
        self.jumps += 1;
        self.skew += self.chance.between(-6 * HOUR, 6 * HOUR);
        set_clock(self.at, self.skew);
        for here in 0..self.nodes.len() {
            self.here = here;
            if self.nodes.len() > 1 {
                self.excuse(|under_way| under_way.played.takes.len());
            }
            self.node().wakes_at = i64::MAX;
            self.plan_seconds(10);
        }
    }
}
