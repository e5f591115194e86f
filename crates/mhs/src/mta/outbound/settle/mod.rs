//! The end of attempts: what was delivered leaves the queue, what must wait is tried later, what failed is told to its
//! sender, all in as few transactions as there can be. A notice and the row that it is about end in one.

mod decide;
mod gather;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use envelope::{Outcome, Reply, ReversePath, Timestamp};
use message::dsn::Action;
use net::clock;
use queue::{Settled, Settlement, Verdict};
use tokio::sync::{Notify as Bell, mpsc};

pub(super) use self::decide::decide;
pub(super) use self::decide::{End, Waits};
use self::gather::Gathering;
use super::book::Job;
use super::desk::Desk;
use super::schedule::until;
use super::{Said, Settings};
use crate::Context;
use crate::bounce::{self, Noticed};
use crate::limits::{OUTBOUND_SETTLE_ATTEMPTS, OUTBOUND_SETTLE_MAX, OUTBOUND_SETTLE_PAUSE_MAX};

/// A claim whose time is over.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) job: Job,
    pub(super) end: End,
    /// What another server said of it; none where the outcome is our own finding.
    pub(super) said: Option<Said>,
    pub(super) dsn_offered: bool,
    /// What was said, for the operator.
    pub(super) dialogue: Option<String>,
    pub(super) blame: Blame,
}

/// Why it was put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// For something about itself.
    Letter,
    /// Nobody of the destination talked to us: it is tried again after so long at most, whatever its own patience.
    Site(Duration),
    /// Our own name servers were silent: it is tried again soon, and not counted but for the first time.
    Dns,
}

impl Ended {
    /// Without anybody having been spoken to.
    pub(super) fn unspoken(job: Job, end: End) -> Self {
        Self { job, end, said: None, dsn_offered: false, dialogue: None, blame: Blame::Letter }
    }
}

/// A decision that its sender is told of.
struct Told {
    ended: Ended,
    action: Action,
    reply: Reply,
    verdict: Verdict,
}

/// Settles.
pub(super) struct Settler {
    context: Arc<Context>,
    settings: Arc<Settings>,
    /// Who else of a letter is in hand. Not held: whoever hands letters over does, and is waited for.
    desk: Weak<Desk>,
    /// Rung when places have become free.
    changed: Arc<Bell>,
    /// What is told together.
    gathering: Mutex<Gathering<Told>>,
}

impl Settler {
    pub(super) fn new(context: Arc<Context>, settings: Arc<Settings>, desk: &Arc<Desk>) -> Self {
        let (changed, gathering) = (desk.changed.clone(), Mutex::default());
        Self { context, settings, desk: Arc::downgrade(desk), changed, gathering }
    }

    /// Until the last sender of outcomes is gone. What comes while a transaction runs is taken together by the next.
    pub(super) async fn run(self, mut outcomes: mpsc::Receiver<Ended>) {
        let this = Arc::new(self);
        let mut some = Vec::new();
        let mut is_open = true;
        while is_open {
            let wakes_at = this.gathering().wakes_at();
            tokio::select! {
                count = outcomes.recv_many(&mut some, OUTBOUND_SETTLE_MAX) => is_open = count > 0,
                () = until(wakes_at) => {}
                // At the end of work nothing is gathered any more.
                () = this.context.shutdown.draining(), if wakes_at.is_some() => {}
            }
            let some = std::mem::take(&mut some);
            let delivered = delivered(&some);
            let settler = this.clone();
            // In a task of its own: a fault of ours in one batch neither ends the settling of all others, nor lets what
            // was delivered go out again.
            if let Err(error) = tokio::spawn(async move { settler.settle(some, is_open).await }).await {
                this.context.fault(None, None, "outbound", &format_args!("settling ended badly: {error}"));
                if let Err(error) = this.context.queue.settle(delivered).await {
                    this.context.fault(None, None, "queue", &error);
                }
            }
            this.changed.notify_one();
        }
    }

