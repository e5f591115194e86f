//! Side by side with the rival, in one run, on one machine: the only place where speed claims come from.
//!
//! `cargo run --release -p bench -- inbound` sets up Postfix with Dovecot LMTP from the distribution's packages and
//! Angelia in temporary folders, pours the same letters into both, waits until every letter stands in its mailbox,
//! and prints one table. `relay` does the same for mail that passes through, to sinks in this process, `imap` for mail
//! that is read. Figures of a
//! shared machine wander, so compare ratios of one run, and CPU per letter.

mod angelia;
mod figures;
mod imap;
mod letter;
mod load;
mod process;
mod relay;
mod rival;
mod strace;
mod subject;
mod table;
mod talk;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

/// Angelia and her rivals under the same load.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Mail in: SMTP sessions deliver to local mailboxes, until every letter stands there.
    Inbound(Inbound),
    /// Mail through: SMTP sessions hand in letters for other servers, until every letter has arrived there.
    Relay(relay::Options),
    /// Mail read: IMAP and POP3 beside Dovecot.
    Imap(imap::Options),
}

/// Where the measured servers live.
#[derive(Args, Clone)]
pub(crate) struct Place {
    /// Where they keep their data (a folder on the disk to be measured). Default: the system's temporary folder.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The program to measure. Default: `angelia` beside this program, built with --release.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// What is poured into whom.
#[derive(Args, Clone)]
pub(crate) struct Inbound {
    /// SMTP sessions at once.
    #[arg(long, default_value_t = 32)]
    sessions: usize,
    /// Letters for Angelia; the rival gets as many unless --rival-letters says otherwise.
    #[arg(long, default_value_t = 20_000)]
    letters: usize,
    /// Letters for the rival, which is slower.
    #[arg(long)]
    rival_letters: Option<usize>,
    /// Octets of a letter, about.
    #[arg(long, default_value_t = 4096)]
    octets: usize,
    /// Mailboxes that receive.
    #[arg(long, default_value_t = 16)]
    accounts: usize,
    /// Rounds; the table shows each, the ratio is of the medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Also count fsync and fdatasync, in a short round of its own under strace.
    #[arg(long)]
    syncs: bool,
    /// Only one of the two: `angelia` or `postfix`.
    #[arg(long)]
    only: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().work {
        Work::Inbound(options) => inbound(options).await,
        Work::Relay(options) => relay::run(&options).await,
        Work::Imap(options) => imap::run(&options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn inbound(options: Inbound) -> Result<()> {
    let mut rows = Vec::new();
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    for round in 1..=options.rounds {
        if wanted("postfix") {
            let letters = options.rival_letters.unwrap_or(options.letters);
            let mut rival = rival::PostfixDovecot::start(&options).await?;
            rows.push(load::measure(&mut rival, &options, letters, round).await?);
        }
        if wanted("angelia") {
            let mut angelia = angelia::Angelia::start(&options).await?;
            rows.push(load::measure(&mut angelia, &options, options.letters, round).await?);
        }
    }
    table::print(&options, &rows);
    Ok(())
}
