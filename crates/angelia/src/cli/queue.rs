//! `angelia queue list|show|retry|hold|release|drop`. They work on the store, whether a server runs or not; a running one
//! notices within a second.

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use envelope::MailId;
use journal::{Entry, Event};
use queue::{Filter, Listed};
use serde::Serialize;

use super::output::{self, Json};
use crate::sinks::{self, Sinks, date_time};
use crate::wiring::Ground;

/// Rows that `list` shows; whoever has more looks by domain.
const LISTED_MAX: usize = 10_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what waits, soonest first
    #[command(after_help = "Examples:\n  angelia queue list\n  angelia queue list --domain patras.test --json")]
    List {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        json: Json,
    },
    /// Show one letter: each recipient, its attempts, the last reply
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
    #[command(after_help = "Example:\n  angelia queue hold --domain patras.test")]
    Hold(Selection),
    /// Try again what was held
    #[command(after_help = "Example:\n  angelia queue release --domain patras.test")]
    Release(Selection),
    /// Take letters out of the queue without a word to their senders
    #[command(after_help = "Example:\n  angelia queue drop 4kz3h8v0c2q9m7w1x5t6r8y0ab --yes")]
    Drop {
        #[command(flatten)]
        selection: Selection,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which recipients are meant.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The letter's id
    mail: Option<MailId>,
    /// Recipients at this domain
    #[arg(long)]
    domain: Option<String>,
    /// This recipient
    #[arg(long)]
    recipient: Option<String>,
    /// Letters of this sender; empty for bounces
    #[arg(long)]
    sender: Option<String>,
    /// Only what is held
    #[arg(long)]
    held: bool,
}

/// The same, for a command that changes something: it wants to be told what.
#[derive(Debug, clap::Args)]
pub(super) struct Selection {
    #[command(flatten)]
    which: Which,
    /// Everything in the queue
    #[arg(long)]
    all: bool,
}

impl Command {
    /// `angelia queue list`, which is what `mailq` shows.
    pub(super) fn all() -> Self {
        let which = Which { mail: None, domain: None, recipient: None, sender: None, held: false };
        Self::List { which, json: Json { json: false } }
    }

    /// `angelia queue retry --all`, which is what `sendmail -q` means.
    pub(super) fn retry_all() -> Self {
        let which = Which { mail: None, domain: None, recipient: None, sender: None, held: false };
        Self::Retry(Selection { which, all: true })
    }
}

impl Which {
    fn filter(self) -> Filter {
        Filter {
            mail: self.mail,
            domain: self.domain,
            recipient: self.recipient,
            sender: self.sender,
            held: self.held.then_some(true),
            ..Filter::default()
        }
    }
}

impl Selection {
    fn filter(self) -> anyhow::Result<Filter> {
        let filter = self.which.filter();
        if filter == Filter::default() && !self.all {
            bail!("say which: a letter's id, --domain, --recipient, --sender, or --all (see `angelia queue list`)");
        }
        Ok(filter)
    }
}

#[derive(Serialize)]
struct Row {
    id: String,
    sender: String,
    recipient: String,
    domain: String,
    octets: u64,
    accepted: String,
    attempts: u32,
    state: &'static str,
    due: String,
    last_reply: Option<String>,
}

