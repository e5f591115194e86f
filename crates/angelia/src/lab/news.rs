//! What the journals of both offices say, as it happens.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use journal::{Entry, Journal};
use tokio::sync::mpsc;

use crate::sinks::describe;

/// Entries on their way to the screen. When the screen does not keep up, some are not shown.
const WAITING_MAX: usize = 10_000;
/// How long a step of the story may take. A queue that has waited for patras tries again within ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Entries that a failure shows.
const TOLD_MAX: usize = 12;

/// One entry of one office.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// `athens.test`
    pub(super) office: String,
    pub(super) entry: Entry,
}

/// The listening end.
pub(super) struct News {
    receiver: mpsc::Receiver<Item>,
    /// Since the last [`News::forget`].
    kept: Vec<Item>,
}

/// The end that an office speaks into.
struct Mouth {
    office: String,
    sender: mpsc::Sender<Item>,
}

/// Makes ends for offices.
#[derive(Clone)]
pub(super) struct Mouths(mpsc::Sender<Item>);

impl Mouths {
    pub(super) fn of(&self, office: &str) -> Arc<dyn Journal> {
        Arc::new(Mouth { office: office.to_owned(), sender: self.0.clone() })
    }
}

impl Journal for Mouth {
    fn record(&self, entry: Entry) {
        let _ = self.sender.try_send(Item { office: self.office.clone(), entry });
    }
}

impl News {
    pub(super) fn new() -> (Self, Mouths) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self { receiver, kept: Vec::new() }, Mouths(sender))
    }

    /// The next entry, or `None` when no office is left.
    pub(super) async fn next(&mut self) -> Option<Item> {
        self.receiver.recv().await
    }

    /// Waits until `wanted` finds what it looks for, in what has been said already or in what comes.
    pub(super) async fn wait<T>(&mut self, what: &str, wanted: impl Fn(&Item) -> Option<T>) -> anyhow::Result<T> {
        if let Some(found) = self.kept.iter().find_map(&wanted) {
            return Ok(found);
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while let Ok(Some(item)) = tokio::time::timeout_at(deadline, self.receiver.recv()).await {
            let found = wanted(&item);
            self.kept.push(item);
            if let Some(found) = found {
                return Ok(found);
            }
        }
        let told: Vec<String> = self.kept.iter().rev().take(TOLD_MAX).rev().map(sentence).collect();
        bail!("waited {} s for this: {what}. The journals' last words:\n{}", PATIENCE.as_secs(), told.join("\n"))
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
        while self.receiver.try_recv().is_ok() {}
    }
}

/// An entry as a sentence.
pub(super) fn sentence(item: &Item) -> String {
    format!("{:<12} {:<12} {}", item.office, item.entry.event.name(), describe(&item.entry.event))
}
