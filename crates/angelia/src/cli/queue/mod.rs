//! `angelia queue`: what waits, what happens to it next, and the operator's hand. The commands work on the store, whether a
//! server runs or not; a running one notices within a second. Each of them leaves its word in the journal.

mod deeds;
mod rules;
mod sites;
mod suspend;
mod view;
mod which;

use std::ffi::OsString;
use std::path::Path;

use clap::Subcommand;
use envelope::{Address, MailId, Timestamp};
use journal::{Entry, Event, Journal};
use queue::{Listed, Order};

use self::rules::RuleCommand;
pub(super) use self::rules::words as rule;
use self::suspend::What;
pub(super) use self::suspend::words as suspension;
use self::view::Row;
use self::which::{Bulk, Selection, Which};
use super::output::Json;
use crate::sinks::{self, Sinks};
use crate::wiring::Ground;

/// Rows that `list` shows, unless it is told otherwise.
const LISTED_MAX: usize = 10_000;

/// What `angelia queue` is asked; nothing in particular means the list.
#[derive(Debug, clap::Args)]
#[command(after_help = "Without a command: the list. Coming from Postfix? docs/queue.md has its commands and ours.")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what waits, soonest first, and how much it is
    #[command(
        after_help = "Examples:\n  angelia queue list\n  angelia queue list --domain patras.test --older 2h --json\n  \
                            angelia queue list --reason 'connection refused' --sort size --limit 20\n\n\
                            On a screen lines are cut with a `…`; in a pipe, with --json and by `show` everything is there."
    )]
    List(ListArgs),
    /// Show one letter: each recipient, what happens next and when, the last dialogue
    #[command(after_help = "Examples:\n  angelia queue show 4kz3h8v0c2q9m7w1x5t6r8y0ab\n  \
                            angelia queue show 4kz3h8v0c2q9m7w1x5t6r8y0ab --letter > letter.eml")]
    Show {
        /// The letter's id, as `list` shows it
        #[arg(value_name = "ID")]
        mail: MailId,
        /// The letter itself instead, as it will be sent
        #[arg(long, conflicts_with = "json")]
        letter: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Try again now
    #[command(after_help = "Examples:\n  angelia queue retry --domain patras.test\n  angelia queue retry --all\n\n\
                            It breaks the rest of a destination. What is held or suspended stays so, and what is being \
                            sent just now is left alone; but it is no longer to be held or dropped after that.")]
    Retry(Bulk),
    /// Do not try until released
    #[command(
        after_help = "Examples:\n  angelia queue hold --domain patras.test\n  angelia queue hold --sender @athens.test --why 'asking the owner'\n\n\
                            What is being sent just now is held if it is not delivered; `queue show` says so."
    )]
    Hold {
        #[command(flatten)]
        bulk: Bulk,
        /// Why, for whoever looks at the letter
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Try again what was held
    #[command(after_help = "Example:\n  angelia queue release --domain patras.test\n\n\
                            What is being sent just now is no longer to be held or dropped after that.")]
    Release(Bulk),
    /// Take letters out of the queue, without a word to their senders or with one
    #[command(
        after_help = "Examples:\n  angelia queue drop 4kz3h8v0c2q9m7w1x5t6r8y0ab --yes\n  angelia queue drop --sender '' --older 1d\n  \
                            angelia queue drop --domain closed.test --bounce --why 'that company was closed'\n\n\
                            It asks first; where nobody can be asked (cron, a pipe) it wants --yes. What is being sent just now is \
                            dropped if it is not delivered; with --bounce it is left alone."
    )]
    Drop {
        #[command(flatten)]
        bulk: Bulk,
        /// Give the letters back: each sender is told, as when delivery has failed
        #[arg(long)]
        bounce: bool,
        /// Why, for the sender
        #[arg(long, value_name = "TEXT", requires = "bounce")]
        why: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List destinations: how much waits for each, for how long, and what happens next
    #[command(after_help = "Examples:\n  angelia queue sites\n  angelia queue sites --by age")]
    Sites(sites::Args),
    /// Send nothing to a domain until it is resumed
    #[command(after_help = "Examples:\n  angelia queue suspend patras.test --reason 'they asked us to wait'\n  \
                            angelia queue suspend --via smtp:relay.example.net:587\n\n\
                            Letters are taken and wait. `angelia queue sites` shows what is suspended.")]
    Suspend {
        #[command(flatten)]
        what: What,
        /// Why, for whoever looks at a letter
        #[arg(long, visible_alias = "why", value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Send to it again
    #[command(after_help = "Example:\n  angelia queue resume patras.test")]
    Resume(What),
    /// Rules by which new letters begin held
    #[command(subcommand)]
    Rule(RuleCommand),
}

/// What `list` shows.
#[derive(Debug, Default, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    which: Which,
    /// What comes first: next (tried soonest), age (the oldest), size (the largest), sender, destination
    #[arg(long, value_name = "ORDER", default_value = "next", hide_default_value = true)]
    sort: Order,
    /// Show so many recipients at most; all that are meant are counted
    #[arg(long, value_name = "N", default_value_t = LISTED_MAX, hide_default_value = true)]
    limit: usize,
    #[command(flatten)]
    json: Json,
}

