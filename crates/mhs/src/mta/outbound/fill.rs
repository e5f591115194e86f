//! From the store into the window: what is due, what was parked and has room again, and what must be decided about though
//! nobody tries it. Knows the time only as an argument, so that the simulation runs it as it is.

use std::time::{Duration, Instant};

use net::clock;
use queue::{Claim, Claimed, Queue};

use super::Outbound;
use super::book::{Now, Refused, Rest};
use super::desk::{Desk, now};
use super::settle::{End, Ended, Waits};
use crate::limits::{
    OUTBOUND_CLAIM_MAX, OUTBOUND_CLAIMS_A_TURN, OUTBOUND_DUE_EVERY, OUTBOUND_FORGET_EVERY, OUTBOUND_OVERDUE_EVERY,
    OUTBOUND_WALK_EVERY, OUTBOUND_WALK_STEP,
};

/// Where it goes on.
#[derive(Debug)]
pub(super) struct Fetching {
    /// There was more that is due than there was room for, or somebody says that something is.
    rung: bool,
    /// When it is looked for anyway. It outlives whatever happens meanwhile, so that no traffic puts it off.
    due_at: Option<Instant>,
    /// Where the walk over parked destinations is.
    walked: Option<String>,
    walks_at: Option<Instant>,
    overdue_at: Option<Instant>,
    forgets_at: Option<Instant>,
}

impl Default for Fetching {
    fn default() -> Self {
        Self { rung: true, due_at: None, walked: None, walks_at: None, overdue_at: None, forgets_at: None }
    }
}

/// What was fetched and is not to be tried.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// Their destinations rest.
    pub(super) refused: Vec<Refused>,
    /// Their time is over without an attempt.
    pub(super) ended: Vec<Ended>,
    /// Destinations whose rest is of no use to anybody any more.
    pub(super) forgotten: Vec<String>,
}

impl Fetching {
    /// Something may be due.
    pub(super) fn ring(&mut self) {
        self.rung = true;
    }

    /// When the next round is, though nothing happens until then.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// One round. What was `fetched` is to be carried out however it ends: an error of one step leaves standing what an
    /// earlier one has claimed.
    pub(super) async fn fetch(
        &mut self,
        queue: &Queue,
        desk: &Desk,
        now: Now,
        fetched: &mut Fetched,
    ) -> Result<(), queue::Error> {
        if is_time(&mut self.due_at, OUTBOUND_DUE_EVERY, now.instant) || self.rung {
            self.due(queue, desk, now, fetched).await?;
        }
        if is_time(&mut self.walks_at, OUTBOUND_WALK_EVERY, now.instant) {
            self.walk(queue, desk, now).await?;
            suspend(queue, desk, now, fetched).await?;
            let paused = desk.book().take_paused(now).into_iter();
            fetched.ended.extend(paused.map(|job| Ended::unspoken(job, End::Waits(Waits::Turn))));
        }
        self.hungry(queue, desk, now, fetched).await?;
        if is_time(&mut self.overdue_at, OUTBOUND_OVERDUE_EVERY, now.instant) {
            overdue(queue, desk, now, fetched).await?;
        }
        if is_time(&mut self.forgets_at, OUTBOUND_FORGET_EVERY, now.instant) {
            let forgotten = desk.book().forget(now);
            fetched.forgotten = forgotten.into_iter().map(|(destination, _)| destination).collect();
        }
        Ok(())
    }

