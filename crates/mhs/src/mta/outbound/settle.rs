//! The end of attempts: what was delivered leaves the queue, what must wait is tried later, what failed is told to its
//! sender, all in as few transactions as there can be. A notice and the row that it is about end in one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use envelope::{MailId, Notify, Outcome, Reply, Timestamp};
use message::dsn::Action;
use net::clock;
use queue::{Backoff, Claim, Settlement, Verdict};
use tokio::sync::mpsc;

use super::Settings;
use super::book::Job;
use crate::Context;
use crate::bounce::{self, Noticed};
use crate::limits::{OUTBOUND_SETTLE_ATTEMPTS, OUTBOUND_SETTLE_MAX, OUTBOUND_SETTLE_PAUSE_MAX};

/// An attempt that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) job: Job,
    pub(super) outcome: Outcome,
    /// Whose answer it is.
    pub(super) host: Option<String>,
    pub(super) dsn_offered: bool,
}

/// What is to be written about one attempt.
#[derive(Debug, Clone, PartialEq)]
struct Decision {
    verdict: Verdict,
    /// What the sender is told, and the code of it.
    notice: Option<(Action, Reply)>,
}

/// A decision that its sender is told of.
struct Told<'a> {
    ended: &'a Ended,
    action: Action,
    reply: Reply,
    verdict: Verdict,
}

/// Settles.
pub(super) struct Settler {
    context: Arc<Context>,
    settings: Arc<Settings>,
}

impl Settler {
    pub(super) fn new(context: Arc<Context>, settings: Arc<Settings>) -> Self {
        Self { context, settings }
    }

    /// Until the last sender of outcomes is gone. What comes while a transaction runs is taken together by the next.
    pub(super) async fn run(self, mut outcomes: mpsc::Receiver<Ended>) {
        let this = Arc::new(self);
        let mut some = Vec::new();
        while outcomes.recv_many(&mut some, OUTBOUND_SETTLE_MAX).await > 0 {
            let some = std::mem::take(&mut some);
            let delivered = delivered(&some);
            let settler = this.clone();
            // In a task of its own: a fault of ours in one batch neither ends the settling of all others, nor lets what
            // was delivered go out again.
            if let Err(error) = tokio::spawn(async move { settler.settle(some).await }).await {
                this.context.fault(None, None, "outbound", &format_args!("settling ended badly: {error}"));
                if let Err(error) = this.context.queue.settle(delivered).await {
                    this.context.fault(None, None, "queue", &error);
                }
            }
        }
    }

