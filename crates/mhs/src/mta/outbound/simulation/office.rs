//! Our side: the parts of mail out as they are, with a list of events in place of tasks and sockets.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use bytes::Bytes;
use directory::RelayAllowed;
use envelope::{Address, BodyType, MailId, Recipient, ReversePath};
use queue::{Lane, NewMail, NewRecipient, Prepared, Queue};
use storage::{Store, Transaction};
use tempfile::TempDir;

use super::super::book::{Attempt, Feedback, Job, Key, Rest, Ruling};
use super::super::desk::Desk;
use super::super::fill::Fetched;
use super::super::settle::{End, Ended, Waits};
use super::super::work::withdrawn;
use super::super::{Attempted, Batch, Leases, Settings, SiteLimits, trouble};
use super::deeds::Deeds;
use super::net::{MINUTE, Manner, SECOND, Server};
use super::node::{Node, UnderWay, routes};
use super::post::{Item, Post};
use super::{Chance, EPOCH, set_clock, virtual_now};
use crate::limits::{OUTBOUND_LEASE, OUTBOUND_SILENCE_RECIPIENT};

/// What happens at a moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The other side takes what this attempt brings, in its transaction of this number.
    Takes(u64, usize),
    /// The attempt is over.
    Ends(u64),
    /// An attempt takes long.
    Tarries(u64),
    Lingers(u64),
    /// What has ended is written down.
    Settle,
    /// Something may be due.
    Wake,
    /// The second of the real loop, after which it looks for what is due whatever it knows.
    Second,
    Renew,
    /// A sender has a letter.
    Write,
    Kill,
    /// A node that was killed begins a new life.
    Rise(usize),
    Jump,
    /// The operator does something.
    Deed,
}

/// Of the world, or of a node in one of its lives.
type Whose = Option<(usize, u32)>;

/// The whole world of a run.
pub(super) struct Office {
    pub(super) at: i64,
    pub(super) skew: i64,
    pub(super) chance: Chance,
    /// With the node whose they are, and the number of its life: a kill ends it.
    events: BinaryHeap<Reverse<(i64, u64, Whose, Event)>>,
    events_made: u64,
    pub(super) store: Store,
    pub(super) nodes: Vec<Node>,
    /// The node at which something happens just now.
    pub(super) here: usize,
    pub(super) settings: Arc<Settings>,
    pub(super) servers: BTreeMap<String, Server>,
    pub(super) deeds: Deeds,
    pub(super) post: Post,
    pub(super) happened: usize,
    pub(super) kills: usize,
    pub(super) jumps: usize,
    pub(super) double_bounces: usize,
    _folder: TempDir,
}

impl Office {
    /// With so many nodes on one store.
    pub(super) async fn new(
        seed: u64,
        servers: &[(String, Manner)],
        limits: &[(String, SiteLimits)],
        nodes: usize,
    ) -> Self {
        set_clock(0, 0);
        let ram = std::path::Path::new("/dev/shm");
        let folder = if ram.is_dir() { tempfile::tempdir_in(ram) } else { tempfile::tempdir() }.unwrap();
        let store = Store::open_embedded(folder.path(), &[queue::MIGRATIONS]).await.unwrap();
        let resolver = net::Resolver::named("127.0.0.1:1".parse().unwrap()).unwrap();
        let settings = Settings::new("mx.athens.test", resolver, &net::Roots::none());
        let settings = Arc::new(Settings { routes: Arc::new(routes(limits)), ..settings });
        let node = |number| Node::new(number, store.clone(), settings.clone());
        let nodes: Vec<Node> = (0..nodes).map(node).collect();
        let servers = servers.iter().map(|(name, manner)| (name.clone(), Server::new(*manner))).collect();
        let mut office = Self {
            at: 0,
            skew: 0,
            chance: Chance(seed),
            events: BinaryHeap::new(),
            events_made: 0,
            store,
            nodes,
            here: 0,
            settings,
            servers,
            deeds: Deeds::default(),
            post: Post::default(),
            happened: 0,
            kills: 0,
            jumps: 0,
            double_bounces: 0,
            _folder: folder,
        };
        for here in 0..office.nodes.len() {
            office.here = here;
            office.plan_here(5 * MINUTE, Event::Renew);
        }
        office
    }

    pub(super) fn node(&mut self) -> &mut Node {
        &mut self.nodes[self.here]
    }

    pub(super) fn queue(&self) -> Queue {
        self.nodes[self.here].queue.clone()
    }

    pub(super) fn desk(&self) -> Arc<Desk> {
        self.nodes[self.here].desk.clone()
    }

    /// Something that happens whatever becomes of us.
    pub(super) fn plan(&mut self, after: i64, event: Event) {
        self.push(after, None, event);
    }

