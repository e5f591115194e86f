//! `angelia account add|list|remove|password|quota|forward|moved`.

use std::path::Path;

use clap::Subcommand;
use directory::{AliasEntry, Directory};
use envelope::{Address, Domain, Timestamp};
use serde::Serialize;

use super::output::{self, Json, whole};
use super::password;
use crate::shown::tell;
use crate::sinks::date_time;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an account; its domain must be here
    #[command(after_help = "Example:\n  echo 's3cret word' | angelia account add anna@example.org --password-stdin")]
    Add {
        /// Its address
        address: Address,
        #[command(flatten)]
        password: password::Args,
    },
    /// List accounts
    #[command(after_help = "Example:\n  angelia account list example.org --json")]
    List {
        /// Only those of this domain
        domain: Option<Domain>,
        #[command(flatten)]
        json: Json,
    },
    /// Remove an account and every letter in it
    #[command(after_help = "Example:\n  angelia account remove anna@example.org --yes\n\n\
                            Nobody can read the letters any more. Their bytes leave the disk while the server runs, as \
                            the store frees space. To tell senders where somebody went:\n  \
                            angelia account moved anna@example.org anna@elsewhere.example --refuse")]
    Remove {
        /// Its address
        address: Address,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Set a new password
    #[command(after_help = "Example:\n  angelia account password anna@example.org --generate")]
    Password {
        /// Its address
        address: Address,
        #[command(flatten)]
        password: password::Args,
    },
    /// What accounts hold and may hold
    Quota(super::quota::QuotaArgs),
    /// Let the letters of an account go on to other addresses
    Forward(super::forward::ForwardArgs),
    /// Say that somebody is to be found elsewhere
    Moved(super::forward::MovedArgs),
}

#[derive(Serialize)]
struct Listed {
    address: String,
    added: String,
}

pub(super) async fn run(command: Command, config: Option<&Path>) -> anyhow::Result<()> {
    match command {
        Command::Quota(args) => super::quota::quota(args, config).await,
        Command::Forward(args) => super::forward::forward(args, config).await,
        Command::Moved(args) => super::forward::moved(args, config).await,
        Command::Add { address, password } => {
            let (secret, shown) = password.get()?;
            let ground = super::ground_to_begin(config).await?;
            ground.directory.add_account(&address, &secret).await?;
            tell!("account {address} is here");
            show(shown)
        }
        Command::Password { address, password } => {
            let (secret, shown) = password.get()?;
            let ground = super::ground(config).await?;
            ground.directory.set_password(&address, &secret).await?;
            tell!("account {address} has a new password");
            show(shown)
        }
        Command::List { domain, json } => {
            let ground = super::ground(config).await?;
            let entries = ground.directory.accounts(domain.as_ref()).await?;
            let listed: Vec<Listed> =
                entries.iter().map(|one| Listed { address: one.address.to_string(), added: day(one.added) }).collect();
            output::list(&json, &[whole("address"), whole("since")], &listed, |one| {
                vec![one.address.clone(), one.added.clone()]
            })
        }
        Command::Remove { address, yes } => {
            let question = format!("Remove the account {address} and every letter in it?");
            if !yes && !super::records::confirmed(&question)? {
                anyhow::bail!("nothing was removed (say --yes to remove without being asked)");
            }
            let ground = super::ground(config).await?;
            let aliases = leading_to(&ground.directory, &address).await?;
            let mailstore = ground.mailstore.clone();
            ground.directory.remove_account(&address, move |tx, id| mailstore.remove_account_in(tx, id)).await?;
            // A running server would do it at its next start; a large account takes its time.
            ground.mailstore.sweep().await?;
            tell!("account {address} and its letters are gone; their bytes leave the disk as the store frees space");
            for alias in aliases {
                match alias.targets.len() {
                    1 => tell!("the alias {} led there only, and is gone too", alias.source),
                    _ => tell!("the alias {} no longer leads there", alias.source),
                }
            }
            tell!("to tell senders where somebody went: angelia account moved {address} NEW-ADDRESS [--refuse]");
            Ok(())
        }
    }
}

/// The aliases that have this account among their targets.
async fn leading_to(directory: &Directory, address: &Address) -> anyhow::Result<Vec<AliasEntry>> {
    let Some(account) = directory.account(address).await? else { return Ok(Vec::new()) };
    let mut aliases = directory.aliases(None).await?;
    aliases.retain(|alias| alias.targets.contains(&account.address));
    Ok(aliases)
}

fn show(made: Option<String>) -> anyhow::Result<()> {
    made.map_or(Ok(()), |password| output::print(&format!("{password}\n")))
}

/// `2026-11-23`.
pub(super) fn day(at: Timestamp) -> String {
    date_time(at).chars().take(10).collect()
}
