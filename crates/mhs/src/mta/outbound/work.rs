//! A worker: carries letters to one destination, one after the other, until none waits or others want their turn.

use std::sync::Arc;

use envelope::{Outcome, Recipient};
use queue::Queue;

use super::book::{Attempt, Feedback, Group, Job, Now, Rest, Ruling};
use super::desk::now;
use super::lease::Until;
use super::settle::{Blame, End, Ended, Waits};
use super::target::{self, Found};
use super::{Attempted, Batch, Leases, Outbound, Target, deliver, local, trouble};
use crate::limits::{
    OUTBOUND_BATCHES_A_TURN, OUTBOUND_FRESH, OUTBOUND_LEASE, OUTBOUND_SLOW_AFTER, OUTBOUND_UNPROVEN_SLOW_AFTER,
};

/// Says that the attempt is over, however the worker ended.
struct AtWork {
    outbound: Arc<Outbound>,
    attempt: u64,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.outbound.desk.book().vanished(self.attempt, now());
        self.outbound.desk.changed.notify_one();
    }
}

/// One turn: this letter, and those that may follow it.
pub(super) async fn carry(outbound: Arc<Outbound>, attempt: Attempt) {
    let _busy = outbound.context.shutdown.busy();
    let mut at_work = AtWork { outbound: outbound.clone(), attempt: attempt.id };
    let finding = target::find(&outbound.context, &outbound.settings, &attempt.destination);
    let found = tokio::select! {
        found = outbound.patiently(attempt.id, finding) => found,
        () = outbound.context.shutdown.draining() => return outbound.put_down(attempt).await,
    };
    let mut attempt = attempt;
    for turn in 1.. {
        let destination = attempt.destination.clone();
        at_work.attempt = attempt.id;
        outbound.carry_one(attempt, &found).await;
        // Others have their turn, and a change of the route is seen.
        let next = if turn < OUTBOUND_BATCHES_A_TURN { outbound.desk.book().follow(&destination, now()) } else { None };
        match next {
            Some(next) => attempt = next,
            None => return,
        }
    }
}

/// Takes out of a letter's recipients what the operator has held or dropped, or somebody else has got, while it waited
/// in memory. A lease whose end is near is renewed; without an answer nothing may be begun.
pub(super) async fn withdrawn(queue: &Queue, group: &mut Group, now: Now) -> Result<Vec<Job>, queue::Error> {
    let waited = |job: &Job| now.instant.saturating_duration_since(job.since) > OUTBOUND_FRESH;
    let is_over = |job: &Job| job.lease().is_over(now);
    if !group.jobs.iter().any(|job| waited(job) || is_over(job)) {
        return Ok(Vec::new());
    }
    let claim = |job: &Job| (job.claim.mail.id, job.claim.number, job.fence());
    let claims: Vec<_> = group.jobs.iter().map(claim).collect();
    if group.jobs.iter().any(is_over) {
        let until = now.wall.plus(OUTBOUND_LEASE);
        // Those that are lost do not stand either.
        queue.renew(claims.clone(), until).await?;
        for (job, (.., fence)) in group.jobs.iter().zip(&claims) {
            job.lease().renew(*fence, Until::new(now.instant, until));
        }
    }
    let mut stands = queue.still_stand(claims).await?.into_iter();
    let (kept, gone) = std::mem::take(&mut group.jobs).into_iter().partition(|_| stands.next().unwrap_or(true));
    group.jobs = kept;
    Ok(gone)
}

impl Outbound {
    async fn carry_one(&self, mut attempt: Attempt, found: &Found) {
        let gone = match withdrawn(&self.context.queue, &mut attempt.group, now()).await {
            Ok(gone) => gone,
            Err(error) => {
                self.context.fault(None, Some(attempt.group.mail.id), "queue", &error);
                std::mem::take(&mut attempt.group.jobs)
            }
        };
        for job in gone {
            self.end(Ended::unspoken(job, End::Back)).await;
        }
        if attempt.group.jobs.is_empty() {
            self.desk.book().ended(attempt.id, Feedback::Nothing, now());
            return;
        }
        match found {
            Found::Target(target) => self.carry_to(attempt, target).await,
            Found::Nowhere(outcome) => self.nowhere(attempt, outcome, Blame::Site(self.settings.rest_longest)).await,
            Found::Unheard(reply) => self.nowhere(attempt, &Outcome::Deferred(reply.clone()), Blame::Dns).await,
            // The destination is not judged by it.
            Found::Ours(reply) => {
                self.desk.book().ended(attempt.id, Feedback::Nothing, now());
                self.end_all(attempt.group.jobs, &Outcome::Deferred(reply.clone())).await;
            }
            Found::Changed => {
                let waiting = self.waiting_behind(&attempt);
                self.reroute(attempt.group.jobs.into_iter().chain(waiting)).await;
            }
            Found::Local => {
                local::bring_home(self, attempt.group).await;
                self.desk.book().ended(attempt.id, Feedback::Talked, now());
            }
        }
    }

    /// The work ends before the letter was spoken of.
    async fn put_down(&self, attempt: Attempt) {
        self.desk.book().ended(attempt.id, Feedback::Nothing, now());
        for job in attempt.group.jobs {
            self.end(Ended::unspoken(job, End::Back)).await;
        }
    }