impl Args {
    /// `angelia queue list`, which is what `mailq` shows.
    pub(super) fn all() -> Self {
        Self { command: None }
    }

    /// `angelia queue retry --all`, which is what `sendmail -q` means.
    pub(super) fn retry_all() -> Self {
        let selection = Selection { which: Which::default(), all: true };
        Self { command: Some(Command::Retry(Bulk { selection, verbose: false })) }
    }
}

/// `angelia queue --sender x` is `angelia queue list --sender x`: an option that no command stands before is one of the list.
pub(super) fn list_is_meant(args: &mut Vec<OsString>) {
    let (mut at, mut list_at) = (1, None);
    while let Some(word) = args.get(at).and_then(|word| word.to_str()) {
        at += 1;
        match (word, list_at) {
            ("--config", _) => at += 1,
            (word, _) if word.starts_with("--config=") => {}
            ("queue", None) => list_at = Some(at),
            ("--" | "--help", _) => return,
            (word, Some(list_at)) if word.starts_with("--") => return args.insert(list_at, "list".into()),
            _ => return,
        }
    }
}

pub(super) async fn run(args: Args, config: Option<&Path>) -> anyhow::Result<()> {
    match args.command.unwrap_or_else(|| Command::List(ListArgs { limit: LISTED_MAX, ..ListArgs::default() })) {
        Command::List(args) => list(args, config).await,
        Command::Show { mail, letter, json } => show(mail, letter, &json, config).await,
        Command::Retry(bulk) => deeds::retry(bulk, config).await,
        Command::Hold { bulk, why } => deeds::hold(bulk, why, config).await,
        Command::Release(bulk) => deeds::release(bulk, config).await,
        Command::Drop { bulk, bounce: false, yes, .. } => deeds::drop(bulk, yes, config).await,
        Command::Drop { bulk, bounce: true, why, yes } => deeds::bounce(bulk, why.as_deref(), yes, config).await,
        Command::Sites(args) => sites::run(args, config).await,
        Command::Suspend { what, reason } => suspend::suspend(&what, &reason, config).await,
        Command::Resume(what) => suspend::resume(&what, config).await,
        Command::Rule(command) => rules::run(command, config).await,
    }
}

async fn list(args: ListArgs, config: Option<&Path>) -> anyhow::Result<()> {
    let now = wall_clock();
    let (filter, queue) = (args.which.filter(now), super::ground(config).await?.queue);
    let is_all = filter == queue::Filter::default();
    let found = queue.look(filter, args.sort, args.limit, now).await?;
    view::list(&args.json, &rows(&found.rows, now, config)?, &found.totals, is_all)
}

async fn show(mail: MailId, letter: bool, json: &Json, config: Option<&Path>) -> anyhow::Result<()> {
    let (now, ground) = (wall_clock(), super::ground(config).await?);
    let found = ground.queue.show(mail, now).await.map_err(|error| match error {
        queue::Error::NotFound => {
            anyhow::anyhow!("no letter {mail} waits here; `angelia trace {mail}` tells what became of it")
        }
        other => other.into(),
    })?;
    match found.first().filter(|_| letter) {
        Some(first) => view::letter(&ground.store.open(first.mail.body).await?).await,
        None => view::show(json, &rows(&found, now, config)?),
    }
}

fn wall_clock() -> Timestamp {
    net::clock::now()
}

fn rows(found: &[Listed], now: Timestamp, config: Option<&Path>) -> anyhow::Result<Vec<Row>> {
    let lifetime = super::settings(config)?.backoff.lifetime;
    Ok(found.iter().map(|one| Row::of(one, now, |accepted| accepted.plus(lifetime))).collect())
}

/// What the operator does goes into the journal, so that a letter's life tells of it as well.
struct Diary(Sinks);

impl Diary {
    fn open(ground: &Ground, config: Option<&Path>) -> anyhow::Result<Self> {
        let days = super::settings(config)?.journal_days;
        Ok(Self(Sinks::start(sinks::Options { lines: None, rows: Some((ground.store.clone(), days)) })?))
    }

    fn journal(&self) -> std::sync::Arc<dyn Journal> {
        self.0.journal()
    }

    /// About a recipient of a letter, or about neither.
    fn note(&self, action: &str, about: Option<(MailId, &Address)>) {
        let event = Event::Operator { action: action.to_owned(), recipient: about.map(|(_, address)| address.clone()) };
        self.journal().record(Entry { at: wall_clock(), session: None, mail: about.map(|(mail, _)| mail), event });
    }

    async fn close(self) {
        self.0.stop().await;
    }
}

/// The one word about a deed that is about no letter.
async fn note(action: &str, ground: &Ground, config: Option<&Path>) -> anyhow::Result<()> {
    let diary = Diary::open(ground, config)?;
    diary.note(action, None);
    diary.close().await;
    Ok(())
}
