//! One office as an operator runs it: a configuration file and `angelia serve`, for tests that kill it or flood it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use tempfile::TempDir;

use crate::tool::{Running, angelia, run_with, until};

/// The only user.
pub const USER: &str = "kostas@patras.test";
pub const PASSWORD: &str = "ouranos";

pub struct Server {
    pub process: Option<Running>,
    pub folder: TempDir,
    pub smtp: SocketAddr,
    pub submission: SocketAddr,
    pub imap: SocketAddr,
    pub pop3: SocketAddr,
}

impl Server {
    /// Writes a configuration with these further lines, and starts it. No name server answers it.
    pub fn start(more: &str) -> Self {
        Self::resolving(SocketAddr::from((Ipv4Addr::LOCALHOST, 9)), more)
    }

    /// The same with a name server.
    pub fn resolving(dns: SocketAddr, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [smtp, submission, imap, pop3] = free_places();
        let config = format!(
            "hostname = \"mail.patras.test\"\ndata = \"data\"\nsmtp.listen = [\"{smtp}\"]\n\
             submission.listen = [\"{submission}\"]\nsubmissions.listen = []\nimap.listen = [\"{imap}\"]\n\
             imaps.listen = []\npop3.listen = [\"{pop3}\"]\npop3s.listen = []\n\
             dns.server = \"{dns}\"\njournal.format = \"text\"\n{more}\n"
        );
        std::fs::write(folder.path().join("angelia.toml"), config).unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let mut server = Self { process: None, folder, smtp, submission, imap, pop3 };
        server.command(&["domain", "add", "patras.test"], b"");
        server.command(&["account", "add", USER, "--password-stdin", "--weak"], PASSWORD.as_bytes());
        server.up();
        server
    }

    /// Starts it, and waits for its doors.
    pub fn up(&mut self) {
        let log = self.folder.path().join("log");
        let mut command = angelia();
        command.arg("--config").arg(self.config()).arg("serve");
        let mut process = Running::start(&mut command, &log);
        until("the doors", || {
            assert!(process.is_running(), "it ended:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
            let doors = [self.smtp, self.submission, self.imap, self.pop3];
            doors.iter().all(|door| std::net::TcpStream::connect(door).is_ok()).then_some(())
        });
        self.process = Some(process);
    }

    /// A command of the program on this store.
    #[track_caller]
    pub fn command(&self, arguments: &[&str], input: &[u8]) -> String {
        run_with(angelia().arg("--config").arg(self.config()).args(arguments), input).succeeded().out
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("angelia.toml")
    }

    /// Octets of memory that are really in use (VmRSS).
    pub fn memory(&self) -> u64 {
        let pid = self.process.as_ref().unwrap().pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

/// Places that were free a moment ago, on an address of this process: connections that other tests open come from
/// 127.0.0.1, and so take no port from a server that is started again.
fn free_places<const N: usize>() -> [SocketAddr; N] {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let ours = Ipv4Addr::new(127, 64 + high % 64, low, 1);
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind((ours, 0)).unwrap());
    listeners.each_ref().map(|listener| listener.local_addr().unwrap())
}
