//! Our side: the parts of mail out as they are, with a list of events in place of tasks and sockets.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use bytes::Bytes;
use directory::RelayAllowed;
use envelope::{Address, BodyType, MailId, Outcome, Recipient, ReversePath};
use queue::{Lane, NewMail, NewRecipient, Prepared, Queue};
use storage::{Store, Transaction};
use tempfile::TempDir;

use super::super::book::{Attempt, Job, Key, Rest, Ruling};
use super::super::desk::Desk;
use super::super::fill::Fetching;
use super::super::settle::{End, Ended, Waits};
use super::super::{Attempted, Batch, Settings, trouble};
use super::net::{HOUR, MINUTE, Manner, Played, SECOND, Server};
use super::post::{Item, Post};
use super::{Chance, EPOCH, set_clock, virtual_now};
use crate::limits::OUTBOUND_LEASE;

/// What happens at a moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The other side takes what this attempt brings.
    Takes(u64),
    /// The attempt is over.
    Ends(u64),
    /// An attempt takes long.
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
    Jump,
}

/// An attempt under way.
struct UnderWay {
    attempt: Attempt,
    played: Played,
    taken: bool,
}

/// The whole world of a run.
pub(super) struct Office {
    pub(super) at: i64,
    skew: i64,
    pub(super) chance: Chance,
    /// With the number of the life that they belong to: a kill ends it.
    events: BinaryHeap<Reverse<(i64, u64, u32, Event)>>,
    events_made: u64,
    life: u32,
    pub(super) store: Store,
    pub(super) queue: Queue,
    desk: Arc<Desk>,
    fetching: Fetching,
    pub(super) settings: Arc<Settings>,
    pub(super) servers: BTreeMap<String, Server>,
    under_way: BTreeMap<u64, UnderWay>,
    pub(super) ended: Vec<Ended>,
    pub(super) post: Post,
    pub(super) happened: usize,
    pub(super) kills: usize,
    pub(super) jumps: usize,
    pub(super) double_bounces: usize,
    wakes_at: i64,
    pub(super) settles: bool,
    _folder: TempDir,
}

impl Office {
    pub(super) async fn new(seed: u64, servers: &[(String, Manner)]) -> Self {
        set_clock(0, 0);
        let ram = std::path::Path::new("/dev/shm");
        let folder = if ram.is_dir() { tempfile::tempdir_in(ram) } else { tempfile::tempdir() }.unwrap();
        let store = Store::open_embedded(folder.path(), &[queue::MIGRATIONS]).await.unwrap();
        let resolver = net::Resolver::named("127.0.0.1:1".parse().unwrap()).unwrap();
        let settings = Arc::new(Settings::new("mx.athens.test", resolver, &net::Roots::none()));
        let queue = Queue::new(store.clone(), "athens");
        let desk = Arc::new(Desk::new(settings.clone(), virtual_now));
        queue.attach(desk.clone());
        let servers = servers.iter().map(|(name, manner)| (name.clone(), Server::new(*manner))).collect();
        let mut office = Self {
            at: 0,
            skew: 0,
            chance: Chance(seed),
            events: BinaryHeap::new(),
            events_made: 0,
            life: 0,
            store,
            queue,
            desk,
            fetching: Fetching::default(),
            settings,
            servers,
            under_way: BTreeMap::new(),
            ended: Vec::new(),
            post: Post::default(),
            happened: 0,
            kills: 0,
            jumps: 0,
            double_bounces: 0,
            wakes_at: i64::MAX,
            settles: false,
            _folder: folder,
        };
        office.plan_here(5 * MINUTE, Event::Renew);
        office
    }

    /// Something that happens whatever becomes of us.
    pub(super) fn plan(&mut self, after: i64, event: Event) {
        self.push(after, u32::MAX, event);
    }

    fn plan_here(&mut self, after: i64, event: Event) {
        self.push(after, self.life, event);
    }

    fn push(&mut self, after: i64, life: u32, event: Event) {
        self.events_made += 1;
        self.events.push(Reverse((self.at + after.max(0), self.events_made, life, event)));
    }