    async fn settle(&self, some: Vec<Ended>) {
        let now = clock::now();
        let mut plain = Vec::new();
        let mut told: BTreeMap<(MailId, &'static str), Vec<Told<'_>>> = BTreeMap::new();
        for ended in &some {
            let decision = decide(&self.settings.backoff, now, ended);
            match decision.notice {
                None => plain.push((&ended.job, decision.verdict)),
                Some((action, reply)) => {
                    let letter = told.entry((ended.job.claim.mail.id, action.as_str())).or_default();
                    letter.push(Told { ended, action, reply, verdict: decision.verdict });
                }
            }
        }
        if !plain.is_empty() {
            self.write(plain).await;
        }
        for about in told.into_values() {
            self.tell(&about, now).await;
        }
    }

    /// Writes what needs no notice, again and again if need be: a letter that was delivered must not stay.
    async fn write(&self, mut ends: Vec<(&Job, Verdict)>) {
        let mut pause = Duration::from_secs(1);
        let mut last_attempts = OUTBOUND_SETTLE_ATTEMPTS;
        while !ends.is_empty() && last_attempts > 0 {
            let rows: Vec<Settlement> = ends.iter().map(|(job, verdict)| settlement(job, verdict.clone())).collect();
            match self.context.queue.settle(rows.clone()).await {
                Ok(ours) => {
                    let ours: Vec<bool> = ended_under(&rows, &ours, &ends);
                    let mut ours = ours.into_iter();
                    ends.retain(|_| !ours.next().unwrap_or(true));
                    continue;
                }
                Err(queue::Error::Storage(error)) if is_of_a_row(&error) => return self.write_each(&ends).await,
                Err(error) => self.context.fault(None, None, "queue", &error),
            }
            if self.context.shutdown.is_draining() {
                last_attempts -= 1;
                tokio::time::sleep(pause.min(Duration::from_secs(2))).await;
            } else {
                // What cannot wait for the end of the pause is the end of work.
                let _ = tokio::time::timeout(pause, self.context.shutdown.draining()).await;
            }
            pause = (pause * 2).min(OUTBOUND_SETTLE_PAUSE_MAX);
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

    /// Notices about recipients of one letter, and their rows: one for all of them, or, when one's lease was lost or the
    /// operator dropped it, one for each that is left.
    async fn tell(&self, about: &[Told<'_>], now: Timestamp) {
        if self.tell_together(about, now).await {
            return;
        }
        for told in about {
            let alone = std::slice::from_ref(told);
            let fence = told.ended.job.fence();
            // Claimed once more by ourselves in between: under the new fence.
            if !self.tell_together(alone, now).await && told.ended.job.fence() != fence {
                self.tell_together(alone, now).await;
            }
        }
    }

    /// One notice, and the rows. When it cannot be written now, the rows stay and are tried again: no sender is left
    /// without a word. Answers false when one of the rows was no longer ours; then nothing was written.
    async fn tell_together(&self, about: &[Told<'_>], now: Timestamp) -> bool {
        let Some(first) = about.first() else { return true };
        let mail = &first.ended.job.claim.mail;
        let noticed = self.noticed(about, now);
        let rows: Vec<Settlement> =
            about.iter().map(|told| settlement(&told.ended.job, told.verdict.clone())).collect();
        match bounce::prepare(&self.context, &bounce::About::from(&**mail), &noticed).await {
            Ok(Some(notice)) => {
                let (queue, ends) = (self.context.queue.clone(), rows.clone());
                let settled = notice.send(&self.context, move |tx| {
                    if queue.settle_in(tx, &ends)?.contains(&false) {
                        return Err(storage::Error::Refused("a lease was lost".into()));
                    }
                    Ok(())
                });
                match settled.await {
                    Ok(()) => about.iter().zip(&rows).for_each(|(told, row)| told.ended.job.settled(row.fence)),
                    Err(storage::Error::Refused(_)) => return false,
                    Err(error) => self.untold(about, &error, now).await,
                }
            }
            Ok(None) => self.write(about.iter().map(|told| (&told.ended.job, told.verdict.clone())).collect()).await,
            Err(error) => self.untold(about, &error, now).await,
        }
        true
    }

    fn noticed<'a>(&self, about: &'a [Told<'_>], now: Timestamp) -> Vec<Noticed<'a>> {
        let noticed = about.iter().map(|told| {
            let claim = &told.ended.job.claim;
            Noticed {
                address: &claim.address,
                original: claim.original.as_deref(),
                action: told.action,
                reply: &told.reply,
                host: told.ended.host.as_deref(),
                retried_until: matches!(told.verdict, Verdict::Later { .. })
                    .then(|| claim.mail.accepted_at.plus(self.settings.backoff.lifetime)),
                attempted_at: now,
            }
        });
        noticed.collect()
    }

    /// The notice cannot be written. What failed or is late is tried again, and told then; what was delivered is done,
    /// with or without a word, since it must not go out twice.
    async fn untold(&self, about: &[Told<'_>], error: &storage::Error, now: Timestamp) {
        let backoff = &self.settings.backoff;
        let verdict = |told: &Told<'_>| {
            let claim = &told.ended.job.claim;
            if told.is_success() {
                return Verdict::Done;
            }
            Verdict::Later {
                due: backoff.next(claim.attempts + 1, now, seed(claim)),
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
        self.write(about.iter().map(|told| (&told.ended.job, verdict(told))).collect()).await;
    }
}

impl Told<'_> {
    fn is_success(&self) -> bool {
        matches!(self.action, Action::Relayed | Action::Delivered | Action::Expanded)
    }
}

/// Which of them have ended: settled, or lost to somebody else. Those that we claimed once more ourselves go on.
fn ended_under(rows: &[Settlement], ours: &[bool], ends: &[(&Job, Verdict)]) -> Vec<bool> {
    let each = rows.iter().zip(ours).zip(ends);
    let ended = each.map(|((row, ours), (job, _))| {
        if *ours {
            job.settled(row.fence);
        }
        *ours || job.fence() == row.fence
    });
    ended.collect()
}

/// What was delivered, to be taken out of the queue whatever else.
fn delivered(some: &[Ended]) -> Vec<Settlement> {
    let delivered = some.iter().filter(|ended| matches!(ended.outcome, Outcome::Delivered(_)));
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

fn seed(claim: &Claim) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = claim.mail.id.to_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ claim.number as u64
}

/// What the sender wants to hear (RFC 3461 section 4.1): of failure and delay when he did not say.
fn wishes(claim: &Claim) -> Notify {
    claim.notify.unwrap_or(Notify { success: false, failure: true, delay: true })
}

/// What becomes of an attempt. A pure function of the outcome, the clock, and what is known of the letter.
fn decide(backoff: &Backoff, now: Timestamp, ended: &Ended) -> Decision {
    let claim = &ended.job.claim;
    let accepted = claim.mail.accepted_at;
    let wishes = wishes(claim);
    match &ended.outcome {
        // Where the next hop speaks DSN, success is its business from here on (RFC 3461 section 5.2.2).
        Outcome::Delivered(reply) => {
            let told = wishes.success && !ended.dsn_offered;
            Decision { verdict: Verdict::Done, notice: told.then(|| (Action::Relayed, reply.clone())) }
        }
        Outcome::Failed(reply) => {
            Decision { verdict: Verdict::Done, notice: wishes.failure.then(|| (Action::Failed, reply.clone())) }
        }
        Outcome::Deferred(reply) if backoff.gives_up(accepted, now, claim.attempts + 1) => {
            let reply = expired(reply);
            Decision { verdict: Verdict::Done, notice: wishes.failure.then_some((Action::Failed, reply)) }
        }
        Outcome::Deferred(reply) => {
            let late = !claim.delay_told && now.since(accepted) >= backoff.delay_notice;
            let tell = late && wishes.delay;
            let verdict = Verdict::Later {
                due: backoff.next(claim.attempts + 1, now, seed(claim)),
                reply: reply.clone(),
                delay_told: tell,
                counts: true,
                dialogue: None,
            };
            Decision { verdict, notice: tell.then(|| (Action::Delayed, reply.clone())) }
        }
    }
}

/// 5.4.7: the lifetime is over (RFC 3463 section 3.5). The last answer stays in the words.
fn expired(last: &Reply) -> Reply {
    Reply::new(554, (5, 4, 7), format!("gave up trying; the last answer was: {last}"))
}

#[cfg(test)]
mod tests {
    use envelope::{Address, ReversePath};

    use super::*;
    use crate::mta::outbound::book::Book;
    use crate::mta::outbound::book::tests::claim;

    fn ended(outcome: Outcome, attempts: u32, notify: Option<Notify>) -> Ended {
        let book = Arc::new(Book::default());
        let mut claim = claim(MailId::random(), 0, "a@x.test");
        (claim.attempts, claim.notify) = (attempts, notify);
        Arc::make_mut(&mut claim.mail).reverse_path = ReversePath::Address(Address::parse("b@y.test").unwrap());
        book.add(vec![claim], clock::instant());
        let job = book.take("x.test").unwrap().jobs.remove(0);
        Ended { job, outcome, host: None, dsn_offered: false }
    }

    fn reply(code: u16) -> Reply {
        Reply::plain(code, "words")
    }

    fn notice(decision: &Decision) -> Option<Action> {
        decision.notice.as_ref().map(|(action, _)| *action)
    }

    #[test]
    fn what_becomes_of_an_attempt() {
        let backoff = Backoff::default();
        let (soon, late, never) = (Timestamp(1000), Timestamp(0).plus(backoff.delay_notice), Timestamp(i64::MAX / 2));
        let decide = |ended: &Ended, now| super::decide(&backoff, now, ended);
        let done = decide(&ended(Outcome::Delivered(reply(250)), 0, None), soon);
        assert_eq!(done, Decision { verdict: Verdict::Done, notice: None });
        let failed = decide(&ended(Outcome::Failed(reply(550)), 0, None), soon);
        assert_eq!((failed.verdict.clone(), notice(&failed)), (Verdict::Done, Some(Action::Failed)));
        let waits = decide(&ended(Outcome::Deferred(reply(451)), 0, None), soon);
        let Verdict::Later { due, delay_told: false, counts: true, .. } = waits.verdict else { panic!() };
        assert!(due > soon && waits.notice.is_none());
        let waits = decide(&ended(Outcome::Deferred(reply(451)), 3, None), late);
        assert!(matches!(waits.verdict, Verdict::Later { delay_told: true, .. }));
        assert_eq!(notice(&waits), Some(Action::Delayed));
        let gone = decide(&ended(Outcome::Deferred(reply(451)), 3, None), never);
        assert_eq!(gone.verdict, Verdict::Done);
        assert_eq!(gone.notice.unwrap().1.enhanced.unwrap().to_string(), "5.4.7");
        // The clock jumped before the first attempt: it is tried again.
        assert!(matches!(decide(&ended(Outcome::Deferred(reply(451)), 0, None), never).verdict, Verdict::Later { .. }));
    }

    #[test]
    fn who_is_told() {
        let backoff = Backoff::default();
        let silent = Some(Notify { success: false, failure: false, delay: false });
        let all = Some(Notify { success: true, failure: true, delay: true });
        let late = Timestamp(0).plus(backoff.delay_notice);
        for (outcome, wishes, told) in [
            (Outcome::Failed(reply(550)), silent, None),
            (Outcome::Deferred(reply(451)), silent, None),
            (Outcome::Delivered(reply(250)), silent, None),
            (Outcome::Delivered(reply(250)), all, Some(Action::Relayed)),
            (Outcome::Deferred(reply(451)), all, Some(Action::Delayed)),
        ] {
            assert_eq!(notice(&decide(&backoff, late, &ended(outcome, 1, wishes))), told);
        }
        // Where the next hop speaks DSN, success is its to tell; once told of the delay, not again.
        let mut relayed = ended(Outcome::Delivered(reply(250)), 1, all);
        relayed.dsn_offered = true;
        assert_eq!(notice(&decide(&backoff, late, &relayed)), None);
        let mut again = ended(Outcome::Deferred(reply(451)), 1, all);
        again.job.claim.delay_told = true;
        assert_eq!(notice(&decide(&backoff, late, &again)), None);
    }
}
