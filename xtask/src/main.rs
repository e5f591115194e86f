//! `cargo xtask`: the house's own checks (`tidy`) and all of its tests (`test`).
//!
//! Whatever a machine can keep of the house's rules is kept here, so that nobody has to remember it. Nothing in here
//! is part of the program.

mod suites;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Angelia's checks and tests")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks the rules of the house: floors, lengths, headers, maps, lists, bans.
    Tidy {
        /// Shows only what is found under these paths.
        paths: Vec<String>,
    },
    /// Runs every suite, installing what it needs by apt-get (as root) or naming it.
    Test(suites::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = root().and_then(|root| match arguments.command {
        Command::Tidy { paths } => tidy::run(&root, &paths),
        Command::Test(options) => suites::run(&root, &options),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder: the parent of this crate's.
fn root() -> anyhow::Result<PathBuf> {
    let here = std::env::var("CARGO_MANIFEST_DIR").context("start it as `cargo xtask`")?;
    Ok(Path::new(&here).parent().context("xtask has no parent folder")?.to_owned())
}
