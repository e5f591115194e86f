//! What a failure means for delivery, by its blast radius: the session, the site, the message, or one recipient.
//!
//! | what happened | what it means |
//! |---|---|
//! | no connection, a greeting or EHLO refused, TLS missing where required | the host: the next one is asked |
//! | the connection broke, or 421, before the body's end | those without a reply: the next host is asked |
//! | the connection broke after the body's end, before the reply | the peer may have it: wait, ask nobody else |
//! | 452 or 552 with x.5.3, others having been taken | too many at once: the rest in another transaction |
//! | any other 4yz | later |
//! | 5yz | never |

use envelope::{Outcome, Reply};
use net::{ConnectError, Gone};
use protocol::smtp::client::{Phase, Problem, Report};

use super::Host;

/// What to do about one recipient now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Decided.
    Settled(Outcome),
    /// Another host may do better.
    Elsewhere(Reply),
    /// The same host, in another transaction.
    Again(Reply),
}

/// What became of one recipient of a transaction.
pub(super) fn verdict(report: &Report, index: usize, some_taken: bool) -> Verdict {
    let Some(reply) = report.recipients.get(index).cloned() else {
        return Verdict::Elsewhere(Reply::new(451, (4, 5, 0), "the server gave no answer"));
    };
    let decided = report.decided.get(index).copied().unwrap_or(false);
    match () {
        () if !decided && report.phase < Phase::BodyEnd => Verdict::Elsewhere(reply),
        () if is_too_many(&reply) && some_taken => Verdict::Again(reply),
        () => Verdict::Settled(outcome(reply)),
    }
}

/// RFC 5321 section 4.5.3.1.10: 452, and from older servers 552.
fn is_too_many(reply: &Reply) -> bool {
    let named = reply.enhanced.map(|status| (status.subject, status.detail));
    match reply.code {
        452 => named.is_none_or(|named| named == (5, 3)),
        552 => named == Some((5, 3)),
        _ => false,
    }
}

/// A last word. Without another transaction to follow, too many at once is only for now.
pub(super) fn outcome(reply: Reply) -> Outcome {
    match reply {
        reply if reply.is_positive() => Outcome::Delivered(reply),
        reply if reply.is_permanent() && !is_too_many(&reply) => Outcome::Failed(reply),
        reply => Outcome::Deferred(reply),
    }
}

/// A host that cannot be reached.
pub(super) fn unreachable(host: &Host, error: &ConnectError) -> Reply {
    Reply::new(451, (4, 4, 1), format!("no connection to {}[{}]: {error}", host.name, host.place))
}

/// A connection that ended while it was being set up.
pub(super) fn gone(gone: &Gone) -> Reply {
    let detail = if matches!(gone, Gone::Tls(_) | Gone::Untrusted(_)) { (4, 7, 5) } else { (4, 4, 2) };
    Reply::new(451, detail, format!("the connection ended: {gone}"))
}

/// A session that came to nothing. The server's own words where it had some; a refusal of us as a whole is never
/// final, since another host, or another day, may do better.
pub(super) fn problem(problem: &Problem) -> Reply {
    match problem {
        Problem::Refused(reply) if reply.is_transient() => reply.clone(),
        Problem::Refused(reply) => Reply::new(451, (4, 4, 0), format!("the server refuses to talk to us: {reply}")),
        Problem::Closed | Problem::Timeout => Reply::new(451, (4, 4, 2), problem.to_string()),
        Problem::Malformed(_) => Reply::new(451, (4, 5, 0), problem.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(replies: &[Reply], decided: bool, phase: Phase) -> Report {
        Report {
            recipients: replies.to_vec(),
            decided: vec![decided; replies.len()],
            phase,
            problem: (!decided).then_some(Problem::Closed),
        }
    }

    #[test]
    fn by_blast_radius() {
        let reply = |code, status| Reply { code, enhanced: status, text: "x".to_owned() };
        let status = |class, subject, detail| Some(envelope::EnhancedStatus::new(class, subject, detail));
        for (answer, decided, phase, taken, expected) in [
            (reply(250, None), true, Phase::BodyEnd, true, "delivered"),
            (reply(550, status(5, 1, 1)), true, Phase::Recipient, false, "failed"),
            (reply(451, None), true, Phase::Recipient, false, "deferred"),
            (reply(451, None), false, Phase::Recipient, false, "elsewhere"),
            (reply(421, None), false, Phase::Body, false, "elsewhere"),
            // The peer may have taken it: asking another host could double it.
            (reply(451, None), false, Phase::BodyEnd, false, "deferred"),
            (reply(452, status(4, 5, 3)), true, Phase::BodyEnd, true, "again"),
            (reply(452, None), true, Phase::BodyEnd, true, "again"),
            (reply(452, None), true, Phase::Recipient, false, "deferred"),
            (reply(452, status(4, 2, 2)), true, Phase::BodyEnd, true, "deferred"),
            (reply(552, status(5, 5, 3)), true, Phase::BodyEnd, true, "again"),
            (reply(552, status(5, 5, 3)), true, Phase::Recipient, false, "deferred"),
            (reply(552, status(5, 3, 4)), true, Phase::BodyEnd, true, "failed"),
            (reply(552, None), true, Phase::BodyEnd, true, "failed"),
        ] {
            let report = report(std::slice::from_ref(&answer), decided, phase);
            let found = match verdict(&report, 0, taken) {
                Verdict::Settled(Outcome::Delivered(_)) => "delivered",
                Verdict::Settled(Outcome::Deferred(_)) => "deferred",
                Verdict::Settled(Outcome::Failed(_)) => "failed",
                Verdict::Elsewhere(_) => "elsewhere",
                Verdict::Again(_) => "again",
            };
            assert_eq!(found, expected, "{answer} {phase:?}");
        }
    }

    #[test]
    fn a_refused_session_is_never_final() {
        let refused = problem(&Problem::Refused(Reply::new(554, (5, 7, 1), "go away")));
        assert!(refused.is_transient() && refused.text.contains("go away"));
    }
}