    /// Lets time pass until this moment.
    pub(super) async fn run_until(&mut self, end: i64) {
        self.turn().await;
        while let Some(Reverse((at, ..))) = self.events.peek()
            && *at <= end
        {
            let Some(Reverse((at, _, life, event))) = self.events.pop() else { return };
            if life != u32::MAX && life != self.life {
                continue;
            }
            self.at = at;
            self.happened += 1;
            set_clock(self.at, self.skew);
            self.happens(event).await;
            self.turn().await;
        }
        self.at = end;
        set_clock(self.at, self.skew);
    }

    async fn happens(&mut self, event: Event) {
        match event {
            Event::Takes(attempt) => self.takes(attempt),
            Event::Ends(attempt) => self.ends(attempt).await,
            Event::Lingers(attempt) => self.desk.book().lingers(attempt, virtual_now()),
            Event::Settle => self.settle().await,
            // Another one was planned before it.
            Event::Wake if self.at < self.wakes_at => {}
            Event::Wake => {
                self.wakes_at = i64::MAX;
                self.fetching.ring();
            }
            Event::Second => self.fetching.ring(),
            Event::Renew => self.renew().await,
            Event::Write => self.write_any().await,
            Event::Kill => self.kill().await,
            Event::Jump => self.jump(),
        }
    }

    /// A round of the loop of [`super::super::schedule`].
    async fn turn(&mut self) {
        let now = virtual_now();
        let fetched = self.fetching.fetch(&self.queue, &self.desk, now).await.unwrap();
        let attempts = self.desk.book().start(now);
        let refused = self.desk.book().take_refused();
        for one in fetched.refused.into_iter().chain(refused) {
            self.end(Ended::unspoken(one.job, End::Waits(Waits::Rest(one.rest))));
        }
        for one in fetched.ended {
            self.end(one);
        }
        for destination in fetched.forgotten {
            self.queue.awake(&destination).await.unwrap();
        }
        for attempt in attempts {
            self.begin(attempt);
        }
        self.plan_wake().await;
    }

    /// When to look again: the second of the real loop is skipped while nothing can be due.
    async fn plan_wake(&mut self) {
        const NEXT: &str = "SELECT MIN(CASE WHEN parked IS NULL THEN due_at ELSE wake_at END) FROM queue_recipient";
        let soonest =
            self.store.read(|q| Ok(q.query_one(NEXT, &[])?.and_then(|row| row.maybe_int(0).ok()?))).await.unwrap();
        let mut at = soonest.map_or(i64::MAX, |due| due - EPOCH - self.skew);
        let now = virtual_now();
        if let Some(instant) = self.desk.book().wakes_at() {
            at = at.min(self.at + instant.saturating_duration_since(now.instant).as_millis() as i64 + 1);
        }
        let at = at.max(self.at + SECOND);
        if at < self.wakes_at && at < i64::MAX / 2 {
            self.wakes_at = at;
            self.plan_here(at - self.at, Event::Wake);
        }
    }

    fn begin(&mut self, attempt: Attempt) {
        let recipients = attempt.group.jobs.iter().map(super::super::work::recipient).collect();
        let batch = Batch { mail: attempt.group.mail.clone(), recipients };
        let connections_max = self.settings.limits_of(&attempt.destination).connections_max;
        let server = self.servers.get_mut(&attempt.destination).unwrap();
        let played = server.play(&batch, self.at, &mut self.chance);
        assert!(server.open <= connections_max, "{}: {} connections", attempt.destination, server.open);
        let id = attempt.id;
        if let Some(after) = played.takes_after {
            self.plan_here(after, Event::Takes(id));
        }
        if played.ends_after > 5 * SECOND {
            self.plan_here(5 * SECOND, Event::Lingers(id));
        }
        self.plan_here(played.ends_after, Event::Ends(id));
        self.under_way.insert(id, UnderWay { attempt, played, taken: false });
    }

    fn takes(&mut self, attempt: u64) {
        let Some(under_way) = self.under_way.get_mut(&attempt) else { return };
        under_way.taken = true;
        for place in &under_way.played.takes {
            let item = self.post.item(&key(&under_way.attempt.group.jobs[*place]));
            item.delivered += 1;
            item.excuses += u32::from(under_way.played.unheard);
        }
    }

