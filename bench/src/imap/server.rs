//! The two servers: started, restarted, stopped.

use std::net::SocketAddr;
use std::process::Child;
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;

use super::client::Client;
use crate::process::{Tree, stop};
use crate::rival::{folder, free_port, start_dovecot, wait_for};
use crate::{Place, angelia};

/// Accounts: the ones of this bench, and one for each session that appends.
pub(super) const ACCOUNTS: usize = 3;

/// A server under test. Dropped, it stops.
pub(super) struct Server {
    dir: TempDir,
    name: &'static str,
    place: Place,
    child: Child,
    pub(super) imap: SocketAddr,
    pub(super) pop3: SocketAddr,
}

impl Server {
    pub(super) fn start(name: &'static str, place: &Place) -> Result<Self> {
        let dir = folder(place)?;
        let (smtp, imap, pop3) = (free_port()?, free_port()?, free_port()?);
        if name == "angelia" {
            angelia::prepare(place, dir.path(), [smtp, imap, pop3], ACCOUNTS)?;
        }
        let child = launch(name, place, dir.path(), imap, pop3)?;
        let server = Self { dir, name, place: place.clone(), child, imap, pop3 };
        wait_for(imap)?;
        wait_for(pop3)?;
        Ok(server)
    }

    /// Stops it and starts it anew on the same data.
    pub(super) fn restart(&mut self) -> Result<()> {
        stop(&mut self.child);
        self.child = launch(self.name, &self.place, self.dir.path(), self.imap, self.pop3)?;
        wait_for(self.imap)?;
        wait_for(self.pop3)
    }

    /// Waits until what it does behind its answers is done (an index, a checkpoint), ten minutes at most.
    pub(super) async fn quiet(&self) {
        for _ in 0..300 {
            let before = self.processes().cpu_seconds();
            tokio::time::sleep(Duration::from_secs(2)).await;
            if self.processes().cpu_seconds() - before < 0.05 {
                return;
            }
        }
    }

    /// Whether it has a capability after sign-in.
    pub(super) async fn has(&self, capability: &str) -> Result<bool> {
        let mut client = Client::sign_in(self.imap, super::OTHER).await?;
        let answer = String::from_utf8_lossy(client.run("CAPABILITY").await?).into_owned();
        Ok(answer.split_ascii_whitespace().any(|word| word == capability))
    }

    pub(super) fn processes(&self) -> Tree {
        Tree::of(&[self.child.id()])
    }
}

fn launch(name: &str, place: &Place, dir: &std::path::Path, imap: SocketAddr, pop3: SocketAddr) -> Result<Child> {
    match name {
        "angelia" => angelia::serve(place, dir),
        "dovecot" => start_dovecot(dir, imap, Some(pop3)),
        other => bail!("there is no server {other:?}"),
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}