    async fn settle(&self, some: Vec<Ended>, is_open: bool) {
        let now = clock::now();
        let (mut plain, mut success) = (Vec::new(), BTreeMap::new());
        for ended in some {
            let decision = decide(&self.settings.backoff, now, &ended.job.claim, &ended);
            let Some((action, reply)) = decision.notice else {
                plain.push((ended, decision.verdict));
                continue;
            };
            let key = (ended.job.claim.mail.id, action.as_str());
            let told = Told { ended, action, reply, verdict: decision.verdict };
            // What was delivered must not go out twice: its row does not wait.
            if told.is_success() {
                success.entry(key).or_insert_with(Vec::new).push(told);
            } else {
                self.gathering().add(key, told, clock::instant());
            }
        }
        if !plain.is_empty() {
            self.write(plain.iter().map(|(ended, verdict)| (&ended.job, verdict.clone())).collect()).await;
        }
        drop(plain);
        for about in success.into_values() {
            self.tell(about, now).await;
        }
        for about in self.gathered(is_open) {
            self.tell(about, now).await;
        }
    }

    /// What waits for nobody any more. At the end of work nothing waits.
    fn gathered(&self, is_open: bool) -> Vec<Vec<Told>> {
        let desk = self.desk.upgrade().filter(|_| is_open && !self.context.shutdown.is_draining());
        let others = |mail, held| desk.as_ref().is_some_and(|desk| desk.book().in_hand(mail) > held);
        self.gathering().take(clock::instant(), others)
    }

    fn gathering(&self) -> MutexGuard<'_, Gathering<Told>> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what needs no notice, again and again if need be: a letter that was delivered must not stay.
    async fn write(&self, ends: Vec<(&Job, Verdict)>) {
        let rows = settlements(&ends);
        self.write_rows(ends, rows, false).await;
    }

    /// The same; `in_doubt` when an earlier writing under these fences may have counted. Until that is known, they stay
    /// the same: under a newer one it would count twice.
    async fn write_rows(&self, mut ends: Vec<(&Job, Verdict)>, mut rows: Vec<Settlement>, mut in_doubt: bool) {
        let mut pause = Duration::from_secs(1);
        let mut last_attempts = OUTBOUND_SETTLE_ATTEMPTS;
        while !ends.is_empty() && last_attempts > 0 {
            match self.context.queue.settle(rows.clone()).await {
                Ok(came) => {
                    let mut ended = ended_under(&rows, &came, &ends, in_doubt).into_iter();
                    ends.retain(|_| !ended.next().unwrap_or(true));
                    (rows, in_doubt) = (settlements(&ends), false);
                    continue;
                }
                Err(queue::Error::Storage(error)) if is_of_a_row(&error) => return self.write_each(&ends).await,
                Err(error) => {
                    in_doubt |= matches!(&error, queue::Error::Storage(storage::Error::OutcomeUnknown(_)));
                    self.context.fault(None, None, "queue", &error);
                }
            }
            if self.context.shutdown.is_draining() {
                last_attempts -= 1;
                tokio::time::sleep(pause.min(Duration::from_secs(2))).await;
            } else {
                // What cannot wait for the end of the pause is the end of work.
                let _ = tokio::time::timeout(pause, self.context.shutdown.draining()).await;
            }
            pause = (pause * 2).min(OUTBOUND_SETTLE_PAUSE_MAX);
            if !in_doubt {
                rows = settlements(&ends);
            }
        }
    }

    /// One row among them cannot be written: the others are.
    async fn write_each(&self, ends: &[(&Job, Verdict)]) {
        for (job, verdict) in ends {
            let row = settlement(job, verdict.clone());
            match self.context.queue.settle(vec![row.clone()]).await {
                Ok(_) => job.settled(row.fence),
                Err(error) => self.context.fault(None, Some(row.mail), "queue", &error),
            }
        }
    }

    /// Notices about recipients of one letter, and their rows: one for all of them, but for those that the operator has
    /// wished held or dropped meanwhile: these end as he wishes. When one's lease was lost, one for each that is left.
    async fn tell(&self, about: Vec<Told>, now: Timestamp) {
        if self.tell_together(&about, now).await {
            return;
        }
        let count = about.len();
        let (meant, kept) = self.still_meant(about).await;
        self.write(kept.iter().map(|told| (&told.ended.job, told.instead(now))).collect()).await;
        if meant.len() < count && self.tell_together(&meant, now).await {
            return;
        }
        for told in &meant {
            let alone = std::slice::from_ref(told);
            let fence = told.ended.job.fence();
            if self.tell_together(alone, now).await {
                continue;
            }
            // Claimed once more by ourselves in between: under the new fence.
            if told.ended.job.fence() != fence && self.tell_together(alone, now).await {
                continue;
            }
            // Wished otherwise in this moment. Where the lease was lost, it changes nothing.
            self.write(vec![(&told.ended.job, told.instead(now))]).await;
        }
    }