    pub(super) fn plan_here(&mut self, after: i64, event: Event) {
        let life = self.node().life;
        self.push(after, Some((self.here, life)), event);
    }

    fn push(&mut self, after: i64, whose: Whose, event: Event) {
        self.events_made += 1;
        self.events.push(Reverse((self.at + after.max(0), self.events_made, whose, event)));
    }

    /// Lets time pass until this moment.
    pub(super) async fn run_until(&mut self, end: i64) {
        self.turn_all().await;
        while let Some(Reverse((at, ..))) = self.events.peek()
            && *at <= end
        {
            let Some(Reverse((at, _, whose, event))) = self.events.pop() else { return };
            if whose.is_some_and(|(node, life)| self.nodes[node].life != life) {
                continue;
            }
            self.at = at;
            self.happened += 1;
            set_clock(self.at, self.skew);
            match whose {
                Some((node, _)) => {
                    self.here = node;
                    self.happens(event).await;
                    self.turn().await;
                }
                None => {
                    self.here = self.anybody();
                    self.happens(event).await;
                    self.turn_all().await;
                }
            }
        }
        self.at = end;
        set_clock(self.at, self.skew);
    }

    /// A node that lives.
    fn anybody(&mut self) -> usize {
        let living: Vec<usize> = (0..self.nodes.len()).filter(|node| self.nodes[*node].lives).collect();
        if living.len() == 1 { living[0] } else { living[self.chance.below(living.len() as i64) as usize] }
    }

    async fn turn_all(&mut self) {
        for node in 0..self.nodes.len() {
            self.here = node;
            if self.nodes[node].lives {
                self.turn().await;
            }
        }
    }

    async fn happens(&mut self, event: Event) {
        match event {
            Event::Takes(attempt, transaction) => self.takes(attempt, transaction),
            Event::Ends(attempt) => self.ends(attempt).await,
            Event::Tarries(attempt) => self.desk().book().tarries(attempt),
            Event::Lingers(attempt) => self.desk().book().lingers(attempt, virtual_now()),
            Event::Settle => self.settle().await,
            // Another one was planned before it.
            Event::Wake if self.at < self.node().wakes_at => {}
            // Nobody rings: what is due is found by the clock alone, as in a server that runs.
            Event::Wake => self.node().wakes_at = i64::MAX,
            Event::Second => {}
            Event::Renew => self.renew().await,
            Event::Write => self.write_any().await,
            Event::Kill => self.kill().await,
            Event::Rise(node) => {
                self.here = node;
                self.rise().await;
            }
            Event::Jump => self.jump(),
            Event::Deed => self.deed().await,
        }
    }

    /// A round of the loop of [`super::super::schedule`].
    pub(super) async fn turn(&mut self) {
        let now = virtual_now();
        let (queue, desk) = (self.queue(), self.desk());
        let mut fetched = Fetched::default();
        self.node().fetching.fetch(&queue, &desk, now, &mut fetched).await.unwrap();
        let attempts = desk.book().start(now);
        let crowded_out = desk.book().crowded_out();
        let given_up: Vec<u64> = self.node().silences.given_up(crowded_out, now.instant).copied().collect();
        given_up.into_iter().for_each(|attempt| self.plan_here(0, Event::Ends(attempt)));
        let refused = desk.book().take_refused();
        for one in fetched.refused.into_iter().chain(refused) {
            self.end(Ended::unspoken(one.job, End::Waits(Waits::Rest(one.rest))));
        }
        for one in fetched.ended {
            self.end(one);
        }
        for destination in fetched.forgotten {
            queue.awake(&destination).await.unwrap();
        }
        for attempt in attempts {
            self.begin(attempt).await;
        }
        self.plan_wake().await;
    }

    /// When to look again: the second of the real loop is skipped while nothing can be due.
    async fn plan_wake(&mut self) {
        const NEXT: &str = "SELECT MIN(CASE WHEN parked IS NULL THEN due_at ELSE wake_at END) FROM queue_recipient \
                            WHERE held = 0";
        let soonest =
            self.store.read(|q| Ok(q.query_one(NEXT, &[])?.and_then(|row| row.maybe_int(0).ok()?))).await.unwrap();
        let mut at = soonest.map_or(i64::MAX, |due| due - EPOCH - self.skew);
        let now = virtual_now();
        if let Some(instant) = self.desk().book().wakes_at() {
            at = at.min(self.at + instant.saturating_duration_since(now.instant).as_millis() as i64 + 1);
        }
        let at = at.max(self.at + SECOND);
        if at < self.node().wakes_at && at < i64::MAX / 2 {
            self.node().wakes_at = at;
            self.plan_here(at - self.at, Event::Wake);
        }
    }

