//! The suites themselves, cheapest first, so that a slip shows soon.

use std::path::{Path, PathBuf};

use super::exim;
use super::shell::{Shell, has};
use super::tools;

/// What every suite knows.
pub(super) struct Context {
    pub(super) root: PathBuf,
    /// Debian packages that could not be had.
    pub(super) missing: Vec<&'static str>,
    /// Whether more may be installed.
    pub(super) may_install: bool,
    /// On the build server (`CI` is set), where a test has a second try; the summary says which needed it.
    pub(super) on_ci: bool,
}

/// How a suite ended, with a word for the table.
pub(super) enum Verdict {
    Passed(String),
    Skipped(String),
    Failed(String),
}

/// One suite.
pub(super) struct Suite {
    pub(super) name: &'static str,
    pub(super) run: fn(&Context) -> anyhow::Result<Verdict>,
    /// Even a build server may leave it out.
    pub(super) may_be_skipped: bool,
}

pub(super) const SUITES: [Suite; 9] = [
    Suite { name: "format", run: format, may_be_skipped: false },
    Suite { name: "tidy", run: tidy, may_be_skipped: false },
    Suite { name: "deny", run: deny, may_be_skipped: true },
    Suite { name: "clippy", run: clippy, may_be_skipped: false },
    Suite { name: "tests", run: tests, may_be_skipped: false },
    Suite { name: "doctests", run: doctests, may_be_skipped: false },
    Suite { name: "docs", run: docs, may_be_skipped: false },
    Suite { name: "fuzz", run: fuzz, may_be_skipped: true },
    Suite { name: "e2e", run: e2e, may_be_skipped: false },
];

/// The cargo that runs us, so that a chosen toolchain stays chosen.
fn cargo(root: &Path, arguments: &[&str]) -> Shell {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let program = if program.ends_with("/cargo") { "cargo".to_owned() } else { program };
    Shell::new(root, &program, arguments)
}

fn verdict(passed: bool, notes: impl Into<String>) -> Verdict {
    if passed { Verdict::Passed(notes.into()) } else { Verdict::Failed(notes.into()) }
}

fn format(context: &Context) -> anyhow::Result<Verdict> {
    Ok(verdict(cargo(&context.root, &["fmt", "--all", "--check"]).run()?, "cargo fmt"))
}

fn tidy(context: &Context) -> anyhow::Result<Verdict> {
    Ok(verdict(crate::tidy::run(&context.root, &[])?, "the rules of the house"))
}

fn clippy(context: &Context) -> anyhow::Result<Verdict> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    Ok(verdict(cargo(&context.root, &arguments).run()?, "no warnings"))
}

/// Everything but e2e, which needs the program built first.
fn tests(context: &Context) -> anyhow::Result<Verdict> {
    if tools::postgres_folder().is_none() {
        return Ok(Verdict::Failed("storage is tested on PostgreSQL too: install postgresql".to_owned()));
    }
    let bucket_server = tools::bucket_server(&context.root, context.may_install);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::env::split_paths(&path).chain(bucket_server.clone()))?;
    let verdict = run_tests(context, &["--workspace", "--exclude", "e2e", "--locked"], &[("PATH", Path::new(&path))])?;
    Ok(match verdict {
        Verdict::Passed(notes) if bucket_server.is_none() => {
            Verdict::Passed(format!("{notes}; S3 left out: no moto_server"))
        }
        other => other,
    })
}

/// nextest where there is one, else cargo's own runner.
fn run_tests(context: &Context, selection: &[&str], environment: &[(&str, &Path)]) -> anyhow::Result<Verdict> {
    let with_nextest = has("cargo-nextest");
    let mut arguments =
        if with_nextest { vec!["nextest", "run", "--no-fail-fast"] } else { vec!["test", "--no-fail-fast"] };
    arguments.extend(selection);
    if with_nextest && context.on_ci {
        arguments.extend(["--profile", "ci"]);
    }
    if !with_nextest {
        arguments.extend(["--lib", "--bins", "--tests"]);
    }
    let mut shell = cargo(&context.root, &arguments);
    for (key, value) in environment {
        shell = shell.env(key, value);
    }
    if !with_nextest {
        return Ok(verdict(shell.run()?, "by cargo test"));
    }
    let (passed, lines) = shell.run_watching(|line| line.contains(" tests run: ") || line.contains(" test run: "))?;
    let count = lines.last().and_then(|line| line.split_once("] ")).map(|(_, count)| count.trim().to_owned());
    Ok(verdict(passed, count.unwrap_or_else(|| "no summary".to_owned())))
}

