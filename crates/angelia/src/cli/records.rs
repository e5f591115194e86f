//! `angelia verify` and `angelia rebuild`, and what the commands about records share: asking before something is lost.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use directory::RelayAllowed;
use envelope::{Address, ReversePath};
use mailstore::InTransit;
use queue::{NewMail, NewRecipient, Queue};
use storage::Transaction;

use super::output;
use crate::shown::tell;

/// Asks on the terminal; without one the answer is no.
pub(super) fn confirmed(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  angelia verify --json\n\nThe server may run meanwhile. Exit code 1 when something is damaged."
)]
pub(super) struct VerifyArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  angelia domain add example.org && angelia account add anna@example.org && angelia rebuild\n\n\
    It is for a database that was lost: letters that had been deleted come back too, while their bytes are still on \
    disk. Where the database stands it refuses, until it is told --yes-bring-deleted-back.\n\n\
    The accounts were in the lost database too: make them first, and only for those who had them: whoever has an \
    address gets the letters of that address. What is there already is not doubled, so it can be run again until all \
    has come back.\n\nLetters for other servers come back held, since nothing on disk says whether they have gone out: \
    see `angelia queue list --held`, then release or drop them. Exit code 1 when something was not brought back."
)]
pub(super) struct RebuildArgs {
    /// Let go of what could not be brought back: housekeeping may remove it after seven days
    #[arg(long)]
    forget: bool,
    /// Also where the database stands: every letter that was deleted and is still on disk goes back into its
    /// account, if it arrived since that account was made
    #[arg(long)]
    yes_bring_deleted_back: bool,
    /// And letters from before the account was made as well: those of whoever had the address earlier
    #[arg(long, requires = "yes_bring_deleted_back")]
    even_older_than_account: bool,
}

pub(super) async fn verify(args: VerifyArgs, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let ground = super::ground(config).await?;
    let mut found = ground.store.verify().await?;
    found.damage.extend(ground.mailstore.verify().await?);
    if args.json {
        let value = serde_json::json!({ "bodies": found.bodies, "octets": found.octets, "segments": found.segments,
            "orphans": found.orphans, "damage": found.damage });
        output::print(&format!("{value:#}\n"))?;
    } else {
        for damage in &found.damage {
            output::print(&format!("{damage}\n"))?;
        }
        let (bodies, octets, damaged) = (found.bodies, found.octets, found.damage.len());
        tell!("{bodies} letters with {octets} octets in {} segments; {damaged} damaged", found.segments);
    }
    Ok(if found.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) async fn rebuild(args: RebuildArgs, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let ground = super::ground(config).await?;
    let is_lost = ground.store.are_bodies_foreign().await?;
    if !is_lost && !args.yes_bring_deleted_back {
        anyhow::bail!(
            "the database stands, so there is nothing to rebuild; nothing was done. A rebuild would bring deleted \
             letters back into their accounts; if that is meant, say --yes-bring-deleted-back"
        );
    }
    let older = if is_lost || args.even_older_than_account { mailstore::Older::Bring } else { mailstore::Older::Leave };
    let queue = ground.queue.clone();
    let transit: mailstore::Transit = Arc::new(move |tx, letter| in_transit(&queue, tx, letter));
    let done = mailstore::rebuild(&ground.mailstore, &ground.directory, &ground.store, &transit, older).await?;
    tell!("{} letters brought back, {} were there already", done.delivered, done.present);
    if done.in_transit > 0 {
        tell!(
            "{} letters for other servers are held in the queue; they may have gone out already: look at them with \
             `angelia queue list --held`, then release or drop them",
            done.in_transit
        );
    }
    if done.older > 0 {
        tell!(
            "{} letters are from before the account was made that has their address now, and were left as they are",
            done.older
        );
    }
    for (mail, more) in &done.cut {
        tell!("letter {mail} had {more} recipients more, whose names are lost");
    }
    if done.others > 0 {
        tell!("{} bodies say nothing of whose they were, and were left where they are", done.others);
    }
    for damage in &done.damaged {
        tell!("damaged: {damage}");
    }
    // Until it is said that the bodies are this database's, housekeeping removes none of them.
    if done.is_whole() || args.forget {
        ground.store.adopt_bodies().await?;
    } else if is_lost {
        tell!(
            "not all came back: nothing is removed from disk before a rebuild brings back all, or is told to --forget"
        );
    }
    if !done.unknown.is_empty() {
        let unknown: Vec<String> = done.unknown.iter().map(ToString::to_string).collect();
        anyhow::bail!(
            "there are letters for {}, who have no account here: add them with `angelia account add`, and run this again",
            unknown.join(", ")
        );
    }
    Ok(if done.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Back into the queue, held, as it was.
fn in_transit(queue: &Queue, tx: &dyn Transaction, letter: &InTransit<'_>) -> Result<(), storage::Error> {
    let (label, leg) = (letter.label, letter.leg);
    let onward = leg.onward.as_ref();
    let reverse_path = match Address::parse(onward.map_or(&label.sender, |onward| &onward.sender)) {
        Ok(address) => ReversePath::Address(address),
        Err(_) => ReversePath::Null,
    };
    let is_list = onward.is_some_and(|onward| onward.is_list);
    let allowed = RelayAllowed::for_operator();
    let new: Vec<NewRecipient<'_>> =
        leg.recipients.iter().map(|recipient| NewRecipient { recipient, allowed: &allowed }).collect();
    let mail = NewMail {
        mail: letter.mail,
        body: letter.body,
        octets: letter.octets,
        reverse_path: &reverse_path,
        body_type: label.body,
        smtputf8: label.smtputf8,
        ret: label.ret.filter(|_| !is_list),
        envelope_id: label.envelope_id.as_deref().filter(|_| !is_list),
        require_tls: label.require_tls,
        accepted_at: label.internal_date,
        delivered_to: onward.map(|onward| &onward.by),
        recipients: &new,
    };
    queue.accept_held_in(tx, &mail).map(|_| ())
}
