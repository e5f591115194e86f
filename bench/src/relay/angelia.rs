//! Angelia as a relay, with her defaults but for the name server and the port of the sinks.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use super::Options;
use crate::angelia::{binary, command};
use crate::process::{Tree, stop};
use crate::rival::{folder, free_port, wait_for};
use crate::subject::{DOMAIN, Subject};

/// The relay, running.
pub(super) struct Angelia {
    _dir: tempfile::TempDir,
    child: Child,
    smtp: SocketAddr,
}

impl Angelia {
    pub(super) fn start(options: &Options, names: SocketAddr, port: u16) -> Result<Self> {
        let dir = folder(&options.place)?;
        let binary = binary(&options.place)?;
        let smtp = free_port()?;
        let (config, data) = (dir.path().join("angelia.toml"), dir.path().join("data"));
        fs::create_dir(&data)?;
        fs::write(
            &config,
            format!(
                "hostname = \"mx.{DOMAIN}\"\ndata = {data:?}\nsmtp.listen = [\"{smtp}\"]\nimap.listen = []\n\
                 submission.listen = []\nsubmissions.listen = []\nimaps.listen = []\npop3.listen = []\npop3s.listen = []\n\
                 relay.networks = [\"127.0.0.0/8\"]\ndns.server = \"{names}\"\noutbound.port = {port}\n"
            ),
        )?;
        command(&binary, &config, &["domain", "add", DOMAIN], "")?;
        let log = fs::File::create(dir.path().join("log"))?;
        let mut serve = Command::new(&binary);
        serve.arg("serve").arg("--config").arg(&config).stdout(Stdio::null()).stderr(log);
        let child = serve.spawn().with_context(|| format!("starting {}", binary.display()))?;
        let server = Self { _dir: dir, child, smtp };
        wait_for(smtp)?;
        Ok(server)
    }
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

impl Drop for Angelia {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}
