//! The sink that writes entries into the store, in batches, off the path of every reply.
//!
//! Entries that come together share rows. A connection on which nothing happened but its coming and going leaves none.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use envelope::{MailId, SessionId};
use journal::{Entry, Event};
use storage::Store;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::keys::{self, Key};
use super::limits::{BATCH_MAX, BATCH_PATIENCE, KNOCKS_MAX, ROW_OCTETS_MAX, RUNS_MERGED, WAITING_MAX};
use super::lines::loss;
use super::prune;
use super::runs::{self, RowId, Run};
use super::store::{Batch, NewRow, day, insert};

/// The way in.
pub(super) struct Sender(mpsc::Sender<Arc<Entry>>);

impl Sender {
    /// False when there is no room.
    pub(super) fn offer(&self, entry: Arc<Entry>) -> bool {
        self.0.try_send(entry).is_ok()
    }
}

/// The running sink.
pub(super) struct Rows {
    stop: oneshot::Sender<()>,
    writer: JoinHandle<()>,
    pruner: JoinHandle<()>,
    merger: JoinHandle<()>,
    /// What the merger waits for, and whether it is to end.
    many: Arc<Notify>,
    ends: Arc<AtomicBool>,
}

impl Rows {
    pub(super) fn start(store: Store, days: u32, lost: Arc<AtomicU64>) -> (Self, Sender) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (stop, stopped) = oneshot::channel();
        let pruner = tokio::spawn(prune::run(store.clone(), days));
        let many = Arc::new(Notify::new());
        let ends = Arc::new(AtomicBool::new(false));
        let merger = tokio::spawn(merge(store.clone(), many.clone(), ends.clone()));
        let writer = Writer { store, lost, knocks: HashMap::new(), runs: RUNS_MERGED, many: many.clone() };
        let writer = tokio::spawn(writer.run(receiver, stopped));
        (Self { stop, writer, pruner, merger, many, ends }, Sender(sender))
    }

    /// Writes what waits. A merge that has begun comes to its end, or its pages would lie about until their day goes.
    pub(super) async fn stop(self) {
        self.pruner.abort();
        self.ends.store(true, Ordering::Relaxed);
        self.many.notify_one();
        let _ = self.stop.send(());
        let _ = self.writer.await;
        let _ = self.merger.await;
    }
}

/// Brings runs together whenever there may be many.
async fn merge(store: Store, many: Arc<Notify>, ends: Arc<AtomicBool>) {
    loop {
        many.notified().await;
        if ends.load(Ordering::Relaxed) {
            return;
        }
        if !store.has_half_of_reserve() {
            continue;
        }
        if let Err(error) = runs::merge(&store, day(net::clock::now()), &ends).await {
            tracing::warn!(%error, "keys of the journal could not be brought together");
        }
    }
}

struct Writer {
    store: Store,
    lost: Arc<AtomicU64>,
    /// Runs that were written since they were last brought together; those of before the start count as many.
    runs: usize,
    many: Arc<Notify>,
    /// The first words of connections on which nothing has happened yet.
    knocks: HashMap<SessionId, Vec<Arc<Entry>>>,
}

