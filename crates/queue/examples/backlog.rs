//! How the queue bears a large backlog: makes rows, and says how long starting, claiming, walking and listing take.
//! `cargo run --release -p queue --example backlog -- 1000000`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, not a part of the house")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use directory::RelayAllowed;
use envelope::{Address, BodyType, MailId, Recipient, Reply, ReversePath, Timestamp};
use queue::{Backoff, Claim, Claimed, Desk, Filter, Lane, NewMail, NewRecipient, Queue, Terms, Verdict};
use storage::Store;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const RECIPIENTS: usize = 50;
const DESTINATIONS: usize = 100_000;
const SENDERS: usize = 1000;

/// A desk with room for so many.
struct Room(Mutex<usize>);

impl Desk for Room {
    fn destination(&self, _: &ReversePath, recipient: &Address) -> String {
        recipient.host().to_string()
    }
    fn room(&self, _: &str, _: Lane, wanted: usize, _: bool) -> usize {
        wanted.min(*self.0.lock().unwrap())
    }
    fn hand_over(&self, _: Vec<Claim>, _: Duration) {}
    fn give_up(&self, _: &str, _: Lane, _: usize) {}
    fn terms(&self) -> Terms {
        Terms { lease: Duration::from_secs(600), patience: Backoff::default() }
    }
}

fn told<T>(what: &str, began: Instant, value: T) -> T {
    println!("{what:<66} {:>9.1} ms   {} MiB", began.elapsed().as_secs_f64() * 1000.0, memory_mib());
    value
}

fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// A letter for `RECIPIENTS` destinations: every second recipient in the busiest of them.
async fn accept(store: &Store, queue: &Queue, n: usize) {
    let sender = ReversePath::Address(Address::parse(&format!("s{}@athens.test", n % SENDERS)).unwrap());
    let to: Vec<Recipient> = (0..RECIPIENTS)
        .map(|k| {
            let place = if k % 2 == 0 { 0 } else { (n * RECIPIENTS + k) / 2 % DESTINATIONS };
            let address = Address::parse(&format!("r{k}@d{place}.test")).unwrap();
            Recipient { address, notify: None, original: None }
        })
        .collect();
    let addresses: Vec<&Address> = to.iter().map(|one| &one.address).collect();
    let prepared = queue.prepare(&sender, Lane::of(&sender), &addresses, NOW).await.unwrap();
    let mut stage = store.stage();
    stage.append(Bytes::from_static(b"a letter")).await.unwrap();
    let staged = stage.finish(Bytes::new()).await.unwrap();
    let queue = queue.clone();
    let write = store.write(move |tx| {
        let allowed = RelayAllowed::for_own_notice();
        let to: Vec<_> = to.iter().map(|recipient| NewRecipient { recipient, allowed: &allowed }).collect();
        let new = NewMail {
            mail: MailId::from_bytes(
                ((n as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes(),
            ),
            body: tx.keep(&staged, 1)?,
            octets: 8,
            reverse_path: &sender,
            body_type: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            accepted_at: NOW,
            delivered_to: None,
            require_tls: envelope::RequireTls::Unsaid,
            recipients: &to,
        };
        queue.accept_in(tx, &new, &prepared)
    });
    write.await.unwrap();
}

async fn fill(store: &Store, queue: &Queue, rows: usize) {
    let letters = rows / RECIPIENTS;
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..16 {
        let (store, queue) = (store.clone(), queue.clone());
        tasks.spawn(async move {
            for n in (worker..letters).step_by(16) {
                accept(&store, &queue, n).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

async fn settle(queue: &Queue, claimed: &Claimed) {
    let done = |claim: &Claim| queue::Settlement {
        mail: claim.mail.id,
        number: claim.number,
        fence: claim.fence,
        verdict: Verdict::Done,
    };
    queue.settle(claimed.claims.iter().map(done).collect()).await.unwrap();
}

#[tokio::main]
async fn main() {
    let rows: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let open = async || Store::open_embedded(folder.path(), &[queue::MIGRATIONS]).await.unwrap();
    let store = open().await;
    let queue = Queue::new(store.clone(), "one");
    let desk = Arc::new(Room(Mutex::new(0)));
    queue.attach(desk.clone());

    let began = Instant::now();
    fill(&store, &queue, rows).await;
    told(&format!("accept {rows} recipients, all parked ({RECIPIENTS} a letter)"), began, ());
    drop(queue);
    store.close().await.unwrap();
    drop(store);

    let began = Instant::now();
    let store = open().await;
    let queue = Queue::new(store.clone(), "one");
    queue.attach(desk.clone());
    queue.recover(NOW).await.unwrap();
    told("start: open the store, take leases back", began, ());
    idle(&queue).await;
    busy(&queue).await;
    by_hand(&queue).await;
}

/// Nothing is due, and what is parked is found.
async fn idle(queue: &Queue) {
    let began = Instant::now();
    let claimed = queue.claim_due(NOW, 100).await.unwrap();
    assert!(claimed.claims.is_empty());
    told("claim what is due: the first time", began, ());
    let began = Instant::now();
    for _ in 0..1000 {
        queue.claim_due(NOW, 100).await.unwrap();
    }
    told("claim what is due, 1000 times: nothing", began, ());

    let began = Instant::now();
    let (mut count, mut after) = (0, None::<String>);
    loop {
        let some = queue.parked(after.as_deref(), 1000, NOW).await.unwrap();
        count += some.len();
        after = some.last().map(|one| one.destination.clone());
        if some.len() < 1000 {
            break;
        }
    }
    told(&format!("walk over {count} destinations with parked rows"), began, ());
}

/// Destinations have room.
async fn busy(queue: &Queue) {
    let (mut lane, mut count) = (None, 0);
    let began = Instant::now();
    for _ in 0..100 {
        let claimed = queue.claim_parked("d0.test", lane, 100, NOW).await.unwrap();
        lane = claimed.lane;
        count += claimed.claims.len();
        settle(queue, &claimed).await;
    }
    told(&format!("claim and settle {count} of the busiest destination, 100 each time"), began, ());
    let began = Instant::now();
    for n in 0..1000 {
        let claimed = queue.claim_parked(&format!("d{}.test", n * 2 + 1), None, 1, NOW).await.unwrap();
        settle(queue, &claimed).await;
    }
    told("claim and settle one of each of 1000 destinations", began, ());
}

/// The operator, and the clock.
async fn by_hand(queue: &Queue) {
    let began = Instant::now();
    queue.rest("d1.test", NOW, NOW.plus(Duration::from_secs(600)), 1, &Reply::plain(421, "busy")).await.unwrap();
    told("a rest", began, ());
    let began = Instant::now();
    let sites = queue.sites(20, NOW).await.unwrap();
    told(&format!("the {} largest destinations, by counting", sites.len()), began, ());
    let began = Instant::now();
    let some = Filter { sender: Some("s7@athens.test".into()), ..Filter::default() };
    let listed = queue.list(some.clone(), 100, NOW).await.unwrap();
    told(&format!("list {} of one sender, through all rows", listed.len()), began, ());
    let began = Instant::now();
    let touched = queue.retry(some, NOW).await.unwrap();
    told(&format!("retry {} of one sender", touched.len()), began, ());
    let began = Instant::now();
    let overdue = queue.claim_overdue(NOW.plus(Backoff::default().lifetime), 1000).await.unwrap();
    told(&format!("claim {} for a decision", overdue.claims.len()), began, ());

    let began = Instant::now();
    let later = NOW.plus(Duration::from_secs(1));
    let (mut parked, mut rounds) = (0, 0);
    loop {
        let claimed = queue.claim_due(later, 1000).await.unwrap();
        (parked, rounds) = (parked + claimed.parked, rounds + 1);
        if !claimed.more {
            break;
        }
    }
    told(&format!("park {parked} that were due again, in {rounds} claims"), began, ());
}