    /// As [`super::super::work`] does it.
    async fn ends(&mut self, attempt: u64) {
        let Some(UnderWay { attempt, played, .. }) = self.under_way.remove(&attempt) else { return };
        let Attempt { id, destination, lane, group } = attempt;
        self.servers.get_mut(&destination).unwrap().hang_up();
        let ruling = self.desk.book().ended(id, trouble::feedback(&played.attempted), virtual_now());
        match ruling {
            Ruling::Settle => self.end_all(group.jobs, played.attempted),
            Ruling::Healed => {
                self.end_all(group.jobs, played.attempted);
                self.queue.awake(&destination).await.unwrap();
            }
            Ruling::Again => self.desk.book().put_back(&destination, lane, group, virtual_now()),
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
        self.queue.rest(destination, now.wall, rest.until_at(now), rest.failures, &rest.reply).await.unwrap();
    }

    fn end_all(&mut self, jobs: Vec<Job>, attempted: Attempted) {
        for (job, outcome) in jobs.into_iter().zip(attempted.outcomes) {
            self.end(Ended::unspoken(job, End::Outcome(outcome)));
        }
    }

    fn end(&mut self, ended: Ended) {
        self.ended.push(ended);
        if !std::mem::replace(&mut self.settles, true) {
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
        self.queue.prepare(from, Lane::of(from), &to, virtual_now().wall).await.unwrap()
    }

    /// Takes responsibility for a letter.
    pub(super) async fn write(&mut self, from: &str, to: &[String]) -> MailId {
        let from = ReversePath::Address(Address::parse(from).unwrap());
        let to: Vec<Address> = to.iter().map(|text| Address::parse(text).unwrap()).collect();
        let (prepared, staged) = (Arc::new(self.prepare(&from, &to).await), self.stage().await);
        let letter = Letter { mail: self.chance.id(), from, to };
        let (mail, recipients) = (letter.mail, letter.to.clone());
        let (queue, ready, now) = (self.queue.clone(), prepared.clone(), virtual_now().wall);
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
        let leases = self.desk.book().leases(virtual_now());
        if !leases.is_empty() {
            let lost = self.queue.renew(leases, virtual_now().wall.plus(OUTBOUND_LEASE)).await.unwrap();
            self.desk.book().lose(&lost.into_iter().collect());
        }
    }

    /// Everything in memory is lost, at any moment; the store stays. Then a new life begins.
    pub(super) async fn kill(&mut self) {
        self.kills += 1;
        for under_way in std::mem::take(&mut self.under_way).into_values() {
            self.servers.get_mut(&under_way.attempt.destination).unwrap().hang_up();
            let takes = under_way.played.takes.iter().filter(|_| under_way.taken);
            for place in takes {
                self.post.item(&key(&under_way.attempt.group.jobs[*place])).excuses += 1;
            }
        }
        for ended in std::mem::take(&mut self.ended) {
            if matches!(ended.end, End::Outcome(Outcome::Delivered(_))) {
                self.post.item(&key(&ended.job)).excuses += 1;
            }
        }
        self.life += 1;
        (self.wakes_at, self.settles) = (i64::MAX, false);
        self.queue.detach();
        self.queue = Queue::new(self.store.clone(), "athens");
        self.queue.recover(virtual_now().wall).await.unwrap();
        self.desk = Arc::new(Desk::new(self.settings.clone(), virtual_now));
        self.queue.attach(self.desk.clone());
        self.fetching = Fetching::default();
        self.plan_here(5 * MINUTE, Event::Renew);
        self.plan_seconds();
    }

    /// Somebody sets the clock, by hours.
    fn jump(&mut self) {
        self.jumps += 1;
        self.skew += self.chance.between(-6 * HOUR, 6 * HOUR);
        set_clock(self.at, self.skew);
        self.wakes_at = i64::MAX;
        self.plan_seconds();
    }

    /// The queue walks through its rows, a page each second, after a start and when the clock was set.
    fn plan_seconds(&mut self) {
        (1..=20).for_each(|second| self.plan_here(second * SECOND, Event::Second));
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
        let used = self.desk.book().used();
        assert!(used <= crate::limits::OUTBOUND_WINDOW, "{what}: {used} in the window");
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