    /// Those that are still to be told of, and those that the operator has wished held or dropped, or somebody else has.
    async fn still_meant(&self, about: Vec<Told>) -> (Vec<Told>, Vec<Told>) {
        let claim = |told: &Told| (told.ended.job.claim.mail.id, told.ended.job.claim.number, told.ended.job.fence());
        let stands = match self.context.queue.still_stand(about.iter().map(claim).collect()).await {
            Ok(stands) => stands,
            Err(error) => {
                self.context.fault(None, None, "queue", &error);
                return (about, Vec::new());
            }
        };
        let mut stands = stands.into_iter();
        about.into_iter().partition(|_| stands.next().unwrap_or(true))
    }

    /// One notice, and the rows. When it cannot be written now, the rows stay and are tried again: no sender is left
    /// without a word. Answers false when one of the rows was no longer ours, or the operator wishes otherwise; then nothing
    /// was written.
    async fn tell_together(&self, about: &[Told], now: Timestamp) -> bool {
        let Some(first) = about.first() else { return true };
        let mail = &first.ended.job.claim.mail;
        let noticed = self.noticed(about, now);
        let rows: Vec<Settlement> =
            about.iter().map(|told| settlement(&told.ended.job, told.verdict.clone())).collect();
        let prepared = match (&mail.reverse_path, first.action) {
            (ReversePath::Null, Action::Failed) => bounce::prepare_double(&self.context, mail, &noticed).await,
            _ => bounce::prepare(&self.context, mail, &noticed).await,
        };
        match prepared {
            Ok(Some(notice)) => {
                let (queue, ends) = (self.context.queue.clone(), rows.clone());
                let settled = notice.send(&self.context, move |tx| {
                    match queue.settle_in(tx, &ends)?.iter().all(|settled| *settled == Settled::Written) {
                        true => Ok(()),
                        false => Err(storage::Error::Refused("a row is not as it was".into())),
                    }
                });
                match settled.await {
                    Ok(()) => about.iter().zip(&rows).for_each(|(told, row)| told.ended.job.settled(row.fence)),
                    Err(storage::Error::Refused(_)) => return false,
                    Err(error) => self.untold(about, rows, &error, now).await,
                }
            }
            Ok(None) => self.write(about.iter().map(|told| (&told.ended.job, told.verdict.clone())).collect()).await,
            Err(error) => self.untold(about, rows, &error, now).await,
        }
        true
    }

    fn noticed<'a>(&self, about: &'a [Told], now: Timestamp) -> Vec<Noticed<'a>> {
        let noticed = about.iter().map(|told| {
            let claim = &told.ended.job.claim;
            Noticed {
                address: &claim.address,
                original: claim.original.as_deref(),
                action: told.action,
                reply: &told.reply,
                said: told.ended.said.as_ref(),
                retried_until: matches!(told.verdict, Verdict::Later { .. } | Verdict::Park { .. })
                    .then(|| claim.mail.accepted_at.plus(self.settings.backoff.lifetime)),
                attempted_at: now,
            }
        });
        noticed.collect()
    }

    /// The notice cannot be written. What failed or is late is tried again, and told then; what was delivered is done,
    /// with or without a word, since it must not go out twice. `rows` were written, or not, when that is not known.
    async fn untold(&self, about: &[Told], mut rows: Vec<Settlement>, error: &storage::Error, now: Timestamp) {
        let backoff = &self.settings.backoff;
        let verdict = |told: &Told| {
            let claim = &told.ended.job.claim;
            if told.is_success() {
                return Verdict::Done;
            }
            Verdict::Later {
                due: backoff.next(claim.attempts + 1, now, decide::seed(claim)),
                reply: told.reply.clone(),
                delay_told: false,
                counts: true,
                dialogue: None,
            }
        };
        if let Some(first) = about.first() {
            let what = if first.is_success() { "of success is lost" } else { "waits" };
            let mail = Some(first.ended.job.claim.mail.id);
            self.context.fault(None, mail, "notice", &format_args!("a notice {what}: {error}"));
        }
        let in_doubt = matches!(error, storage::Error::OutcomeUnknown(_));
        let ends: Vec<(&Job, Verdict)> = about.iter().map(|told| (&told.ended.job, verdict(told))).collect();
        for (row, (_, verdict)) in rows.iter_mut().zip(&ends) {
            row.verdict = verdict.clone();
        }
        self.write_rows(ends, rows, in_doubt).await;
    }
}

