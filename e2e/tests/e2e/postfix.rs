//! Postfix from Debian as the other mail server, in both directions, over TLS, with its own folders and its own process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Lab;
use crate::tool::{files_below, is_root, run, self_signed, until};

/// Where it listens.
pub const SPARTA: &str = "127.0.3.1";

/// Mail for sparta.test: leonidas has a mailbox there, and what comes for xerxes is taken and then sent back.
pub struct Postfix {
    folder: tempfile::TempDir,
}

impl Postfix {
    /// On the lab's SMTP port; everything else goes to the lab's addresses.
    pub fn beside(lab: &Lab) -> Self {
        let (athens, patras) = (lab.athens(), lab.patras());
        let port = athens.port("smtp");
        let transports =
            format!("athens.test=smtp:[{}]:{port}, patras.test=smtp:[{}]:{port}", athens.host(), patras.host());
        Self::start(port, &transports)
    }

    /// On this port, with these lines of the transport table.
    pub fn start(port: u16, transports: &str) -> Self {
        let this = Self { folder: tempfile::tempdir().unwrap() };
        let root = this.folder.path();
        // Its processes run as other users, and look up the path.
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        for (name, owner) in [("queue", "root"), ("data", "postfix"), ("mail", "postfix"), ("etc", "root")] {
            fs::create_dir_all(root.join(name)).unwrap();
            assert!(Command::new("chown").arg(owner).arg(root.join(name)).status().unwrap().success());
        }
        self_signed(&this.etc(), "mail.sparta.test");
        fs::write(this.etc().join("main.cf"), this.main_cf(transports)).unwrap();
        fs::write(this.etc().join("master.cf"), master_cf(port)).unwrap();
        run(Command::new("postfix").arg("-c").arg(this.etc()).arg("start")).succeeded();
        this
    }

    fn etc(&self) -> PathBuf {
        self.folder.path().join("etc")
    }

    fn main_cf(&self, transports: &str) -> String {
        let root = self.folder.path().display();
        format!(
            "compatibility_level = 3.6\nqueue_directory = {root}/queue\ndata_directory = {root}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\n\
             setgid_group = postdrop\nmyhostname = mail.sparta.test\nmydomain = sparta.test\nmydestination =\n\
             inet_interfaces = loopback-only\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
             alias_maps =\nalias_database =\nlocal_recipient_maps =\nlocal_transport = error:no local mail\n\
             virtual_mailbox_domains = sparta.test\nvirtual_mailbox_base = {root}/mail\n\
             virtual_mailbox_maps = inline:{{ leonidas@sparta.test=leonidas/ }}\nvirtual_uid_maps = static:{uid}\n\
             virtual_gid_maps = static:{gid}\nvirtual_minimum_uid = 1\n\
             virtual_alias_maps = inline:{{ xerxes@sparta.test=nobody@sparta.test }}\n\
             transport_maps = inline:{{ {transports} }}\n\
             smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {root}/etc/certificate.pem\n\
             smtpd_tls_key_file = {root}/etc/key.pem\nsmtp_tls_security_level = encrypt\n\
             smtpd_recipient_restrictions = permit_mynetworks, reject\nsmtpd_tls_loglevel = 1\n\
             maillog_file_prefixes = {root}\nmaillog_file = {root}/mail.log\nminimal_backoff_time = 2s\n\
             maximal_backoff_time = 5s\nqueue_run_delay = 2s\n",
            uid = id("-u"),
            gid = id("-g"),
        )
    }

    /// The letters of leonidas.
    pub fn mail(&self) -> PathBuf {
        self.folder.path().join("mail/leonidas")
    }