    async fn begin(&mut self, mut attempt: Attempt) {
        for job in withdrawn(&self.queue(), &mut attempt.group, virtual_now()).await.unwrap() {
            self.end(Ended::unspoken(job, End::Back));
        }
        if attempt.group.jobs.is_empty() {
            self.desk().book().ended(attempt.id, Feedback::Nothing, virtual_now());
            return;
        }
        self.deeds.may_begin(&attempt, self.at);
        let recipients = attempt.group.jobs.iter().map(super::super::work::recipient).collect();
        let leases = Leases::of(&attempt.group.jobs);
        let batch = Batch { mail: attempt.group.mail.clone(), recipients, leases };
        let limits = self.settings.limits_of(&attempt.destination);
        let at = self.at;
        self.node().begins(&attempt.destination, &limits, at);
        let server = self.servers.get_mut(&attempt.destination).unwrap();
        let played = server.play(&batch, self.at, &mut self.chance);
        let id = attempt.id;
        for (transaction, (after, _)) in played.takes.iter().enumerate() {
            self.plan_here(*after, Event::Takes(id, transaction));
        }
        if played.ends_after > SECOND {
            self.plan_here(SECOND, Event::Tarries(id));
        }
        if played.ends_after > 5 * SECOND {
            self.plan_here(5 * SECOND, Event::Lingers(id));
        }
        self.plan_here(played.ends_after, Event::Ends(id));
        let more_for_many = OUTBOUND_SILENCE_RECIPIENT * batch.recipients.len() as u32;
        let since = virtual_now().instant + more_for_many;
        let is_unproven = self.desk().book().is_unproven(id);
        let silence = played.silent.then(|| self.node().silences.begin(since, is_unproven, id));
        self.node().under_way.insert(id, UnderWay { attempt, played, taken: 0, silence });
    }

    fn takes(&mut self, attempt: u64, transaction: usize) {
        let Some(under_way) = self.nodes[self.here].under_way.get_mut(&attempt) else { return };
        under_way.taken = transaction + 1;
        for place in &under_way.played.takes[transaction].1 {
            let item = self.post.item(&key(&under_way.attempt.group.jobs[*place]));
            item.delivered += 1;
            item.excuses += u32::from(under_way.played.unheard);
        }
    }

    /// As [`super::super::work`] does it.
    async fn ends(&mut self, attempt: u64) {
        let Some(UnderWay { attempt, played, silence, .. }) = self.node().under_way.remove(&attempt) else { return };
        if let Some(silence) = silence {
            self.node().silences.end(silence);
        }
        let Attempt { id, destination, lane, group } = attempt;
        self.servers.get_mut(&destination).unwrap().hang_up();
        let ruling = self.desk().book().ended(id, trouble::feedback(&played.attempted), virtual_now());
        match ruling {
            Ruling::Settle => self.end_all(group.jobs, played.attempted),
            Ruling::Healed => {
                self.end_all(group.jobs, played.attempted);
                self.queue().awake(&destination).await.unwrap();
            }
            Ruling::Again => self.desk().book().put_back(&destination, lane, group, virtual_now()),
            Ruling::Rest(rest, waiting) => {
                self.end_all(group.jobs, played.attempted);
                self.rest(&destination, &rest).await;
                for job in waiting {
                    self.end(Ended::unspoken(job, End::Waits(Waits::Rest(rest.clone()))));
                }
            }
        }
    }

    async fn rest(&mut self, destination: &str, rest: &Rest) {
        let now = virtual_now();
        self.queue().rest(destination, now.wall, rest.until_at(now), rest.failures, &rest.reply).await.unwrap();
    }

    fn end_all(&mut self, jobs: Vec<Job>, attempted: Attempted) {
        for (job, outcome) in jobs.into_iter().zip(attempted.outcomes) {
            self.end(Ended::unspoken(job, End::Outcome(outcome)));
        }
    }

    fn end(&mut self, ended: Ended) {
        self.node().ended.push(ended);
        if !std::mem::replace(&mut self.node().settles, true) {
            let after = self.chance.between(1, 50);
            self.plan_here(after, Event::Settle);
        }
    }

    pub(super) async fn stage(&self) -> storage::StagedBody {
        let mut stage = self.store.stage();
        stage.append(Bytes::from_static(b"Subject: s\r\n\r\nx\r\n")).await.unwrap();
        stage.finish(Bytes::new()).await.unwrap()
    }

    pub(super) async fn prepare(&self, from: &ReversePath, to: &[Address]) -> Prepared {
        let to: Vec<&Address> = to.iter().collect();
        self.queue().prepare(from, Lane::of(from), &to, virtual_now().wall).await.unwrap()
    }

