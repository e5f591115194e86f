//! One letter to one destination: host after host until each recipient has its outcome.

use std::sync::Arc;
use std::time::Instant;

use envelope::{Envelope, Outcome, Recipient, Reply, RequireTls};
use journal::Event as Happened;
use net::clock;
use protocol::smtp::client::{Event, Phase, Problem, Report};
use protocol::{Session, Step};

use super::connection::{Connection, Connections, Journaled};
use super::desk::now;
use super::letter::Letter;
use super::target::word;
use super::tls::demand::Refusal;
use super::tls::policies;
use super::trouble::{self, Verdict};
use super::{Attempted, Batch, Host, Leases, Said, Target, require_tls};
use crate::Context;

/// The host that is asked.
#[derive(Clone, Copy)]
struct Hop<'a> {
    target: &'a Target,
    host: &'a Host,
    /// There is no other host after it.
    is_last: bool,
}

/// What has become of a batch so far.
struct Progress<'a> {
    context: &'a Context,
    batch: &'a Batch,
    began: Instant,
    outcomes: Vec<Option<Outcome>>,
    /// What a server said of each recipient.
    said: Vec<Option<Said>>,
    host: Option<String>,
    dsn_offered: bool,
    /// A connection broke amid the letter.
    broken: bool,
    /// The leases are over, or the work is: what has no outcome goes back as it was. Nothing that was found says anything
    /// of it.
    late: bool,
    /// What was said with the last host that was talked to.
    dialogue: Option<String>,
    /// Why the last host was of no use.
    last: Reply,
    /// What it said itself.
    last_said: Option<Said>,
    /// Hosts that could not be talked to.
    passed_over: Vec<(Host, Reply)>,
    /// For a letter that demands encryption all the way.
    safe: require_tls::Asked,
}

/// Brings a letter to its next hop. Never fails: what cannot be done now is deferred.
pub async fn deliver(context: &Context, connections: &Connections, target: &Target, batch: &Batch) -> Attempted {
    let mut progress = Progress {
        context,
        batch,
        began: clock::instant(),
        outcomes: vec![None; batch.recipients.len()],
        said: vec![None; batch.recipients.len()],
        host: None,
        dsn_offered: false,
        broken: false,
        late: false,
        dialogue: None,
        last: Reply::new(451, (4, 4, 1), "no host to ask"),
        last_said: None,
        passed_over: Vec::new(),
        safe: require_tls::Asked::default(),
    };
    let mut letter = match Letter::open(context, batch).await {
        Ok(letter) => letter,
        Err(error) => {
            context.fault(None, Some(batch.mail.id), "store", &error);
            progress.last = crate::acceptance::trouble(&error);
            return progress.finish(false);
        }
    };
    let journaled = Journaled::of(context);
    let mut reached = false;
    let mut hosts = connections.in_order(&target.hosts).into_iter().peekable();
    while let Some(host) = hosts.next() {
        if progress.open().is_empty() || progress.is_late() {
            break;
        }
        let hop = Hop { target, host, is_last: hosts.peek().is_none() };
        reached |= progress.ask(connections, &journaled, &hop, &mut letter).await;
    }
    if !progress.is_late() {
        progress.give_back();
    }
    if reached || progress.late {
        progress.tell_passed_over();
    }
    let nobody_reached = !reached && !progress.late;
    progress.finish(nobody_reached)
}

/// What is said of a letter whose leases ended while it was under way.
fn too_late() -> Reply {
    Reply::new(451, (4, 3, 0), "it took so long that somebody else may have the letter by now")
}

