//! What has become of a letter on its way from host to host: outcomes, hosts that were passed over, and the last word.

use std::time::Instant;

use envelope::{Outcome, Reply, RequireTls};
use journal::Event as Happened;
use protocol::smtp::client::Report;

use super::connection::Connection;
use super::desk::now;
use super::target::word;
use super::trouble::{self, Verdict};
use super::{Attempted, Batch, Host, Said, require_tls};
use crate::Context;

/// What has become of a batch so far.
pub(super) struct Progress<'a> {
    pub(super) context: &'a Context,
    pub(super) batch: &'a Batch,
    pub(super) began: Instant,
    pub(super) outcomes: Vec<Option<Outcome>>,
    /// What a server said of each recipient.
    pub(super) said: Vec<Option<Said>>,
    pub(super) host: Option<String>,
    pub(super) dsn_offered: bool,
    /// A connection broke amid the letter.
    pub(super) broken: bool,
    /// The last host that was asked let us in, and then said nothing.
    pub(super) stalled: Option<Reply>,
    /// The leases are over, or the work is: what has no outcome goes back as it was. Nothing that was found says anything
    /// of it.
    pub(super) late: bool,
    /// What was said with the last host that was talked to.
    pub(super) dialogue: Option<String>,
    /// Why the last host was of no use.
    pub(super) last: Reply,
    /// What it said itself.
    pub(super) last_said: Option<Said>,
    /// Hosts that could not be talked to.
    pub(super) passed_over: Vec<(Host, Reply)>,
    /// For a letter that demands encryption all the way.
    pub(super) safe: require_tls::Asked,
}

/// What is said of a letter whose leases ended while it was under way.
pub(super) fn too_late() -> Reply {
    Reply::new(451, (4, 3, 0), "it took so long that somebody else may have the letter by now")
}

impl Progress<'_> {
    /// Those without an outcome.
    pub(super) fn open(&self) -> Vec<usize> {
        let open = self.outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_none());
        open.map(|(index, _)| index).collect()
    }

    /// Whether somebody else may have the letter by now, or the work ends. A clock that jumped, or a machine that slept,
    /// ends leases too: that is no finding about the letter, nor about its destination.
    pub(super) fn is_late(&mut self) -> bool {
        if !self.late && self.batch.leases.are_over(now()) {
            self.late = true;
            self.found(too_late());
        } else if !self.late && self.context.shutdown.is_draining() {
            self.late = true;
            self.found(Reply::new(451, (4, 3, 2), "the server stops"));
        }
        self.late
    }

    /// Turns a report into outcomes.
    pub(super) fn note(&mut self, connection: &Connection, open: &[usize], report: &Report) {
        let some_taken = report.recipients.iter().any(Reply::is_positive);
        for (place, index) in open.iter().enumerate() {
            let said = report.said_of(place).map(|reply| Said::by(&connection.host, reply.clone()));
            match trouble::verdict(report, place, some_taken) {
                Verdict::Settled(outcome) => {
                    self.settle(*index, &connection.host, connection.tls.clone(), outcome, said);
                }
                Verdict::Elsewhere(reply) => {
                    self.safe.unknown();
                    self.attempted(*index, &connection.host, connection.tls.clone(), &Outcome::Deferred(reply.clone()));
                    (self.last, self.last_said) = (reply, said);
                }
                // Asked again on the same connection.
                Verdict::Again(_) => {}
            }
        }
    }

    pub(super) fn settle(
        &mut self,
        index: usize,
        host: &Host,
        tls: Option<String>,
        outcome: Outcome,
        said: Option<Said>,
    ) {
        self.attempted(index, host, tls, &outcome);
        if let (Some(place), Some(words)) = (self.outcomes.get_mut(index), self.said.get_mut(index)) {
            (*place, *words) = (Some(outcome), said);
        }
    }

    /// A host is of no use, and has not said so itself.
    pub(super) fn found(&mut self, reply: Reply) {
        (self.last, self.last_said) = (reply, None);
    }

    /// No host is safe enough for a letter that demands it: it goes back now.
    pub(super) fn give_back(&mut self) {
        let demanded = self.batch.mail.require_tls == RequireTls::Demanded;
        let Some(word) = std::mem::take(&mut self.safe).last_word().filter(|_| demanded) else { return };
        let Some((host, _)) = self.passed_over.pop() else { return };
        self.tell_passed_over();
        for index in self.open() {
            self.settle(index, &host, None, Outcome::Failed(word.clone()), None);
        }
    }

    /// The host takes no such letter. It goes back when there is no other host to ask; for want of memory, of ours, it
    /// waits.
    pub(super) fn unfit(&mut self, host: &Host, reply: Reply, is_last: bool) {
        if is_last && reply.is_permanent() {
            self.tell_passed_over();
            for index in self.open() {
                self.settle(index, host, None, Outcome::Failed(reply.clone()), None);
            }
        } else {
            self.passed_over.push((host.clone(), reply.clone()));
        }
        self.found(reply);
    }

    /// Writes down the hosts that could not be talked to, now that one can be. Where none can, the caller tells.
    pub(super) fn tell_passed_over(&mut self) {
        for (host, reply) in std::mem::take(&mut self.passed_over) {
            for index in self.open() {
                self.attempted(index, &host, None, &Outcome::Deferred(reply.clone()));
            }
        }
    }

    /// Writes one attempt down.
    pub(super) fn attempted(&self, index: usize, host: &Host, tls: Option<String>, outcome: &Outcome) {
        let Some(recipient) = self.batch.recipients.get(index) else { return };
        let event = Happened::Attempt {
            recipient: recipient.address.clone(),
            host: host.name.clone(),
            ip: host.place.ip(),
            tls,
            outcome: word(outcome),
            reply: outcome.reply().clone(),
        };
        self.context.record(None, Some(self.batch.mail.id), event);
    }

    pub(super) fn finish(self, nobody_reached: bool) -> Attempted {
        let (last, last_said) = (self.last, self.last_said);
        let back = self.outcomes.iter().map(|outcome| self.late && outcome.is_none()).collect();
        let later = || (Outcome::Deferred(last.clone()), last_said.clone());
        let each = self.outcomes.into_iter().zip(self.said);
        let (outcomes, said) =
            each.map(|(outcome, said)| outcome.map_or_else(later, |outcome| (outcome, said))).unzip();
        let site_down = nobody_reached.then_some(last.clone());
        let Self { host, broken, stalled, dsn_offered, dialogue, .. } = self;
        Attempted { outcomes, back, said, host, site_down, broken, stalled, dsn_offered, dialogue }
    }
}
