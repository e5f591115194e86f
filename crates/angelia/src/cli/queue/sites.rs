//! Destinations and rules: `queue sites|suspend|resume|rule`.

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use queue::{HoldOn, HoldRule, Scope};
use serde::Serialize;

use super::view::span;
use super::{operator, wall_clock};
use crate::cli::output::{self, Json};
use crate::sinks::date_time;

/// Destinations that `sites` shows, those with most letters first.
const SITES_MAX: usize = 1000;

/// What is suspended.
#[derive(Debug, clap::Args)]
pub(crate) struct What {
    /// The domain of recipients' addresses; with --via the next hop, as `queue sites` names it
    domain: String,
    /// A next hop is meant, whatever domains go by it
    #[arg(long)]
    via: bool,
}

impl What {
    fn scope(&self) -> Scope {
        let name = self.domain.to_ascii_lowercase();
        if self.via { Scope::Destination(name) } else { Scope::Domain(name) }
    }
}

/// Rules by which new letters begin held.
#[derive(Debug, Subcommand)]
pub(crate) enum RuleCommand {
    /// Hold what comes from now on
    #[command(
        after_help = "Example:\n  angelia queue rule add --sender list@example.org --reason 'list gone wild'\n\n\
                            What is there already is held by `angelia queue hold`."
    )]
    Add {
        #[command(flatten)]
        on: On,
        /// Why, for whoever looks at a held letter
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// List the rules
    #[command(after_help = "Example:\n  angelia queue rule list")]
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Take a rule away; what it has held stays held until `queue release`
    #[command(after_help = "Example:\n  angelia queue rule remove --sender list@example.org")]
    Remove {
        #[command(flatten)]
        on: On,
    },
}

/// What a rule is about: one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct On {
    /// Letters of this sender (empty for bounces), or of everybody at @DOMAIN
    #[arg(long)]
    sender: Option<String>,
    /// Recipients at this domain
    #[arg(long)]
    domain: Option<String>,
    /// Recipients whose next hop is this
    #[arg(long, value_name = "DESTINATION")]
    via: Option<String>,
}

impl On {
    fn on(self) -> anyhow::Result<HoldOn> {
        Ok(match (self.sender, self.domain, self.via) {
            (Some(sender), _, _) => match sender.strip_prefix('@') {
                Some(domain) => HoldOn::SenderDomain(domain.to_owned()),
                None => HoldOn::Sender(sender),
            },
            (_, Some(domain), _) => HoldOn::Domain(domain),
            (_, _, Some(destination)) => HoldOn::Destination(destination),
            _ => bail!("say what the rule is about: --sender, --domain or --via"),
        })
    }
}

fn words(on: &HoldOn) -> String {
    match on {
        HoldOn::Sender(sender) => format!("sender <{sender}>"),
        HoldOn::SenderDomain(domain) => format!("sender @{domain}"),
        HoldOn::Domain(domain) => format!("domain {domain}"),
        HoldOn::Destination(destination) => format!("via {destination}"),
    }
}

#[derive(Serialize)]
struct SiteRow {
    destination: String,
    waiting: u64,
    parked: u64,
    held: u64,
    oldest: String,
    state: &'static str,
    next: Option<String>,
    reason: Option<String>,
    #[serde(skip)]
    age: String,
    #[serde(skip)]
    pause: String,
}

/// `queue sites`.
pub(super) async fn sites(json: &Json, config: Option<&Path>) -> anyhow::Result<()> {
    let (queue, now) = (crate::cli::ground(config).await?.queue, wall_clock());
    let rows: Vec<SiteRow> = queue
        .sites(SITES_MAX, now)
        .await?
        .into_iter()
        .map(|site| {
            let rests = site.rest.as_ref().is_some_and(|rest| rest.holds(now));
            let state = if site.suspended.is_some() {
                "suspended"
            } else if rests {
                "resting"
            } else {
                "open"
            };
            let said = site.rest.and_then(|rest| rest.last_reply);
            SiteRow {
                destination: site.destination,
                waiting: site.waiting,
                parked: site.parked,
                held: site.held,
                oldest: date_time(site.oldest),
                state,
                next: site.next.map(date_time),
                reason: site.suspended.or(said),
                age: span(site.oldest, now),
                pause: site.next.map(|at| span(now, at)).unwrap_or_default(),
            }
        })
        .collect();
    let heads = ["destination", "waiting", "parked", "held", "oldest", "state", "next", "reason"];
    output::list(json, &heads, &rows, |row| {
        let reason: String = row.reason.as_deref().unwrap_or_default().chars().take(60).collect();
        let counts = [row.waiting, row.parked, row.held].map(|count| count.to_string());
        let [waiting, parked, held] = counts;
        vec![
            row.destination.clone(),
            waiting,
            parked,
            held,
            row.age.clone(),
            row.state.to_owned(),
            row.pause.clone(),
            reason,
        ]
    })?;
    for one in queue.suspended().await? {
        let what = match one.scope {
            Scope::Domain(domain) => domain,
            Scope::Destination(destination) => format!("--via {destination}"),
        };
        eprintln!("suspended since {}: {what} {}", date_time(one.since), one.reason);
    }
    Ok(())
}

/// `queue suspend`.
pub(super) async fn suspend(what: &What, reason: &str, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = crate::cli::ground(config).await?;
    ground.queue.suspend(&what.scope(), reason, wall_clock()).await?;
    eprintln!("nothing is sent to {} until `angelia queue resume`; letters are taken and wait", what.domain);
    operator(&format!("suspend {}", what.domain), &[], &ground, config).await
}

/// `queue resume`.
pub(super) async fn resume(what: &What, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = crate::cli::ground(config).await?;
    if !ground.queue.resume(&what.scope(), wall_clock()).await? {
        bail!("{} is not suspended (see `angelia queue sites`)", what.domain);
    }
    operator(&format!("resume {}", what.domain), &[], &ground, config).await
}

/// `queue rule`.
pub(super) async fn rule(command: RuleCommand, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = crate::cli::ground(config).await?;
    match command {
        RuleCommand::Add { on, reason } => {
            let on = on.on()?;
            let done = format!("rule add {}", words(&on));
            ground.queue.add_rule(HoldRule { on, reason, added_at: wall_clock() }).await?;
            operator(&done, &[], &ground, config).await
        }
        RuleCommand::Remove { on } => {
            let on = on.on()?;
            if !ground.queue.remove_rule(&on).await? {
                bail!("there is no rule for {} (see `angelia queue rule list`)", words(&on));
            }
            operator(&format!("rule remove {}", words(&on)), &[], &ground, config).await
        }
        RuleCommand::List { json } => {
            let rules = ground.queue.rules().await?;
            let rows: Vec<serde_json::Value> = rules
                .iter()
                .map(|rule| serde_json::json!({ "on": words(&rule.on), "since": date_time(rule.added_at), "reason": rule.reason }))
                .collect();
            output::list(&json, &["on", "since", "reason"], &rows, |row| {
                ["on", "since", "reason"].map(|name| row[name].as_str().unwrap_or_default().to_owned()).to_vec()
            })
        }
    }
}
