//! From a destination to its [`Target`], and the journal's word of it.

use envelope::{Outcome, Recipient};
use journal::{AttemptOutcome, Event};

use super::{Batch, Settings, Target};
use crate::Context;
use crate::route::{self, Route};

/// Asks where the mail of `destination` goes.
pub(super) async fn find(context: &Context, settings: &Settings, destination: &str) -> Found {
    match route::find(context, &settings.resolver, settings.port, &settings.doors, destination).await {
        Route::Local => Found::Local,
        Route::Hosts(hosts) => Found::Target(Target { destination: destination.to_owned(), hosts }),
        Route::Nowhere(outcome) => Found::Nowhere(outcome),
    }
}

/// What was found.
pub(super) enum Found {
    Local,
    Target(Target),
    Nowhere(Outcome),
}

/// Tells which hosts a letter is brought to.
pub(super) fn tell(context: &Context, target: &Target, batch: &Batch) {
    let hosts = target.hosts.iter().map(|host| format!("{}[{}]", host.name, host.address.ip())).collect();
    let event = Event::Routed { destination: target.destination.clone(), hosts };
    context.record(None, Some(batch.mail.id), event);
}

/// Tells of an attempt that came to no host.
pub(super) fn tell_nowhere(
    context: &Context,
    mail: envelope::MailId,
    recipient: &Recipient,
    destination: &str,
    outcome: &Outcome,
) {
    let event = Event::Attempt {
        recipient: recipient.address.clone(),
        host: destination.to_owned(),
        ip: None,
        tls: None,
        outcome: word(outcome),
        reply: outcome.reply().clone(),
    };
    context.record(None, Some(mail), event);
}

/// The journal's word for an outcome.
pub(super) fn word(outcome: &Outcome) -> AttemptOutcome {
    match outcome {
        Outcome::Delivered(_) => AttemptOutcome::Delivered,
        Outcome::Deferred(_) => AttemptOutcome::Deferred,
        Outcome::Failed(_) => AttemptOutcome::Failed,
    }
}
