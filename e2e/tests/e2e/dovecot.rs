//! Dovecot from Debian as another message store: what Angelia takes in for its domain goes there by LMTP, over a Unix
//! socket or TCP, with an outcome for each recipient (RFC 2033).

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::{PASSWORD, Server, USER};
use crate::tool::{Running, angelia, files_below, is_root, run, run_with, until};

struct Dovecot {
    _process: Running,
    folder: tempfile::TempDir,
    port: u16,
}

impl Dovecot {
    /// A store for sparta.test with `leonidas`, and `ephialtes`, whose mailbox takes next to nothing.
    fn start() -> Option<Self> {
        if !is_root() {
            assert!(std::env::var_os("CI").is_none(), "Dovecot starts as root only");
            eprintln!("left out: Dovecot starts as root only");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(root.join("run")).unwrap();
        fs::create_dir(root.join("mail")).unwrap();
        run(Command::new("chown").args(["mail:mail"]).arg(root.join("mail"))).succeeded();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let users = "leonidas@sparta.test:{PLAIN}x::::::\n\
                     ephialtes@sparta.test:{PLAIN}x::::::userdb_quota_rule=*:bytes=1\n";
        fs::write(root.join("users"), users).unwrap();
        let file = root.join("dovecot.conf");
        fs::write(&file, configuration(root, port)).unwrap();
        let process = Running::start(Command::new("dovecot").args(["-F", "-c"]).arg(&file), &root.join("output"));
        let dovecot = Self { _process: process, folder, port };
        until("Dovecot's doors", || {
            std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
            dovecot.socket().exists().then_some(())
        });
        Some(dovecot)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("run/lmtp")
    }

    /// A letter in this one's mailbox.
    fn received(&self, user: &str, subject: &str) -> Option<String> {
        let letters = files_below(&self.folder.path().join("mail").join(user).join("new"));
        letters.into_iter().find(|letter| letter.contains(&format!("Subject: {subject}\n")))
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- Dovecot\n{}", fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
        }
    }
}

fn configuration(root: &Path, port: u16) -> String {
    let root = root.display();
    format!(
        "base_dir = {root}/run\nstate_dir = {root}/run\nlog_path = {root}/log\nprotocols = lmtp\nssl = no\n\
         listen = 127.0.0.1\nmail_location = maildir:{root}/mail/%u\nfirst_valid_uid = 1\nmail_uid = mail\n\
         mail_gid = mail\nmail_plugins = quota\nauth_username_format = %u\n\
         passdb {{\n  driver = passwd-file\n  args = username_format=%u {root}/users\n}}\n\
         userdb {{\n  driver = passwd-file\n  args = username_format=%u {root}/users\n  default_fields = home={root}/mail/%u\n}}\n\
         plugin {{\n  quota = maildir:User quota\n  quota_rule = *:storage=100M\n  quota_grace = 0\n}}\n\
         service lmtp {{\n  unix_listener lmtp {{\n    mode = 0666\n  }}\n\
         \x20 inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {port}\n  }}\n}}\n"
    )
}

/// Kostas of Patras hands in a letter for these.
fn write(server: &Server, recipients: &[&str], subject: &str) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--upload-file", "-", "--user", &format!("{USER}:{PASSWORD}")]);
    curl.args(["--mail-from", USER]).args(recipients.iter().flat_map(|one| ["--mail-rcpt", one]));
    curl.arg(format!("smtp://{}/client.test", server.submission));
    let letter = format!("From: {USER}\r\nSubject: {subject}\r\n\r\nThrough the gates.\r\n.\r\n..\r\n");
    run_with(&mut curl, letter.as_bytes()).succeeded();
}

fn queue(server: &Server, arguments: &[&str]) -> String {
    run(angelia().arg("--config").arg(server.config()).arg("queue").args(arguments)).out
}

#[test]
fn another_store_gets_its_mail_by_lmtp() {
    let Some(dovecot) = Dovecot::start() else { return };
    for (to, subject) in [
        (format!("lmtp:{}", dovecot.socket().display()), "over a socket"),
        (format!("lmtp://127.0.0.1:{}", dovecot.port), "over TCP"),
    ] {
        let server = Server::start(&format!("[[route]]\ndomain = \"sparta.test\"\nto = \"{to}\"\n"));
        write(&server, &["leonidas@sparta.test"], subject);
        let letter = until("the letter in Dovecot", || dovecot.received("leonidas@sparta.test", subject));
        assert!(letter.contains("Return-Path: <kostas@patras.test>"), "{letter}");
        assert!(letter.contains("Through the gates.\n.\n..\n"), "{letter}");
        until("the end of it in the queue", || (!queue(&server, &["list"]).contains("sparta")).then_some(()));
    }
}

#[test]
fn each_recipient_has_an_outcome_after_the_letter() {
    let Some(dovecot) = Dovecot::start() else { return };
    let to = format!("lmtp:{}", dovecot.socket().display());
    let server = Server::start(&format!("[[route]]\ndomain = \"sparta.test\"\nto = \"{to}\"\n"));
    write(&server, &["leonidas@sparta.test", "ephialtes@sparta.test", "xerxes@sparta.test"], "for three");
    until("the letter of the first", || dovecot.received("leonidas@sparta.test", "for three"));
    // The second is over his quota, which Dovecot says after the letter; the third does not live there.
    let bounces = until("word about the others", || {
        let inbox = crate::raw::inbox(server.imap, USER, PASSWORD);
        let all = inbox.concat();
        (all.contains("ephialtes@sparta.test") && all.contains("xerxes@sparta.test")).then_some(all)
    });
    assert!(bounces.contains("5.2.2") && bounces.contains("5.1.1"), "{bounces}");
    assert!(dovecot.received("ephialtes@sparta.test", "for three").is_none());
    until("an empty queue", || (!queue(&server, &["list"]).contains("sparta")).then_some(()));
}
