//! What a failure means for delivery, by its blast radius: the session, the site, the message, or one recipient.
//!
//! | what happened | what it means |
//! |---|---|
//! | no connection, a greeting or EHLO refused, TLS missing where required | the host: the next one is asked |
//! | a certificate that is not what DANE, MTA-STS or the operator demands | the host: the next one is asked, else later |
//! | the same where only the letter itself demands it (REQUIRETLS) | the letter: others go on |
//! | the connection broke, or 421, before the body's end | those without a reply: the next host is asked |
//! | the connection broke after the body's end, before the reply | the peer may have it: wait, ask nobody else |
//! | 452 or 552 with x.5.3, others having been taken | too many at once: the rest in another transaction |
//! | any other 4yz | later |
//! | 5yz | never |
//!
//! And what it means for the destination as a whole ([`feedback`]):
//!
//! | what happened | what it means |
//! |---|---|
//! | an answer, whatever it is | it is alive: perhaps one connection more |
//! | a broken connection | one connection fewer |
//! | silence, once it was ready for a letter | one connection until somebody talks to us; alone: it rests |
//! | "too many", "slow down" | a pause, and half of the connections |
//! | nobody talked to us | beside other connections: fewer of them; alone: it rests |
//!
//! A greylisted letter ([`is_soon`]) is tried again within minutes, and is nobody's fault.

use envelope::{Outcome, Reply};
use net::{ConnectError, Gone};
use protocol::smtp::client::{Phase, Problem, Report};

use super::book::Feedback;
use super::{Attempted, Host, Place, Said};

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

/// Why there is no connection, or why a host is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Useless {
    /// What it means.
    pub(super) reply: Reply,
    /// What the host said; none where it is our own finding.
    pub(super) said: Option<Reply>,
    /// What was said, for the operator alone; none where the reply says all of it.
    pub(super) dialogue: Option<String>,
}

impl Useless {
    /// Found out by ourselves.
    pub(super) fn found(reply: Reply) -> Self {
        Self { reply, said: None, dialogue: None }
    }

