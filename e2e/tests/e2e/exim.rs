//! Exim from Debian as the other mail server, in both directions, over TLS, with its own folders and its own process.
//! `ANGELIA_EXIM` names the program, which `cargo xtask test` unpacks: Debian installs it beside no other.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Lab;
use crate::tool::{Running, files_below, is_root, run, self_signed, until};

const THEBES: &str = "127.0.4.1";

struct Exim {
    _process: Running,
    folder: tempfile::TempDir,
}

/// The program; `None` on a machine without it, which a build server may not be.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("ANGELIA_EXIM").map(PathBuf::from);
    let found = named.or_else(|| Some(PathBuf::from("/usr/sbin/exim4"))).filter(|program| program.is_file());
    if found.is_none() || !is_root() {
        assert!(std::env::var_os("CI").is_none(), "Exim is missing, or this is not root, who gives it a user");
        eprintln!("left out: Exim is not here (cargo xtask test e2e unpacks it), or this is not root");
        return None;
    }
    found
}

impl Exim {
    /// Mail for thebes.test at 127.0.4.1, on the lab's SMTP port; everything else by the lab's addresses.
    fn start(program: &Path, lab: &Lab) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["spool", "log", "mail"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        self_signed(root, "mail.thebes.test");
        run(Command::new("chown").args(["-R", "mail:mail"]).arg(root)).succeeded();
        let file = root.join("exim.conf");
        fs::write(&file, configuration(program, root, lab)).unwrap();
        // As a user of its own from the first moment: nothing here needs to be root.
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "mail", "--regid", "mail", "--clear-groups"]).arg(program);
        command.arg("-C").arg(&file).args(["-bdf", "-q1s"]);
        let process = Running::start(&mut command, &root.join("output"));
        let door = (THEBES, lab.athens().port("smtp"));
        until("Exim's door", || std::net::TcpStream::connect(door).ok());
        Self { _process: process, folder }
    }

    fn mail(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log/mainlog")).unwrap_or_default()
    }

    fn received(&self, text: &str) -> Option<String> {
        files_below(&self.mail()).into_iter().find(|letter| letter.contains(text))
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- Exim\n{}", self.log());
        }
    }
}

fn configuration(program: &Path, root: &Path, lab: &Lab) -> String {
    let (program, root) = (program.display(), root.display());
    let (athens, patras) = (lab.athens(), lab.patras());
    let (athens_host, patras_host, port) = (athens.host(), patras.host(), athens.port("smtp"));
    format!(
        "primary_hostname = mail.thebes.test\nexim_path = {program}\nexim_user = mail\nexim_group = mail\nnever_users =\n\
         domainlist here = thebes.test\nspool_directory = {root}/spool\nlog_file_path = {root}/log/%slog\n\
         pid_file_path = {root}/spool/exim.pid\nlocal_interfaces = {THEBES}\ndaemon_smtp_ports = {port}\n\
         keep_environment =\nhost_lookup =\nrfc1413_query_timeout = 0s\ntls_advertise_hosts = *\n\
         tls_certificate = {root}/certificate.pem\ntls_privatekey = {root}/key.pem\nacl_smtp_rcpt = rcpt\n\
         deliver_drop_privilege = true\nchunking_advertise_hosts = *\ndsn_advertise_hosts = *\n\
         begin acl\n\
         rcpt:\n  accept domains = +here\n         local_parts = pelopidas\n\
         \x20 defer domains = +here\n        local_parts = epaminondas\n        condition = ${{if !exists{{{root}/ready}}}}\n\
         \x20       message = 4.2.2 his box is full\n\
         \x20 accept domains = +here\n         local_parts = epaminondas\n\
         \x20 deny domains = +here\n       message = 5.1.1 nobody of that name\n  accept hosts = 127.0.0.0/8\n\
         begin routers\n\
         here:\n  driver = accept\n  domains = +here\n  transport = files\n\
         there:\n  driver = manualroute\n  transport = wire\n  self = send\n\
         \x20 route_list = athens.test {athens_host}::{port} ; patras.test {patras_host}::{port}\n\
         begin transports\n\
         files:\n  driver = appendfile\n  directory = {root}/mail\n  maildir_format\n  user = mail\n  group = mail\n\
         \x20 envelope_to_add\n  return_path_add\n\
         wire:\n  driver = smtp\n  hosts_require_tls = *\n  tls_verify_certificates =\n\
         begin retry\n* * F,1h,1s\n"
    )
}

