//! `angelia alias add|list|remove`.

use std::path::Path;

use clap::Subcommand;
use directory::{AliasSource, Directory, Senders, Terms};
use envelope::{Address, Domain};
use serde::Serialize;

use super::output::{self, Json, cut, fold, whole};
use crate::shown::tell;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Let an address lead to others; a second call adds further ones
    #[command(after_help = "Examples:\n  angelia alias add sales@example.org anna@example.org kostas@example.org\n  \
                            angelia alias add @example.org anna@example.org   # every address that nobody has\n  \
                            angelia alias add list@example.org a@one.example b@two.example --owner anna@example.org --senders members")]
    Add {
        /// The address, or @domain for every one that nobody has
        source: AliasSource,
        /// Where it leads; none where only the owner or the senders of one that stands change
        #[arg(required_unless_present_any = ["owner", "no_owner", "senders"])]
        targets: Vec<Address>,
        /// Copies travel under this address, so that bounces come to it and not to the sender
        #[arg(long, value_name = "ADDRESS", conflicts_with = "no_owner")]
        owner: Option<Address>,
        /// Copies travel under the sender's address again
        #[arg(long)]
        no_owner: bool,
        /// Who may write to it: anybody, local (our own people), members
        #[arg(long, value_name = "WHO")]
        senders: Option<Senders>,
        /// Also when the address is an account's, whose mail then goes to the targets only
        #[arg(long)]
        yes: bool,
    },
    /// List aliases
    #[command(after_help = "Example:\n  angelia alias list example.org --json")]
    List {
        /// Only those of this domain
        domain: Option<Domain>,
        #[command(flatten)]
        json: Json,
    },
    /// Remove an alias, or one of its targets
    #[command(after_help = "Examples:\n  angelia alias remove sales@example.org\n  \
                            angelia alias remove sales@example.org kostas@example.org")]
    Remove {
        /// The address, or @domain
        source: AliasSource,
        /// Only this target of it
        target: Option<Address>,
    },
}

/// The account that would get nothing any more, when the source is one's address. An alias that stands was meant.
async fn diverted(directory: &Directory, source: &AliasSource, targets: &[Address]) -> anyhow::Result<Option<Address>> {
    let AliasSource::Address(address) = source else { return Ok(None) };
    let Some(account) = directory.account(address).await? else { return Ok(None) };
    let keeps = AliasSource::Address(account.address.clone());
    if directory.aliases(None).await?.iter().any(|alias| alias.source == keeps) {
        return Ok(None);
    }
    for target in targets {
        // A foreign address may be one that no account here could have.
        if let Ok(Some(other)) = directory.account(target).await
            && other.id == account.id
        {
            return Ok(None);
        }
    }
    Ok(Some(account.address))
}

#[derive(Serialize)]
struct Listed {
    source: String,
    targets: Vec<String>,
    owner: Option<String>,
    senders: String,
}

pub(super) async fn run(command: Command, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = super::ground(config).await?;
    match command {
        Command::Add { source, targets, owner, no_owner, senders, yes } => {
            let owner = if no_owner { Some(None) } else { owner.map(Some) };
            let terms = Terms { owner, senders };
            if targets.is_empty() {
                ground.directory.set_group(&source, &terms).await?;
                tell!("the terms of {source} are changed");
                return Ok(());
            }
            if !yes && let Some(account) = diverted(&ground.directory, &source, &targets).await? {
                let targets: Vec<String> = targets.iter().map(Address::to_string).collect();
                anyhow::bail!(
                    "{account} is an account; its mail would go to {} instead. Say --yes if that is meant, or name \
                     {account} among the targets, so that it keeps a copy; nothing was changed",
                    targets.join(", ")
                );
            }
            ground.directory.add_group(&source, &targets, &terms).await?;
            let texts: Vec<String> = targets.iter().map(Address::to_string).collect();
            tell!("{source} leads to {}", texts.join(", "));
        }
        Command::Remove { source, target } => {
            ground.directory.remove_alias(&source, target.as_ref()).await?;
            match target {
                Some(target) => tell!("{source} no longer leads to {target}"),
                None => tell!("{source} leads nowhere any more"),
            }
        }
        Command::List { domain, json } => {
            let entries = ground.directory.aliases(domain.as_ref()).await?;
            let listed: Vec<Listed> = entries
                .iter()
                .map(|one| Listed {
                    source: one.source.to_string(),
                    targets: one.targets.iter().map(Address::to_string).collect(),
                    owner: one.owner.as_ref().map(Address::to_string),
                    senders: one.senders.to_string(),
                })
                .collect();
            let row = |one: &Listed| {
                let owner = one.owner.clone().unwrap_or_default();
                vec![one.source.clone(), one.targets.join(", "), owner, one.senders.clone()]
            };
            output::list(&json, &[whole("alias"), fold("leads to"), cut("owner"), whole("senders")], &listed, row)?;
        }
    }
    Ok(())
}