    /// Takes responsibility for a letter.
    pub(super) async fn write(&mut self, from: &str, to: &[String]) -> MailId {
        let from = ReversePath::Address(Address::parse(from).unwrap());
        let to: Vec<Address> = to.iter().map(|text| Address::parse(text).unwrap()).collect();
        let (prepared, staged) = (Arc::new(self.prepare(&from, &to).await), self.stage().await);
        let letter = Letter { mail: self.chance.id(), from, to };
        let (mail, recipients) = (letter.mail, letter.to.clone());
        let (queue, ready, now) = (self.queue(), prepared.clone(), virtual_now().wall);
        self.store.write(move |tx| accept(tx, &queue, &ready, &letter, &staged, now)).await.unwrap();
        for (number, to) in (0..).zip(recipients) {
            self.post.items.insert((mail, number), Item { to: to.to_string(), ..Item::default() });
        }
        prepared.hand_over();
        mail
    }

    /// Somebody's letter, now to one, now to a list.
    async fn write_any(&mut self) {
        let names: Vec<String> = self.servers.keys().cloned().collect();
        let count = if self.chance.once_in(20) { self.chance.between(20, 150) } else { self.chance.between(1, 4) };
        let to: Vec<String> = (0..count)
            .map(|n| {
                let name = &names[self.chance.below(names.len() as i64) as usize];
                format!("{}{n}@{name}", if self.chance.once_in(2) { "a" } else { "bb" })
            })
            .collect();
        let from = format!("sender{}@{}", self.chance.below(8), names[0]);
        self.write(&from, &to).await;
    }

    async fn renew(&mut self) {
        self.plan_here(5 * MINUTE, Event::Renew);
        let asked = virtual_now();
        let leases = self.desk().book().leases(asked);
        if !leases.is_empty() {
            let until = asked.wall.plus(OUTBOUND_LEASE);
            let lost = self.queue().renew(leases.clone(), until).await.unwrap();
            self.desk().book().renewed(&leases, &lost.into_iter().collect(), asked.instant, until);
        }
    }

    /// The real loop comes round each second: the queue walks through its rows, a page each time, after a start and when
    /// the clock was set; and what the operator suspends is noticed.
    pub(super) fn plan_seconds(&mut self, count: i64) {
        (1..=count).for_each(|second| self.plan_here(second * SECOND, Event::Second));
    }

    /// The rows that there are.
    pub(super) async fn queued(&self) -> BTreeSet<Key> {
        const ALL: &str = "SELECT mail_id, number FROM queue_recipient";
        let rows = self.store.read(|q| q.query(ALL, &[])).await.unwrap();
        let key =
            |row: &storage::Row| (MailId::from_bytes(row.blob(0).unwrap().try_into().unwrap()), row.int(1).unwrap());
        rows.iter().map(key).collect()
    }

    pub(super) async fn check(&self, what: &str) {
        self.post.check(&self.queued().await, what);
        for node in &self.nodes {
            let used = node.desk.book().used();
            assert!(used <= crate::limits::OUTBOUND_WINDOW, "{what}: {used} in the window");
        }
    }

    /// All servers are well from now on.
    pub(super) fn heal(&mut self) {
        self.servers.values_mut().for_each(|server| server.manner = Manner::Healthy);
    }
}

/// A letter on its way in.
pub(super) struct Letter {
    pub(super) mail: MailId,
    pub(super) from: ReversePath,
    pub(super) to: Vec<Address>,
}

pub(super) fn accept(
    tx: &dyn Transaction,
    queue: &Queue,
    prepared: &Prepared,
    letter: &Letter,
    staged: &storage::StagedBody,
    now: envelope::Timestamp,
) -> Result<bool, storage::Error> {
    let allowed = RelayAllowed::for_operator();
    let recipient = |address: &Address| Recipient { address: address.clone(), notify: None, original: None };
    let recipients: Vec<Recipient> = letter.to.iter().map(recipient).collect();
    let recipients: Vec<NewRecipient<'_>> =
        recipients.iter().map(|recipient| NewRecipient { recipient, allowed: &allowed }).collect();
    let new = NewMail {
        mail: letter.mail,
        body: tx.keep(staged, 1)?,
        octets: staged.len(),
        reverse_path: &letter.from,
        body_type: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envelope_id: None,
        accepted_at: now,
        delivered_to: None,
        require_tls: envelope::RequireTls::default(),
        recipients: &recipients,
    };
    queue.accept_in(tx, &new, prepared)
}

pub(super) fn key(job: &Job) -> Key {
    (job.claim.mail.id, job.claim.number)
}
