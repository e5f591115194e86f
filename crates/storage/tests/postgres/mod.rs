//! A throw-away PostgreSQL from Debian's package: its own folder, a socket there, no port, synced as in earnest.
//!
//! It refuses to run as root, so root hands it to the user that the package made.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Postgres {
    server: Child,
    folder: tempfile::TempDir,
}

impl Postgres {
    /// Starts one, or says why not. On CI it must be there.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL's programs are wanted in /usr/lib/postgresql");
            eprintln!("skipped: no PostgreSQL in /usr/lib/postgresql (Debian: apt-get install postgresql)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if root() {
            assert!(Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap().success());
        }
        let data = folder.path().join("data");
        let made = as_postgres(&programs.join("initdb"))
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-k", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .status()
            .unwrap();
        assert!(made.success(), "initdb");
        let this = Self { server: serve(&programs, folder.path()), folder };
        this.wait();
        Some(this)
    }

    /// An URL of a new, empty database.
    pub fn database(&self, name: &str) -> String {
        let done = as_postgres(&programs().unwrap().join("createdb"))
            .args(["--username=postgres", "--host"])
            .arg(self.folder.path())
            .arg(name)
            .status()
            .unwrap();
        assert!(done.success(), "createdb");
        self.url(name)
    }

    pub fn url(&self, name: &str) -> String {
        format!("host={} user=postgres dbname={name} sslmode=disable", self.folder.path().display())
    }

    /// Where its socket is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills all its processes and starts it again.
    pub fn crash(&mut self) {
        self.stop("-QUIT");
        self.server = serve(&programs().unwrap(), self.folder.path());
        self.wait();
    }

    fn wait(&self) {
        let socket = self.folder.path().join(".s.PGSQL.5432");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !as_postgres(&programs().unwrap().join("pg_isready"))
            .args(["--quiet", "--host"])
            .arg(self.folder.path())
            .status()
            .unwrap()
            .success()
        {
            assert!(Instant::now() < deadline, "PostgreSQL did not come up at {}", socket.display());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn stop(&mut self, signal: &str) {
        let _ = Command::new("kill").args([signal, &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop("-INT");
    }
}

fn serve(programs: &Path, folder: &Path) -> Child {
    as_postgres(&programs.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder)
        .args(["-c", "listen_addresses=", "-c", "fsync=on", "-c", "max_connections=60"])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.join("log")).unwrap())
        .spawn()
        .unwrap()
}

fn as_postgres(program: &Path) -> Command {
    if !root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program).current_dir("/");
    command
}

fn root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn programs() -> Option<PathBuf> {
    let mut versions: Vec<_> =
        std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    versions.into_iter().rev().find(|programs| programs.join("initdb").exists())
}
