//! Transactions on a connection: one letter, for as many recipients at a time as the server takes.

use envelope::{Envelope, Outcome, Recipient, Reply, RequireTls};
use net::clock;
use protocol::smtp::client::{Event, Phase, Problem, Report};
use protocol::{Session, Step};

use super::connection::{Connection, Connections};
use super::desk::now;
use super::letter::Letter;
use super::progress::{Progress, too_late};
use super::{Host, Leases, require_tls, trouble};
use crate::Context;
use crate::limits::OUTBOUND_SILENCE_RECIPIENT;

/// What is left of a connection after it carried a letter.
pub(super) enum Carried {
    Usable(Box<Connection>),
    Broken(Box<Connection>, String),
    Stale(Box<Connection>),
}

impl Progress<'_> {
    /// As many transactions on one connection as it takes.
    pub(super) async fn carry(
        &mut self,
        connections: &Connections,
        mut connection: Connection,
        letter: &Letter,
    ) -> Carried {
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
            let transaction =
                transact(self.context, connections, &mut connection, envelope, letter, &self.batch.leases);
            let report = match transaction.await {
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
            let said = (!went_well).then(|| connection.conversation.session().dialogue());
            self.dialogue = said.map(|said| dialogue_with(&connection.host, &said));
            self.note(&connection, &open, &report);
            self.stalled = trouble::stalled(&connection.host, &report);
            if self.stalled.is_some() {
                connections.note_black_hole(&connection.host.place);
            }
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
}

/// What was said, under the name of the host.
pub(super) fn dialogue_with(host: &Host, said: &str) -> String {
    format!("{} [{}]\n{said}", host.name, host.place)
}

/// Broken before anything was answered.
fn is_stale(report: &Report) -> bool {
    report.phase <= Phase::Mail && matches!(report.problem, Some(Problem::Closed | Problem::Refused(_)))
}

/// Waits for an answer that is of no use any more when the work ends; none then.
pub(super) async fn while_working<T>(context: &Context, answer: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        answer = answer => Some(answer),
        () = context.shutdown.draining() => None,
    }
}

/// One transaction; none when the leases ended before the letter's last line, or the work before its first octet: who has
/// none of it yet loses nothing. Until then who is silent is broken off when others want the place. An error is our own
/// store's.
async fn transact(
    context: &Context,
    connections: &Connections,
    connection: &mut Connection,
    envelope: Envelope,
    letter: &Letter,
    leases: &Leases,
) -> Result<Option<Report>, storage::Error> {
    let recipients = envelope.recipients.len();
    let octets = letter.octets();
    let conversation = &mut connection.conversation;
    conversation.session().send(clock::instant(), envelope, Some(octets));
    let mut at = 0;
    let more_for_many = OUTBOUND_SILENCE_RECIPIENT.saturating_mul(u32::try_from(recipients).unwrap_or(u32::MAX));
    let mut waiting = Some(connections.wait(clock::instant() + more_for_many));
    loop {
        let event = match &waiting {
            None => conversation.next().await,
            Some(waiting) => match while_working(context, waiting.unless_broken_off(conversation.next())).await {
                None => return Ok(None),
                Some(Some(event)) => event,
                Some(None) => {
                    conversation.session().give_up(clock::instant());
                    continue;
                }
            },
        };
        match event {
            Ok(Some(Event::WantBody)) => {
                waiting = None;
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
