//! What becomes of a claim: a pure function of how it ended, the clock, and what is known of the letter.

use envelope::{Notify, Outcome, Reply, ReversePath, Timestamp};
use message::dsn::Action;
use queue::{Backoff, Claim, Verdict};

use super::super::book::Rest;
use super::super::trouble;
use super::{Blame, Ended};
use crate::limits::{OUTBOUND_SOON_ATTEMPTS, OUTBOUND_SOON_MAX, OUTBOUND_UNHEARD_MAX};

/// How a claim's time ends.
#[derive(Debug, Clone)]
pub(in super::super) enum End {
    /// The next hop, or nobody, had this to say of it.
    Outcome(Outcome),
    /// Not tried.
    Waits(Waits),
    /// Not tried: it goes by this destination now.
    Reroute(String),
    /// Not tried: the server stops, or there was no room for it.
    Back,
}

/// What a letter waits for that is not tried.
#[derive(Debug, Clone)]
pub(in super::super) enum Waits {
    /// The end of its destination's rest.
    Rest(Rest),
    /// The operator, who has suspended its destination or domain.
    Operator,
    /// Its turn.
    Turn,
}

/// What is to be written about one claim.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Decision {
    pub(in super::super) verdict: Verdict,
    /// What the sender is told, and the code of it.
    pub(in super::super) notice: Option<(Action, Reply)>,
}

impl Decision {
    fn silent(verdict: Verdict) -> Self {
        Self { verdict, notice: None }
    }
}

/// What becomes of a claim.
pub(in super::super) fn decide(patience: &Backoff, now: Timestamp, claim: &Claim, ended: &Ended) -> Decision {
    match &ended.end {
        End::Outcome(outcome) => of_outcome(patience, now, claim, outcome, ended),
        End::Waits(what) => waits(patience, now, claim, what),
        End::Reroute(destination) => Decision::silent(Verdict::Reroute { destination: destination.clone(), due: now }),
        End::Back => Decision::silent(Verdict::Later {
            due: now,
            reply: Reply::new(451, (4, 3, 2), "the server was stopped"),
            delay_told: false,
            counts: false,
            dialogue: None,
        }),
    }
}

fn of_outcome(patience: &Backoff, now: Timestamp, claim: &Claim, outcome: &Outcome, ended: &Ended) -> Decision {
    let accepted = claim.mail.accepted_at;
    let wishes = wishes(claim);
    match outcome {
        // Where the next hop speaks DSN, success is its business from here on (RFC 3461 section 5.2.2).
        Outcome::Delivered(reply) => {
            let told = wishes.success && !ended.dsn_offered;
            Decision { verdict: Verdict::Done, notice: told.then(|| (Action::Relayed, reply.clone())) }
        }
        Outcome::Failed(reply) => failed(claim, reply.clone(), ended.dialogue.clone()),
        Outcome::Deferred(reply) if patience.gives_up(accepted, now, claim.attempts + 1) => {
            failed(claim, expired(reply, ended.said.is_some()), ended.dialogue.clone())
        }
        Outcome::Deferred(reply) => {
            let tell = is_late(patience, now, claim) && wishes.delay;
            let verdict = Verdict::Later {
                due: next(patience, now, claim, reply, ended.blame),
                reply: reply.clone(),
                delay_told: tell,
                // Once counts: whom the DNS never answers about is given up when his time is over.
                counts: ended.blame != Blame::Dns || claim.attempts == 0,
                dialogue: ended.dialogue.clone(),
            };
            Decision { verdict, notice: tell.then(|| (Action::Delayed, reply.clone())) }
        }
    }
}