    /// For the notices.
    pub(super) fn said_by(&self, host: &Host) -> Option<Said> {
        self.said.clone().map(|reply| Said::by(host, reply))
    }
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

/// What is said of a host that was ready for a letter and then fell silent before it heard one octet of it. Whoever is silent
/// afterwards may be at work on the letter.
pub(super) fn stalled(host: &Host, report: &Report) -> Option<Reply> {
    let is_stall = report.problem == Some(Problem::Timeout) && report.phase < Phase::Body;
    let asked = match report.phase {
        Phase::Recipient => "RCPT",
        Phase::Data => "DATA",
        _ => "MAIL",
    };
    let text = || format!("{} was ready for mail, and did not answer {asked} in time", host.public_name());
    is_stall.then(|| Reply::new(451, (4, 4, 2), text()))
}

/// What an attempt says about the destination.
pub(super) fn feedback(attempted: &Attempted) -> Feedback {
    // It was broken off by us, and not for anything that the destination did.
    if attempted.back.contains(&true) {
        return Feedback::Nothing;
    }
    if let Some(reply) = &attempted.site_down {
        return if is_hurried(reply) { Feedback::Busy(reply.clone()) } else { Feedback::Down(reply.clone()) };
    }
    if let Some(reply) = &attempted.stalled {
        return Feedback::Stalled(reply.clone());
    }
    let replies = || attempted.outcomes.iter().map(Outcome::reply);
    match replies().find(|reply| is_hurried(reply)) {
        Some(reply) => Feedback::Slower(reply.clone()),
        None if attempted.host.is_none() => Feedback::Nothing,
        None if attempted.broken => Feedback::Broken,
        None => Feedback::Talked,
    }
}

/// Words by which servers say that we come too often, or too many at once. There is no code for it that all of them use
/// (RFC 3463 has 4.4.5 for congestion, and X.7.28 stands in the registry).
const HURRIED: [&str; 9] = [
    "too many",
    "too fast",
    "rate limit",
    "ratelimit",
    "rate-limit",
    "throttl",
    "slow down",
    "concurrent",
    "connection limit",
];

/// Whether a reply asks for fewer letters or connections.
pub(super) fn is_hurried(reply: &Reply) -> bool {
    let status = reply.enhanced.map(|status| (status.subject, status.detail));
    // 452 4.5.3 is about the recipients of one transaction.
    if !reply.is_transient() || is_too_many(reply) {
        return false;
    }
    matches!(status, Some((4, 5) | (7, 28))) || names(reply, &HURRIED)
}

/// Words by which greylisting names itself.
const GREYLISTED: [&str; 4] = ["greylist", "graylist", "grey list", "gray list"];

/// Whether a letter is wanted again within minutes: greylisting (RFC 6647 section 2.4: 451 4.7.1 and, in the field,
/// 450 4.2.0), and servers that asked for fewer letters.
pub(super) fn is_soon(reply: &Reply) -> bool {
    let status = reply.enhanced.map(|status| (status.subject, status.detail));
    let greylisted = match reply.code {
        450 => matches!(status, Some((7, 1) | (2, 0))),
        451 => status == Some((7, 1)),
        _ => false,
    };
    reply.is_transient() && (greylisted || names(reply, &GREYLISTED)) || is_hurried(reply)
}

fn names(reply: &Reply, words: &[&str]) -> bool {
    let text = reply.text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

/// A host that cannot be reached.
pub(super) fn unreachable(host: &Host, error: &ConnectError) -> Useless {
    let text = match &host.place {
        Place::Tcp(address) => format!("no connection to {}[{address}]: {error}", host.name),
        Place::Unix(_) => format!("no connection to {}: {error}", host.public_name()),
    };
    Useless::found(Reply::new(451, (4, 4, 1), text))
}

/// A host that was silent, before it was ready for a letter, when others wanted its place.
pub(super) fn silent(host: &Host) -> Useless {
    let text = format!("{} was silent for too long, and others wait", host.public_name());
    Useless::found(Reply::new(451, (4, 4, 1), text))
}

/// An address that so many connections are being opened to that there was no turn for one more.
pub(super) fn busy(host: &Host) -> Useless {
    let text = format!("{} does not answer those that are being connected to its address", host.public_name());
    Useless::found(Reply::new(451, (4, 4, 1), text))
}

/// A relay of ours that does not let us sign in, or where we cannot: between the operator and his provider, so that a sender
/// hears no more of it than this. The operator finds the `dialogue` with the letter, and the reason in the journal.
pub(super) fn not_signed_in(dialogue: String) -> Useless {
    let reply = Reply::new(451, (4, 7, 0), "our relay could not be used");
    Useless { reply, said: None, dialogue: Some(dialogue) }
}

/// A connection that ended while it was being set up.
pub(super) fn gone(gone: &Gone) -> Useless {
    let detail =
        if matches!(gone, Gone::Tls(_) | Gone::HandshakeTimedOut | Gone::Untrusted(_)) { (4, 7, 5) } else { (4, 4, 2) };
    Useless::found(Reply::new(451, detail, format!("the connection ended: {gone}")))
}

/// A session that came to nothing. The server's own words where it had some; a refusal of us as a whole is never
/// final, since another host, or another day, may do better.
pub(super) fn problem(problem: &Problem) -> Useless {
    match problem {
        Problem::Refused(said) => {
            let own = || Reply::new(451, (4, 4, 0), format!("the server refuses to talk to us: {said}"));
            let reply = if said.is_transient() { said.clone() } else { own() };
            Useless { reply, said: Some(said.clone()), dialogue: None }
        }
        Problem::Closed | Problem::Timeout => Useless::found(Reply::new(451, (4, 4, 2), problem.to_string())),
        Problem::Malformed(_) => Useless::found(Reply::new(451, (4, 5, 0), problem.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(replies: &[Reply], decided: bool, phase: Phase) -> Report {
        Report {
            recipients: replies.to_vec(),
            decided: vec![decided; replies.len()],
            said: vec![true; replies.len()],
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

    fn attempted(reply: Reply, down: bool, broken: bool) -> Attempted {
        Attempted {
            site_down: down.then(|| reply.clone()),
            host: (reply.text != "our disk").then(|| "mx.x.test".to_owned()),
            said: vec![None, None],
            back: vec![false, false],
            outcomes: vec![outcome(Reply::plain(250, "ok")), outcome(reply)],
            broken,
            stalled: None,
            dsn_offered: false,
            dialogue: None,
        }
    }

    #[test]
    fn what_it_says_of_the_destination() {
        for (code, status, text, down, broken, expected) in [
            (250, (2, 0, 0), "ok", false, false, "talked"),
            (451, (4, 3, 0), "our disk", false, false, "nothing"),
            (550, (5, 1, 1), "no such user, too many of you", false, false, "talked"),
            (451, (4, 3, 0), "local trouble", false, false, "talked"),
            (452, (4, 5, 3), "too many recipients", false, false, "talked"),
            (451, (4, 7, 1), "Greylisted", false, false, "talked"),
            (451, (4, 4, 2), "the connection ended", false, true, "broken"),
            (450, (4, 7, 28), "our system has detected", false, false, "slower"),
            (421, (4, 7, 0), "Too many messages; slow down", false, true, "slower"),
            (421, (4, 7, 0), "Too many concurrent sessions", true, false, "busy"),
            (451, (4, 4, 5), "congestion", true, false, "busy"),
            (421, (4, 3, 2), "shutting down", true, false, "down"),
            (451, (4, 4, 1), "no connection", true, false, "down"),
        ] {
            let found = match feedback(&attempted(Reply::new(code, status, text), down, broken)) {
                Feedback::Nothing => "nothing",
                Feedback::Talked => "talked",
                Feedback::Broken => "broken",
                Feedback::Stalled(_) => "stalled",
                Feedback::Slower(_) => "slower",
                Feedback::Busy(_) => "busy",
                Feedback::Unheard(_) => "unheard",
                Feedback::Down(_) => "down",
            };
            assert_eq!(found, expected, "{code} {text}");
        }
        for broken in [false, true] {
            let late = attempted(Reply::new(451, (4, 3, 0), "it took so long"), false, broken);
            let late = Attempted { back: vec![false, true], ..late };
            assert!(matches!(feedback(&late), Feedback::Nothing));
        }
    }

    #[test]
    fn who_falls_silent_counts_as_hardly_there() {
        let place = Place::Tcp("192.0.2.1:25".parse().unwrap());
        let host = Host { name: "mx.x.test".to_owned(), place, mx_of: None };
        for (problem, phase, asked) in [
            (Some(Problem::Timeout), Phase::Mail, Some("MAIL")),
            (Some(Problem::Timeout), Phase::Recipient, Some("RCPT")),
            (Some(Problem::Timeout), Phase::Data, Some("DATA")),
            (Some(Problem::Timeout), Phase::Body, None),
            (Some(Problem::Timeout), Phase::BodyEnd, None),
            (Some(Problem::Closed), Phase::Mail, None),
            (None, Phase::Recipient, None),
        ] {
            let silence = Reply::new(451, (4, 4, 2), "x");
            let report = Report { problem, ..report(std::slice::from_ref(&silence), false, phase) };
            let found = stalled(&host, &report);
            assert_eq!(found.is_some(), asked.is_some(), "{phase:?}");
            if let (Some(reply), Some(asked)) = (found, asked) {
                assert!(reply.text.contains(asked), "{reply}");
                let attempted = Attempted { stalled: Some(reply.clone()), ..attempted(silence, false, true) };
                assert_eq!(feedback(&attempted), Feedback::Stalled(reply));
            }
        }
    }

    #[test]
    fn who_is_tried_again_soon() {
        for (reply, soon) in [
            (Reply::new(450, (4, 7, 1), "please come back"), true),
            (Reply::new(451, (4, 7, 1), "please come back"), true),
            (Reply::new(450, (4, 2, 0), "<a@x.test>: Recipient address rejected: Greylisted"), true),
            (Reply::plain(451, "You have been GREYLISTED for 300 s"), true),
            (Reply::plain(421, "too many messages in a minute"), true),
            (Reply::new(452, (4, 2, 2), "mailbox full"), false),
            (Reply::new(450, (4, 2, 1), "mailbox busy"), false),
            (Reply::new(451, (4, 3, 0), "trouble"), false),
            (Reply::new(550, (5, 7, 1), "greylisting does not say 550"), false),
        ] {
            assert_eq!(is_soon(&reply), soon, "{reply}");
        }
    }

    #[test]
    fn a_refused_session_is_never_final() {
        let said = Reply::new(554, (5, 7, 1), "go away");
        let refused = problem(&Problem::Refused(said.clone()));
        assert!(refused.reply.is_transient() && refused.reply.text.contains("go away"));
        assert_eq!(refused.said, Some(said));
        assert_eq!(problem(&Problem::Timeout).said, None);
    }

    #[test]
    fn no_path_of_this_machine_goes_out() {
        let path = std::path::PathBuf::from("/run/secret/lmtp.sock");
        let host = Host { name: path.display().to_string(), place: Place::Unix(path), mx_of: None };
        let error = ConnectError::TimedOut(std::time::Duration::from_secs(1));
        let useless = unreachable(&host, &error);
        assert!(!useless.reply.text.contains("secret"), "{}", useless.reply);
        let said = Useless { said: Some(useless.reply.clone()), ..useless };
        assert_eq!(said.said_by(&host).unwrap().host, "localhost");
    }
}
