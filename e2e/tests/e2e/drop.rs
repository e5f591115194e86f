//! The drop box with users of the machine: sendmail as programs call it, by a user who may read nothing of the server's.
//! Only root can be several users: for everybody else there is nothing to be seen here.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::raw::inbox;
use crate::server::{PASSWORD, Server, USER};
use crate::tool::{Ran, angelia, is_root, program, run, run_with, until};

/// Whom the server becomes.
const SERVER: (u32, &str) = (1, "daemon");
const NOBODY: u32 = 65_534;
/// Debian's web server, whom the configuration trusts at first.
const WEB: u32 = 33;

struct House {
    server: Server,
}

impl House {
    /// A server that is not root, and a configuration that only root and it can read. `None` without root.
    fn open(more: &str) -> Option<Self> {
        if !is_root() {
            eprintln!("not root: nobody is sent as");
            return None;
        }
        let mut server = Server::start(more);
        server.process.as_mut().unwrap().kill();
        let folder = server.folder.path().to_owned();
        let text = std::fs::read_to_string(server.config()).unwrap();
        std::fs::write(server.config(), format!("user = \"{}\"\n{text}", SERVER.1)).unwrap();
        chown(server.config(), None, Some(SERVER.0)).unwrap();
        std::fs::set_permissions(server.config(), std::fs::Permissions::from_mode(0o640)).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        run(Command::new("chown").arg("-R").arg(SERVER.1).arg(folder.join("data"))).succeeded();
        symlink(program(), folder.join("sendmail")).unwrap();
        // That of the server before may be there; the folder is not ready for this one yet.
        let _ = std::fs::remove_file(folder.join("data/drop/.angelia"));
        server.up();
        let house = Self { server };
        until("the drop box", || house.drop_box().join(".angelia").exists().then_some(()));
        Some(house)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.server.folder.path().join(name)
    }

    fn drop_box(&self) -> PathBuf {
        self.path("data/drop")
    }

    /// A command as this user, who knows where the drop box is and nothing else.
    fn user(&self, uid: u32, program: impl AsRef<Path>) -> Command {
        let (uid, home) = (uid.to_string(), self.path(&format!("home{uid}")));
        if !home.exists() {
            std::fs::create_dir(&home).unwrap();
            chown(&home, Some(uid.parse().unwrap()), None).unwrap();
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "--"]).arg(program.as_ref());
        command.current_dir(&home).env_clear().env("HOME", &home).env("PATH", "/usr/bin:/bin");
        command.env("ANGELIA_DROP", self.drop_box());
        command
    }

    #[track_caller]
    fn sendmail(&self, uid: u32, line: &str, letter: &str) -> Ran {
        run_with(self.user(uid, self.path("sendmail")).args(line.split_ascii_whitespace()), letter.as_bytes())
    }

    /// The letter of this subject, once it is there.
    #[track_caller]
    fn arrived(&self, subject: &str) -> String {
        let line = format!("\r\nSubject: {subject}\r\n");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(found) = self.inbox().into_iter().find(|letter| letter.contains(&line)) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "{subject} does not arrive; {:?} wait\n{}",
                self.waiting(),
                self.faults()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn inbox(&self) -> Vec<String> {
        inbox(self.server.imap, USER, PASSWORD)
    }

    /// Puts a file into the box as whoever knows its form may.
    fn put(&self, uid: u32, name: &str, content: &str) {
        let temporary = self.path("temporary");
        std::fs::write(&temporary, content).unwrap();
        chown(&temporary, Some(uid), Some(SERVER.0)).unwrap();
        std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::fs::rename(&temporary, self.drop_box().join(name)).unwrap();
    }

    fn waiting(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.drop_box()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != ".angelia").collect()
    }

    fn faults(&self) -> String {
        self.log().lines().filter(|line| line.contains(" fault: ")).fold(String::new(), |all, line| all + line + "\n")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

/// A name for a file, as `angelia send` draws it by lot.
fn name(number: usize) -> String {
    format!("{number:026}")
}

fn header<'a>(letter: &'a str, field: &str) -> Option<&'a str> {
    let head = letter.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "))
}

