//! Angelia with her defaults, in a temporary folder and on free ports.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::process::{Tree, stop};
use crate::rival::{folder, free_port, wait_for};
use crate::subject::{DOMAIN, PASSWORD, Store, Subject, address};
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
        let (smtp, imap, pop3) = (free_port()?, free_port()?, free_port()?);
        prepare(&options.place, dir.path(), [smtp, imap, pop3], options.accounts)?;
        let child = serve(&options.place, dir.path())?;
        let server = Self { _dir: dir, child, smtp, imap };
        wait_for(smtp)?;
        wait_for(imap)?;
        Ok(server)
    }
}

/// Writes a configuration with these doors (SMTP, IMAP, POP3) and makes the accounts.
pub(crate) fn prepare(place: &Place, dir: &Path, doors: [SocketAddr; 3], accounts: usize) -> Result<()> {
    let binary = binary(place)?;
    let (config, data) = (dir.join("angelia.toml"), dir.join("data"));
    let [smtp, imap, pop3] = doors;
    fs::create_dir(&data)?;
    fs::write(
        &config,
        format!(
            "hostname = \"mx.{DOMAIN}\"\ndata = {data:?}\nsmtp.listen = [\"{smtp}\"]\nimap.listen = [\"{imap}\"]\n\
             pop3.listen = [\"{pop3}\"]\nsubmission.listen = []\nsubmissions.listen = []\nimaps.listen = []\n\
             pop3s.listen = []\n"
        ),
    )?;
    command(&binary, &config, &["domain", "add", DOMAIN], "")?;
    for account in 0..accounts {
        command(&binary, &config, &["account", "add", &address(account), "--password-stdin"], PASSWORD)?;
    }
    Ok(())
}

/// Starts what was prepared in the folder.
pub(crate) fn serve(place: &Place, dir: &Path) -> Result<Child> {
    let binary = binary(place)?;
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("log"))?;
    let mut command = Command::new(&binary);
    command.arg("serve").arg("--config").arg(dir.join("angelia.toml")).stdout(Stdio::null()).stderr(log);
    command.spawn().with_context(|| format!("starting {}", binary.display()))
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
    fn processes(&self) -> Tree {
        Tree::of(&[self.child.id()])
    }
}

impl Store for Angelia {
    fn imap(&self) -> SocketAddr {
        self.imap
    }
}

impl Drop for Angelia {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}
