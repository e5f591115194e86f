//! `angelia route ADDRESS`: what would happen to a letter to it, and why. Asks the directory, the routes, the DNS and the
//! queue, and says what each of them said. Opens no connection to a mail server, and sends nothing.

pub(super) mod check;
mod hop;
pub(super) mod reach;
mod report;
mod words;

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::Context as _;
use envelope::{Address, ReversePath};

use super::output;

const AFTER_HELP: &str = "\
Examples:
  angelia route kostas@patras.test
  angelia route kostas@patras.test --from news@lists.athens.test
  angelia route kostas@patras.test --from '<>' --json";

/// What `angelia route` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The recipient
    address: String,
    /// The sender (reverse-path), where routes look at it; `<>` for a notice. Without it: the postmaster of this host
    #[arg(long, value_name = "SENDER")]
    from: Option<String>,
    /// Print JSON, one object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, config: Option<&Path>) -> anyhow::Result<()> {
    let settings = super::settings(config)?;
    let recipient = Address::parse(&args.address).with_context(|| format!("{:?} is no mail address", args.address))?;
    let from = match args.from.as_deref() {
        Some("<>" | "") => ReversePath::Null,
        Some(text) => {
            ReversePath::Address(Address::parse(text).with_context(|| format!("{text:?} is no mail address"))?)
        }
        None => ReversePath::Address(Address::parse(&format!("postmaster@{}", settings.hostname))?),
    };
    let ground = super::open(&settings).await?;
    let report = report::gather(&settings, &ground, &from, &recipient, args.from.is_some()).await?;
    if args.json {
        return output::print(&(crate::shown::json(&serde_json::to_string_pretty(&report)?) + "\n"));
    }
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    output::print(&words::write(&report, colours, super::table::screen()))
}
