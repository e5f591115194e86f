//! The simulated Internet: what each server says to an attempt, and when.

use std::collections::{BTreeMap, VecDeque};

use envelope::{Outcome, Reply};
use protocol::smtp::client::{Phase, Problem, Report};

use super::super::trouble::{self, Verdict};
use super::super::{Attempted, Batch, Host, Place};
use super::Chance;

pub(super) const SECOND: i64 = 1000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// How a server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Healthy,
    /// Takes so many milliseconds for each letter.
    Slow(i64),
    /// Takes connections, or not even that, and says nothing.
    Hanging,
    /// From this moment on it is ready for each letter, and does not answer to MAIL. Before that it is healthy.
    SilentFrom(i64),
    /// Takes a recipient's letter this long after it first heard of it.
    Greylisting(i64),
    /// Refuses half of the recipients for ever.
    Refusing,
    /// Breaks one connection of four, at any moment.
    Dying,
    /// Every other mailbox is full.
    Full,
    /// Takes so many letters in a minute.
    Counting(usize),
    /// Takes so many connections at once.
    Narrow(usize),
    /// Has something else to say to each recipient.
    PerRecipient,
    /// Takes so many recipients in one transaction.
    Few(usize),
    /// Takes so many milliseconds for each recipient.
    Thorough(i64),
    /// Its name cannot be found out.
    Nameless,
    /// Is there for a while, and then not.
    ComesAndGoes(i64),
    /// Never there.
    Dead,
}

/// A server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) manner: Manner,
    pub(super) open: usize,
    pub(super) open_max: usize,
    /// Attempts in all.
    pub(super) played: usize,
    /// Attempts that found nobody.
    pub(super) in_vain: usize,
    greeted: BTreeMap<String, i64>,
    taken: VecDeque<i64>,
}

/// What an attempt comes to.
#[derive(Debug)]
pub(super) struct Played {
    /// In each transaction, after so many milliseconds, the server takes these recipients, by their place.
    pub(super) takes: Vec<(i64, Vec<usize>)>,
    /// We never hear that it did.
    pub(super) unheard: bool,
    /// The other side says nothing all the while: we may break it off.
    pub(super) silent: bool,
    pub(super) ends_after: i64,
    pub(super) attempted: Attempted,
}

impl Server {
    pub(super) fn new(manner: Manner) -> Self {
        Self { manner, open: 0, open_max: 0, played: 0, in_vain: 0, greeted: BTreeMap::new(), taken: VecDeque::new() }
    }

    /// An attempt begins.
    pub(super) fn play(&mut self, batch: &Batch, at: i64, chance: &mut Chance) -> Played {
        let open = self.open;
        self.open += 1;
        self.played += 1;
        self.open_max = self.open_max.max(self.open);
        if let Some((reply, after)) = self.turns_away(open, at, chance) {
            self.in_vain += 1;
            return down(batch, reply, after);
        }
        let mut pace = chance.between(20, 400);
        match self.manner {
            Manner::Slow(each) => pace += each,
            Manner::Thorough(each) => pace = each * batch.recipients.len() as i64,
            Manner::SilentFrom(when) if at >= when => {
                return broken(batch, Phase::Mail, Problem::Timeout, 300 * SECOND);
            }
            Manner::Hanging => return broken(batch, Phase::Recipient, Problem::Timeout, 300 * SECOND),
            Manner::Dying if chance.once_in(4) => return dies(batch, pace, chance),
            _ => {}
        }
        self.transactions(batch, pace, at, chance)
    }

    /// Nobody talks to us, or only to say that he does not.
    fn turns_away(&mut self, open: usize, at: i64, chance: &mut Chance) -> Option<(Reply, i64)> {
        let refused = || Reply::new(451, (4, 4, 1), "no connection: refused");
        match self.manner {
            Manner::Dead => Some((refused(), chance.between(5, 30 * SECOND))),
            Manner::ComesAndGoes(period) if (at / period) % 2 == 1 => Some((refused(), chance.between(5, 100))),
            Manner::Hanging if chance.once_in(2) => {
                Some((Reply::new(451, (4, 4, 1), "no connection: timed out"), 30 * SECOND))
            }
            Manner::Nameless if chance.once_in(2) => {
                Some((Reply::new(451, (4, 4, 3), "the name cannot be looked up"), 5 * SECOND))
            }
            Manner::Narrow(most) if open >= most => {
                let reply = Reply::new(421, (4, 7, 0), "too many connections from you");
                Some((trouble::problem(&Problem::Refused(reply)).reply, 30))
            }
            _ => None,
        }
    }

