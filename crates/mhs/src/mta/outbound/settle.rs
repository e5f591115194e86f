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
use crate::limits::{OUTBOUND_SETTLE_ATTEMPTS, OUTBOUND_SETTLE_MAX};

/// An attempt that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) job: Job,
    pub(super) outcome: Outcome,
    /// Whose answer it is.
    pub(super) host: Option<String>,
    pub(super) dsn_offered: bool,
}

impl Ended {
    /// Without an attempt of its own.
    pub(super) fn deferred(job: Job, reply: Reply) -> Self {
        Self { job, outcome: Outcome::Deferred(reply), host: None, dsn_offered: false }
    }
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
        let mut some = Vec::new();
        while outcomes.recv_many(&mut some, OUTBOUND_SETTLE_MAX).await > 0 {
            self.settle(std::mem::take(&mut some)).await;
        }
    }

    async fn settle(&self, some: Vec<Ended>) {
        let now = clock::now();
        let mut plain = Vec::new();
        let mut told: BTreeMap<(MailId, &'static str), Vec<Told<'_>>> = BTreeMap::new();
        for ended in &some {
            let decision = decide(&self.settings.backoff, now, ended);
            match decision.notice {
                None => plain.push(settlement(&ended.job.claim, decision.verdict)),
                Some((action, reply)) => {
                    let letter = told.entry((ended.job.claim.mail.id, action.as_str())).or_default();
                    letter.push(Told { ended, action, reply, verdict: decision.verdict });
                }
            }
        }
        let mut notices = Vec::new();
        for about in told.into_values() {
            notices.push(self.tell(about, now));
        }
        if !plain.is_empty() {
            self.write(plain).await;
        }
        for notice in notices {
            notice.await;
        }
    }

    /// Writes what needs no notice, again and again if need be: a letter that was delivered must not stay.
    async fn write(&self, ends: Vec<Settlement>) {
        for attempt in 1..=OUTBOUND_SETTLE_ATTEMPTS {
            match self.context.queue.settle(ends.clone()).await {
                Ok(_) => return,
                Err(error) => self.context.fault(None, None, "queue", &error),
            }
            tokio::time::sleep(Duration::from_secs(u64::from(attempt))).await;
        }
    }

    /// One notice about recipients of one letter, and their rows. When the notice cannot be written now, the rows stay
    /// and are tried again: no sender is left without a word.
    async fn tell(&self, about: Vec<Told<'_>>, now: Timestamp) {
        let Some(first) = about.first() else { return };
        let mail = &first.ended.job.claim.mail;
        let noticed: Vec<Noticed<'_>> = about
            .iter()
            .map(|told| Noticed {
                address: &told.ended.job.claim.address,
                original: told.ended.job.claim.original.as_deref(),
                action: told.action,
                reply: &told.reply,
                host: told.ended.host.as_deref(),
                retried_until: matches!(told.verdict, Verdict::Later { .. })
                    .then(|| mail.accepted_at.plus(self.settings.backoff.lifetime)),
                attempted_at: now,
            })
            .collect();
        let ends: Vec<Settlement> =
            about.iter().map(|told| settlement(&told.ended.job.claim, told.verdict.clone())).collect();
        let letter = bounce::About::from(&**mail);
        match bounce::prepare(&self.context, &letter, &noticed).await {
            Ok(Some(notice)) => {
                let queue = self.context.queue.clone();
                let rows = ends.clone();
                let settled = notice.send(&self.context, move |tx| {
                    let ours = queue.settle_in(tx, &rows)?;
                    if ours.contains(&false) {
                        return Err(storage::Error::Refused("a lease was lost".into()));
                    }
                    Ok(())
                });
                match settled.await {
                    Ok(()) => {}
                    // Whoever has the lease now has the word too.
                    Err(storage::Error::Refused(_)) => {}
                    Err(error) => self.try_again(&about, &error, now).await,
                }
            }
            Ok(None) => self.write(ends).await,
            Err(error) => self.try_again(&about, &error, now).await,
        }
    }

    async fn try_again(&self, about: &[Told<'_>], error: &storage::Error, now: Timestamp) {
        let backoff = &self.settings.backoff;
        let later = |claim: &Claim, reply: &Reply| Verdict::Later {
            due: backoff.next(claim.attempts + 1, now, seed(claim)),
            reply: reply.clone(),
            delay_told: false,
            counts: true,
        };
        let ends: Vec<Settlement> = about
            .iter()
            .map(|told| settlement(&told.ended.job.claim, later(&told.ended.job.claim, &told.reply)))
            .collect();
        if let Some(first) = about.first() {
            self.context.fault(None, Some(first.ended.job.claim.mail.id), "notice", error);
        }
        self.write(ends).await;
    }
}

fn settlement(claim: &Claim, verdict: Verdict) -> Settlement {
    Settlement { mail: claim.mail.id, number: claim.number, fence: claim.fence, verdict }
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
