//! `angelia queue list|show|retry|hold|release|drop`. They work on the store, whether a server runs or not; a running one
//! notices within a second.

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use envelope::MailId;
use queue::{Filter, Listed};
use serde::Serialize;

use super::output::{self, Json};
use crate::sinks::date_time;

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
}

impl Which {
    fn filter(self) -> Filter {
        Filter {
            mail: self.mail,
            destination: self.domain,
            recipient: self.recipient,
            sender: self.sender,
            held: self.held.then_some(true),
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
            let rows: Vec<Row> = queue.list(which.filter(), LISTED_MAX).await?.iter().map(row).collect();
            output::list(&json, &["id", "from", "to", "tried", "state", "due", "last reply"], &rows, |row| {
                let reply = row.last_reply.clone().unwrap_or_default();
                let (sender, recipient) = (row.sender.clone(), row.recipient.clone());
                let state = row.state.to_owned();
                vec![row.id.clone(), sender, recipient, row.attempts.to_string(), state, row.due.clone(), reply]
            })
        }
        Command::Show { mail, json } => {
            let queue = super::ground(config).await?.queue;
            let rows: Vec<Row> = queue.show(mail).await?.iter().map(row).collect();
            if rows.is_empty() {
                bail!("no letter {mail} waits here; `angelia trace {mail}` tells what became of it");
            }
            show(&json, &rows)
        }
        Command::Retry(selection) => {
            let filter = selection.filter()?;
            let touched = super::ground(config).await?.queue.retry(filter, net::clock::now()).await?;
            told("will be tried now", &touched)
        }
        Command::Hold(selection) => {
            let filter = selection.filter()?;
            told("are held", &super::ground(config).await?.queue.hold(filter).await?)
        }
        Command::Release(selection) => {
            let filter = selection.filter()?;
            let touched = super::ground(config).await?.queue.release(filter, net::clock::now()).await?;
            told("are released, and will be tried now", &touched)
        }
        Command::Drop { selection, yes } => drop_rows(selection.filter()?, yes, config).await,
    }
}

async fn drop_rows(filter: Filter, yes: bool, config: Option<&Path>) -> anyhow::Result<()> {
    let queue = super::ground(config).await?.queue;
    let count = queue.list(filter.clone(), LISTED_MAX).await?.len();
    let question = format!("Drop {count} recipients, without a word to their senders?");
    if count > 0 && !yes && !super::records::confirmed(&question)? {
        bail!("nothing was dropped (say --yes to drop without being asked)");
    }
    told("are dropped", &queue.drop_rows(filter).await?)
}

/// A selection that meets nothing is a failure: a script wants to know.
fn told(what: &str, touched: &[Listed]) -> anyhow::Result<()> {
    if touched.is_empty() {
        bail!("nothing in the queue is meant by that (see `angelia queue list`)");
    }
    for one in touched {
        output::print(&format!("{} {}\n", one.mail.id, one.address))?;
    }
    eprintln!("{} recipients {what}", touched.len());
    Ok(())
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
