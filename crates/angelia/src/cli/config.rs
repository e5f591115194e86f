//! `angelia config check|show`.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use net::ServerTls;

use super::output;
use crate::config::{self, Effective};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read the configuration and say what is wrong with it, line by line
    #[command(after_help = "Example:\n  angelia config check --config /etc/angelia/angelia.toml")]
    Check,
    /// Print the configuration that holds; with --all, every key with its default
    #[command(after_help = "Examples:\n  angelia config show\n  angelia config show --all > angelia.toml")]
    Show {
        /// Every key, as a sample file
        #[arg(long)]
        all: bool,
        /// The reference of all keys, in Markdown
        #[arg(long, conflicts_with = "all")]
        docs: bool,
        /// Print JSON: an array of keys with their values
        #[arg(long, conflicts_with_all = ["all", "docs"])]
        json: bool,
    },
}

pub(super) fn run(command: Command, path: Option<&Path>) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check => check(path),
        Command::Show { all: true, .. } => {
            output::print(&config::docs::sample())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { docs: true, .. } => {
            output::print(&config::docs::reference())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { json, .. } => {
            let path = config::locate(path)?;
            config::read(&path)?;
            let entries = config::effective(&path)?;
            output::print(&if json { serde_json::to_string_pretty(&entries)? + "\n" } else { show(&path, &entries) })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(path: Option<&Path>) -> anyhow::Result<ExitCode> {
    let path = config::locate(path)?;
    let settings = config::read(&path)?;
    if !settings.tls.self_signed {
        ServerTls::open(settings.tls.certificates.clone())?;
    }
    let mut roots = net::Roots::none();
    for file in &settings.tls.authorities {
        roots = roots.with_file(file)?;
    }
    eprintln!("{}: fine", path.display());
    Ok(ExitCode::SUCCESS)
}

/// What holds, in the words of the file.
fn show(path: &Path, entries: &[Effective]) -> String {
    let mut out = format!("# {}\n", path.display());
    let mut section = "";
    for entry in entries {
        let (this, name) = entry.name.split_once('.').unwrap_or(("", entry.name));
        if section != this {
            out.push_str(&format!("\n[{this}]\n"));
            section = this;
        }
        match (&entry.value, entry.from_file) {
            (Some(value), true) => out.push_str(&format!("{name} = {value}\n")),
            (Some(value), false) => out.push_str(&format!("{name} = {value} # default\n")),
            (None, _) => out.push_str(&format!("# {name} is not set\n")),
        }
    }
    out
}
