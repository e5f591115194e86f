//! A letter waited for a domain that has become ours since: it is accepted anew, for the mailboxes here.

use std::sync::Arc;

use envelope::{ForwardPath, Outcome, Reply};
use journal::Service;
use net::clock;
use queue::{Settled, Settlement, Verdict};
use storage::{Error, Transaction};

use super::Outbound;
use super::book::{Group, Job};
use super::work::recipient;
use crate::acceptance::{Letter, Ready, write_with};
use crate::recipients::{self, Asking, Options};

/// Octets of one piece that is copied.
const PIECE: u64 = 256 * 1024;

/// Ends the group's claims, by delivery or otherwise.
pub(super) async fn bring_home(outbound: &Outbound, group: Group) {
    let context = &outbound.context;
    let mail = &group.mail;
    let mut letter = Letter::new(Service::Outbound, None, mail.reverse_path.clone(), mail.accepted_at);
    (letter.body, letter.smtputf8) = (mail.body_type, mail.smtputf8);
    (letter.ret, letter.envelope_id) = (mail.ret, mail.envelope_id.clone());
    letter.require_tls = mail.require_tls;
    let mut home = Vec::new();
    for job in group.jobs {
        let to = recipient(&job);
        let asking = Asking { sender: &mail.reverse_path, relay: None, local: None, local_only: false };
        let options = Options { notify: to.notify, original: to.original.clone() };
        match recipients::resolve(context, &ForwardPath::Address(to.address), options, asking).await {
            Ok((to, ways)) => {
                if letter.add(&to, ways) {
                    home.push(job);
                } else {
                    let reply = Reply::new(452, (4, 5, 3), "too many copies");
                    outbound.end_without_attempt(job, &Outcome::Deferred(reply)).await;
                }
            }
            Err(refusal) => {
                let reply = refusal.reply();
                let outcome = if reply.is_permanent() { Outcome::Failed(reply) } else { Outcome::Deferred(reply) };
                outbound.end_without_attempt(job, &outcome).await;
            }
        }
    }
    if home.is_empty() {
        return;
    }
    // Whoever sent it on before its domain became ours does not again.
    let been = mail.delivered_to.iter().map(directory::canonical).collect();
    letter.break_circles_at(&been, b"");
    if letter.has_no_recipients() {
        let outcome = Outcome::Failed(crate::acceptance::circle_reply());
        for job in home {
            outbound.end_without_attempt(job, &outcome).await;
        }
        return;
    }
    if let Err(error) = accept(outbound, letter, mail, &home).await {
        context.fault(None, Some(mail.id), "store", &error);
        let outcome = Outcome::Deferred(crate::acceptance::trouble(&error));
        for job in home {
            outbound.end_without_attempt(job, &outcome).await;
        }
    }
}

/// The rows of the mailboxes and of the queue in one transaction.
async fn accept(outbound: &Outbound, letter: Letter, mail: &queue::Mail, jobs: &[Job]) -> Result<(), Error> {
    let context = &outbound.context;
    let ready: Arc<Ready> = Arc::new(copy(outbound, letter, mail).await?);
    let ends: Vec<Settlement> = jobs
        .iter()
        .map(|job| Settlement { mail: mail.id, number: job.claim.number, fence: job.fence(), verdict: Verdict::Done })
        .collect();
    let queue = context.queue.clone();
    let settle = move |tx: &dyn Transaction| match queue.settle_in(tx, &ends)?.contains(&Settled::Lost) {
        true => Err(Error::Refused("a lease was lost".into())),
        false => Ok(()),
    };
    match write_with(context, &ready, settle).await {
        Ok(placed) => {
            ready.tell(context, &placed);
            crate::bounce::delivered(context, &ready).await;
            Ok(())
        }
        // Whoever has the lease now brings it home.
        Err(Error::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn copy(outbound: &Outbound, letter: Letter, mail: &queue::Mail) -> Result<Ready, Error> {
    let context = &outbound.context;
    let body = context.store.open(mail.body).await?;
    let mut stage = context.store.stage();
    let mut at = crate::bounce::after_return_path(&body).await?;
    stage.append(letter.return_path().into()).await?;
    if let Some(by) = &mail.delivered_to {
        stage.append(message::trace::delivered_to_field(by).into()).await?;
    }
    while at < body.len() {
        let piece = body.read(at..at + PIECE).await?;
        if piece.is_empty() {
            break;
        }
        at += piece.len() as u64;
        stage.append(piece).await?;
    }
    tracing::debug!(mail = %mail.id, at = clock::now().0, "brought home");
    letter.ready(context, stage).await
}
