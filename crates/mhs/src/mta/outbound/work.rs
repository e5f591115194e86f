//! A worker: carries letters to one destination, one after the other, until none waits or others want their turn.

use std::sync::Arc;

use envelope::{Outcome, Recipient, Reply};
use net::clock;

use super::book::{Down, Group, Job};
use super::settle::Ended;
use super::target::{self, Found};
use super::{Batch, Outbound, Target, deliver, local};
use crate::limits::{OUTBOUND_BATCHES_A_TURN, OUTBOUND_DOWN};

/// Says that the worker has ended, however it ended.
struct AtWork {
    outbound: Arc<Outbound>,
    destination: String,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.outbound.book.finish(&self.destination, clock::instant());
        self.outbound.changed.notify_one();
    }
}

/// One turn. The caller has counted the worker already.
pub(super) async fn carry(outbound: Arc<Outbound>, destination: String) {
    let at_work = AtWork { outbound: outbound.clone(), destination };
    let destination = &at_work.destination;
    match target::find(&outbound.context, &outbound.settings, destination).await {
        Found::Target(target) => outbound.carry_to(&target).await,
        Found::Nowhere(outcome) => outbound.end_all(destination, &outcome).await,
        Found::Changed => {
            let reply = Reply::new(451, (4, 4, 0), "the routes have changed since the letter was queued");
            outbound.end_all(destination, &Outcome::Deferred(reply)).await;
        }
        Found::Local => {
            while let Some(group) = outbound.book.take(destination) {
                local::bring_home(&outbound, group).await;
            }
        }
    }
}

impl Outbound {
    async fn carry_to(&self, target: &Target) {
        for _ in 0..OUTBOUND_BATCHES_A_TURN {
            let Some(group) = self.book.take(&target.destination) else { return };
            let batch = Batch { mail: group.mail.clone(), recipients: group.jobs.iter().map(recipient).collect() };
            target::tell(&self.context, target, &batch);
            let attempted = deliver(&self.context, &self.connections, target, &batch).await;
            if let Some(reply) = attempted.site_down {
                return self.site_down(&target.destination, group, &reply).await;
            }
            for (job, outcome) in group.jobs.into_iter().zip(attempted.outcomes) {
                let (host, dsn_offered) = (attempted.host.clone(), attempted.dsn_offered);
                self.end(Ended { job, outcome, host, dsn_offered }).await;
            }
        }
    }

    /// Nobody of the destination talked to us: everything for it waits, for a while without further attempts.
    async fn site_down(&self, destination: &str, group: Group, reply: &Reply) {
        let Err(group) = self.book.refused(destination, group) else { return };
        let patience = OUTBOUND_DOWN.min(self.settings.backoff.first / 2);
        let since = clock::instant();
        let waiting = self.book.down(destination, Down { since, until: since + patience, reply: reply.clone() });
        for job in group.jobs.into_iter().chain(waiting) {
            self.end_without_attempt(job, &Outcome::Deferred(reply.clone())).await;
        }
    }

    /// The same outcome for everything that waits for a destination.
    async fn end_all(&self, destination: &str, outcome: &Outcome) {
        for job in self.book.take_all(destination) {
            self.end_without_attempt(job, outcome).await;
        }
    }

    /// Nobody was spoken to about this one.
    pub(super) async fn end_without_attempt(&self, job: Job, outcome: &Outcome) {
        let claim = &job.claim;
        target::tell_nowhere(&self.context, claim.mail.id, &recipient(&job), &claim.destination, outcome);
        self.end(Ended { job, outcome: outcome.clone(), host: None, dsn_offered: false }).await;
    }
}

/// As it goes into the envelope.
pub(super) fn recipient(job: &Job) -> Recipient {
    let claim = &job.claim;
    Recipient { address: claim.address.clone(), notify: claim.notify, original: claim.original.clone() }
}
