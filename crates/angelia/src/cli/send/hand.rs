//! Straight into the store, for who may write it: the answers come at once.

use std::sync::Arc;

use envelope::MailId;
use mhs::msa::hand_in::accept_once;

use super::{Failed, exit};
use crate::config::Settings;
use crate::dropbox::{Form, Refused, Rules, Submission, submit};
use crate::privileges;
use crate::shown::tell;
use crate::sinks::{self, Sinks};
use crate::wiring::{self, Ground};

/// Hands the letter in, as the user who called.
pub(super) async fn straight(
    settings: &Settings,
    form: Form,
    header: Vec<u8>,
    body: &[u8],
    verbose: bool,
) -> Result<(), Failed> {
    let uid = privileges::own_uid();
    let later = |what: &str, error: &dyn std::fmt::Display| Failed::new(exit::TEMPORARY, format!("{what}: {error:#}"));
    let became = privileges::become_keeper(settings.user.as_deref(), &settings.data);
    became.map_err(|error| later("giving up root", &error))?;
    privileges::keep_private();
    if !settings.data.is_dir() {
        let text = format!("there is no data folder {}: has `angelia quickstart` been run?", settings.data.display());
        return Err(Failed::new(exit::TEMPORARY, text));
    }
    let ground = Ground::open(settings).await;
    let ground = ground.map_err(|error| later(&format!("opening the store in {}", settings.data.display()), &error))?;
    let rows = Some((ground.store.clone(), settings.journal_days));
    let sinks = Sinks::start(sinks::Options { lines: None, rows }).map_err(|error| later("the journal", &error))?;
    let context = wiring::transfer(settings, &ground, None, sinks.journal(), net::Shutdown::new());
    let (mail, bounce_refused, is_header_cut) = (MailId::new(net::clock::now()), false, false);
    let submission = Submission { mail, uid, form, header, is_header_cut, bounce_refused };
    let outcome = hand_in(&context, settings, submission, body, verbose).await;
    sinks.stop().await;
    outcome
}

async fn hand_in(
    context: &Arc<mhs::Context>,
    settings: &Settings,
    submission: Submission,
    mut body: &[u8],
    verbose: bool,
) -> Result<(), Failed> {
    let mail = submission.mail;
    let refused = match submit(context, &Rules::of(settings), submission, &mut body).await {
        Ok((prepared, event)) => {
            let taken = accept_once(context, prepared.ready, |_| Ok(true)).await;
            taken.map_err(|error| Failed::new(exit::TEMPORARY, error.to_string()))?;
            context.record(None, Some(mail), event);
            if verbose {
                tell!("angelia: handed in as {mail}");
            }
            for (address, reply) in prepared.bounced {
                tell!("angelia: {address}: {reply}; the sender gets a notice");
            }
            prepared.refused
        }
        Err(Refused::Letter { reply, .. }) => {
            let code =
                if reply.enhanced.is_some_and(|status| status.subject == 7) { exit::NOT_ALLOWED } else { exit::DATA };
            return Err(Failed::new(code, reply.to_string()));
        }
        Err(Refused::Recipients(refused)) => refused,
        Err(Refused::Ours(error)) => return Err(Failed::new(exit::TEMPORARY, error)),
    };
    if refused.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = refused.iter().map(|(address, reply)| format!("{address}: {reply}")).collect();
    let code = match () {
        () if refused.iter().any(|(_, reply)| reply.is_transient()) => exit::TEMPORARY,
        () if refused.iter().all(|(_, reply)| reply.code == 550) => exit::NO_USER,
        () => exit::UNAVAILABLE,
    };
    Err(Failed::new(code, lines.join("\n")))
}
