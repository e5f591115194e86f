//! Angelia with her defaults, in a temporary folder and on free ports.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::process::{Tree, stop};
use crate::rival::{folder, free_port, wait_for};
use crate::subject::{DOMAIN, PASSWORD, Subject, address};
use crate::{Inbound, Place};

/// The server, running.
pub(crate) struct Angelia {
    _dir: tempfile::TempDir,
    child: Child,
    smtp: SocketAddr,
    imap: SocketAddr,
}

impl Angelia {
    /// Starts it with one domain and the accounts of the bench.
    pub(crate) async fn start(options: &Inbound) -> Result<Self> {
        let dir = folder(&options.place)?;
        let binary = binary(&options.place)?;
        let (smtp, imap) = (free_port()?, free_port()?);
        let config = dir.path().join("angelia.toml");
        let data = dir.path().join("data");
        fs::create_dir(&data)?;
        fs::write(
            &config,
            format!(
                "hostname = \"mx.{DOMAIN}\"\ndata = {data:?}\nsmtp.listen = [\"{smtp}\"]\nimap.listen = [\"{imap}\"]\n\
                 submission.listen = []\nsubmissions.listen = []\nimaps.listen = []\npop3.listen = []\npop3s.listen = []\n"
            ),
        )?;
        command(&binary, &config, &["domain", "add", DOMAIN], "")?;
        for account in 0..options.accounts {
            command(&binary, &config, &["account", "add", &address(account), "--password-stdin"], PASSWORD)?;
        }
        let log = fs::File::create(dir.path().join("log"))?;
        let child = Command::new(&binary)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let server = Self { _dir: dir, child, smtp, imap };
        wait_for(smtp)?;
        wait_for(imap)?;
        Ok(server)
    }
}

pub(crate) fn binary(place: &Place) -> Result<PathBuf> {
    let binary = match &place.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("angelia"),
    };
    ensure!(binary.is_file(), "{} is not there: cargo build --release first", binary.display());
    Ok(binary)
}

pub(crate) fn command(binary: &Path, config: &Path, arguments: &[&str], input: &str) -> Result<()> {
    let mut child = Command::new(binary)
        .args(arguments)
        .arg("--config")
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("no stdin")?.write_all(input.as_bytes())?;
    let done = child.wait_with_output()?;
    ensure!(done.status.success(), "angelia {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

impl Subject for Angelia {
    fn name(&self) -> &'static str {
        "Angelia"
    }
    fn smtp(&self) -> SocketAddr {
        self.smtp
    }
    fn imap(&self) -> SocketAddr {
        self.imap
    }
    fn processes(&self) -> Tree {
        Tree::of(&[self.child.id()])
    }
}

impl Drop for Angelia {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}
