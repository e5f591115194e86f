//! From the sessions of the outbound side to counters in the store, in batches and off the path of every letter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use envelope::{Domain, Timestamp};
use mailauth::tlspolicy::tlsrpt::{FailureDetails, Policy};
use net::Shutdown;
use storage::Store;
use tokio::sync::mpsc;

use super::rows::{self, Counts, day_of};
use crate::limits::{TLSRPT_BATCH_MAX, TLSRPT_BATCH_PATIENCE, TLSRPT_DAY_MAX, TLSRPT_WAITING_MAX};

/// One session with a mail host of a domain, under one policy.
#[derive(Debug, Clone)]
pub struct Session {
    /// When.
    pub at: Timestamp,
    /// Whose mail host: the domain of the recipients.
    pub domain: Domain,
    /// The policy that was applied.
    pub policy: Arc<Policy>,
    /// What went wrong; none when TLS stood as the policy wants it. The count in it says nothing here.
    pub failure: Option<FailureDetails>,
}

/// The way in: never waits, never fails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Collector {
    sender: mpsc::Sender<Session>,
    lost: Arc<AtomicU64>,
}

/// The other end, to be run.
pub struct Collecting {
    store: Store,
    receiver: mpsc::Receiver<Session>,
    lost: Arc<AtomicU64>,
    /// Policy rows of the day that is being counted.
    day: Option<(i64, i64)>,
}

impl Collector {
    /// On a store that was opened with [`crate::MIGRATIONS`].
    pub fn new(store: Store) -> (Self, Collecting) {
        let (sender, receiver) = mpsc::channel(TLSRPT_WAITING_MAX);
        let lost = Arc::<AtomicU64>::default();
        (Self { sender, lost: Arc::clone(&lost) }, Collecting { store, receiver, lost, day: None })
    }

    /// Counts a session. One that finds no room is lost, and that is written down.
    pub fn note(&self, session: Session) {
        if self.sender.try_send(session).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Collecting {
    /// Counts until `shutdown`, and then what is left.
    pub async fn run(mut self, shutdown: Shutdown) {
        loop {
            let mut batch = Vec::new();
            let stop = tokio::select! {
                biased;
                () = shutdown.draining() => true,
                count = self.receiver.recv_many(&mut batch, TLSRPT_BATCH_MAX) => count == 0,
            };
            let stop = stop
                || tokio::select! {
                    () = tokio::time::sleep(TLSRPT_BATCH_PATIENCE) => false,
                    () = shutdown.draining() => true,
                };
            self.count(&mut batch).await;
            if stop {
                self.receiver.close();
                return self.count(&mut Vec::new()).await;
            }
        }
    }

    /// Counts `batch` and whatever waits.
    pub async fn count(&mut self, batch: &mut Vec<Session>) {
        loop {
            while batch.len() < TLSRPT_BATCH_MAX {
                let Ok(session) = self.receiver.try_recv() else { break };
                batch.push(session);
            }
            if batch.is_empty() {
                break;
            }
            if let Err(error) = self.write(batch).await {
                tracing::error!(%error, sessions = batch.len(), "sessions could not be counted for TLS reports");
            }
            batch.clear();
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "sessions were not counted for TLS reports: too many at once");
        }
    }

    async fn write(&mut self, batch: &[Session]) -> Result<(), storage::Error> {
        let counts = gather(batch);
        let Some(day) = counts.keys().map(|(day, _)| *day).max() else { return Ok(()) };
        let there = match self.day {
            Some((known, there)) if known == day => there,
            _ => self.store.read(move |q| rows::count(q, day)).await?,
        };
        let room = TLSRPT_DAY_MAX - there;
        let (new, _) = self.store.write(move |tx| rows::add(tx, &counts, room)).await?;
        self.day = Some((day, there + new));
        Ok(())
    }
}

fn gather(batch: &[Session]) -> Counts {
    let mut counts = Counts::new();
    for session in batch {
        let Ok(words) = serde_json::to_string(&*session.policy) else { continue };
        let policies = counts.entry((day_of(session.at), session.domain.to_string())).or_default();
        let count = policies.entry(words).or_default();
        match &session.failure {
            None => count.fine += 1,
            Some(failure) => {
                count.failed += 1;
                let plain = FailureDetails { failed_session_count: 0, ..failure.clone() };
                let Ok(words) = serde_json::to_string(&plain) else { continue };
                *count.failures.entry(words).or_default() += 1;
            }
        }
    }
    counts
}
