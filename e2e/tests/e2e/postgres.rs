//! The same letter on the other engine: `angelia serve` with its rows in PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::raw::{inbox, smtp};
use crate::server::{PASSWORD, Server, USER};
use crate::tool::{is_root, until};

/// A throw-away cluster on a socket in its own folder.
struct Postgres {
    server: Child,
    folder: tempfile::TempDir,
}

impl Postgres {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            assert!(Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap().success());
        }
        let made = program("initdb")
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb");
        let server = program("postgres")
            .arg("-D")
            .arg(folder.path().join("data"))
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses="])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self { server, folder };
        until("PostgreSQL", || {
            let ready = program("pg_isready").arg("-q").arg("-h").arg(this.folder.path()).status().unwrap();
            ready.success().then_some(())
        });
        this
    }

    fn url(&self) -> String {
        format!("host={} user=postgres dbname=postgres sslmode=disable", self.folder.path().display())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let pid = i32::try_from(self.server.id()).unwrap();
        // SAFETY: a plain system call; the process is our child and was not waited for.
        unsafe { libc::kill(pid, libc::SIGINT) };
        let _ = self.server.wait();
    }
}

fn program(name: &str) -> Command {
    let path = folder_of_programs().join(name);
    if !is_root() {
        return Command::new(path);
    }
    // It refuses to run as root; Debian's package has made a user for it.
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(path).current_dir("/");
    command
}

fn folder_of_programs() -> PathBuf {
    let versions = Path::new("/usr/lib/postgresql").read_dir().expect("install postgresql");
    let folders = versions.flatten().map(|version| version.path().join("bin"));
    folders.filter(|folder| folder.join("initdb").exists()).max().expect("install postgresql")
}

#[test]
fn a_letter_on_postgresql() {
    let postgres = Postgres::start();
    let settings =
        format!("storage.engine = \"postgres\"\nstorage.url = \"{}\"\nstorage.bodies = \"bodies\"\n", postgres.url());
    let mut server = Server::start(&settings);
    for number in 0..20 {
        let mut raw = smtp(server.smtp).unwrap();
        assert!(raw.ask("MAIL FROM:<anna@athens.test>").unwrap().starts_with("250"));
        assert!(raw.ask(&format!("RCPT TO:<{USER}>")).unwrap().starts_with("250"));
        assert!(raw.ask("DATA").unwrap().starts_with("354"));
        raw.send(format!("Subject: number {number}\r\n\r\nin the cluster\r\n.\r\n")).unwrap();
        assert!(raw.reply().unwrap().starts_with("250"));
    }
    server.process.as_mut().unwrap().kill();
    server.up();
    let letters = inbox(server.imap, USER, PASSWORD);
    assert_eq!(letters.len(), 20);
    for (number, letter) in letters.iter().enumerate() {
        assert!(letter.contains(&format!("Subject: number {number}\r\n\r\nin the cluster\r\n")), "{letter}");
    }
}