pub(super) async fn run(command: Command, config: Option<&Path>) -> anyhow::Result<()> {
    match command {
        Command::List { which, json } => {
            let queue = super::ground(config).await?.queue;
            let rows: Vec<Row> =
                queue.list(which.filter(), LISTED_MAX, net::clock::now()).await?.iter().map(row).collect();
            output::list(&json, &["id", "from", "to", "tried", "state", "due", "last reply"], &rows, |row| {
                let reply = row.last_reply.clone().unwrap_or_default();
                let (sender, recipient) = (row.sender.clone(), row.recipient.clone());
                let state = row.state.to_owned();
                vec![row.id.clone(), sender, recipient, row.attempts.to_string(), state, row.due.clone(), reply]
            })
        }
        Command::Show { mail, json } => {
            let queue = super::ground(config).await?.queue;
            let found = queue.show(mail, net::clock::now()).await.map_err(|error| match error {
                queue::Error::NotFound => {
                    anyhow::anyhow!("no letter {mail} waits here; `angelia trace {mail}` tells what became of it")
                }
                other => other.into(),
            })?;
            show(&json, &found.iter().map(row).collect::<Vec<_>>())
        }
        Command::Retry(selection) => {
            let (filter, ground) = (selection.filter()?, super::ground(config).await?);
            let held = Filter { held: Some(true), ..filter.clone() };
            let held = ground.queue.list(held, LISTED_MAX, net::clock::now()).await?.len();
            let touched = ground.queue.retry(filter, net::clock::now()).await?;
            if held > 0 {
                eprintln!("{} held: not tried before `angelia queue release`", recipients(held));
            }
            if held > 0 && touched.is_empty() {
                bail!("nothing else is meant by that, so nothing is tried now");
            }
            told("retry", "to be tried now", &touched, &ground, config).await
        }
        Command::Hold(selection) => {
            let (filter, ground) = (selection.filter()?, super::ground(config).await?);
            let touched = ground.queue.hold(filter, None, net::clock::now()).await?;
            told("hold", "held", &touched, &ground, config).await
        }
        Command::Release(selection) => {
            let (filter, ground) = (selection.filter()?, super::ground(config).await?);
            let touched = ground.queue.release(filter, net::clock::now()).await?;
            told("release", "released, to be tried now", &touched, &ground, config).await
        }
        Command::Drop { selection, yes } => drop_rows(selection.filter()?, yes, config).await,
    }
}

async fn drop_rows(filter: Filter, yes: bool, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = super::ground(config).await?;
    let count = ground.queue.list(filter.clone(), LISTED_MAX, net::clock::now()).await?.len();
    let question = format!("Drop {}, without a word to the sender?", recipients(count));
    if count > 0 && !yes && !super::records::confirmed(&question)? {
        bail!("nothing was dropped (say --yes to drop without being asked)");
    }
    let touched = ground.queue.drop_rows(filter, net::clock::now()).await?;
    told("drop", "dropped", &touched, &ground, config).await
}

/// Says what was done, and writes it into the journal, so that a letter's life tells of the operator's hand as well. A
/// selection that meets nothing is a failure: a script wants to know.
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
    let days = super::settings(config)?.journal_days;
    let sinks = Sinks::start(sinks::Options { lines: None, rows: Some((ground.store.clone(), days)) })?;
    let journal = sinks.journal();
    for one in touched {
        let event = Event::Operator { action: action.to_owned(), recipient: Some(one.address.clone()) };
        journal.record(Entry { at: net::clock::now(), session: None, mail: Some(one.mail.id), event });
        output::print(&format!("{} {}\n", one.mail.id, one.address))?;
    }
    sinks.stop().await;
    eprintln!("{} {what}", recipients(touched.len()));
    Ok(())
}

fn recipients(count: usize) -> String {
    if count == 1 { "1 recipient".to_owned() } else { format!("{count} recipients") }
}

fn row(one: &Listed) -> Row {
    Row {
        id: one.mail.id.to_string(),
        sender: format!("<{}>", one.mail.reverse_path),
        recipient: one.address.to_string(),
        domain: one.destination.clone(),
        octets: one.mail.octets,
        accepted: date_time(one.mail.accepted_at),
        attempts: one.attempts,
        state: match (one.held, one.claimed) {
            (true, _) => "held",
            (false, true) => "active",
            (false, false) => "waiting",
        },
        due: date_time(one.due),
        last_reply: one.last_reply.clone(),
    }
}

fn show(json: &Json, rows: &[Row]) -> anyhow::Result<()> {
    if json.json {
        return output::print(&(serde_json::to_string_pretty(rows)? + "\n"));
    }
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        if index == 0 {
            out.push_str(&format!("letter {}\n  from      {}\n", row.id, row.sender));
            out.push_str(&format!("  accepted  {}\n  octets    {}\n", row.accepted, row.octets));
        }
        out.push_str(&format!(
            "\n  to {}\n    state     {}\n    tried     {}\n",
            row.recipient, row.state, row.attempts
        ));
        out.push_str(&format!("    due       {}\n", row.due));
        if let Some(reply) = &row.last_reply {
            out.push_str(&format!("    last      {reply}\n"));
        }
    }
    output::print(&out)
}