impl Progress<'_> {
    /// Those without an outcome.
    fn open(&self) -> Vec<usize> {
        let open = self.outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_none());
        open.map(|(index, _)| index).collect()
    }

    /// Whether somebody else may have the letter by now, or the work ends. A clock that jumped, or a machine that slept,
    /// ends leases too: that is no finding about the letter, nor about its destination.
    fn is_late(&mut self) -> bool {
        if !self.late && self.batch.leases.are_over(now()) {
            self.late = true;
            self.found(too_late());
        } else if !self.late && self.context.shutdown.is_draining() {
            self.late = true;
            self.found(Reply::new(451, (4, 3, 2), "the server stops"));
        }
        self.late
    }

    /// Asks one host. Answers whether it talked to us.
    async fn ask(
        &mut self,
        connections: &Connections,
        journaled: &Arc<Journaled>,
        hop: &Hop<'_>,
        letter: &mut Letter,
    ) -> bool {
        let Hop { target, host, is_last } = *hop;
        let wish = self.batch.mail.require_tls;
        let asking = policies::demand(&connections.settings, target, host, wish);
        let Some(demand) = while_working(self.context, asking).await else { return false };
        let demand = match demand {
            Ok(demand) => demand,
            Err(refusal) => return self.not_allowed(host, refusal),
        };
        let mut cached = connections.take(target, host, &demand);
        loop {
            let connection = match cached.take() {
                Some(connection) => connection,
                None => {
                    let opening = connections.open(journaled, target, host, &demand, is_last, self.began);
                    match while_working(self.context, opening).await {
                        None => return false,
                        Some(Ok(connection)) => connection,
                        Some(Err(useless)) => {
                            self.safe.refused(&useless.reply);
                            self.passed_over.push((host.clone(), useless.reply.clone()));
                            self.last_said = useless.said_by(host);
                            self.last = useless.reply;
                            return demand.is_of_the_letter();
                        }
                    }
                }
            };
            let demanded = require_tls::is_demanded(wish, host);
            if demanded && !connection.extensions.require_tls {
                let reply = self.safe.not_offered(host.public_name());
                self.passed_over.push((host.clone(), reply.clone()));
                self.found(reply);
                connections.put(journaled, connection);
                return true;
            }
            if let Err(reply) = letter.fit(&connections.converting, &connection.extensions).await {
                self.unfit(host, reply, is_last);
                connections.put(journaled, connection);
                return true;
            }
            self.tell_passed_over();
            match self.carry(connection, letter).await {
                Carried::Usable(connection) => connections.put(journaled, *connection),
                Carried::Broken(connection, reason) => {
                    self.broken = true;
                    journaled.disconnected(connection.session, &connection.conversation, reason);
                }
                // An idle connection had been closed by the peer: not its fault, nor the letter's.
                Carried::Stale(connection) => {
                    journaled.disconnected(connection.session, &connection.conversation, "closed while idle".into());
                    cached = connections.take(target, host, &demand);
                    continue;
                }
            }
            return true;
        }
    }

    /// The host may not have the letter. Answers as [`Progress::ask`] does: what is wrong with this letter alone leaves the
    /// destination to the others.
    fn not_allowed(&mut self, host: &Host, refusal: Refusal) -> bool {
        match refusal.for_this_letter {
            true => self.safe.refused(&refusal.reply),
            false => self.safe.unknown(),
        }
        // Where another host was tried, what became of that says more.
        if self.passed_over.is_empty() {
            self.found(refusal.reply.clone());
        }
        self.passed_over.push((host.clone(), refusal.reply));
        refusal.for_this_letter
    }

    /// As many transactions on one connection as it takes.
    async fn carry(&mut self, mut connection: Connection, letter: &Letter) -> Carried {
        loop {
            let mut open = self.open();
            let at_once = connection.extensions.recipients_max.filter(|max| *max > 0).unwrap_or(u64::MAX);
            open.truncate(usize::try_from(at_once).unwrap_or(usize::MAX));
            if open.is_empty() {
                return Carried::Usable(Box::new(connection));
            }
            let envelope = match self.envelope(connection.extensions.smtputf8, &connection.host, letter, &open).await {
                Ok(envelope) => envelope,
                Err(error) => return self.body_failed(connection, &error),
            };
            let report = match transact(self.context, &mut connection, envelope, letter, &self.batch.leases).await {
                Ok(Some(report)) => report,
                Ok(None) => return self.broken_off(connection, &open),
                Err(error) => return self.body_failed(connection, &error),
            };
            if connection.reused && is_stale(&report) {
                return Carried::Stale(Box::new(connection));
            }
            connection.mails += 1;
            connection.reused = false;
            self.host = Some(connection.host.name.clone());
            self.dsn_offered = connection.extensions.dsn;
            // Nobody asks what was said where all went well.
            let went_well = report.problem.is_none() && report.recipients.iter().all(Reply::is_positive);
            self.dialogue = (!went_well).then(|| dialogue_with(&mut connection));
            self.note(&connection, &open, &report);
            if let Some(problem) = report.problem {
                return Carried::Broken(Box::new(connection), problem.to_string());
            }
            if !connection.conversation.session().usable() {
                return Carried::Broken(Box::new(connection), "out of step".to_owned());
            }
        }
    }

    async fn envelope(
        &self,
        smtputf8_offered: bool,
        host: &Host,
        letter: &Letter,
        open: &[usize],
    ) -> Result<Envelope, storage::Error> {
        let mail = &self.batch.mail;
        let recipients: Vec<Recipient> =
            open.iter().filter_map(|index| self.batch.recipients.get(*index).cloned()).collect();
        let mut smtputf8 = mail.smtputf8;
        if smtputf8 && !smtputf8_offered {
            // It was asked for; perhaps it is not needed.
            let sender = mail.reverse_path.address().is_some_and(envelope::Address::needs_smtputf8);
            let named = recipients.iter().any(|recipient| recipient.address.needs_smtputf8());
            smtputf8 = sender || named || letter.has_utf8_header().await?;
        }
        Ok(Envelope {
            reverse_path: mail.reverse_path.clone(),
            recipients,
            body: letter.body_type(mail.body_type),
            smtputf8,
            ret: mail.ret,
            envelope_id: mail.envelope_id.clone(),
            require_tls: match mail.require_tls {
                RequireTls::Demanded if require_tls::is_demanded(mail.require_tls, host) => RequireTls::Demanded,
                _ => RequireTls::Unsaid,
            },
        })
    }

    /// Our own store failed in the middle: the connection cannot be used, and nobody else will get it now either.
    fn body_failed(&mut self, connection: Connection, error: &storage::Error) -> Carried {
        self.context.fault(Some(connection.session), Some(self.batch.mail.id), "store", error);
        let reply = crate::acceptance::trouble(error);
        for index in self.open() {
            self.settle(index, &connection.host, None, Outcome::Deferred(reply.clone()), None);
        }
        Carried::Broken(Box::new(connection), error.to_string())
    }

    /// The leases ended before the last line was said, or the work before the first.
    fn broken_off(&mut self, connection: Connection, open: &[usize]) -> Carried {
        if !self.is_late() {
            self.late = true;
            self.found(too_late());
        }
        let reply = self.last.clone();
        for index in open {
            let outcome = Outcome::Deferred(reply.clone());
            self.attempted(*index, &connection.host, connection.tls.clone(), &outcome);
        }
        self.host = Some(connection.host.name.clone());
        Carried::Broken(Box::new(connection), reply.text)
    }

    /// Turns a report into outcomes.
    fn note(&mut self, connection: &Connection, open: &[usize], report: &Report) {
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

    fn settle(&mut self, index: usize, host: &Host, tls: Option<String>, outcome: Outcome, said: Option<Said>) {
        self.attempted(index, host, tls, &outcome);
        if let (Some(place), Some(words)) = (self.outcomes.get_mut(index), self.said.get_mut(index)) {
            (*place, *words) = (Some(outcome), said);
        }
    }

    /// A host is of no use, and has not said so itself.
    fn found(&mut self, reply: Reply) {
        (self.last, self.last_said) = (reply, None);
    }

    /// No host is safe enough for a letter that demands it: it goes back now.
    fn give_back(&mut self) {
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
    fn unfit(&mut self, host: &Host, reply: Reply, is_last: bool) {
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
    fn tell_passed_over(&mut self) {
        for (host, reply) in std::mem::take(&mut self.passed_over) {
            for index in self.open() {
                self.attempted(index, &host, None, &Outcome::Deferred(reply.clone()));
            }
        }
    }

    /// Writes one attempt down.
    fn attempted(&self, index: usize, host: &Host, tls: Option<String>, outcome: &Outcome) {
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

    fn finish(self, nobody_reached: bool) -> Attempted {
        let (last, last_said) = (self.last, self.last_said);
        let back = self.outcomes.iter().map(|outcome| self.late && outcome.is_none()).collect();
        let later = || (Outcome::Deferred(last.clone()), last_said.clone());
        let each = self.outcomes.into_iter().zip(self.said);
        let (outcomes, said) =
            each.map(|(outcome, said)| outcome.map_or_else(later, |outcome| (outcome, said))).unzip();
        let site_down = nobody_reached.then_some(last.clone());
        let (broken, dsn_offered) = (self.broken, self.dsn_offered);
        Attempted { outcomes, back, said, host: self.host, site_down, broken, dsn_offered, dialogue: self.dialogue }
    }
}

/// What is left of a connection after it carried a letter.
enum Carried {
    Usable(Box<Connection>),
    Broken(Box<Connection>, String),
    Stale(Box<Connection>),
}

/// What was said, under the name of the host.
fn dialogue_with(connection: &mut Connection) -> String {
    let host = connection.host.clone();
    format!("{} [{}]\n{}", host.name, host.place, connection.conversation.session().dialogue())
}

/// Broken before anything was answered.
fn is_stale(report: &Report) -> bool {
    report.phase <= Phase::Mail && matches!(report.problem, Some(Problem::Closed | Problem::Refused(_)))
}

/// Waits for an answer that is of no use any more when the work ends; none then.
async fn while_working<T>(context: &Context, answer: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        answer = answer => Some(answer),
        () = context.shutdown.draining() => None,
    }
}

/// One transaction; none when the leases ended before the letter's last line, or the work before its first octet: who has
/// none of it yet loses nothing. An error is our own store's.
async fn transact(
    context: &Context,
    connection: &mut Connection,
    envelope: Envelope,
    letter: &Letter,
    leases: &Leases,
) -> Result<Option<Report>, storage::Error> {
    let recipients = envelope.recipients.len();
    let octets = letter.octets();
    let conversation = &mut connection.conversation;
    conversation.session().send(clock::instant(), envelope, Some(octets));
    let (mut at, mut has_begun) = (0, false);
    loop {
        let event = match has_begun {
            true => Some(conversation.next().await),
            false => while_working(context, conversation.next()).await,
        };
        let Some(event) = event else { return Ok(None) };
        match event {
            Ok(Some(Event::WantBody)) => {
                has_begun = true;
                let piece = letter.piece(at).await?;
                at += piece.len() as u64;
                let last = at >= octets || piece.is_empty();
                // Without its last line it is no letter.
                if last && leases.are_over(now()) {
                    return Ok(None);
                }
                conversation.session().body(clock::instant(), &piece, last);
            }
            Ok(Some(Event::Done(report))) => return Ok(Some(report)),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return Ok(Some(broken(connection, recipients))),
        }
    }
}

/// The connection ended under the session: it tells what it knew.
fn broken(connection: &mut Connection, recipients: usize) -> Report {
    let session = connection.conversation.session();
    let phase = session.phase();
    session.end_of_input();
    loop {
        match session.next() {
            Step::Event(Event::Done(report)) => return report,
            Step::Event(_) | Step::Send(_) => {}
            Step::NeedInput | Step::Close | Step::StartTls => break,
        }
    }
    let reply = Reply::new(451, (4, 4, 2), "the connection ended");
    Report {
        recipients: vec![reply; recipients],
        decided: vec![false; recipients],
        said: vec![false; recipients],
        phase,
        problem: Some(Problem::Closed),
    }
}