fn doctests(context: &Context) -> anyhow::Result<Verdict> {
    Ok(verdict(cargo(&context.root, &["test", "--doc", "--workspace", "--locked"]).run()?, "cargo test --doc"))
}

/// Links between the docs of public items hold.
fn docs(context: &Context) -> anyhow::Result<Verdict> {
    let shell = cargo(&context.root, &["doc", "--workspace", "--no-deps", "--locked"]);
    let shell = shell.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links");
    Ok(verdict(shell.run()?, "cargo doc"))
}

/// Licences, bans and sources always; advisories only where their database is at hand.
fn deny(context: &Context) -> anyhow::Result<Verdict> {
    if !has("cargo-deny") {
        return Ok(Verdict::Skipped("no cargo-deny on this machine".to_owned()));
    }
    let check = |what: &[&str]| {
        let mut arguments = vec!["deny", "--offline", "check"];
        arguments.extend(what);
        cargo(&context.root, &arguments).run()
    };
    if !check(&["bans", "licenses", "sources"])? {
        return Ok(Verdict::Failed("cargo deny check bans licenses sources".to_owned()));
    }
    let home = std::env::home_dir().unwrap_or_default();
    if !home.join(".cargo/advisory-dbs").exists() {
        return Ok(Verdict::Passed("without advisories: no database at hand".to_owned()));
    }
    Ok(verdict(check(&["advisories"])?, "with advisories"))
}

/// Every fuzz target still builds. Fuzzing itself is another day's work.
fn fuzz(context: &Context) -> anyhow::Result<Verdict> {
    let folder = context.root.join("fuzz");
    if !folder.join("Cargo.toml").exists() {
        return Ok(Verdict::Skipped("no fuzz targets".to_owned()));
    }
    if Shell::new(&folder, "cargo", &["+nightly", "--version"]).without_env("RUSTUP_TOOLCHAIN").output().is_none() {
        return Ok(Verdict::Skipped("no nightly toolchain on this machine".to_owned()));
    }
    let shell = Shell::new(&folder, "cargo", &["+nightly", "check", "--bins"]).without_env("RUSTUP_TOOLCHAIN");
    let shell = shell.env("RUSTFLAGS", "--cfg fuzzing");
    Ok(verdict(shell.run()?, "targets checked"))
}

/// The program as it is built, real sockets, and clients that nobody here wrote.
fn e2e(context: &Context) -> anyhow::Result<Verdict> {
    if !context.missing.is_empty() {
        return Ok(Verdict::Skipped(format!("needs {}", context.missing.join(" "))));
    }
    if !cargo(&context.root, &["build", "--package", "angelia", "--locked"]).run()? {
        return Ok(Verdict::Failed("the program does not build".to_owned()));
    }
    let program = target_folder(context)?.join("debug/angelia");
    let Some(exim) = exim::provide(&context.root, context.may_install) else {
        return Ok(Verdict::Skipped("needs exim4, as a program that is installed or unpacked".to_owned()));
    };
    let environment: [(&str, &Path); 2] = [("ANGELIA_BIN", &program), ("ANGELIA_EXIM", &exim)];
    run_tests(context, &["--package", "e2e", "--locked"], &environment)
}

/// Where cargo builds, as cargo says it.
fn target_folder(context: &Context) -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("CARGO_TARGET_DIR") {
        return Ok(context.root.join(folder));
    }
    Ok(context.root.join("target"))
}