impl Told {
    /// The verdict where nobody is told after all: the operator's wish is obeyed, or it is tried once more. What was delivered
    /// is done.
    fn instead(&self, now: Timestamp) -> Verdict {
        if self.is_success() {
            return Verdict::Done;
        }
        let (reply, dialogue) = (self.reply.clone(), self.ended.dialogue.clone());
        Verdict::Later { due: now, reply, delay_told: false, counts: true, dialogue }
    }

    fn is_success(&self) -> bool {
        matches!(self.action, Action::Relayed | Action::Delivered | Action::Expanded)
    }
}

/// Which of them have ended: settled, or lost to somebody else. Those that we claimed once more ourselves go on.
///
/// `in_doubt`: whose fence has moved may have been moved by the earlier writing, and be claimed since. It begins anew then;
/// but what was delivered, or given up, would be gone if that one had counted, so it must go under the new fence.
fn ended_under(rows: &[Settlement], came: &[Settled], ends: &[(&Job, Verdict)], in_doubt: bool) -> Vec<bool> {
    let each = rows.iter().zip(came).zip(ends);
    let ended = each.map(|((row, came), (job, verdict))| {
        let leaves = matches!(verdict, Verdict::Done | Verdict::GivenUp { .. });
        let settled = *came != Settled::Lost || (in_doubt && !leaves);
        if settled {
            job.settled(row.fence);
        }
        settled || job.fence() == row.fence
    });
    ended.collect()
}

/// What was delivered, to be taken out of the queue whatever else.
fn delivered(some: &[Ended]) -> Vec<Settlement> {
    let delivered = some.iter().filter(|ended| matches!(ended.end, End::Outcome(Outcome::Delivered(_))));
    delivered.map(|ended| settlement(&ended.job, Verdict::Done)).collect()
}

/// Whether it will be the same at every attempt, because of a row and not of the store.
fn is_of_a_row(error: &storage::Error) -> bool {
    use storage::Error::{Bug, Constraint, Damaged, NoBody, Refused, Row, TooLarge};
    matches!(error, Bug(_) | Constraint(_) | Damaged(_) | NoBody(_) | Refused(_) | Row { .. } | TooLarge { .. })
}

fn settlement(job: &Job, verdict: Verdict) -> Settlement {
    Settlement { mail: job.claim.mail.id, number: job.claim.number, fence: job.fence(), verdict }
}

fn settlements(ends: &[(&Job, Verdict)]) -> Vec<Settlement> {
    ends.iter().map(|(job, verdict)| settlement(job, verdict.clone())).collect()
}

#[cfg(test)]
mod tests {
    use envelope::MailId;

    use super::super::book::tests::{begin, book, claim};
    use super::*;

    /// A job of a row that we have claimed once more since, under fence 3.
    fn claimed_again(mail: MailId) -> (super::super::book::Book, Job) {
        let (mut book, now) = (book(), begin());
        let (job, _) = book.hold(claim(mail, 0, "a@x.test"), now).unwrap();
        let again = queue::Claim { fence: 3, ..claim(mail, 0, "a@x.test") };
        assert!(book.hold(again, now).is_none());
        (book, job)
    }

    #[test]
    fn what_may_have_counted_does_not_count_under_a_newer_fence() {
        let park = Verdict::Park { wake_at: Timestamp(9), delay_told: false };
        for (verdict, in_doubt, ended, begins) in [
            // The writing whose outcome is unknown has counted: the claim of since then begins.
            (park.clone(), true, true, 1),
            // Nothing had counted: our lease ran out, and it is settled under the new fence.
            (park, false, false, 0),
            // It would be gone if that had counted.
            (Verdict::Done, true, false, 0),
        ] {
            let (mut book, job) = claimed_again(MailId::random());
            let row = Settlement { fence: 1, ..settlement(&job, verdict.clone()) };
            assert_eq!(ended_under(&[row], &[Settled::Lost], &[(&job, verdict)], in_doubt), [ended]);
            drop(job);
            assert_eq!(book.start(begin()).len(), begins);
        }
    }
}
