//! How often a server asks the disk to sync, counted by strace on its whole process tree.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{self, Tree};

/// strace at work.
pub(crate) struct Strace {
    child: Child,
    output: tempfile::NamedTempFile,
}

impl Strace {
    /// Attaches to every process of the tree and to those they will start.
    pub(crate) fn attach(tree: &Tree) -> Result<Self> {
        let output = tempfile::NamedTempFile::new()?;
        let mut command = Command::new("strace");
        command.args(["-f", "-q", "-e", "trace=fsync,fdatasync,sync_file_range,syncfs,msync", "-o"]);
        command.arg(output.path());
        for pid in &tree.pids {
            command.args(["-p", &pid.to_string()]);
        }
        let child = command.stderr(Stdio::null()).spawn().context("starting strace (apt-get install strace)")?;
        std::thread::sleep(Duration::from_secs(2));
        Ok(Self { child, output })
    }

    /// Detaches; answers the number of calls seen.
    pub(crate) fn finish(mut self) -> Result<usize> {
        process::stop(&mut self.child);
        let text = fs::read_to_string(self.output.path())?;
        // A call that another interrupts is written as two lines; the second says "resumed".
        Ok(text.lines().filter(|line| line.contains("sync") && !line.contains("resumed")).count())
    }
}
