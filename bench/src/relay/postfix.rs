//! Postfix as a relay, as the distribution packages it: its queue synced, its limits wide enough for the load.

use std::net::SocketAddr;
use std::process::Child;

use anyhow::Result;

use super::{Options, domain, host};
use crate::process::{Tree, stop};
use crate::rival::{folder, free_port, postfix, wait_for};
use crate::subject::Subject;

/// The relay, running.
pub(super) struct Postfix {
    _dir: tempfile::TempDir,
    master: Child,
    smtp: SocketAddr,
}

impl Postfix {
    /// Starts it; needs root, as it does.
    pub(super) fn start(options: &Options, port: u16) -> Result<Self> {
        let dir = folder(&options.place)?;
        let smtp = free_port()?;
        let limit = (options.sessions * 4).max(200);
        let transports: Vec<String> = (0..options.domains + options.hanging)
            .map(|number| format!("{{ {} = smtp:[{}]:{port} }}", domain(number), host(number)))
            .collect();
        let own = format!(
            "transport_maps = inline:{{ {} }}\ndefault_process_limit = {limit}\nqmgr_message_active_limit = 20000\n\
             qmgr_message_recipient_limit = 20000\n",
            transports.join(", ")
        );
        let master = postfix(dir.path(), smtp, &own)?;
        let relay = Self { _dir: dir, master, smtp };
        wait_for(smtp)?;
        Ok(relay)
    }
}

impl Subject for Postfix {
    fn name(&self) -> &'static str {
        "Postfix"
    }
    fn smtp(&self) -> SocketAddr {
        self.smtp
    }
    fn processes(&self) -> Tree {
        Tree::of(&[self.master.id()])
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        stop(&mut self.master);
    }
}
