//! The loop of mail out: claims what is due, starts workers, renews leases, and ends in order.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use envelope::{Outcome, Reply};
use net::clock;
use queue::{Settlement, Verdict};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::book::{Book, Job, Refused};
use super::settle::{Ended, Settler};
use super::{Connections, Settings, target, work};
use crate::Context;
use crate::limits::{OUTBOUND_CLAIM_MAX, OUTBOUND_DRAIN, OUTBOUND_LEASE, OUTBOUND_WINDOW, OUTBOUND_WINDOW_EACH};

/// Mail out.
pub struct Outbound {
    pub(super) context: Arc<Context>,
    pub(super) settings: Arc<Settings>,
    pub(super) connections: Connections,
    pub(super) book: Arc<Book>,
    /// Where outcomes go.
    pub(super) ended: mpsc::Sender<Ended>,
    /// A worker has ended: another one may begin.
    pub(super) changed: Notify,
}

impl Outbound {
    /// Carries mail out until the end of work is called. What is under way then has a while to end; what waits goes
    /// back to the queue.
    pub async fn run(context: Arc<Context>, settings: Settings) {
        let _busy = context.shutdown.busy();
        let settings = Arc::new(settings);
        let (ended, outcomes) = mpsc::channel(OUTBOUND_WINDOW);
        let settler = Settler::new(context.clone(), settings.clone());
        let settling = tokio::spawn(settler.run(outcomes));
        if let Err(error) = context.queue.recover(clock::now()).await {
            context.fault(None, None, "queue", &error);
        }
        let outbound = Arc::new(Self {
            connections: Connections::new(settings.clone()),
            context,
            settings,
            book: Arc::default(),
            ended,
            changed: Notify::new(),
        });
        outbound.work().await;
        // The last sender goes with the last worker; then the settler sees the end.
        drop(outbound);
        if let Err(error) = settling.await {
            tracing::error!(%error, "settling ended badly");
        }
    }

    async fn work(self: &Arc<Self>) {
        let mut workers = JoinSet::new();
        let mut renewal = tokio::time::interval(OUTBOUND_LEASE / 3);
        renewal.reset();
        while !self.context.shutdown.is_draining() {
            self.fill().await;
            for destination in self.book.start() {
                workers.spawn(work::carry(self.clone(), destination));
            }
            while workers.try_join_next().is_some() {}
            tokio::select! {
                () = self.context.shutdown.draining() => {}
                () = self.context.queue.woken() => {}
                () = self.changed.notified() => {}
                () = self.ended.closed() => {
                    // What is delivered could no longer be settled, and would go out again and again: a new start
                    // is better than that, and the operator sees it.
                    self.context.fault(None, None, "outbound", &"the settler is gone; the server stops");
                    self.context.shutdown.begin();
                }
                _ = renewal.tick() => self.renew().await,
            }
        }
        self.give_back(self.book.take_everything()).await;
        let drained = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(OUTBOUND_DRAIN, drained).await.is_err() {
            workers.shutdown().await;
        }
        self.connections.close().await;
    }

    /// Claims while there is something due and room for it.
    async fn fill(&self) {
        loop {
            let count_max = self.book.room().min(OUTBOUND_CLAIM_MAX);
            // Not for a few: a claim is a transaction.
            if count_max < OUTBOUND_CLAIM_MAX {
                return;
            }
            let full = Arc::new(self.book.full());
            let claimed =
                self.context.queue.claim(clock::now(), count_max, OUTBOUND_WINDOW_EACH, OUTBOUND_LEASE, full).await;
            let claims = match claimed {
                Ok(claims) => claims,
                Err(error) => {
                    self.context.fault(None, None, "queue", &error);
                    // The store has its own reasons; the loop comes round within a second.
                    return tokio::time::sleep(Duration::from_millis(500)).await;
                }
            };
            let count = claims.len();
            let present = clock::instant();
            self.pass_over(self.book.add(claims, present), present).await;
            if count < count_max {
                return;
            }
        }
    }

    /// Nobody of their destinations talked to us a moment ago: they wait until those are tried again. That is no attempt,
    /// neither counted nor waited for longer, but the journal tells.
    async fn pass_over(&self, refused: Vec<Refused>, present: Instant) {
        let now = clock::now();
        let mut ends = Vec::with_capacity(refused.len());
        for Refused { job, down } in &refused {
            let seconds = present.saturating_duration_since(down.since).as_secs();
            let destination = &job.claim.destination;
            let text = format!("not tried: {destination} was down {seconds} s ago: {}", down.reply.text);
            let reply = Reply { text, ..down.reply.clone() };
            let outcome = Outcome::Deferred(reply.clone());
            target::tell_nowhere(&self.context, job.claim.mail.id, &work::recipient(job), destination, &outcome);
            let due = now.plus(down.until.saturating_duration_since(present));
            let verdict = Verdict::Later { due, reply, delay_told: false, counts: false, dialogue: None };
            let (mail, number) = (job.claim.mail.id, job.claim.number);
            ends.push(Settlement { mail, number, fence: job.fence(), verdict });
        }
        if ends.is_empty() {
            return;
        }
        let fences: Vec<i64> = ends.iter().map(|end| end.fence).collect();
        match self.context.queue.settle(ends).await {
            Ok(_) => refused.iter().zip(fences).for_each(|(one, fence)| one.job.settled(fence)),
            // Their leases run out, and they are due again.
            Err(error) => self.context.fault(None, None, "queue", &error),
        }
    }

    /// Hands an outcome to the settler.
    pub(super) async fn end(&self, ended: Ended) {
        if self.ended.send(ended).await.is_err() {
            tracing::error!("the settler is gone; the lease will run out");
        }
    }

    async fn renew(&self) {
        let leases = self.book.leases();
        if leases.is_empty() {
            return;
        }
        match self.context.queue.renew(leases, clock::now().plus(OUTBOUND_LEASE)).await {
            Ok(lost) if lost.is_empty() => {}
            Ok(lost) => self.book.lose(&lost.into_iter().collect::<HashSet<_>>()),
            Err(error) => self.context.fault(None, None, "queue", &error),
        }
    }

    /// What was not begun goes back, and does not count as an attempt.
    async fn give_back(&self, jobs: Vec<Job>) {
        let now = clock::now();
        let back = |job: &Job| Settlement {
            mail: job.claim.mail.id,
            number: job.claim.number,
            fence: job.fence(),
            verdict: Verdict::Later {
                due: now,
                reply: Reply::new(451, (4, 3, 2), "the server was stopped"),
                delay_told: false,
                counts: false,
                dialogue: None,
            },
        };
        let ends: Vec<Settlement> = jobs.iter().map(back).collect();
        if !ends.is_empty()
            && let Err(error) = self.context.queue.settle(ends).await
        {
            self.context.fault(None, None, "queue", &error);
        }
    }
}
