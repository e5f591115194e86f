//! neomutt, as a person uses it: it sends a letter, and shows one on a terminal (tmux has the terminal).

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::{Lab, Office};
use crate::tool::{run, run_with, until, write_private};

fn settings(lab: &Lab, office: &Office<'_>, name: &str) -> PathBuf {
    let file = lab.home().join(name);
    // Debian's neomutt takes SCRAM-SHA-256-PLUS when it is offered, and then finds that it cannot do the binding of TLS 1.3;
    // so it is told which to take.
    let user = office.address().replace('@', "%40");
    write_private(
        &file,
        &format!(
            "set from=\"{address}\" realname=\"A reader\" use_envelope_from=yes hostname=laptop.test\n\
             set certificate_file=\"{ca}\" ssl_force_tls=yes ssl_verify_host=no\n\
             set smtp_url=\"smtp://{user}@{submission}/\" smtp_pass=\"{password}\"\n\
             set smtp_authenticators=\"plain\"\n\
             set folder=\"imaps://{user}@{imaps}/\" spoolfile=\"+INBOX\" record=\"\" imap_pass=\"{password}\"\n\
             set header_cache=\"\" message_cachedir=\"\" wait_key=no mail_check=1 sort=date timeout=1\n\
             set copy=no abort_unmodified=no pager_stop=yes\n",
            address = office.address(),
            password = office.password(),
            ca = lab.ca(),
            submission = office.place("submission"),
            imaps = office.place("imaps"),
        ),
    );
    file
}

#[test]
fn neomutt_sends() {
    let lab = Lab::start();
    let file = settings(&lab, &lab.athens(), "anna");
    let mut neomutt = Command::new("neomutt");
    neomutt.env("HOME", lab.home()).args(["-n", "-F"]).arg(&file).args(["-s", "sent by neomutt", "kostas@patras.test"]);
    run_with(&mut neomutt, "Καλημέρα\n.\nκόσμε\n".as_bytes()).succeeded();
    let letter = lab.kostas_reads("sent by neomutt");
    assert!(letter.contains("charset=utf-8"), "{letter}");
}

/// A terminal of our own.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    fn open(folder: &Path, command: &str) -> Self {
        let this = Self { socket: folder.join("tmux") };
        let size = ["-x", "110", "-y", "40"];
        run(this.tmux().args(["new-session", "-d"]).args(size).arg(command)).succeeded();
        this
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").arg("-S").arg(&self.socket).args(["-f", "/dev/null"]);
        tmux
    }

    fn keys(&self, keys: &[&str]) {
        run(self.tmux().arg("send-keys").args(keys)).succeeded();
    }

    fn wait_for(&self, text: &str) {
        let mut last = String::new();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while std::time::Instant::now() < deadline {
            last = run(self.tmux().args(["capture-pane", "-p"])).out;
            if last.contains(text) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{text:?} does not appear on the screen:\n{last}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        run(self.tmux().arg("kill-server"));
    }
}

#[test]
fn neomutt_reads_hears_of_new_mail_and_deletes() {
    let lab = Lab::start();
    lab.anna_writes("kostas@patras.test", "read by neomutt");
    lab.kostas_reads("read by neomutt");
    let file = settings(&lab, &lab.patras(), "kostas");
    let command = format!("HOME={} neomutt -n -F {}", lab.home().display(), file.display());
    let terminal = Terminal::open(&lab.home(), &command);
    terminal.wait_for("read by neomutt");
    terminal.keys(&["Enter"]);
    terminal.wait_for("This is the letter about read by neomutt.");
    terminal.keys(&["q"]);
    lab.anna_writes("kostas@patras.test", "while he looks");
    terminal.wait_for("while he looks");
    // Delete the first, leave, and let it be expunged.
    terminal.keys(&["1", "Enter", "d", "q"]);
    terminal.wait_for("Purge 1 deleted message?");
    terminal.keys(&["y"]);
    until("the letter is gone", || {
        let patras = lab.patras();
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--cacert", lab.ca(), "--user", &patras.login(), "--request", "SEARCH ALL"]);
        let found = run(curl.arg(format!("{}/INBOX", patras.url("imaps", "imaps")))).out;
        (found.trim() == "* SEARCH 1").then_some(())
    });
}
