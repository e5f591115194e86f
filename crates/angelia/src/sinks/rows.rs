//! The sink that writes entries into the store, in batches, off the path of every reply.
//!
//! Entries of one connection (or else of one letter) that come together share a row. A connection on which nothing
//! happened but its coming and going leaves none.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use envelope::{MailId, SessionId};
use journal::{Entry, Event};
use storage::Store;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::limits::{BATCH_MAX, BATCH_PATIENCE, KNOCKS_MAX, ROW_OCTETS_MAX, WAITING_MAX};
use super::lines::loss;
use super::prune;
use super::store::{NewRow, day, insert, keys};

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
}

impl Rows {
    pub(super) fn start(store: Store, days: u32, lost: Arc<AtomicU64>) -> (Self, Sender) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (stop, stopped) = oneshot::channel();
        let pruner = tokio::spawn(prune::run(store.clone(), days));
        let writer = tokio::spawn(Writer { store, lost, knocks: HashMap::new() }.run(receiver, stopped));
        (Self { stop, writer, pruner }, Sender(sender))
    }

    /// Writes what waits.
    pub(super) async fn stop(self) {
        self.pruner.abort();
        let _ = self.stop.send(());
        let _ = self.writer.await;
    }
}

struct Writer {
    store: Store,
    lost: Arc<AtomicU64>,
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
        let mut groups = Groups::default();
        for entry in batch {
            self.sort_in(entry, &mut groups);
        }
        groups.entries.extend(loss(&self.lost).map(|entry| (Of::Program, vec![Arc::new(entry)])));
        let rows = Arc::new(groups.into_rows());
        if rows.is_empty() {
            return;
        }
        let outcome = self.store.write(move |tx| insert(tx, &rows)).await;
        if let Err(error) = outcome {
            tracing::error!(%error, "the journal could not be written to the store");
        }
    }

    /// A connection's first words wait until something happens on it; its last words count only then.
    fn sort_in(&mut self, entry: Arc<Entry>, groups: &mut Groups) {
        let Some(session) = entry.session else { return groups.add(entry) };
        match &entry.event {
            Event::Connected { .. } | Event::Secured { .. } if !groups.entries.contains_key(&Of::Session(session)) => {
                if let Some(words) = self.knocks.get_mut(&session) {
                    words.push(entry);
                } else if self.knocks.len() < KNOCKS_MAX && matches!(entry.event, Event::Connected { .. }) {
                    self.knocks.insert(session, vec![entry]);
                } else if matches!(entry.event, Event::Secured { .. }) {
                    // Something happened on it before.
                    groups.add(entry);
                }
            }
            Event::Disconnected { .. } if self.knocks.remove(&session).is_some() => {}
            _ => {
                for word in self.knocks.remove(&session).into_iter().flatten() {
                    groups.add(word);
                }
                groups.add(entry);
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

/// What entries have in common that share a row.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    Session(SessionId),
    Mail(MailId),
    Program,
}

/// Entries of one batch, sorted.
#[derive(Default)]
struct Groups {
    entries: HashMap<Of, Vec<Arc<Entry>>>,
}

impl Groups {
    fn add(&mut self, entry: Arc<Entry>) {
        let of = entry.session.map(Of::Session).or(entry.mail.map(Of::Mail)).unwrap_or(Of::Program);
        self.entries.entry(of).or_default().push(entry);
    }

    fn into_rows(self) -> Vec<NewRow> {
        let mut rows = Vec::new();
        for entries in self.entries.into_values() {
            let mut open: Option<NewRow> = None;
            for entry in entries {
                let text = serde_json::to_string(&*entry).unwrap_or_default();
                let is_full =
                    |row: &NewRow| row.entries.len() + text.len() > ROW_OCTETS_MAX || row.day != day(entry.at);
                rows.extend(open.take_if(|row| is_full(row)));
                let row = open.get_or_insert_with(|| begin(&entry));
                row.entries.push(if row.entries.is_empty() { '[' } else { ',' });
                row.entries.push_str(&text);
                row.keys.extend(keys(&entry));
            }
            rows.extend(open);
        }
        for row in &mut rows {
            row.entries.push(']');
        }
        rows
    }
}

/// An empty row. Its id begins with the time, so that rows of one time stand together.
fn begin(entry: &Entry) -> NewRow {
    let mut id = MailId::random().to_bytes();
    for (place, byte) in id.iter_mut().zip(entry.at.0.to_be_bytes()) {
        *place = byte;
    }
    NewRow { day: day(entry.at), id, entries: String::new(), keys: BTreeSet::new() }
}