    /// What is due by the clock. The desk is asked for room for each.
    async fn due(&mut self, queue: &Queue, desk: &Desk, now: Now, fetched: &mut Fetched) -> Result<(), queue::Error> {
        for _ in 0..OUTBOUND_CLAIMS_A_TURN {
            let count_max = desk.book().backlog_room(now).min(OUTBOUND_CLAIM_MAX);
            if count_max == 0 {
                // It is rung again when there is room: the loop comes round when something ends.
                return Ok(());
            }
            let claimed = queue.claim_due(now.wall, count_max).await?;
            self.rung = claimed.more;
            let fresh = fresh(desk, claimed.claims, true, now, fetched);
            let refused = desk.book().add(fresh, now);
            fetched.refused.extend(refused);
            if !claimed.more {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What has room again, destination after destination, and in each one sender after the other.
    async fn hungry(
        &mut self,
        queue: &Queue,
        desk: &Desk,
        now: Now,
        fetched: &mut Fetched,
    ) -> Result<(), queue::Error> {
        let hungry = {
            let mut book = desk.book();
            let count_max = book.backlog_room(now).min(OUTBOUND_CLAIM_MAX);
            book.hungry(count_max, now)
        };
        let mut hungry = hungry.into_iter();
        while let Some(one) = hungry.next() {
            let claimed = queue.claim_parked(&one.destination, one.after, one.wanted, now.wall).await;
            let Claimed { claims, lane, more, .. } = match claimed {
                Ok(claimed) => claimed,
                Err(error) => {
                    // They are hungry still.
                    desk.book().parked(std::iter::once(one).chain(hungry).map(|one| one.destination), now);
                    return Err(error);
                }
            };
            let fresh = fresh(desk, claims, false, now, fetched);
            let mut book = desk.book();
            fetched.refused.extend(book.add(fresh, now));
            book.fed(&one.destination, lane, more, now);
        }
        Ok(())
    }

    /// A step of the walk over all destinations that have something parked: by another node, or before a restart.
    async fn walk(&mut self, queue: &Queue, desk: &Desk, now: Now) -> Result<(), queue::Error> {
        let parked = queue.parked(self.walked.as_deref(), OUTBOUND_WALK_STEP, now.wall).await?;
        self.walked = parked.last().filter(|_| parked.len() >= OUTBOUND_WALK_STEP).map(|last| last.destination.clone());
        for one in parked {
            let mut book = desk.book();
            match one.rest.filter(|rest| rest.holds(now.wall)) {
                _ if one.suspended => {}
                Some(rest) => book.learn(&one.destination, as_known(&rest, now), now),
                None => book.parked([one.destination], now),
            }
        }
        Ok(())
    }
}

fn is_time(next: &mut Option<Instant>, every: Duration, now: Instant) -> bool {
    let is_time = next.is_none_or(|next| next <= now);
    if is_time {
        *next = Some(now + every);
    }
    is_time
}

/// A rest as another node, or we before a restart, wrote it down.
fn as_known(rest: &queue::Rest, now: Now) -> Rest {
    let text = rest.last_reply.clone().unwrap_or_else(|| "nobody talked to us".to_owned());
    Rest {
        failures: rest.failures,
        since: rest.since,
        tried_at: rest.began,
        until: now.instant + rest.until.since(now.wall),
        reply: envelope::Reply::new(451, (4, 4, 1), text),
    }
}

/// Those that the table of routes still sends there; the others are queued anew. Their places, when they had been promised
/// any, are given up either way: whoever stays gets his own.
fn fresh(desk: &Desk, claims: Vec<Claim>, promised: bool, now: Now, fetched: &mut Fetched) -> Vec<Claim> {
    let mut fresh = Vec::with_capacity(claims.len());
    let mut book = desk.book();
    for claim in claims {
        if promised {
            book.give_up(&claim.destination, claim.lane, 1);
        }
        let destination = desk.settings.destination(&claim.mail.reverse_path, &claim.address);
        if destination == claim.destination {
            fresh.push(claim);
        } else if let Some((job, _)) = book.hold(claim, now) {
            fetched.ended.push(Ended::unspoken(job, End::Reroute(destination)));
        }
    }
    fresh
}

/// What the operator has suspended since it was claimed goes back.
async fn suspend(queue: &Queue, desk: &Desk, _now: Now, fetched: &mut Fetched) -> Result<(), queue::Error> {
    let suspensions = queue.suspensions().await?;
    let is_suspended = |claim: &Claim| suspensions.of(&claim.destination, &claim.address.host().to_string()).is_some();
    let waiting = desk.book().take_where(is_suspended);
    fetched.ended.extend(waiting.into_iter().map(|job| Ended::unspoken(job, End::Waits(Waits::Operator))));
    Ok(())
}

/// Letters whose senders are to be told of a delay, or that are given up, though nobody tries them.
async fn overdue(queue: &Queue, desk: &Desk, now: Now, fetched: &mut Fetched) -> Result<(), queue::Error> {
    let suspensions = queue.suspensions().await?;
    let claimed = queue.claim_overdue(now.wall, OUTBOUND_CLAIM_MAX).await?;
    let mut book = desk.book();
    for claim in claimed.claims {
        let suspended = suspensions.of(&claim.destination, &claim.address.host().to_string()).is_some();
        let Some((job, rest)) = book.hold(claim, now) else { continue };
        let waits = match rest {
            _ if suspended => Waits::Operator,
            Some(rest) => Waits::Rest(rest),
            None => Waits::Turn,
        };
        fetched.ended.push(Ended::unspoken(job, End::Waits(waits)));
    }
    Ok(())
}

impl Outbound {
    pub(super) async fn fill(&self, fetching: &mut Fetching) {
        let mut fetched = Fetched::default();
        let result = fetching.fetch(&self.context.queue, &self.desk, now(), &mut fetched).await;
        self.pass_over(fetched.refused).await;
        for ended in fetched.ended {
            self.end(ended).await;
        }
        for destination in fetched.forgotten {
            self.awake(&destination).await;
        }
        if let Err(error) = result {
            self.context.fault(None, None, "queue", &error);
            // The store has its own reasons; the loop comes round within a second.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// A destination was reached, or nobody has letters for it any more: its rest is forgotten.
    pub(super) async fn awake(&self, destination: &str) {
        if let Err(error) = self.context.queue.awake(destination).await {
            self.context.fault(None, None, "queue", &error);
        }
    }

    /// A rest outlives a restart, and holds for other nodes.
    pub(super) async fn write_rest(&self, destination: &str, rest: &Rest) {
        let (until, queue) = (rest.until_at(now()), &self.context.queue);
        if let Err(error) = queue.rest(destination, clock::now(), until, rest.failures, &rest.reply).await {
            self.context.fault(None, None, "queue", &error);
        }
    }
}
