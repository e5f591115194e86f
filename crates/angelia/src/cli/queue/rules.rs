//! `queue rule`: rules by which new letters begin held.

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use queue::{HoldOn, HoldRule};

use super::suspend::doubt;
use super::{note, wall_clock};
use crate::cli::output::{self, Json, fold, whole};
use crate::sinks::date_time;

/// Rules by which new letters begin held.
#[derive(Debug, Subcommand)]
pub(super) enum RuleCommand {
    /// Hold what comes from now on
    #[command(
        after_help = "Example:\n  angelia queue rule add --sender list@example.org --reason 'list gone wild'\n\n\
                            What is there already is held by `angelia queue hold`."
    )]
    Add {
        #[command(flatten)]
        on: On,
        /// Why, for whoever looks at a held letter
        #[arg(long, visible_alias = "why", value_name = "TEXT", default_value = "", hide_default_value = true)]
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
pub(super) struct On {
    /// Letters of this sender (empty for bounces), or of everybody at @DOMAIN
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Recipients at this domain
    #[arg(long)]
    domain: Option<String>,
    /// Recipients whose next hop is this (see `queue sites`)
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

/// What a rule is about.
pub(in crate::cli) fn words(on: &HoldOn) -> String {
    match on {
        HoldOn::Sender(sender) => format!("sender <{sender}>"),
        HoldOn::SenderDomain(domain) => format!("sender @{domain}"),
        HoldOn::Domain(domain) => format!("domain {domain}"),
        HoldOn::Destination(destination) => format!("via {destination}"),
    }
}

/// `queue rule`.
pub(super) async fn run(command: RuleCommand, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = crate::cli::ground(config).await?;
    match command {
        RuleCommand::Add { on, reason } => {
            let on = on.on()?;
            let done = words(&on);
            if let HoldOn::Destination(via) = &on
                && let Some(text) = doubt(via, &ground, config).await?
            {
                crate::shown::tell!("{text}");
            }
            ground.queue.add_rule(HoldRule { on, reason, added_at: wall_clock() }).await?;
            crate::shown::tell!("new letters of the rule on {done} begin held; `angelia queue list --held` shows them");
            note(&format!("rule add {done}"), &ground, config).await
        }
        RuleCommand::Remove { on } => {
            let on = on.on()?;
            if !ground.queue.remove_rule(&on).await? {
                bail!("there is no rule for {} (see `angelia queue rule list`)", words(&on));
            }
            crate::shown::tell!("there is no rule on {} any more; what it has held stays held", words(&on));
            note(&format!("rule remove {}", words(&on)), &ground, config).await
        }
        RuleCommand::List { json } => {
            let rules = ground.queue.rules().await?;
            let rows: Vec<serde_json::Value> = rules
                .iter()
                .map(|rule| serde_json::json!({ "on": words(&rule.on), "since": date_time(rule.added_at), "reason": rule.reason }))
                .collect();
            output::list(&json, &[whole("on"), whole("since"), fold("reason")], &rows, |row| {
                ["on", "since", "reason"].map(|name| row[name].as_str().unwrap_or_default().to_owned()).to_vec()
            })
        }
    }
}