    /// Waits until Leonidas has a letter for which this holds.
    #[track_caller]
    pub fn reads(&self, what: &str, found: impl Fn(&str) -> bool) -> String {
        until(what, || files_below(&self.mail()).into_iter().find(|text| found(text)))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("mail.log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // It knows its own master by the pid file in its own folder.
        let _ = Command::new("postfix").arg("-c").arg(self.etc()).arg("stop").status();
        if std::thread::panicking() {
            eprintln!("--- Postfix\n{}", self.log());
        }
    }
}

fn id(what: &str) -> String {
    let output = Command::new("id").args([what, "postfix"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The services of Postfix that this needs, none of them in a chroot.
fn master_cf(port: u16) -> String {
    let mut text = format!("{SPARTA}:{port} inet n - n - - smtpd\n");
    for line in [
        "pickup unix n - n 60 1 pickup",
        "cleanup unix n - n - 0 cleanup",
        "qmgr unix n - n 300 1 qmgr",
        "tlsmgr unix - - n 1000? 1 tlsmgr",
        "rewrite unix - - n - - trivial-rewrite",
        "bounce unix - - n - 0 bounce",
        "defer unix - - n - 0 bounce",
        "trace unix - - n - 0 bounce",
        "verify unix - - n - 1 verify",
        "flush unix n - n 1000? 0 flush",
        "proxymap unix - - n - - proxymap",
        "proxywrite unix - - n - 1 proxymap",
        "smtp unix - - n - - smtp",
        "relay unix - - n - - smtp",
        "lmtp unix - - n - - lmtp",
        "showq unix n - n - - showq",
        "error unix - - n - - error",
        "retry unix - - n - - error",
        "discard unix - - n - - discard",
        "virtual unix - n n - - virtual",
        "anvil unix - - n - 1 anvil",
        "scache unix - - n - 1 scache",
        "postlog unix-dgram n - n - 1 postlogd",
    ] {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Postfix starts as root only; where tests must all run, who is not root has made a mistake.
pub fn is_missing() -> bool {
    if !is_root() {
        assert!(std::env::var_os("CI").is_none(), "Postfix starts as root only");
        eprintln!("left out: Postfix starts as root only");
    }
    !is_root()
}

fn received(folder: &Path, subject: &str) -> Option<String> {
    files_below(folder).into_iter().find(|text| text.contains(&format!("Subject: {subject}\n")))
}

#[test]
fn letters_go_both_ways() {
    if is_missing() {
        return;
    }
    let lab = Lab::start_with(&["--neighbour", "sparta.test=127.0.3.1"]);
    let postfix = Postfix::beside(&lab);

    lab.anna_writes("leonidas@sparta.test", "to Sparta");
    let letter = until("the letter in Sparta", || received(&postfix.mail(), "to Sparta"));
    assert!(
        letter.contains("for <leonidas@sparta.test>") || letter.contains("Delivered-To: leonidas@sparta.test"),
        "{letter}"
    );
    assert!(letter.contains("TLSv1.3"), "it went over TLS:\n{letter}");
    assert!(letter.contains("\n.\n..\n"), "dots are as they were:\n{letter}");

    let from_sparta = ["--from", "leonidas@sparta.test", "--to", "kostas@patras.test"];
    let port = lab.athens().port("smtp").to_string();
    let mut swaks = Command::new("swaks");
    swaks.args(["--server", SPARTA, "--port", &port, "--ehlo", "mail.sparta.test"]).args(from_sparta);
    run(swaks.args(["--header", "Subject: from Sparta", "--body", "Molon labe\n.\n"])).succeeded();
    let letter = lab.kostas_reads("from Sparta");
    assert!(letter.contains("mail.sparta.test") && letter.contains("TLS"), "{letter}");

    // Nobody lives there: Postfix refuses, and Anna hears of it.
    lab.anna_writes("darius@sparta.test", "to nobody");
    let bounce = lab.athens().reads(lab.ca(), "could not be delivered");
    assert!(bounce.contains("darius@sparta.test") && bounce.contains("5.1.1"), "{bounce}");

    // And the other way round.
    let to_nobody = ["--from", "leonidas@sparta.test", "--to", "nobody@patras.test"];
    let mut swaks = Command::new("swaks");
    swaks.args(["--server", SPARTA, "--port", &port, "--ehlo", "mail.sparta.test"]).args(to_nobody);
    run(swaks.args(["--header", "Subject: to nobody in Patras"])).succeeded();
    let bounce = until("Postfix's bounce", || {
        files_below(&postfix.mail())
            .into_iter()
            .find(|text| text.contains("nobody@patras.test") && text.contains("550"))
    });
    assert!(bounce.contains("5.1.1"), "{bounce}");
}
