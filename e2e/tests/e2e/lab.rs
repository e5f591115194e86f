//! A lab for a test: `angelia lab --quiet` on free ports in a folder of its own, found through its lab.json.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::tool::{Running, angelia, run, run_with, until};

/// Two running offices.
pub struct Lab {
    // Dropped in this order: first the program, then its folder.
    pub process: Running,
    pub folder: TempDir,
    facts: Value,
}

/// One office, as lab.json tells of it.
pub struct Office<'a> {
    facts: &'a Value,
}

impl Lab {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With further switches.
    pub fn start_with(switches: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), switches)
    }

    /// In a folder that may hold a lab already.
    pub fn start_in(folder: TempDir, switches: &[&str]) -> Self {
        let file = folder.path().join("lab/lab.json");
        let _ = std::fs::remove_file(&file);
        let mut command = angelia();
        command.args(["lab", "--quiet", "--port-base", "0", "--dir"]).arg(folder.path().join("lab")).args(switches);
        let mut process = Running::start(&mut command, &folder.path().join("log"));
        let facts = until("lab.json", || {
            if !process.is_running() {
                let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
                panic!("the lab ended at once:\n{log}");
            }
            serde_json::from_slice(&std::fs::read(&file).ok()?).ok()
        });
        Self { process, folder, facts }
    }

    /// Ends it in order, and hands back its folder.
    pub fn close(self) -> TempDir {
        let Self { mut process, folder, .. } = self;
        assert_eq!(process.end(), Some(0));
        folder
    }

    pub fn athens(&self) -> Office<'_> {
        Office { facts: &self.facts["servers"][0] }
    }

    pub fn patras(&self) -> Office<'_> {
        Office { facts: &self.facts["servers"][1] }
    }

    /// The certificate authority's file.
    pub fn ca(&self) -> &str {
        self.facts["ca"].as_str().unwrap()
    }

    /// A folder for a client's files.
    pub fn home(&self) -> PathBuf {
        let home = self.folder.path().join("home");
        std::fs::create_dir_all(&home).unwrap();
        home
    }

    /// Anna submits a letter to somebody, or to several with commas between, by curl, over TLS.
    #[track_caller]
    pub fn anna_writes(&self, to: &str, subject: &str) {
        let athens = self.athens();
        let recipients = to.split(',').flat_map(|one| ["--mail-rcpt", one]);
        run_with(
            Command::new("curl")
                .args(["--silent", "--show-error", "--cacert", self.ca(), "--upload-file", "-"])
                .args(["--user", &athens.login(), "--mail-from", athens.address()])
                .args(recipients)
                .arg(athens.url("smtps", "submissions")),
            letter(athens.address(), to, subject).as_bytes(),
        )
        .succeeded();
    }

    /// Waits until Kostas has this letter, and hands it over as IMAP shows it to curl.
    #[track_caller]
    pub fn kostas_reads(&self, subject: &str) -> String {
        self.patras().reads(self.ca(), subject)
    }

    /// The lab.json as it is.
    pub fn facts(&self) -> &Value {
        &self.facts
    }
}

impl<'a> Office<'a> {
    pub fn host(&self) -> &'a str {
        self.facts["host"].as_str().unwrap()
    }

    pub fn hostname(&self) -> &'a str {
        self.facts["hostname"].as_str().unwrap()
    }

    pub fn config(&self) -> &'a Path {
        Path::new(self.facts["config"].as_str().unwrap())
    }

    pub fn port(&self, service: &str) -> u16 {
        u16::try_from(self.facts[service]["port"].as_u64().unwrap()).unwrap()
    }

    /// `host:port`
    pub fn place(&self, service: &str) -> String {
        format!("{}:{}", self.host(), self.port(service))
    }

    /// `imaps://host:port`
    pub fn url(&self, scheme: &str, service: &str) -> String {
        format!("{scheme}://{}", self.place(service))
    }

    pub fn address(&self) -> &'a str {
        self.facts["accounts"][0]["address"].as_str().unwrap()
    }

    pub fn password(&self) -> &'a str {
        self.facts["accounts"][0]["password"].as_str().unwrap()
    }

    /// `address:password`
    pub fn login(&self) -> String {
        format!("{}:{}", self.address(), self.password())
    }

    /// A command of the program on this office's store.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = angelia();
        command.arg("--config").arg(self.config()).args(arguments);
        command
    }

    /// Waits until the letter with this subject is in INBOX, and reads it by curl.
    #[track_caller]
    pub fn reads(&self, ca: &str, subject: &str) -> String {
        let imap = |path: &str, request: &[&str]| {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--show-error", "--cacert", ca, "--user", &self.login()]).args(request);
            run(curl.arg(format!("{}/{path}", self.url("imaps", "imaps"))))
        };
        let found = until(&format!("a letter about {subject:?}"), || {
            let search = format!("SEARCH SUBJECT \"{subject}\"");
            let ran = imap("INBOX", &["--request", &search]).succeeded();
            ran.out.trim().strip_prefix("* SEARCH ").and_then(|found| found.split(' ').next_back()?.parse::<u32>().ok())
        });
        imap(&format!("INBOX;MAILINDEX={found}"), &[]).succeeded().out
    }
}

/// A plain letter.
pub fn letter(from: &str, to: &str, subject: &str) -> String {
    let date = "Mon, 23 Nov 2026 12:00:00 +0000";
    format!("From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {date}\r\n\r\n{}\r\n", body_of(subject))
}

/// What stands in it.
pub fn body_of(subject: &str) -> String {
    format!("This is the letter about {subject}.\r\n.\r\n..\r\nA line with a dot was above.")
}