    async fn carry_to(&self, attempt: Attempt, target: &Target) {
        let group = &attempt.group;
        let recipients = group.jobs.iter().map(recipient).collect();
        let batch = Batch { mail: group.mail.clone(), recipients, leases: Leases::of(&group.jobs) };
        target::tell(&self.context, target, &batch);
        let connections = self.connections.clone().towards(self.desk.book().is_unproven(attempt.id));
        let delivering = deliver(&self.context, &connections, target, &batch);
        let attempted = self.patiently(attempt.id, delivering).await;
        let feedback = trouble::feedback(&attempted);
        let ruling = self.desk.book().ended(attempt.id, feedback, now());
        match ruling {
            Ruling::Settle => self.settle(attempt.group, attempted).await,
            Ruling::Healed => {
                self.settle(attempt.group, attempted).await;
                self.awake(&attempt.destination).await;
            }
            Ruling::Again => self.desk.book().put_back(&attempt.destination, attempt.lane, attempt.group, now()),
            Ruling::Rest(rest, waiting) => {
                self.settle(attempt.group, attempted).await;
                self.rest(&attempt.destination, rest, waiting).await;
            }
        }
    }

    /// Each recipient has its outcome, or goes back without.
    async fn settle(&self, group: Group, attempted: Attempted) {
        let Attempted { outcomes, back, said, site_down, dsn_offered, dialogue, .. } = attempted;
        for (((job, outcome), back), said) in group.jobs.into_iter().zip(outcomes).zip(back).zip(said) {
            if back {
                self.end(Ended::unspoken(job, End::Back)).await;
                continue;
            }
            if site_down.is_some() {
                // No host had anything to say of it, so the journal has not heard of it yet.
                self.tell_nowhere(&job, &outcome);
            }
            let (end, dialogue) = (End::Outcome(outcome), dialogue.clone());
            let blame = if site_down.is_some() { Blame::Site(self.settings.rest_longest) } else { Blame::Letter };
            self.end(Ended { job, end, said, dsn_offered, dialogue, blame }).await;
        }
    }

    /// There is nobody to be asked: for now, and then the destination rests; or ever, and then that is so for all that
    /// waits for it.
    async fn nowhere(&self, attempt: Attempt, outcome: &Outcome, blame: Blame) {
        let Outcome::Deferred(reply) = outcome else {
            let waiting = self.waiting_behind(&attempt);
            return self.end_all(attempt.group.jobs.into_iter().chain(waiting), outcome).await;
        };
        let Attempt { id, destination, lane, group } = attempt;
        let feedback = match blame {
            Blame::Dns => Feedback::Unheard(reply.clone()),
            _ => Feedback::Down(reply.clone()),
        };
        let ruling = self.desk.book().ended(id, feedback, now());
        match ruling {
            Ruling::Again => self.desk.book().put_back(&destination, lane, group, now()),
            Ruling::Rest(rest, waiting) => {
                for job in group.jobs {
                    self.tell_nowhere(&job, outcome);
                    self.end(Ended { blame, ..Ended::unspoken(job, End::Outcome(outcome.clone())) }).await;
                }
                self.rest(&destination, rest, waiting).await;
            }
            Ruling::Settle | Ruling::Healed => self.end_all(group.jobs, outcome).await,
        }
    }

    /// What is true of this attempt is true of these.
    fn waiting_behind(&self, attempt: &Attempt) -> Vec<Job> {
        let mut book = self.desk.book();
        book.ended(attempt.id, Feedback::Nothing, now());
        book.take_all(&attempt.destination)
    }

    /// The routes have changed since these were queued: they are queued anew, for where they go now.
    pub(super) async fn reroute(&self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            let claim = &job.claim;
            let destination = self.settings.destination(&claim.mail.reverse_path, &claim.address);
            self.end(Ended::unspoken(job, End::Reroute(destination))).await;
        }
    }

    async fn end_all(&self, jobs: impl IntoIterator<Item = Job>, outcome: &Outcome) {
        for job in jobs {
            self.end_without_attempt(job, outcome).await;
        }
    }

    /// A destination rests: the store knows, and what waited for it waits there.
    async fn rest(&self, destination: &str, rest: Rest, waiting: Vec<Job>) {
        self.write_rest(destination, &rest).await;
        self.park(waiting, &Waits::Rest(rest)).await;
    }

    /// Nobody was spoken to about this one.
    pub(super) async fn end_without_attempt(&self, job: Job, outcome: &Outcome) {
        self.tell_nowhere(&job, outcome);
        self.end(Ended::unspoken(job, End::Outcome(outcome.clone()))).await;
    }

    fn tell_nowhere(&self, job: &Job, outcome: &Outcome) {
        let claim = &job.claim;
        target::tell_nowhere(&self.context, claim.mail.id, &recipient(job), &claim.destination, outcome);
    }

    /// Waits for something; when it takes long, the attempt gives its place to others meanwhile.
    async fn patiently<T>(&self, attempt: u64, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        if let Ok(done) = tokio::time::timeout(OUTBOUND_UNPROVEN_SLOW_AFTER, &mut work).await {
            return done;
        }
        self.desk.book().tarries(attempt);
        self.desk.changed.notify_one();
        let rest = OUTBOUND_SLOW_AFTER.saturating_sub(OUTBOUND_UNPROVEN_SLOW_AFTER);
        if let Ok(done) = tokio::time::timeout(rest, &mut work).await {
            return done;
        }
        self.desk.book().lingers(attempt, now());
        self.desk.changed.notify_one();
        work.await
    }
}

/// As it goes into the envelope.
pub(super) fn recipient(job: &Job) -> Recipient {
    let claim = &job.claim;
    Recipient { address: claim.address.clone(), notify: claim.notify, original: claim.original.clone() }
}
