//! The end of work: one signal that everything listens for, and a count of what is still under way.
//!
//! Draining means: no new connections, no new work, and what has been begun is ended in order. Cutting off means: now.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// Cheap to clone; every clone is the same signal.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stage: watch::Sender<Stage>,
    busy: AtomicUsize,
    idle: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Working,
    Draining,
    CutOff,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A signal that has not been given yet.
    pub fn new() -> Self {
        let (stage, _) = watch::channel(Stage::Working);
        Self(Arc::new(Inner { stage, busy: AtomicUsize::new(0), idle: Notify::new() }))
    }

    /// Gives the signal. Giving it again does nothing.
    pub fn begin(&self) {
        self.advance(Stage::Draining);
    }

    /// The end of patience: what is still under way is dropped where it stands.
    pub fn cut_off(&self) {
        self.advance(Stage::CutOff);
    }

    /// Whether the signal was given.
    pub fn is_draining(&self) -> bool {
        *self.0.stage.borrow() >= Stage::Draining
    }

    /// Waits until it is given. Cancel-safe.
    pub async fn draining(&self) {
        self.reached(Stage::Draining).await;
    }

    /// Waits until the end of patience. Cancel-safe.
    pub async fn is_cut_off(&self) {
        self.reached(Stage::CutOff).await;
    }

    fn advance(&self, to: Stage) {
        self.0.stage.send_if_modified(|stage| {
            let further = to > *stage;
            *stage = to.max(*stage);
            further
        });
    }

    async fn reached(&self, wanted: Stage) {
        let mut receiver = self.0.stage.subscribe();
        // An error means that the sender is gone, and `self` holds it.
        let _ = receiver.wait_for(|stage| *stage >= wanted).await;
    }

    /// Says that something is under way; it ends when the guard is dropped.
    pub fn busy(&self) -> Busy {
        self.0.busy.fetch_add(1, Ordering::AcqRel);
        Busy(Arc::clone(&self.0))
    }

    /// How many things are under way.
    pub fn under_way(&self) -> usize {
        self.0.busy.load(Ordering::Acquire)
    }

    /// Waits until nothing is under way any more, or until `patience` ends: false then.
    pub async fn drained(&self, patience: Duration) -> bool {
        let wait = async {
            loop {
                let mut notified = std::pin::pin!(self.0.idle.notified());
                notified.as_mut().enable();
                if self.under_way() == 0 {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(patience, wait).await.is_ok()
    }
}

/// Something under way. Dropped when it has ended.
#[derive(Debug)]
pub struct Busy(Arc<Inner>);

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_what_is_under_way() {
        let shutdown = Shutdown::new();
        let busy = shutdown.busy();
        assert!(!shutdown.is_draining());
        assert!(!shutdown.drained(Duration::from_millis(1)).await);
        let other = shutdown.clone();
        let worker = tokio::spawn(async move {
            other.draining().await;
            drop(busy);
        });
        shutdown.begin();
        assert!(shutdown.drained(Duration::from_secs(60)).await);
        assert_eq!(shutdown.under_way(), 0);
        worker.await.unwrap();
        shutdown.draining().await;
    }
}
