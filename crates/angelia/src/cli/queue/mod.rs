//! `angelia queue`: what waits, what happens to it next, and the operator's hand. The commands work on the store, whether a
//! server runs or not; a running one notices within a second. Each of them leaves its word in the journal.

mod sites;
mod view;
mod which;

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use envelope::{MailId, Timestamp};
use journal::{Entry, Event};
use queue::{Filter, Listed};

use self::sites::{RuleCommand, What};
use self::view::Row;
use self::which::{Selection, Which};
use super::output::{self, Json};
use crate::sinks::{self, Sinks};
use crate::wiring::Ground;

/// Rows that `list` shows; whoever has more looks by domain.
const LISTED_MAX: usize = 10_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what waits, soonest first
    #[command(
        after_help = "Examples:\n  angelia queue list\n  angelia queue list --domain patras.test --older 2h --json\n  \
                            angelia queue list --reason 'connection refused'"
    )]
    List {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        json: Json,
    },
    /// Show one letter: each recipient, what happens next and when, the last dialogue
    #[command(after_help = "Example:\n  angelia queue show 4kz3h8v0c2q9m7w1x5t6r8y0ab")]
    Show {
        /// The letter's id, as `list` shows it
        mail: MailId,
        #[command(flatten)]
        json: Json,
    },
    /// Try again now
    #[command(after_help = "Examples:\n  angelia queue retry --domain patras.test\n  angelia queue retry --all")]
    Retry(Selection),
    /// Do not try until released
    #[command(
        after_help = "Examples:\n  angelia queue hold --domain patras.test\n  angelia queue hold --sender @athens.test --why 'asking the owner'"
    )]
    Hold {
        #[command(flatten)]
        selection: Selection,
        /// Why, for whoever looks at the letter
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Try again what was held
    #[command(after_help = "Example:\n  angelia queue release --domain patras.test")]
    Release(Selection),
    /// Take letters out of the queue without a word to their senders
    #[command(
        after_help = "Examples:\n  angelia queue drop 4kz3h8v0c2q9m7w1x5t6r8y0ab --yes\n  angelia queue drop --sender '' --older 1d"
    )]
    Drop {
        #[command(flatten)]
        selection: Selection,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List destinations: how much waits for each, for how long, and what happens next
    #[command(after_help = "Example:\n  angelia queue sites")]
    Sites {
        #[command(flatten)]
        json: Json,
    },
    /// Send nothing to a domain until it is resumed
    #[command(after_help = "Examples:\n  angelia queue suspend patras.test --reason 'they asked us to wait'\n  \
                            angelia queue suspend --via smtp:relay.example.net:587")]
    Suspend {
        #[command(flatten)]
        what: What,
        /// Why, for whoever looks at a letter
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Send to it again
    #[command(after_help = "Example:\n  angelia queue resume patras.test")]
    Resume(What),
    /// Rules by which new letters begin held
    #[command(subcommand)]
    Rule(RuleCommand),
}

impl Command {
    /// `angelia queue list`, which is what `mailq` shows.
    pub(super) fn all() -> Self {
        Self::List { which: Which::default(), json: Json { json: false } }
    }

    /// `angelia queue retry --all`, which is what `sendmail -q` means.
    pub(super) fn retry_all() -> Self {
        Self::Retry(Selection { which: Which::default(), all: true })
    }
}

pub(super) async fn run(command: Command, config: Option<&Path>) -> anyhow::Result<()> {
    let now = wall_clock();
    match command {
        Command::List { which, json } => {
            let found = super::ground(config).await?.queue.list(which.filter(now), LISTED_MAX, now).await?;
            view::list(&json, &rows(&found, now, config)?)
        }
        Command::Show { mail, json } => {
            let found = super::ground(config).await?.queue.show(mail, now).await.map_err(|error| match error {
                queue::Error::NotFound => {
                    anyhow::anyhow!("no letter {mail} waits here; `angelia trace {mail}` tells what became of it")
                }
                other => other.into(),
            })?;
            view::show(&json, &rows(&found, now, config)?)
        }
        Command::Retry(selection) => retry(selection.filter(now)?, now, config).await,
        Command::Hold { selection, why } => {
            let (filter, ground) = (selection.filter(now)?, super::ground(config).await?);
            let touched = ground.queue.hold(filter, why.as_deref(), now).await?;
            told("hold", "held", &touched, &ground, config).await
        }
        Command::Release(selection) => {
            let (filter, ground) = (selection.filter(now)?, super::ground(config).await?);
            let touched = ground.queue.release(filter, now).await?;
            told("release", "released, to be tried now", &touched, &ground, config).await
        }
        Command::Drop { selection, yes } => drop_rows(selection.filter(now)?, yes, config).await,
        Command::Sites { json } => sites::sites(&json, config).await,
        Command::Suspend { what, reason } => sites::suspend(&what, &reason, config).await,
        Command::Resume(what) => sites::resume(&what, config).await,
        Command::Rule(command) => sites::rule(command, config).await,
    }
}

fn wall_clock() -> Timestamp {
    net::clock::now()
}

fn rows(found: &[Listed], now: Timestamp, config: Option<&Path>) -> anyhow::Result<Vec<Row>> {
    let lifetime = super::settings(config)?.backoff.lifetime;
    Ok(found.iter().map(|one| Row::of(one, now, |accepted| accepted.plus(lifetime))).collect())
}

async fn retry(filter: Filter, now: Timestamp, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = super::ground(config).await?;
    let held = Filter { held: Some(true), ..filter.clone() };
    let held = ground.queue.list(held, LISTED_MAX, now).await?.len();
    let touched = ground.queue.retry(filter, now).await?;
    if held > 0 {
        eprintln!("{} held: not tried before `angelia queue release`", recipients(held));
    }
    if held > 0 && touched.is_empty() {
        bail!("nothing else is meant by that, so nothing is tried now");
    }
    told("retry", "to be tried now", &touched, &ground, config).await
}

async fn drop_rows(filter: Filter, yes: bool, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = super::ground(config).await?;
    let count = ground.queue.list(filter.clone(), LISTED_MAX, wall_clock()).await?.len();
    let question = format!("Drop {}, without a word to the sender?", recipients(count));
    if count > 0 && !yes && !super::records::confirmed(&question)? {
        bail!("nothing was dropped (say --yes to drop without being asked)");
    }
    let touched = ground.queue.drop_rows(filter, wall_clock()).await?;
    told("drop", "dropped", &touched, &ground, config).await
}

/// Says what was done. A selection that meets nothing is a failure: a script wants to know.
async fn told(
    action: &str,
    what: &str,
    touched: &[Listed],
    ground: &Ground,
    config: Option<&Path>,
) -> anyhow::Result<()> {
    if touched.is_empty() {
        bail!("nothing in the queue is meant by that (see `angelia queue list`)");
    }
    operator(action, touched, ground, config).await?;
    for one in touched {
        output::print(&format!("{} {}\n", one.mail.id, one.address))?;
    }
    eprintln!("{} {what}", recipients(touched.len()));
    Ok(())
}

/// Writes it into the journal, so that a letter's life tells of the operator's hand as well; without letters, once.
async fn operator(action: &str, touched: &[Listed], ground: &Ground, config: Option<&Path>) -> anyhow::Result<()> {
    let days = super::settings(config)?.journal_days;
    let sinks = Sinks::start(sinks::Options { lines: None, rows: Some((ground.store.clone(), days)) })?;
    let journal = sinks.journal();
    let record = |mail, recipient| {
        let event = Event::Operator { action: action.to_owned(), recipient };
        journal.record(Entry { at: wall_clock(), session: None, mail, event });
    };
    if touched.is_empty() {
        record(None, None);
    }
    for one in touched {
        record(Some(one.mail.id), Some(one.address.clone()));
    }
    sinks.stop().await;
    Ok(())
}

fn recipients(count: usize) -> String {
    if count == 1 { "1 recipient".to_owned() } else { format!("{count} recipients") }
}