impl Writer {
    async fn run(mut self, mut receiver: mpsc::Receiver<Arc<Entry>>, mut stopped: oneshot::Receiver<()>) {
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                count = receiver.recv_many(&mut batch, BATCH_MAX) => if count == 0 { return },
            }
            let stop = batch.len() < BATCH_MAX && wait_for_company(&mut stopped).await;
            fill(&mut batch, &mut receiver);
            self.write(batch).await;
            if stop {
                break;
            }
        }
        let mut rest = Vec::new();
        while let Ok(entry) = receiver.try_recv() {
            rest.push(entry);
        }
        self.write(rest).await;
    }

    async fn write(&mut self, batch: Vec<Arc<Entry>>) {
        let mut gathered = Gathered::default();
        for entry in batch {
            self.sort_in(entry, &mut gathered);
        }
        // The last room is for mail: lines on stderr tell on.
        if !self.store.has_half_of_reserve() {
            self.lost.fetch_add(gathered.entries.len() as u64, Ordering::Relaxed);
            return;
        }
        loss(&self.lost).into_iter().for_each(|entry| gathered.add(Arc::new(entry)));
        let count = gathered.entries.len() as u64;
        let batch = gathered.into_batch();
        if batch.rows.is_empty() {
            return;
        }
        let outcome = self.store.write(move |tx| insert(tx, &batch)).await;
        if let Err(error) = outcome {
            tracing::error!(%error, "the journal could not be written to the store");
            self.lost.fetch_add(count, Ordering::Relaxed);
        }
        self.runs += 1;
        if self.runs >= RUNS_MERGED {
            self.runs = 0;
            self.many.notify_one();
        }
    }

    /// A connection's first words wait until something happens on it; its last words count only then.
    fn sort_in(&mut self, entry: Arc<Entry>, gathered: &mut Gathered) {
        let Some(session) = entry.session else { return gathered.add(entry) };
        match &entry.event {
            Event::Connected { .. } | Event::Secured { .. } if !gathered.sessions.contains(&session) => {
                if let Some(words) = self.knocks.get_mut(&session) {
                    words.push(entry);
                } else if self.knocks.len() < KNOCKS_MAX && matches!(entry.event, Event::Connected { .. }) {
                    self.knocks.insert(session, vec![entry]);
                } else if matches!(entry.event, Event::Secured { .. }) {
                    // Something happened on it before.
                    gathered.add(entry);
                }
            }
            Event::Disconnected { .. } if self.knocks.remove(&session).is_some() => {}
            _ => {
                for word in self.knocks.remove(&session).into_iter().flatten() {
                    gathered.add(word);
                }
                gathered.add(entry);
            }
        }
    }
}

/// True when the sink shall end.
async fn wait_for_company(stopped: &mut oneshot::Receiver<()>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(BATCH_PATIENCE) => false,
        _ = stopped => true,
    }
}

fn fill(batch: &mut Vec<Arc<Entry>>, receiver: &mut mpsc::Receiver<Arc<Entry>>) {
    while batch.len() < BATCH_MAX {
        let Ok(entry) = receiver.try_recv() else { return };
        batch.push(entry);
    }
}

/// Entries of one batch, in the order they came.
#[derive(Default)]
struct Gathered {
    entries: Vec<Arc<Entry>>,
    /// Connections of which there are some.
    sessions: HashSet<SessionId>,
}

impl Gathered {
    fn add(&mut self, entry: Arc<Entry>) {
        self.sessions.extend(entry.session);
        self.entries.push(entry);
    }

    /// Rows of about a page of the disk: many entries share one, and their keys are fewer for it.
    fn into_batch(self) -> Batch {
        let mut batch = Batch::default();
        let mut found: BTreeMap<i64, Vec<(Key, RowId)>> = BTreeMap::new();
        let mut text = Vec::new();
        for entry in &self.entries {
            text.clear();
            if serde_json::to_writer(&mut text, &**entry).is_err() {
                continue;
            }
            let text = String::from_utf8_lossy(&text);
            let is_full = |row: &NewRow| row.entries.len() + text.len() > ROW_OCTETS_MAX || row.day != day(entry.at);
            if batch.rows.last().is_none_or(is_full) {
                batch.rows.push(begin(entry));
            }
            let Some(row) = batch.rows.last_mut() else { continue };
            row.entries.push(if row.entries.is_empty() { '[' } else { ',' });
            row.entries.push_str(&text);
            let keys_of_day = found.entry(row.day).or_default();
            keys::each(entry, &mut |key| keys_of_day.push((key, row.id)));
        }
        for row in &mut batch.rows {
            row.entries.push(']');
        }
        batch.runs = found.into_iter().map(|(day, keys)| (day, Run::of(keys))).collect();
        batch
    }
}

/// An empty row. Its id begins with the time, so that rows of one time stand together.
fn begin(entry: &Entry) -> NewRow {
    let mut id = MailId::random().to_bytes();
    for (place, byte) in id.iter_mut().zip(entry.at.0.to_be_bytes()) {
        *place = byte;
    }
    NewRow { day: day(entry.at), id, entries: String::new() }
}
