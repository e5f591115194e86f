//! The loop of mail out: asks the book which attempts may begin and gives each to a worker, renews leases, and ends in
//! order. What comes from the store is fetched by [`super::fill`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use envelope::{Outcome, Reply};
use net::clock;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Interval;

use super::book::{Job, Refused, Rest};
use super::desk::{Desk, now};
use super::fill::Fetching;
use super::settle::{End, Ended, Settler, Waits};
use super::spent::{AllSpent, Spending};
use super::{Connections, Settings, target, work};
use crate::Context;
use crate::limits::{
    OUTBOUND_HANDED_OVER_LATE, OUTBOUND_LEASE, OUTBOUND_RECOVER_PAUSE, OUTBOUND_SETTLE_PAUSE_MAX,
    OUTBOUND_SPENT_PATIENCE, OUTBOUND_WINDOW,
};

/// Mail out.
pub struct Outbound {
    pub(super) context: Arc<Context>,
    pub(super) settings: Arc<Settings>,
    pub(super) connections: Connections,
    pub(super) desk: Arc<Desk>,
    /// Where claims end.
    pub(super) ended: mpsc::Sender<Ended>,
}

impl Outbound {
    /// Carries mail out until the end of work is called. What is under way then has a while to end; what waits goes
    /// back to the queue.
    pub async fn run(context: Arc<Context>, settings: Settings) {
        if taken_back(&context).await {
            Self::carry_out(context, settings).await;
        }
    }

    /// The same beside one that was told to end and has letters under way: these stay its own.
    pub async fn take_over(context: Arc<Context>, settings: Settings) {
        // One that never came so far has nothing under way.
        if context.queue.has_recovered() || taken_back(&context).await {
            Self::carry_out(context, settings).await;
        }
    }

    async fn carry_out(context: Arc<Context>, settings: Settings) {
        let _busy = context.shutdown.busy();
        let settings = Arc::new(settings);
        let (ended, outcomes) = mpsc::channel(OUTBOUND_WINDOW);
        let spending = Spending::of(context.queue.node());
        let Some(spent) = taken(&context, &spending).await else { return };
        let desk = Arc::new(Desk::new(settings.clone(), now).behind(spent));
        let settler = Settler::new(context.clone(), settings.clone(), &desk);
        let settling = tokio::spawn(settler.run(outcomes));
        let connections = Connections::new(settings.clone());
        let outbound = Arc::new(Self { connections, context, settings, desk, ended });
        outbound.work().await;
        outbound.leave(&spending).await;
        // The last sender goes with the last worker; then the settler sees the end.
        drop(outbound);
        if let Err(error) = settling.await {
            tracing::error!(%error, "settling ended badly");
        }
    }

    /// What was spent of the rates is for the next one.
    async fn leave(&self, spending: &Spending) {
        let now = now();
        let spent = self.desk.book().spent(now.instant);
        let leaving = spending.leave(&self.context.store, spent, now);
        if let Ok(Err(error)) = tokio::time::timeout(OUTBOUND_SPENT_PATIENCE, leaving).await {
            self.context.fault(None, None, "store", &error);
        }
    }

    async fn work(self: &Arc<Self>) {
        let mut workers = JoinSet::new();
        let mut fetching = Fetching::default();
        let mut renewal = tokio::time::interval(OUTBOUND_LEASE / 3);
        renewal.reset();
        let attached = Attached::new(self);
        while !self.context.shutdown.is_draining() {
            self.fill(&mut fetching).await;
            self.start(&mut workers).await;
            while workers.try_join_next().is_some() {}
            let wakes_at = self.desk.book().wakes_at().into_iter().chain(fetching.wakes_at()).min();
            tokio::select! {
                () = self.context.shutdown.draining() => {}
                () = self.context.queue.woken() => fetching.ring(),
                () = self.desk.changed.notified() => {}
                () = until(wakes_at) => {}
                () = self.ended.closed() => {
                    // What is delivered could no longer be settled, and would go out again and again: a new start
                    // is better than that, and the operator sees it.
                    self.context.fault(None, None, "outbound", &"the settler is gone; the server stops");
                    self.context.shutdown.begin();
                }
                _ = renewal.tick() => self.renew().await,
            }
        }
        drop(attached);
        self.finish(workers, renewal).await;
        self.connections.close().await;
    }