/// Nobody tries it now. Its sender is told of the delay all the same; it is given up only behind a dead destination, when
/// that has been tried since its lifetime was over: a clock that jumps bounces nothing, and what an operator keeps back is
/// kept until he lets it go. Then it is tried once more before it is given up.
fn waits(patience: &Backoff, now: Timestamp, claim: &Claim, waits: &Waits) -> Decision {
    let accepted = claim.mail.accepted_at;
    let wishes = wishes(claim);
    let (reply, tried_at) = match waits {
        Waits::Rest(rest) => (behind(claim, rest), Some(rest.tried_at)),
        Waits::Operator => {
            let text = format!("mail for {} waits for the operator", claim.destination);
            (Reply::new(451, (4, 3, 2), text), None)
        }
        Waits::Turn => (Reply::new(451, (4, 4, 5), format!("mail for {} waits for its turn", claim.destination)), None),
    };
    let over = |at: Timestamp| at.since(accepted) >= patience.lifetime;
    if over(now) && tried_at.is_some_and(over) {
        return failed(claim, expired(&reply, false), None);
    }
    let late = is_late(patience, now, claim);
    let tell = late && wishes.delay;
    let wake_at = patience.wake(accepted, claim.delay_told || late, now);
    let verdict = Verdict::Park { wake_at, delay_told: late };
    Decision { verdict, notice: tell.then_some((Action::Delayed, reply)) }
}

/// What is said of a letter that was not tried, since another one found nobody there. What the other one heard were perhaps a
/// server's words: they are not quoted, neither as its words about this letter nor as ours.
fn behind(claim: &Claim, rest: &Rest) -> Reply {
    let ours = rest.reply.enhanced.map(|status| (status.subject, status.detail)).filter(|status| status.0 == 4);
    let (subject, detail) = ours.unwrap_or((4, 1));
    let host = claim.address.host();
    let text = format!("mail for {host} waits: nobody there took any when it was last tried, for another letter");
    Reply::new(451, (4, subject, detail), text)
}

/// Its sender is told. When it is a notice of ours the postmaster is: see [`crate::bounce::DoubleBounce`].
fn failed(claim: &Claim, reply: Reply, dialogue: Option<String>) -> Decision {
    let told = wishes(claim).failure || claim.mail.reverse_path == ReversePath::Null;
    let verdict = Verdict::GivenUp { reply: reply.clone(), dialogue };
    Decision { verdict, notice: told.then_some((Action::Failed, reply)) }
}

/// When a letter is tried again after this answer. Where that was greylisting it is wanted again within minutes, however
/// long it has been in the queue; but not for ever.
///
/// Where nobody of the destination talked to us it waits no longer than that rests: its mail flows when that is over. What
/// the operator asked for makes nothing later.
fn next(patience: &Backoff, now: Timestamp, claim: &Claim, reply: &Reply, blame: Blame) -> Timestamp {
    let counts = !claim.asked && blame != Blame::Dns;
    let attempts = claim.attempts + u32::from(counts || claim.attempts == 0);
    let longest = match blame {
        Blame::Letter => None,
        Blame::Site(longest) => Some(longest),
        Blame::Dns => Some(OUTBOUND_UNHEARD_MAX),
    };
    if let Some(longest) = longest {
        let patience = Backoff { longest: patience.longest.min(longest), ..patience.clone() };
        return patience.next(attempts, now, seed(claim));
    }
    if !trouble::is_soon(reply) || attempts > OUTBOUND_SOON_ATTEMPTS {
        return patience.next(attempts, now, seed(claim));
    }
    let soon =
        Backoff { first: patience.first / 2, longest: patience.longest.min(OUTBOUND_SOON_MAX), ..patience.clone() };
    soon.next(attempts, now, seed(claim))
}

fn is_late(patience: &Backoff, now: Timestamp, claim: &Claim) -> bool {
    !claim.delay_told && now.since(claim.mail.accepted_at) >= patience.delay_notice
}

pub(super) fn seed(claim: &Claim) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = claim.mail.id.to_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ claim.number as u64
}

/// What the sender wants to hear (RFC 3461 section 4.1): of failure and delay when he did not say.
fn wishes(claim: &Claim) -> Notify {
    claim.notify.unwrap_or(Notify { success: false, failure: true, delay: true })
}

