//! `angelia account forward` and `angelia account moved`: where the letters of an account go.

use std::path::Path;

use clap::Args;
use envelope::Address;
use serde::Serialize;

use super::output::{self, Json, fold, whole};
use crate::shown::tell;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  angelia account forward anna@example.org anna@elsewhere.example --keep\n  \
                        angelia account forward anna@example.org --off\n  angelia account forward   # who forwards where")]
pub(super) struct ForwardArgs {
    /// The account; without one, all that forward are listed
    account: Option<Address>,
    /// Where its letters go, in place of where they went
    targets: Vec<Address>,
    /// Keep a copy here
    #[arg(long, conflicts_with = "no_keep")]
    keep: bool,
    /// Keep none, which is the rule
    #[arg(long)]
    no_keep: bool,
    /// Forward no more
    #[arg(long, conflicts_with_all = ["targets", "keep", "no_keep"], requires = "account")]
    off: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  angelia account moved anna@example.org anna@elsewhere.example --refuse\n  \
                        angelia account moved anna@example.org --off\n  angelia account moved     # who moved")]
pub(super) struct MovedArgs {
    /// The old address; without one, all who moved are listed
    from: Option<Address>,
    /// The new address
    to: Option<Address>,
    /// Carry letters on, and tell senders (251), which is the rule
    #[arg(long, conflicts_with = "refuse")]
    forward: bool,
    /// Refuse letters, and tell senders the new address (551)
    #[arg(long)]
    refuse: bool,
    /// Nobody moved from there
    #[arg(long, conflicts_with_all = ["to", "forward", "refuse"], requires = "from")]
    off: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Serialize)]
struct Forwards {
    account: String,
    targets: Vec<String>,
    keeps: bool,
}

#[derive(Serialize)]
struct Moved {
    from: String,
    to: String,
    forwards: bool,
}

pub(super) async fn forward(args: ForwardArgs, config: Option<&Path>) -> anyhow::Result<()> {
    let directory = super::ground(config).await?.directory;
    match args.account {
        Some(account) if args.off => {
            directory.set_forward(&account, &[], true).await?;
            tell!("the letters of {account} stay there");
        }
        Some(account) if !args.targets.is_empty() => {
            directory.set_forward(&account, &args.targets, args.keep).await?;
            let targets: Vec<String> = args.targets.iter().map(Address::to_string).collect();
            let kept = if args.keep { "a copy stays" } else { "none stays" };
            tell!("the letters of {account} go to {}; {kept}", targets.join(", "));
        }
        account => {
            let account = account.map(|account| directory::canonical(&account));
            let listed: Vec<Forwards> = directory
                .forwards(None)
                .await?
                .into_iter()
                .filter(|entry| account.as_ref().is_none_or(|account| *account == entry.account))
                .map(|entry| Forwards {
                    account: entry.account.to_string(),
                    targets: entry.targets.iter().map(Address::to_string).collect(),
                    keeps: entry.keeps,
                })
                .collect();
            let row = |one: &Forwards| {
                let kept = if one.keeps { "kept" } else { "none" };
                vec![one.account.clone(), one.targets.join(", "), kept.to_owned()]
            };
            output::list(&args.json, &[whole("account"), fold("letters go to"), whole("copy")], &listed, row)?;
        }
    }
    Ok(())
}

pub(super) async fn moved(args: MovedArgs, config: Option<&Path>) -> anyhow::Result<()> {
    let directory = super::ground(config).await?.directory;
    match (args.from, args.to) {
        (Some(from), _) if args.off => {
            directory.unset_moved(&from).await?;
            tell!("nobody moved from {from}");
        }
        (Some(from), Some(to)) => {
            directory.set_moved(&from, &to, !args.refuse).await?;
            let what = if args.refuse { "are refused, and senders are told so" } else { "follow" };
            tell!("{from} has moved to {to}; letters {what}");
        }
        (from, _) => {
            let from = from.map(|from| directory::canonical(&from));
            let listed: Vec<Moved> = directory
                .moved(None)
                .await?
                .into_iter()
                .filter(|entry| from.as_ref().is_none_or(|from| *from == entry.from))
                .map(|entry| Moved { from: entry.from.to_string(), to: entry.to.to_string(), forwards: entry.forwards })
                .collect();
            let row = |one: &Moved| {
                let word = if one.forwards { "follow" } else { "are refused" };
                vec![one.from.clone(), one.to.clone(), word.to_owned()]
            };
            output::list(&args.json, &[whole("from"), whole("to"), whole("letters")], &listed, row)?;
        }
    }
    Ok(())
}