    /// What waits goes back; what is under way ends as it ends, unless that takes too long. It stays ours meanwhile.
    async fn finish(&self, mut workers: JoinSet<()>, mut renewal: Interval) {
        self.give_back().await;
        // Whoever has reserved a place at the desk holds it; what he hands over goes back as well.
        let late = clock::instant() + OUTBOUND_HANDED_OVER_LATE;
        while Arc::strong_count(&self.desk) > 1 && clock::instant() < late {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.give_back().await;
        let too_long = async {
            tokio::select! {
                () = tokio::time::sleep(self.settings.drain) => {}
                () = self.context.shutdown.is_cut_off() => {}
            }
        };
        let renewing = async {
            loop {
                renewal.tick().await;
                self.renew().await;
            }
        };
        if !drained(&mut workers, too_long, renewing).await {
            workers.shutdown().await;
        }
        self.give_back().await;
    }

    async fn give_back(&self) {
        let waiting = self.desk.book().take_everything();
        for job in waiting {
            self.end(Ended::unspoken(job, End::Back)).await;
        }
    }

    /// Every attempt that may begin gets a worker.
    async fn start(self: &Arc<Self>, workers: &mut JoinSet<()>) {
        let (attempts, refused) = {
            let mut book = self.desk.book();
            let attempts = book.start(now());
            self.connections.make_room(book.crowded_out());
            (attempts, book.take_refused())
        };
        for attempt in attempts {
            workers.spawn(work::carry(self.clone(), attempt));
        }
        self.pass_over(refused).await;
    }

    /// Their destinations are left alone just now: they wait until that is over. That is no attempt, neither counted nor
    /// waited for longer; the journal tells.
    pub(super) async fn pass_over(&self, refused: Vec<Refused>) {
        for Refused { job, rest } in refused {
            self.tell_untried(&job, &rest);
            self.end(Ended::unspoken(job, End::Waits(Waits::Rest(rest)))).await;
        }
    }

    fn tell_untried(&self, job: &Job, rest: &Rest) {
        let (claim, seconds) = (&job.claim, clock::now().since(rest.tried_at).as_secs());
        let text = format!("not tried: {} was down {seconds} s ago: {}", claim.destination, rest.reply.text);
        let outcome = Outcome::Deferred(Reply { text, ..rest.reply.clone() });
        target::tell_nowhere(&self.context, claim.mail.id, &work::recipient(job), &claim.destination, &outcome);
    }

    /// The same for what has waited in memory.
    pub(super) async fn park(&self, jobs: Vec<Job>, waits: &Waits) {
        for job in jobs {
            self.end(Ended::unspoken(job, End::Waits(waits.clone()))).await;
        }
    }

    /// Hands the end of a claim to the settler.
    pub(super) async fn end(&self, ended: Ended) {
        if self.ended.send(ended).await.is_err() {
            tracing::error!("the settler is gone; the lease will run out");
        }
    }

    async fn renew(&self) {
        let asked = now();
        let leases = self.desk.book().leases(asked);
        if leases.is_empty() {
            return;
        }
        let until = asked.wall.plus(OUTBOUND_LEASE);
        match self.context.queue.renew(leases.clone(), until).await {
            Ok(lost) => self.desk.book().renewed(&leases, &lost.into_iter().collect(), asked.instant, until),
            Err(error) => self.context.fault(None, None, "queue", &error),
        }
    }
}

/// As long as the loop runs, however it ends: what is handed over to a desk without one would wait for its lease.
struct Attached(Arc<Outbound>);

impl Attached {
    fn new(outbound: &Arc<Outbound>) -> Self {
        outbound.context.queue.attach(outbound.desk.clone());
        Self(outbound.clone())
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.context.queue.detach(&self.0.desk);
    }
}

/// Takes back what an earlier process had in hand. Without that its letters would wait for their leases to run out; and a
/// store that cannot write it down takes no claim either. Answers false when the end of work was called before.
async fn taken_back(context: &Context) -> bool {
    let _busy = context.shutdown.busy();
    let recovering = until_it_succeeds(OUTBOUND_RECOVER_PAUSE, OUTBOUND_SETTLE_PAUSE_MAX, || async {
        let recovered = context.queue.recover(clock::now()).await;
        recovered.map(drop).map_err(|error| context.fault(None, None, "queue", &error))
    });
    tokio::select! {
        () = recovering => true,
        () = context.shutdown.draining() => false,
    }
}

/// What the one before has spent of the rates; none when the end of work was called before. What could not be taken away
/// must not be believed later, so that nothing goes out before.
async fn taken(context: &Context, spending: &Spending) -> Option<AllSpent> {
    loop {
        match spending.take(&context.store, now()).await {
            Ok(spent) => return Some(spent),
            Err(error) => context.fault(None, None, "store", &error),
        }
        tokio::select! {
            () = tokio::time::sleep(OUTBOUND_RECOVER_PAUSE) => {}
            () = context.shutdown.draining() => return None,
        }
    }
}

/// Pauses between two attempts are twice as long each time.
async fn until_it_succeeds<F: Future<Output = Result<(), ()>>>(
    first: Duration,
    longest: Duration,
    deed: impl Fn() -> F,
) {
    let mut pause = first;
    while deed().await.is_err() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// Waits for the workers, whose leases are renewed meanwhile. Answers false when it took too long.
async fn drained(
    workers: &mut JoinSet<()>,
    too_long: impl Future<Output = ()>,
    renewing: impl Future<Output = ()>,
) -> bool {
    let ended = async { while workers.join_next().await.is_some() {} };
    tokio::select! {
        () = ended => true,
        () = too_long => false,
        () = renewing => false,
    }
}

pub(super) async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_start_on_a_full_disk_is_repeated() {
        let (tries, longest) = (Cell::new(0_u32), Duration::from_millis(4));
        until_it_succeeds(Duration::from_millis(1), longest, || async {
            tries.set(tries.get() + 1);
            if tries.get() < 6 { Err(()) } else { Ok(()) }
        })
        .await;
        assert_eq!(tries.get(), 6);
    }

    #[tokio::test]
    async fn leases_are_renewed_to_the_end() {
        let every = Duration::from_millis(5);
        for (patience, in_time) in [(Duration::from_secs(60), true), (every * 10, false)] {
            let (mut workers, renewals) = (JoinSet::new(), Cell::new(0_u32));
            workers.spawn(tokio::time::sleep(if in_time { every * 10 } else { Duration::from_secs(60) }));
            let renewing = async {
                loop {
                    tokio::time::sleep(every).await;
                    renewals.set(renewals.get() + 1);
                }
            };
            assert_eq!(drained(&mut workers, tokio::time::sleep(patience), renewing).await, in_time);
            assert!(renewals.get() > 1);
        }
    }
}
