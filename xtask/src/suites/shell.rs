//! Running other programs: shown as they are typed, their output passed on, their exit code believed.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

/// One command line to run.
pub(super) struct Shell {
    command: Command,
    shown: String,
}

impl Shell {
    /// `program arguments…`, run in `folder`.
    pub(super) fn new(folder: &Path, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        Self { command, shown: format!("{program} {}", arguments.join(" ")) }
    }

    /// With a variable of the environment.
    pub(super) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Without one.
    pub(super) fn without_env(mut self, key: &str) -> Self {
        self.command.env_remove(key);
        self
    }

    /// Runs it to its end; true when it succeeded.
    pub(super) fn run(mut self) -> anyhow::Result<bool> {
        println!("$ {}", self.shown);
        let status = self.command.stdin(Stdio::null()).status().with_context(|| self.shown.clone())?;
        Ok(status.success())
    }

    /// Runs it, passes its error output on, and hands back every line of that which `wanted` takes.
    pub(super) fn run_watching(mut self, wanted: fn(&str) -> bool) -> anyhow::Result<(bool, Vec<String>)> {
        println!("$ {}", self.shown);
        self.command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = self.command.spawn().with_context(|| self.shown.clone())?;
        let mut lines = Vec::new();
        if let Some(errors) = child.stderr.take() {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                eprintln!("{line}");
                if wanted(&line) {
                    lines.push(line);
                }
            }
        }
        Ok((child.wait()?.success(), lines))
    }

    /// What it prints, when it succeeds.
    pub(super) fn output(mut self) -> Option<String> {
        let output = self.command.stdin(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Whether `program` can be found in the path.
pub(super) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps servers where an ordinary user's path does not look.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).any(|file| file.is_file())
}
