//! The command line. One enum has every command; this file only dispatches.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line itself was wrong. What a command lists goes to stdout, what it says
//! about itself to stderr.

mod account;
mod alias;
mod checks;
mod config;
mod domain;
mod forward;
mod output;
mod password;
mod queue;
mod quickstart;
mod quota;
mod records;
mod route;
mod send;
mod serve;
mod table;
mod tlsrpt;
mod trace;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config as configuration;
use crate::config::Settings;
use crate::shown::tell;
use crate::wiring::Ground;

const AFTER_HELP: &str = "\
Two commands make a post office:
  angelia quickstart anna@example.org   configuration, certificate, first account, what to put into the DNS
  angelia serve                         runs it

And one shows everything on this machine alone:
  angelia lab                           two post offices, a letter between them";

/// One program that is a whole mail system.
#[derive(Debug, Parser)]
#[command(name = "angelia", version, after_help = AFTER_HELP, max_term_width = 110)]
struct Line {
    /// The configuration file. Without it: angelia.toml, angelia/angelia.toml, /etc/angelia/angelia.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a post office: configuration, certificate, first account, DNS records
    Quickstart(quickstart::Args),
    /// Run the post office
    Serve(serve::Args),
    /// Two post offices on this machine, and a letter between them
    Lab(crate::lab::Args),
    /// Accounts: who has mailboxes here
    #[command(subcommand)]
    Account(account::Command),
    /// Domains whose mail comes here
    #[command(subcommand)]
    Domain(domain::Command),
    /// Aliases: addresses that lead to others
    #[command(subcommand)]
    Alias(alias::Command),
    /// Mail that waits to go out
    Queue(queue::Args),
    /// Reports about TLS: those of others, and what is collected for ours
    #[command(subcommand)]
    Tlsrpt(tlsrpt::Command),
    /// What would happen to a letter to an address, and why; sends nothing
    Route(route::Args),
    /// The life of a letter, each decision with its reason
    Trace(trace::Args),
    /// Send a letter from stdin, as sendmail does
    Send(send::Args),
    /// Read every letter and every row, and compare the checksums
    Verify(records::VerifyArgs),
    /// Bring letters back from their segment files when the database was lost
    Rebuild(records::RebuildArgs),
    /// The configuration: check it, show it
    #[command(subcommand)]
    Config(config::Command),
    /// The version
    Version,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let mut args = send::as_sendmail(std::env::args_os());
    let words = send::split(&mut args);
    queue::list_is_meant(&mut args);
    let line = match Line::try_parse_from(args) {
        Ok(line) => line,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let outcome = runtime(&line.command).map_err(anyhow::Error::from).and_then(|runtime| {
        let outcome = runtime.block_on(run(line, words));
        // What still runs on blocking threads has nothing to say any more.
        runtime.shutdown_background();
        outcome
    });
    outcome.unwrap_or_else(|error| {
        tell!("angelia: {error:#}");
        ExitCode::FAILURE
    })
}

/// The servers get every core; a command that asks one question gets one thread.
fn runtime(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match command {
        Command::Serve(_) | Command::Lab(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

async fn run(line: Line, words: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let config = line.config.as_deref();
    match line.command {
        Command::Lab(args) => return crate::lab::run(args).await,
        Command::Quickstart(args) => return quickstart::run(args).await,
        Command::Config(command) => return config::run(command, config).await,
        Command::Send(_) => return Ok(send::run(words, config).await),
        Command::Verify(args) => return records::verify(args, config).await,
        Command::Rebuild(args) => return records::rebuild(args, config).await,
        Command::Serve(args) => serve::run(args, config).await?,
        Command::Account(command) => account::run(command, config).await?,
        Command::Domain(command) => domain::run(command, config).await?,
        Command::Alias(command) => alias::run(command, config).await?,
        Command::Queue(args) => queue::run(args, config).await?,
        Command::Tlsrpt(command) => tlsrpt::run(command, config).await?,
        Command::Route(args) => route::run(args, config).await?,
        Command::Trace(args) => trace::run(args, config).await?,
        Command::Version => output::print(&format!("angelia {}\n", env!("CARGO_PKG_VERSION")))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The help of `send`, whose words clap does not read.
fn send_help() {
    let mut line = Line::command();
    line.build();
    if let Some(command) = line.find_subcommand_mut("send") {
        let _ = command.print_help();
    }
}

/// Reads the configuration.
fn settings(config: Option<&Path>) -> anyhow::Result<Settings> {
    Ok(configuration::load(config)?.1)
}

/// Opens the records for a command, as the user whose they are, so that the server finds its files as it left them.
async fn ground(config: Option<&Path>) -> anyhow::Result<Ground> {
    open(&settings(config)?).await
}

/// The same for a command that may be the first one: it makes the data folder, where its parent stands.
async fn ground_to_begin(config: Option<&Path>) -> anyhow::Result<Ground> {
    let settings = settings(config)?;
    if !settings.data.exists() && settings.data.parent().is_some_and(Path::is_dir) {
        crate::wiring::make_data_folder(&settings.data)?;
        // Made as root, it is of no use to the user that the server becomes.
        if let Some(user) = settings.user.as_deref().filter(|_| crate::privileges::is_root())
            && let Some(user) = crate::privileges::User::find(user)?
        {
            user.own(&settings.data).with_context(|| format!("giving {} to its user", settings.data.display()))?;
        }
    }
    open(&settings).await
}

/// Somebody else's store.
#[derive(Debug, thiserror::Error)]
#[error("{data} belongs to {owner}, and you may not write there: ask root to do this")]
struct NotOurs {
    data: String,
    owner: String,
}

async fn open(settings: &Settings) -> anyhow::Result<Ground> {
    crate::privileges::become_keeper(settings.user.as_deref(), &settings.data)?;
    if !settings.data.is_dir() {
        anyhow::bail!(
            "there is no data folder {}: has `angelia quickstart` been run, and is `data` right in the configuration?",
            settings.data.display()
        );
    }
    if let Some(owner) = crate::privileges::kept_by_another(&settings.data) {
        return Err(NotOurs { data: settings.data.display().to_string(), owner }.into());
    }
    crate::privileges::keep_private();
    Ground::open(settings).await.with_context(|| format!("opening the store in {}", settings.data.display()))
}

#[cfg(test)]
mod tests;
