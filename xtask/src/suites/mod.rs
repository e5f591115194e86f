//! `cargo xtask test`: every suite there is, one after the other, and a table of how they ended.
//!
//! A suite that cannot run says why. On a build server (`CI` is set) a suite that was left out counts as failed,
//! apart from cargo-deny, whose advisories need a database that is not always at hand.

mod exim;
mod report;
mod shell;
mod steps;
mod tools;

use std::path::Path;
use std::time::Instant;

use report::{Line, Report};
use steps::{Context, SUITES, Verdict};

/// Switches of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these suites, by name.
    #[arg(value_name = "SUITE")]
    only: Vec<String>,
    /// Install nothing, even as root.
    #[arg(long)]
    no_install: bool,
}

/// Runs the suites; true when none failed.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    if let Some(unknown) = options.only.iter().find(|name| !SUITES.iter().any(|suite| suite.name == name.as_str())) {
        let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        anyhow::bail!("no suite is called {unknown}; there are: {}", names.join(" "));
    }
    let on_ci = std::env::var_os("CI").is_some();
    let missing = tools::provide(!options.no_install);
    let context = Context { root: root.to_owned(), missing, may_install: !options.no_install, on_ci };
    let mut report = Report::default();
    for suite in &SUITES {
        if !options.only.is_empty() && !options.only.iter().any(|name| name == suite.name) {
            continue;
        }
        println!("\n=== {} ===", suite.name);
        let begun = Instant::now();
        let mut verdict = (suite.run)(&context).unwrap_or_else(|error| Verdict::Failed(format!("{error:#}")));
        if let (Verdict::Skipped(why), true, false) = (&verdict, on_ci, suite.may_be_skipped) {
            verdict = Verdict::Failed(format!("left out on a build server: {why}"));
        }
        report.add(Line { suite: suite.name, verdict, took: begun.elapsed() });
    }
    Ok(report.print())
}