#[test]
fn programs_hand_in_what_they_have() {
    let Some(house) = House::open("") else { return };
    let php = "To: kostas@patras.test\nSubject: php\nFrom: The shop <www@patras.test>\nX-PHP-Originating-Script: 33:a\n\nHello\n.\nmore\n";
    house.sendmail(NOBODY, "-t -i -fwww@patras.test", php).succeeded();
    let letter = house.arrived("php");
    assert!(letter.contains("Return-Path: <nobody@patras.test>"), "a forged sender is replaced: {letter}");
    assert_eq!(header(&letter, "From"), Some("The shop <www@patras.test>"), "{letter}");
    assert_eq!(header(&letter, "Sender"), Some("nobody@patras.test"), "{letter}");
    assert!(
        letter.contains("from nobody (local user, uid 65534)") && letter.ends_with("Hello\r\n.\r\nmore\r\n"),
        "{letter}"
    );
    until("the sender asked for in the log", || house.log().contains("www@patras.test").then_some(()));

    house.sendmail(WEB, "-t -i -fwww@patras.test", &php.replace("php", "web")).succeeded();
    let letter = house.arrived("web");
    assert!(letter.contains("Return-Path: <www@patras.test>") && header(&letter, "Sender").is_none(), "{letter}");

    let cron = "From: root (Cron Daemon)\nTo: kostas@patras.test\nSubject: cron\nContent-Type: text/plain; charset=UTF-8\n\nit ran\n";
    house.sendmail(NOBODY, "-FCronDaemon -i -B8BITMIME -oem -oi -t", cron).succeeded();
    let letter = house.arrived("cron");
    assert!(letter.contains("Return-Path: <nobody@patras.test>") && header(&letter, "Date").is_some(), "{letter}");
    house
        .sendmail(NOBODY, "-FCronDaemon -i -B8BITMIME -oem kostas@patras.test", "Subject: no from\n\nit ran\n")
        .succeeded();
    let letter = house.arrived("no from");
    assert_eq!(header(&letter, "From"), Some("CronDaemon <nobody@patras.test>"), "{letter}");

    let sendmail = house.path("sendmail");
    std::fs::write(house.path("mailrc"), format!("set sendmail={}\n", sendmail.display())).unwrap();
    let mut mail = house.user(NOBODY, "/usr/bin/mail");
    mail.env("MAILRC", house.path("mailrc")).args(["-s", "mailx", USER]);
    run_with(&mut mail, b"Hello\n").succeeded();
    assert!(house.arrived("mailx").contains("<nobody@patras.test>"));

    let settings = format!(
        "set sendmail=\"{} -oem -oi\" copy=no use_envelope_from=yes\nset from=nobody@patras.test\n",
        sendmail.display()
    );
    std::fs::write(house.path("muttrc"), settings).unwrap();
    let mut mutt = house.user(NOBODY, "/usr/bin/neomutt");
    mutt.args(["-n", "-F"]).arg(house.path("muttrc")).args(["-s", "mutt", USER]);
    run_with(&mut mutt, "Καλημέρα\n.\nκόσμε\n".as_bytes()).succeeded();
    let letter = house.arrived("mutt");
    assert!(letter.contains("Return-Path: <nobody@patras.test>") && header(&letter, "Sender").is_none(), "{letter}");

    let talk = "EHLO here\r\nMAIL FROM:<nobody@patras.test>\r\nRCPT TO:<kostas@patras.test>\r\nDATA\r\nSubject: talk\r\n\r\nx\r\n.\r\nQUIT\r\n";
    house.sendmail(NOBODY, "-bs", talk).succeeded().said("handed in as");
    house.arrived("talk");
    assert!(house.waiting().is_empty(), "{:?}", house.waiting());
}

#[test]
fn letters_wait_for_the_server() {
    let Some(mut house) = House::open("") else { return };
    house.server.process.as_mut().unwrap().kill();
    let said =
        house.sendmail(NOBODY, "-v -i kostas@patras.test", "Subject: waits\n\nx\n").succeeded().said("no server runs");
    assert_eq!(house.waiting().len(), 1);
    let id = said.err.lines().find_map(|line| line.strip_prefix("angelia: handed in as ")).unwrap().to_owned();
    house.server.up();
    house.arrived("waits");
    assert!(house.waiting().is_empty());
    // The journal's rows come up to a second later.
    let life = until("its life", || {
        let config = house.server.config();
        let ran = run(angelia().arg("--config").arg(config).args(["trace", &id]));
        ran.out.contains("delivered").then_some(ran.out)
    });
    assert!(life.contains("nobody") && life.contains("65534"), "{life}");
}

#[test]
fn a_killed_server_takes_each_once() {
    const LETTERS: usize = 200;
    let Some(mut house) = House::open("") else { return };
    house.server.process.as_mut().unwrap().kill();
    for number in 0..LETTERS {
        let content = format!("angelia-drop 1\nrecipient kostas@patras.test\n\nSubject: number {number}\n\nx\n");
        house.put(NOBODY, &name(number), &content);
    }
    // Killed whenever some more have gone.
    let mut rounds = 0;
    while !house.waiting().is_empty() {
        let before = house.waiting().len();
        house.server.up();
        until("some are taken", || (house.waiting().len() <= before.saturating_sub(10)).then_some(()));
        house.server.process.as_mut().unwrap().kill();
        rounds += 1;
    }
    assert!(rounds > 1, "it was killed in the middle of it");
    house.server.up();
    let mut subjects: Vec<String> =
        house.inbox().iter().filter_map(|letter| header(letter, "Subject").map(str::to_owned)).collect();
    assert_eq!(subjects.len(), LETTERS, "after {rounds} rounds");
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), LETTERS, "after {rounds} rounds");
}