    /// Recipients that were too many are asked for again on the same connection, as [`super::super::transaction`] does.
    fn transactions(&mut self, batch: &Batch, pace: i64, at: i64, chance: &mut Chance) -> Played {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.recipients.len()];
        let (mut takes, mut over) = (Vec::new(), 0);
        loop {
            let open: Vec<usize> = (0..outcomes.len()).filter(|place| outcomes[*place].is_none()).collect();
            if open.is_empty() {
                let outcomes = outcomes.into_iter().flatten().collect();
                return Played {
                    takes,
                    unheard: false,
                    silent: false,
                    ends_after: over + pace / 4,
                    attempted: talked(outcomes, false),
                };
            }
            over += pace;
            let mut heard = 0;
            let replies: Vec<Reply> = open
                .iter()
                .map(|place| {
                    heard += 1;
                    match self.manner {
                        Manner::Few(most) if heard > most => Reply::new(452, (4, 5, 3), "too many recipients"),
                        _ => self.answer(batch, *place, at, chance),
                    }
                })
                .collect();
            let (decided, phase) = (vec![true; open.len()], Phase::BodyEnd);
            let taken = (0..open.len()).filter(|index| replies[*index].is_positive()).map(|index| open[index]);
            takes.push((over, taken.collect()));
            let said = vec![true; open.len()];
            let report = Report { recipients: replies, decided, said, phase, problem: None };
            for (place, outcome) in open.iter().zip(judged(&report)) {
                outcomes[*place] = outcome;
            }
        }
    }

    fn answer(&mut self, batch: &Batch, place: usize, at: i64, chance: &mut Chance) -> Reply {
        let ok = Reply::new(250, (2, 0, 0), "taken");
        let to = batch.recipients[place].address.to_string();
        match self.manner {
            Manner::Greylisting(wait) => {
                let first = *self.greeted.entry(format!("{} {to}", batch.mail.reverse_path)).or_insert(at);
                if at - first >= wait { ok } else { Reply::new(450, (4, 2, 0), "greylisted") }
            }
            Manner::Refusing if to.len().is_multiple_of(2) => Reply::new(550, (5, 1, 1), "nobody of that name"),
            Manner::Full if chance.once_in(2) => Reply::new(452, (4, 2, 2), "mailbox full"),
            Manner::Counting(most) => {
                self.taken.retain(|when| at - when < MINUTE);
                if self.taken.len() >= most {
                    return Reply::new(450, (4, 7, 28), "rate limit exceeded");
                }
                self.taken.push_back(at);
                ok
            }
            Manner::PerRecipient => match chance.below(5) {
                0 => Reply::new(452, (4, 2, 2), "full"),
                1 => Reply::new(550, (5, 2, 1), "closed"),
                2 => Reply::new(452, (4, 5, 3), "too many recipients"),
                _ => ok,
            },
            _ => ok,
        }
    }

    /// An attempt has ended.
    pub(super) fn hang_up(&mut self) {
        self.open -= 1;
    }
}

fn down(batch: &Batch, reply: Reply, after: i64) -> Played {
    let outcomes = vec![Outcome::Deferred(reply.clone()); batch.recipients.len()];
    let attempted = Attempted { host: None, site_down: Some(reply), ..talked(outcomes, false) };
    Played { takes: Vec::new(), unheard: false, silent: after > 5 * SECOND, ends_after: after, attempted }
}

fn broken(batch: &Batch, phase: Phase, problem: Problem, after: i64) -> Played {
    let count = batch.recipients.len();
    let reply = trouble::problem(&problem).reply;
    let (decided, said) = (vec![false; count], vec![false; count]);
    let report = Report { recipients: vec![reply; count], decided, said, phase, problem: Some(problem) };
    let outcomes = judged(&report).into_iter().flatten().collect();
    let place = Place::Tcp("192.0.2.1:25".parse().unwrap());
    let stalled = trouble::stalled(&Host { name: "mx".to_owned(), place, mx_of: None }, &report);
    let silent = stalled.is_some();
    let attempted = Attempted { stalled, ..talked(outcomes, true) };
    Played { takes: Vec::new(), unheard: false, silent, ends_after: after, attempted }
}

/// It dies amid the letter, or when it has taken it and not yet said so.
fn dies(batch: &Batch, pace: i64, chance: &mut Chance) -> Played {
    let phases = [Phase::Mail, Phase::Recipient, Phase::Data, Phase::Body, Phase::BodyEnd];
    let phase = phases[chance.below(5) as usize];
    let mut played = broken(batch, phase, Problem::Closed, pace + 10);
    if phase == Phase::BodyEnd && chance.once_in(2) {
        played.takes = vec![(pace, (0..batch.recipients.len()).collect())];
        played.unheard = true;
    }
    played
}

/// As [`super::super::transaction`] reads a report, where there is no other host to ask. Those without an outcome are asked
/// for once more.
fn judged(report: &Report) -> Vec<Option<Outcome>> {
    let some_taken = report.recipients.iter().any(Reply::is_positive);
    let outcomes = (0..report.recipients.len()).map(|place| match trouble::verdict(report, place, some_taken) {
        Verdict::Settled(outcome) => Some(outcome),
        Verdict::Elsewhere(reply) => Some(Outcome::Deferred(reply)),
        Verdict::Again(_) => None,
    });
    outcomes.collect()
}

fn talked(outcomes: Vec<Outcome>, broken: bool) -> Attempted {
    let (said, host) = (vec![None; outcomes.len()], Some("mx".to_owned()));
    let back = vec![false; outcomes.len()];
    Attempted { outcomes, back, host, said, site_down: None, broken, stalled: None, dsn_offered: false, dialogue: None }
}
