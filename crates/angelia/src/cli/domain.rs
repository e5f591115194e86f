//! `angelia domain add|list|remove`.

use std::path::Path;

use clap::Subcommand;
use envelope::Domain;
use serde::Serialize;

use super::account::day;
use super::output::{self, Json, whole};
use crate::shown::tell;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take in mail for a domain
    #[command(after_help = "Example:\n  angelia domain add example.org")]
    Add {
        /// Its name
        domain: Domain,
    },
    /// List the domains
    #[command(after_help = "Example:\n  angelia domain list --json")]
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Take in no more mail for a domain; it must be empty
    #[command(after_help = "Example:\n  angelia domain remove example.org")]
    Remove {
        /// Its name
        domain: Domain,
    },
}

#[derive(Serialize)]
struct Listed {
    domain: String,
    accounts: i64,
    added: String,
}

pub(super) async fn run(command: Command, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = match command {
        Command::Add { .. } => super::ground_to_begin(config).await?,
        _ => super::ground(config).await?,
    };
    match command {
        Command::Add { domain } => {
            ground.directory.add_domain(&domain).await?;
            tell!("mail for {domain} is taken in; `angelia account add you@{domain}` makes its first account");
        }
        Command::Remove { domain } => {
            ground.directory.remove_domain(&domain).await?;
            tell!("mail for {domain} is no longer taken in");
        }
        Command::List { json } => {
            let entries = ground.directory.domains().await?;
            let listed: Vec<Listed> = entries
                .iter()
                .map(|one| Listed { domain: one.domain.to_string(), accounts: one.accounts, added: day(one.added) })
                .collect();
            let row = |one: &Listed| vec![one.domain.clone(), one.accounts.to_string(), one.added.clone()];
            output::list(&json, &[whole("domain"), whole("accounts").number(), whole("since")], &listed, row)?;
        }
    }
    Ok(())
}
