//! One letter to one destination: host after host until each recipient has its outcome.

use std::sync::Arc;

use envelope::Reply;
use net::clock;

use super::connection::{Connections, Journaled};
use super::letter::Letter;
use super::progress::Progress;
use super::tls::demand::Refusal;
use super::tls::policies;
use super::transaction::{Carried, dialogue_with, while_working};
use super::{Attempted, Batch, Host, Target, require_tls};
use crate::Context;

/// The host that is asked.
#[derive(Clone, Copy)]
struct Hop<'a> {
    target: &'a Target,
    host: &'a Host,
    /// There is no other host after it.
    is_last: bool,
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
        stalled: None,
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

impl Progress<'_> {
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
                            if let Some(said) = &useless.dialogue {
                                self.dialogue = Some(dialogue_with(host, said));
                            }
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
            match self.carry(connections, connection, letter).await {
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
}