/// 5.4.7: the lifetime is over (RFC 3463 section 3.5). That section wants the code of the actual problem where it is known;
/// but that one was 4.yz, and as 5.yz would say what nobody has found. So it stands where it was said: in Diagnostic-Code
/// when it was the other side's, else in these words.
fn expired(last: &Reply, said: bool) -> Reply {
    let text = "it was tried until its time was over";
    let text = if said { text.to_owned() } else { format!("{text}; at last: {}", last.text.replace('\n', " ")) };
    Reply::new(554, (5, 4, 7), text)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use envelope::MailId;

    use super::*;
    use crate::mta::outbound::book::tests::{begin, book, claim_of};

    fn ended(outcome: Outcome, attempts: u32, notify: Option<Notify>) -> Ended {
        let mut claim = claim_of(MailId::from_bytes([7; 16]), 0, "a@x.test", "b@y.test");
        (claim.attempts, claim.notify) = (attempts, notify);
        let (mut book, now) = (book(), begin());
        book.add(vec![claim], now);
        let job = book.start(now).remove(0).group.jobs.remove(0);
        Ended::unspoken(job, End::Outcome(outcome))
    }

    fn decide(backoff: &Backoff, now: Timestamp, ended: &Ended) -> Decision {
        super::decide(backoff, now, &ended.job.claim, ended)
    }

    fn reply(code: u16) -> Reply {
        Reply::plain(code, "words")
    }

    fn notice(decision: &Decision) -> Option<Action> {
        decision.notice.as_ref().map(|(action, _)| *action)
    }

    fn is_given_up(decision: &Decision) -> bool {
        matches!(decision.verdict, Verdict::GivenUp { .. })
    }

    #[test]
    fn what_becomes_of_an_attempt() {
        let backoff = Backoff::default();
        let (soon, late, never) = (Timestamp(1000), Timestamp(0).plus(backoff.delay_notice), Timestamp(i64::MAX / 2));
        let decide = |ended: &Ended, now| decide(&backoff, now, ended);
        let done = decide(&ended(Outcome::Delivered(reply(250)), 0, None), soon);
        assert_eq!(done, Decision { verdict: Verdict::Done, notice: None });
        let failed = decide(&ended(Outcome::Failed(reply(550)), 0, None), soon);
        assert!(is_given_up(&failed) && notice(&failed) == Some(Action::Failed));
        let waits = decide(&ended(Outcome::Deferred(reply(451)), 0, None), soon);
        let Verdict::Later { due, delay_told: false, counts: true, .. } = waits.verdict else { panic!() };
        assert!(due > soon && waits.notice.is_none());
        let waits = decide(&ended(Outcome::Deferred(reply(451)), 3, None), late);
        assert!(matches!(waits.verdict, Verdict::Later { delay_told: true, .. }));
        assert_eq!(notice(&waits), Some(Action::Delayed));
        let gone = decide(&ended(Outcome::Deferred(reply(451)), 3, None), never);
        assert!(is_given_up(&gone));
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

    #[test]
    fn who_is_greylisted_comes_back_soon() {
        let (backoff, now) = (Backoff::default(), Timestamp(1000));
        let minutes = |attempts, reply: Reply| {
            let decision = decide(&backoff, now, &ended(Outcome::Deferred(reply), attempts, None));
            let Verdict::Later { due, counts: true, .. } = decision.verdict else { panic!() };
            due.since(now).as_secs() / 60
        };
        let grey = || Reply::new(451, (4, 7, 1), "greylisted");
        assert!((2..=2).contains(&minutes(0, grey())), "{}", minutes(0, grey()));
        assert!(minutes(8, grey()) <= 16 && minutes(8, reply(451)) > 120);
        assert!(minutes(OUTBOUND_SOON_ATTEMPTS, grey()) > 120);
    }

    #[test]
    fn what_found_nobody_waits_no_longer_than_a_rest() {
        let (backoff, now) = (Backoff::default(), Timestamp(1000));
        let minutes = |attempts, blame, asked| {
            let mut ended = ended(Outcome::Deferred(reply(451)), attempts, None);
            (ended.blame, ended.job.claim.asked) = (blame, asked);
            let Verdict::Later { due, .. } = decide(&backoff, now, &ended).verdict else { panic!() };
            due.since(now).as_secs() / 60
        };
        let (none, hour) = (Blame::Letter, Blame::Site(Duration::from_secs(3600)));
        assert!(minutes(9, none, false) > 200 && minutes(9, hour, false) <= 66 && minutes(0, hour, false) <= 6);
        // Who asks does not wait longer than before.
        assert!(minutes(3, none, false) >= 36 && (18..=22).contains(&minutes(3, none, true)));
        assert!((4..=6).contains(&minutes(0, none, true)));
    }

    #[test]
    fn silence_of_our_own_name_server_is_hardly_an_attempt() {
        let (backoff, now) = (Backoff::default(), Timestamp(0));
        let decide = |attempts, now| {
            let mut ended = ended(Outcome::Deferred(reply(451)), attempts, None);
            ended.blame = Blame::Dns;
            decide(&backoff, now, &ended)
        };
        for attempts in [0, 1, 9] {
            let Verdict::Later { due, counts, .. } = decide(attempts, now).verdict else { panic!() };
            assert!(due.since(now) <= OUTBOUND_UNHEARD_MAX * 11 / 10, "{attempts}");
            assert_eq!(counts, attempts == 0);
        }
        assert!(is_given_up(&decide(1, now.plus(backoff.lifetime))));
    }

    #[test]
    fn what_waits_behind_a_dead_destination() {
        let backoff = Backoff::default();
        let rest = |tried_at| {
            Waits::Rest(Rest {
                failures: 3,
                since: Timestamp(0),
                tried_at,
                until: Instant::now(),
                reply: Reply::new(421, (4, 3, 2), "busy"),
            })
        };
        let decide = |now: Timestamp, waits: Waits, told: bool| {
            let mut ended = ended(Outcome::Deferred(reply(451)), 0, None);
            ended.end = End::Waits(waits);
            ended.job.claim.delay_told = told;
            decide(&backoff, now, &ended)
        };
        let (late, over) = (Timestamp(0).plus(backoff.delay_notice), Timestamp(0).plus(backoff.lifetime));
        let soon = decide(Timestamp(1000), rest(Timestamp(0)), false);
        assert_eq!(soon, Decision::silent(Verdict::Park { wake_at: late, delay_told: false }));
        // Its sender is told once that it is late, and not in words that were said to another letter.
        let told = decide(late, rest(Timestamp(0)), false);
        assert_eq!(told.verdict, Verdict::Park { wake_at: over, delay_told: true });
        let words = told.notice.unwrap().1;
        assert_eq!(words.enhanced, Some(envelope::EnhancedStatus::new(4, 4, 1)));
        assert!(words.text.contains("x.test") && words.text.contains("another letter"), "{words}");
        assert!(!words.text.contains("busy"), "{words}");
        assert_eq!(decide(late, rest(Timestamp(0)), true).notice, None);
        // Given up only when the destination was tried since.
        let waits = decide(over, rest(late), true);
        assert!(matches!(waits.verdict, Verdict::Park { wake_at, .. } if wake_at > over));
        let gone = decide(over, rest(over), true);
        assert!(is_given_up(&gone) && gone.notice.unwrap().0 == Action::Failed);
        // What the operator keeps back is late and given up too.
        assert_eq!(decide(late, Waits::Operator, false).notice.unwrap().0, Action::Delayed);
        // What the operator keeps back is kept, whatever the clock says.
        assert!(matches!(decide(over, Waits::Operator, true).verdict, Verdict::Park { .. }));
        // What has its turn to come is not.
        assert_eq!(decide(late, Waits::Turn, false).notice.unwrap().0, Action::Delayed);
        assert!(matches!(decide(over, Waits::Turn, true).verdict, Verdict::Park { .. }));
    }

    #[test]
    fn what_was_not_tried_does_not_count() {
        let (backoff, now) = (Backoff::default(), Timestamp(1000));
        let with = |end| {
            let mut ended = ended(Outcome::Deferred(reply(451)), 0, None);
            ended.end = end;
            decide(&backoff, now, &ended).verdict
        };
        let destination = "smtp:relay.test".to_owned();
        assert_eq!(with(End::Reroute(destination.clone())), Verdict::Reroute { destination, due: now });
        assert!(matches!(with(End::Back), Verdict::Later { counts: false, due, .. } if due == now));
    }
}