#[test]
fn letters_go_both_ways() {
    let Some(program) = program() else { return };
    let lab = Lab::start_with(&["--neighbour", "thebes.test=127.0.4.1"]);
    let exim = Exim::start(&program, &lab);

    lab.anna_writes("pelopidas@thebes.test", "to Thebes");
    let letter = until("the letter in Thebes", || exim.received("Subject: to Thebes\n"));
    assert!(letter.contains("Envelope-to: pelopidas@thebes.test"), "{letter}");
    assert!(letter.contains("TLS1.3") || letter.contains("TLSv1.3"), "it went over TLS:\n{letter}");
    assert!(letter.contains("\n.\n..\n"), "dots are as they were:\n{letter}");

    let port = lab.athens().port("smtp").to_string();
    let write = |to: &str, subject: &str| {
        let mut swaks = Command::new("swaks");
        swaks.args(["--server", THEBES, "--port", &port, "--ehlo", "mail.thebes.test"]);
        swaks.args(["--from", "pelopidas@thebes.test", "--to", to, "--header", &format!("Subject: {subject}")]);
        run(swaks.args(["--body", "The sacred band\n.\n"])).succeeded();
    };
    write("kostas@patras.test", "from Thebes");
    let letter = lab.kostas_reads("from Thebes");
    assert!(letter.contains("mail.thebes.test") && letter.contains("TLS"), "{letter}");

    // Nobody lives there: Exim refuses, and Anna hears of it; and the other way round.
    lab.anna_writes("kreon@thebes.test", "to nobody");
    let bounce = lab.athens().reads(lab.ca(), "could not be delivered");
    assert!(bounce.contains("kreon@thebes.test") && bounce.contains("5.1.1"), "{bounce}");
    write("nobody@patras.test", "to nobody in Patras");
    let bounce = until("Exim's bounce", || exim.received("Status: 5.0.0"));
    assert!(bounce.contains("nobody@patras.test") && bounce.contains("550"), "{bounce}");
}

#[test]
fn one_of_two_recipients_waits_alone() {
    let Some(program) = program() else { return };
    let lab = Lab::start_with(&["--neighbour", "thebes.test=127.0.4.1"]);
    let exim = Exim::start(&program, &lab);
    // One transaction for both: Exim takes one, and says 4.2.2 of the other.
    lab.anna_writes("pelopidas@thebes.test,epaminondas@thebes.test", "for two");
    let letter = until("the letter for the first", || exim.received("Subject: for two\n"));
    assert!(!letter.contains("Envelope-to: epaminondas"), "{letter}");
    let queued = until("the second in the queue", || {
        let listed = run(crate::tool::angelia().arg("--config").arg(lab.athens().config()).args(["queue", "list"]));
        listed.out.contains("his box is full").then_some(listed.out)
    });
    assert!(queued.contains("epaminondas@thebes.test") && !queued.contains("pelopidas@thebes.test"), "{queued}");
    fs::write(exim.folder.path().join("ready"), "").unwrap();
    let mut retry = crate::tool::angelia();
    run(retry.arg("--config").arg(lab.athens().config()).args(["queue", "retry", "--all"])).succeeded();
    until("the letter for the second", || {
        let letters = files_below(&exim.mail());
        let second = letters.iter().filter(|letter| letter.contains("Envelope-to: epaminondas@thebes.test")).count();
        (second == 1 && letters.iter().filter(|letter| letter.contains("Subject: for two\n")).count() == 2)
            .then_some(())
    });
}