#[test]
fn what_is_odd_is_put_aside_and_told() {
    let Some(house) = House::open("[limits]\nmessage_size = \"1 MiB\"") else { return };
    let drop_box = house.drop_box();
    let kept = house.path("kept");
    std::fs::write(&kept, "angelia-drop 1\nrecipient kostas@patras.test\n\nSubject: stolen\n\nx\n").unwrap();
    chown(&kept, Some(WEB), None).unwrap();
    symlink(&kept, drop_box.join(name(1))).unwrap();
    std::fs::hard_link(&kept, drop_box.join(name(2))).unwrap();
    run(Command::new("mkfifo").arg(drop_box.join(name(3)))).succeeded();
    run(Command::new("mkfifo").arg(drop_box.join(".new-pipe"))).succeeded();
    std::fs::create_dir(drop_box.join(name(4))).unwrap();
    house.put(NOBODY, &name(5), "\u{0}\u{1} garbage without any line");
    house.put(NOBODY, "hello", "what is this");
    // Ten gigabytes, none of them on the disk.
    house.put(
        NOBODY,
        &name(6),
        "angelia-drop 1\nsender nobody@patras.test\nrecipient kostas@patras.test\n\nSubject: huge\n\n",
    );
    std::fs::OpenOptions::new().write(true).open(drop_box.join(name(6))).unwrap().set_len(10 << 30).unwrap();
    house.put(NOBODY, &name(7), "angelia-drop 1\nrecipient kostas@patras.test\n\nSubject: closed\n\nx\n");
    std::fs::set_permissions(drop_box.join(name(7)), std::fs::Permissions::from_mode(0o600)).unwrap();
    house.sendmail(NOBODY, "-i kostas@patras.test", "Subject: decent\n\nx\n").succeeded();
    house.arrived("decent");
    let left = until("the box is empty", || Some(house.waiting()).filter(|left| left.len() <= 1));
    assert_eq!(left, [format!(".aside-{}", name(7))], "what it cannot read is left, and told");
    // Lines of the journal wait for company.
    let log = until("all of it in the log", || {
        let log = house.log();
        let is_told = (1..=7).all(|number| log.contains(&name(number)) || number == 6);
        (is_told && log.contains("hello") && log.contains(".new-pipe")).then_some(log)
    });
    assert!(log.contains("1048576 are allowed"), "the huge one is told of: {log}");
    assert!(house.inbox().iter().all(|letter| !letter.contains("stolen")), "another's file is nobody's letter");
    assert!(std::fs::read_to_string(&kept).unwrap().contains("stolen"));
    assert_eq!(std::fs::read_to_string(house.path("data/drop-aside/hello")).unwrap(), "what is this");
}

#[test]
fn exit_codes_say_what_is_wrong() {
    let Some(house) = House::open("") else { return };
    for (line, letter, code, said) in [
        ("-t -i", "Subject: x\n\nx\n", 65, "no recipient"),
        ("-i a@@b", "x\n", 64, "is no address"),
        ("-i", "x\n", 64, "to whom?"),
        ("-bd", "", 64, "angelia serve"),
        ("-bi", "", 0, ""),
        ("-q15m", "", 0, ""),
        ("--drop /nowhere -i kostas@patras.test", "x\n", 75, "no drop box at /nowhere"),
    ] {
        let ran = house.sendmail(NOBODY, line, letter).said(said);
        assert_eq!(ran.code, Some(code), "{line}: {}", ran.err);
    }
    // A configuration that is named and cannot be read is an error; one that is only in the way is not.
    let config = house.server.config();
    let mut named = house.user(NOBODY, program());
    let ran = run_with(named.arg("--config").arg(&config).args(["send", "kostas@patras.test"]), b"x\n");
    assert_eq!(ran.code, Some(77), "{}", ran.err);
    let mut mailq = house.user(NOBODY, house.path("sendmail"));
    let ran = run_with(mailq.arg("-bp").arg("-C").arg(&config), b"").failed();
    assert_eq!(ran.code, Some(77), "{}", ran.err);
    // Nobody can look into the box.
    run(house.user(NOBODY, "/bin/ls").arg(house.drop_box())).failed();
    // Root writes the store itself, as the server's user, beside the server.
    let mut root = Command::new(house.path("sendmail"));
    let ran = run_with(root.arg("-C").arg(&config).args(["-i", "-f", USER, "nobody.there@patras.test"]), b"x\n");
    assert_eq!(ran.code, Some(67), "{}", ran.err);
    let mut root = Command::new(house.path("sendmail"));
    run_with(root.arg("-C").arg(&config).args(["-i", USER]), b"Subject: by root\n\nx\n").succeeded();
    house.arrived("by root");
    for entry in std::fs::read_dir(house.path("data")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().uid(), SERVER.0, "{}", entry.path().display());
    }
}
