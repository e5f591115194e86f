//! The program as its operator meets it: the real binary, a folder of its own, real ports of loopback.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A step that takes longer than this has hung. Nothing here is judged by its time.
const PATIENCE: Duration = Duration::from_secs(60);

struct House {
    folder: tempfile::TempDir,
}

impl House {
    /// `quickstart`, then all doors on free ports of loopback.
    fn build() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        let folder = house.folder.path().to_str().unwrap().to_owned();
        let output = run(&["quickstart", "anna@athens.test", "--skip-checks", "--dir", &folder], "");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("athens.test.  "), "the DNS records are printed");
        let config = std::fs::read_to_string(house.config()).unwrap();
        let doors = ["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"];
        let doors: String = doors.iter().map(|door| format!("[{door}]\nlisten = \"127.0.0.1:0\"\n")).collect();
        std::fs::write(house.config(), format!("{config}\n{doors}[journal]\nformat = \"json\"\n")).unwrap();
        house
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("angelia.toml")
    }

    fn angelia(&self, arguments: &[&str], input: &str) -> Output {
        let config = self.config();
        let mut all = vec!["--config", config.to_str().unwrap()];
        all.extend(arguments);
        run(&all, input)
    }

    /// Runs it, and wants it to succeed; answers its stdout.
    fn done(&self, arguments: &[&str], input: &str) -> String {
        let output = self.angelia(arguments, input);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs it, and wants it to fail with this code; answers its stderr.
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.angelia(arguments, "");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }

    fn serve(&self) -> Server {
        Server::start(&self.config())
    }
}

struct Server {
    child: Child,
    journal: Receiver<serde_json::Value>,
    started: serde_json::Value,
}

impl Server {
    fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_angelia"))
            .args(["serve", "--config", config.to_str().unwrap()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, journal) = channel();
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line) {
                    let _ = sender.send(value);
                }
            }
        });
        let mut server = Self { child, journal, started: serde_json::Value::Null };
        server.started = server.hear("started");
        server
    }

    /// The next entry about this.
    fn hear(&self, event: &str) -> serde_json::Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let entry = self.journal.recv_timeout(left).unwrap_or_else(|_| panic!("no entry `{event}`"));
            if entry.to_string().contains(&format!("\"{event}\"")) {
                return entry;
            }
        }
    }

    fn address(&self, service: &str) -> SocketAddr {
        let text = self.started.to_string();
        let (_, rest) = text.split_once(&format!("[\"{service}\",\"")).unwrap_or_else(|| panic!("{text}"));
        rest.split('"').next().unwrap().parse().unwrap()
    }

    fn connect(&self, service: &str) -> Talk {
        let stream = TcpStream::connect(self.address(service)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Talk(BufReader::new(stream))
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn ends(mut self) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Talk(BufReader<TcpStream>);

impl Talk {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    /// The last line of an SMTP reply.
    fn reply(&mut self) -> String {
        loop {
            let line = self.line();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    fn say(&mut self, line: &str) -> String {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    /// A whole letter from outside.
    fn letter(&mut self, to: &str) -> String {
        for (line, code) in [
            ("EHLO patras.test", "250"),
            ("MAIL FROM:<kostas@patras.test>", "250"),
            (&format!("RCPT TO:<{to}>"), "250"),
            ("DATA", "354"),
        ] {
            let reply = self.say(line);
            assert!(reply.starts_with(code), "{line}: {reply}");
        }
        self.say("Subject: Chaire\r\n\r\nHow are you?\r\n.")
    }
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_angelia"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no input has perhaps ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_letter_comes_in_and_its_life_can_be_told() {
    let house = House::build();
    let server = house.serve();
    let mut talk = server.connect("smtp");
    assert!(talk.reply().starts_with("220 mail.athens.test "));
    let reply = talk.letter("anna@athens.test");
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let id = reply.split(' ').nth(2).unwrap();
    assert!(talk.say("RSET").starts_with("250"));
    assert!(talk.say("MAIL FROM:<kostas@patras.test>").starts_with("250"));
    assert!(talk.say("RCPT TO:<nobody@athens.test>").starts_with("550 5.1.1"));
    assert!(talk.say("RCPT TO:<maria@sparta.test>").starts_with("550 5.7.1"), "nobody relays");
    assert!(talk.say("QUIT").starts_with("221"));
    server.signal("TERM");
    server.ends();
    let life = house.done(&["trace", id, "--json"], "");
    for word in ["accepted", "delivered", "kostas@patras.test", "anna@athens.test"] {
        assert!(life.contains(word), "{word}: {life}");
    }
}

#[test]
fn a_reload_drops_nobody_and_a_wrong_file_changes_nothing() {
    let house = House::build();
    let server = house.serve();
    let mut talk = server.connect("smtp");
    talk.reply();
    assert!(talk.say("EHLO a.test").starts_with("250"));

    let good = std::fs::read_to_string(house.config()).unwrap();
    std::fs::write(house.config(), good.replace("hostname", "hostnam")).unwrap();
    server.signal("HUP");
    let said = server.hear("fault").to_string();
    assert!(said.contains("the old configuration stays: ") && said.contains("did you mean `hostname`?"), "{said}");
    assert!(said.contains("; ") && said.contains("`hostname`: is missing") && !said.contains('\u{fffd}'), "{said}");
    assert!(server.connect("smtp").reply().contains("mail.athens.test"));

    let new = good
        .replace("mail.athens.test", "mx.athens.test")
        .replace("[imap]\nlisten = \"127.0.0.1:0\"", "[imap]\nlisten = []");
    std::fs::write(house.config(), new).unwrap();
    server.signal("HUP");
    server.hear("reloaded");
    assert!(server.connect("smtp").reply().starts_with("220 mx.athens.test "));
    assert!(TcpStream::connect(server.address("imap")).is_err(), "the door is closed");
    assert!(talk.letter("anna@athens.test").starts_with("250"), "who was connected still is");
}

#[test]
fn what_a_reload_cannot_change_is_a_warning() {
    let house = House::build();
    let server = house.serve();
    let good = std::fs::read_to_string(house.config()).unwrap();
    let new = good.replace("mail.athens.test", "mx.athens.test");
    let (first, last) = ("postmaster = \"anna@athens.test\"\n", "days = 3\n[forward]\nsrs = false\n");
    std::fs::write(house.config(), format!("{first}{new}{last}")).unwrap();
    server.signal("HUP");
    for key in ["postmaster", "forward", "journal.days"] {
        let said = server.hear("warning").to_string();
        assert!(said.contains(&format!("the new `{key}` holds after the next start")), "{key}: {said}");
    }
    server.hear("reloaded");
    assert!(server.connect("smtp").reply().starts_with("220 mx.athens.test "), "all else holds now");
}

#[test]
fn the_end_waits_for_a_letter_under_way() {
    let house = House::build();
    let server = house.serve();
    let mut talk = server.connect("smtp");
    talk.reply();
    for line in ["EHLO a.test", "MAIL FROM:<k@p.test>", "RCPT TO:<anna@athens.test>", "DATA"] {
        talk.say(line);
    }
    server.signal("TERM");
    server.hear("stopping");
    let said = server.hear("warning").to_string();
    assert!(said.contains("waits for 1 connection (30 s at most); a second SIGTERM ends it at once"), "{said}");
    assert!(talk.say("Subject: late\r\n\r\n.").starts_with("250"), "it is taken all the same");
    let mut rest = String::new();
    talk.0.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("421"), "{rest}");
    server.ends();
}

#[test]
fn records_are_kept_while_the_server_runs_and_while_it_does_not() {
    let house = House::build();
    house.done(&["account", "add", "petros@athens.test", "--password-stdin"], "a secret word\n");
    let server = house.serve();
    house.done(&["domain", "add", "sparta.test"], "");
    house.done(&["account", "add", "maria@sparta.test", "--generate"], "");
    house.done(&["alias", "add", "all@sparta.test", "maria@sparta.test", "petros@athens.test"], "");
    let domains = house.done(&["domain", "list", "--json"], "");
    let domains: serde_json::Value = serde_json::from_str(&domains).unwrap();
    assert_eq!(domains.as_array().unwrap().len(), 2);
    assert_eq!(domains[0]["accounts"], 2);
    assert!(house.done(&["account", "list", "sparta.test"], "").contains("maria@sparta.test"));
    assert!(house.done(&["alias", "list"], "").contains("maria@sparta.test, petros@athens.test"));
    // The running server has heard of it within a second or two.
    let end = Instant::now() + PATIENCE;
    loop {
        let mut talk = server.connect("smtp");
        talk.reply();
        talk.say("EHLO a.test");
        talk.say("MAIL FROM:<k@p.test>");
        if talk.say("RCPT TO:<all@sparta.test>").starts_with("250") {
            break;
        }
        assert!(Instant::now() < end, "the server does not see what was added");
        std::thread::sleep(Duration::from_millis(50));
    }
    house.done(&["alias", "add", "maria@sparta.test", "maria@sparta.test", "k@patras.test"], "");
    house.done(&["alias", "remove", "maria@sparta.test"], "");
    house.done(&["alias", "add", "maria@sparta.test", "k@patras.test", "--yes"], "");
    house.done(&["alias", "remove", "maria@sparta.test"], "");
    house.done(&["alias", "remove", "all@sparta.test"], "");
    house.done(&["alias", "add", "m@sparta.test", "maria@sparta.test"], "");
    let removed = house.angelia(&["account", "remove", "maria@sparta.test", "--yes"], "");
    let said = text(&removed.stderr);
    assert!(said.contains("the alias m@sparta.test led there only, and is gone too"), "{said}");
    house.done(&["domain", "remove", "sparta.test"], "");
    assert!(!house.done(&["domain", "list"], "").contains("sparta"));
}

#[test]
fn people_go_on_and_groups_have_terms() {
    let house = House::build();
    let said = |arguments: &[&str]| {
        let output = house.angelia(arguments, "");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stderr)
    };
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&house.done(&[arguments, &["--json"]].concat(), "")).unwrap()
    };
    house.done(&["account", "add", "petros@athens.test", "--password-stdin"], "a secret word\n");

    let forward = ["account", "forward", "Anna@athens.test", "a@far.test", "b@far.test"];
    assert!(said(&forward).ends_with("go to a@far.test, b@far.test; none stays\n"));
    assert_eq!(json(&["account", "forward"])[0]["keeps"], false);
    assert!(said(&["account", "forward", "anna@athens.test", "petros@athens.test", "--keep"]).contains("a copy stays"));
    let listed = json(&["account", "forward", "anna@athens.test"]);
    let wanted = serde_json::json!([
        {"account": "anna@athens.test", "targets": ["petros@athens.test"], "keeps": true}
    ]);
    assert_eq!(listed, wanted, "the new ones stand in the place of the old ones");
    assert_eq!(json(&["account", "forward", "petros@athens.test"]), serde_json::json!([]));
    assert!(said(&["account", "forward", "anna@athens.test", "--off"]).contains("stay there"));
    assert_eq!(json(&["account", "forward"]), serde_json::json!([]));

    said(&["account", "moved", "old@athens.test", "old@far.test"]);
    assert!(said(&["account", "moved", "gone@athens.test", "gone@far.test", "--refuse"]).contains("are refused"));
    let listed = json(&["account", "moved"]);
    let forwards = |from: &str| {
        listed.as_array().unwrap().iter().find(|one| one["from"] == from).map(|one| one["forwards"].clone())
    };
    assert_eq!((forwards("old@athens.test"), forwards("gone@athens.test")), (Some(true.into()), Some(false.into())));
    said(&["account", "moved", "old@athens.test", "--off"]);
    assert_eq!(json(&["account", "moved"]).as_array().unwrap().len(), 1);

    let add = ["alias", "add", "list@athens.test", "petros@athens.test", "m@far.test"];
    said(&[&add[..], &["--owner", "anna@athens.test", "--senders", "members"]].concat());
    let first = |key: &str| json(&["alias", "list"])[0][key].clone();
    assert_eq!((first("owner"), first("senders")), ("anna@athens.test".into(), "members".into()));
    assert!(
        said(&["alias", "add", "list@athens.test", "--no-owner"]).contains("the terms of list@athens.test are changed")
    );
    assert_eq!((first("owner"), first("senders")), (serde_json::Value::Null, "members".into()));
    said(&["alias", "add", "list@athens.test", "--senders", "local"]);
    assert_eq!((first("senders"), first("targets").as_array().unwrap().len()), ("local".into(), 2));

    for (code, arguments, wanted) in [
        (1, &["account", "forward", "nobody@athens.test", "a@far.test"][..], "nobody@athens.test"),
        (1, &["alias", "add", "none@athens.test", "--senders", "local"], "none@athens.test"),
        (2, &["account", "forward", "--off"], "<ACCOUNT>"),
        (2, &["account", "moved", "old@athens.test", "--off", "--refuse"], "cannot be used with"),
        (2, &["alias", "add", "list@athens.test", "--senders", "friends"], "invalid value"),
        (2, &["alias", "add", "list@athens.test"], "required"),
    ] {
        let said = house.fails(code, arguments);
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
}

/// Once: the end waits for whoever is in the middle of a letter. Twice: it does not.
#[test]
fn a_second_wish_to_end_is_meant() {
    let house = House::build();
    let mut server = house.serve();
    let mut talk = server.connect("smtp");
    talk.reply();
    for line in ["EHLO a.test", "MAIL FROM:<k@p.test>", "RCPT TO:<anna@athens.test>", "DATA"] {
        talk.say(line);
    }
    server.signal("TERM");
    server.hear("warning");
    let began = Instant::now();
    server.signal("TERM");
    let status = server.child.wait().unwrap();
    assert!(!status.success() && began.elapsed() < Duration::from_secs(20), "{status}");
}

#[test]
fn what_keeps_a_route_from_working_is_said() {
    let house = House::build();
    let good = std::fs::read_to_string(house.config()).unwrap();
    let routes = "[lmtp]\nsocket = \"own\"\n[[route]]\ndomain = \"b.test\"\nto = \"lmtp:/no/such/socket\"\n\
                  source = \"192.0.2.26\"\n[[route]]\ndomain = \"c.test\"\nto = \"reject:\"\n";
    std::fs::write(house.config(), format!("{good}\n{routes}")).unwrap();
    let checked = house.angelia(&["config", "check"], "");
    let said = text(&checked.stderr);
    assert_eq!(checked.status.code(), Some(0), "{said}");
    for wanted in ["/no/such/socket is not there", "this machine does not have 192.0.2.26", "says no reason"] {
        assert_eq!(
            said.lines().filter(|line| line.contains("warning: line ") && line.contains(wanted)).count(),
            1,
            "{said}"
        );
    }
    let own = house.folder.path().join("own");
    let back = format!("[[route]]\nto = \"lmtp:{}\"\n", own.display());
    std::fs::write(house.config(), format!("{good}\n{routes}{back}")).unwrap();
    let said = house.fails(1, &["config", "check"]);
    assert!(said.contains("is a door of this server: letters would come back"), "{said}");
}

#[test]
fn what_is_wrong_is_said() {
    let house = House::build();
    let table: [(i32, &[&str], &str); 12] = [
        (1, &["account", "add", "x@nowhere.test", "--generate"], "angelia domain add nowhere.test"),
        (1, &["account", "add", "anna@athens.test", "--generate"], "is here already"),
        (1, &["account", "add", "b@athens.test"], "--password-stdin"),
        (1, &["account", "remove", "anna@athens.test"], "--yes"),
        (
            1,
            &["alias", "add", "anna@athens.test", "k@patras.test"],
            "anna@athens.test is an account; its mail would go",
        ),
        (1, &["quickstart", "anna@localhost"], "no domain that others could write to"),
        (1, &["domain", "remove", "athens.test"], "still has 1 accounts"),
        (2, &["account", "add", "no address"], "invalid value"),
        (2, &["acount", "list"], "unrecognized subcommand"),
        (2, &["queue", "show", "x"], "26 letters and digits"),
        (64, &["send"], "to whom?"),
        (1, &["queue", "retry"], "say which"),
    ];
    for (code, arguments, wanted) in table {
        let said = house.fails(code, arguments);
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
    let folder = house.folder.path().to_str().unwrap();
    let again = run(&["quickstart", "anna@athens.test", "--skip-checks", "--dir", folder], "");
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("is there already; nothing was changed"));
    assert!(house.done(&["config", "check"], "").is_empty());
    let good = std::fs::read_to_string(house.config()).unwrap();
    std::fs::write(house.config(), format!("postmaster = \"nobody@athens.test\"\n{good}")).unwrap();
    let said = text(&house.angelia(&["config", "check"], "").stderr);
    assert!(said.contains("warning: `postmaster`: nobody here has the address nobody@athens.test"), "{said}");
    for (domain, count) in [("fwd.athens.test", 1), ("athens.test", 0)] {
        std::fs::write(house.config(), format!("forward.srs_domain = \"{domain}\"\n{good}")).unwrap();
        let said = text(&house.angelia(&["config", "check"], "").stderr);
        assert_eq!(said.matches("warning: `forward.srs_domain`: fwd.athens.test is none of").count(), count, "{said}");
    }
    let bad = "hostname = \"a.test\"\nuser = \"no-such-user\"\ndata = \"angelia.toml\"\n\
               tls.certificate = \"a.pem\"\ntls.key = \"a.key\"\ntls.authorities = \"ca.pem\"\n";
    std::fs::write(house.config(), bad).unwrap();
    let said = house.fails(1, &["config", "check"]);
    for wanted in ["no user \"no-such-user\"", "angelia.toml is no folder", "`tls.certificate`", "`tls.authorities`"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    std::fs::write(house.config(), "hostname = \"a.test\"\n\n[queu]\nlifetime = \"5d\"\n").unwrap();
    let said = house.fails(1, &["config", "check"]);
    assert!(said.contains("angelia.toml:3: there is no section `[queu]`; did you mean `[queue]`?"), "{said}");
}

#[test]
fn the_first_command_makes_the_data_folder_and_takes_no_short_password() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("angelia.toml"), "hostname = \"mail.a.test\"\ndata = \"data\"\n").unwrap();
    let house = House { folder };
    assert!(house.fails(1, &["domain", "list"]).contains("there is no data folder"));
    house.done(&["domain", "add", "a.test"], "");
    let short = house.angelia(&["account", "add", "anna@a.test", "--password-stdin"], "1234567\n");
    assert_eq!(short.status.code(), Some(1));
    assert!(text(&short.stderr).contains("less than 8 characters"));
    house.done(&["account", "add", "anna@a.test", "--password-stdin", "--weak"], "1234567\n");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let house = House::build();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = std::fs::read_to_string(house.config()).unwrap();
    std::fs::write(house.config(), config.replacen("127.0.0.1:0", &address, 1)).unwrap();
    let said = house.fails(1, &["serve"]);
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
}

/// Started as root it becomes the configured user, and so do the commands; started as another user it stays who it is.
#[test]
fn root_is_given_up() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    let house = House::build();
    let folder = house.folder.path();
    let me = std::fs::metadata(folder).unwrap().uid();
    let wanted = if me == 0 { 65_534 } else { me };
    if me == 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut waiting = vec![folder.join("data")];
        while let Some(path) = waiting.pop() {
            chown(&path, Some(wanted), Some(wanted)).unwrap();
            if path.is_dir() {
                waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }
    let config = std::fs::read_to_string(house.config()).unwrap();
    std::fs::write(house.config(), format!("user = \"nobody\"\n{config}")).unwrap();
    let server = house.serve();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let uids = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
    assert!(uids.split_whitespace().skip(1).all(|uid| uid == wanted.to_string()), "{uids}");
    house.done(&["send", "anna@athens.test"], "Subject: x\n\nx\n");
    let mut talk = server.connect("smtp");
    talk.reply();
    assert!(talk.letter("anna@athens.test").starts_with("250"), "the command left the store usable");
}

#[test]
fn what_lies_in_the_current_folder_is_not_believed() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let house = House::build();
    let here = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_angelia"));
        command.current_dir(house.folder.path()).env_remove("ANGELIA_DROP").stdin(Stdio::null());
        let output = command.args(arguments).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(here(&["account", "list"]).0, Some(0), "it is ours");
    // `send` does not look there: the letter is not put into this store.
    let said = here(&["send", "-v", "nobody@athens.test"]);
    assert_ne!(said.0, Some(67), "{}", said.1);
    let chmod = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let refused = |whose: &str| {
        for command in [&["account", "list"][..], &["queue"], &["config", "check"], &["config", "show"], &["serve"]] {
            let (code, said) = here(command);
            assert!(code == Some(1) && said.contains("angelia.toml is not used: ") && said.contains(whose), "{said}");
        }
    };
    for path in [house.config(), house.folder.path().to_owned(), house.folder.path().join("data")] {
        let mode = path.metadata().unwrap().permissions().mode();
        chmod(&path, mode | 0o002);
        refused("can be written to by everybody");
        chmod(&path, mode);
        // Who is not root gives nothing away.
        if chown(&path, Some(65534), None).is_ok() {
            refused(" belongs to ");
            chown(&path, Some(0), None).unwrap();
        }
    }
    // Named, it is meant.
    chmod(&house.config(), 0o666);
    house.done(&["account", "list"], "");
    // What is wrong now is right later.
    std::fs::write(house.config(), "hostname = \"a.test\"\ndata = \"gone\"\n").unwrap();
    for wanted in [if is_root() { "there is no data folder" } else { "there is no drop box" }, "`hostname`"] {
        let said = house.fails(75, &["send", "anna@athens.test"]);
        assert!(said.contains(wanted), "{said}");
        std::fs::write(house.config(), "hostname = 7\n").unwrap();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|about| std::os::unix::fs::MetadataExt::uid(&about) == 0)
}

#[test]
fn sent_as_sendmail_does() {
    let house = House::build();
    let letter = "To: anna@athens.test\nBcc: postmaster@athens.test\nSubject: From a program\n\nHello\n.\nnot this\n";
    house.done(&["send", "-t", "-oi", "-f", "anna@athens.test"], letter);
    house.done(&["send", "-F", "Cron Daemon", "root"], "Subject: it ran\n\nfine\n.\nnot this\n");
    let refused = house.angelia(&["send", "nobody@athens.test"], "\nx\n");
    assert_eq!(refused.status.code(), Some(67));
    assert!(text(&refused.stderr).contains("nobody@athens.test: 550 5.1.1"));
    let life: serde_json::Value =
        serde_json::from_str(&house.done(&["trace", "anna@athens.test", "--json"], "")).unwrap();
    assert_eq!(life["letters"].as_array().unwrap().len(), 2, "{life:#}");
    // Somebody gets it: it is sent, and the sender hears of the other by the queue.
    let some = ["send", "-f", "anna@athens.test", "nobody@athens.test, The Boss <boss@sparta.test>"];
    let sent = house.angelia(&some, "Subject: some\n\nx\n");
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    assert!(text(&sent.stderr).contains("nobody@athens.test: 550 5.1.1"));
    let waiting = house.done(&["queue", "list", "--json"], "");
    assert!(waiting.contains("nobody@athens.test") && waiting.contains("boss@sparta.test"), "{waiting}");
}

#[test]
fn a_lost_database_is_rebuilt_from_the_segments() {
    let house = House::build();
    house.done(&["send", "anna@athens.test"], "Subject: precious\n\nx\n");
    assert!(house.done(&["verify", "--json"], "").contains("\"bodies\": 1"));
    let wishes = ["send", "-f", "anna@athens.test", "-N", "failure", "-V", "QQ31", "kostas@patras.test"];
    house.done(&wishes, "Subject: on its way\n\nx\n");
    house.done(&["account", "forward", "anna@athens.test", "far@corinth.test"], "");
    house.done(&["send", "-f", "maria@sparta.test", "anna@athens.test"], "Subject: sent on\n\nx\n");
    let queued = || -> Vec<[String; 3]> {
        let rows: Vec<serde_json::Value> = serde_json::from_str(&house.done(&["queue", "list", "--json"], "")).unwrap();
        let told = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
        let mut rows: Vec<_> = rows.iter().map(|row| ["id", "sender", "recipient"].map(|key| told(row, key))).collect();
        rows.sort();
        rows
    };
    let lost = queued();
    assert!(lost.len() == 2 && lost.iter().any(|[_, sender, _]| sender.starts_with("<SRS0=")), "{lost:?}");
    let data = house.folder.path().join("data");
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = std::fs::remove_file(data.join(file));
    }
    assert!(house.fails(1, &["rebuild"]).contains("anna@athens.test, who have no account here"));
    house.done(&["domain", "add", "athens.test"], "");
    house.done(&["account", "add", "anna@athens.test", "--generate"], "");
    let said = text(&house.angelia(&["rebuild"], "").stderr);
    assert!(said.contains("1 letters brought back"), "{said}");
    assert_eq!(queued(), lost, "under the same ids and senders");
    assert!(house.done(&["queue", "list", "--held"], "").contains("kostas@patras.test"));
    assert!(house.fails(1, &["rebuild"]).contains("the database stands"), "nothing is lost any more");
    let forced = ["rebuild", "--yes-bring-deleted-back", "--even-older-than-account"];
    let said = text(&house.angelia(&forced, "").stderr);
    assert!(said.contains("0 letters brought back, 1 were there already"), "{said}");
}

#[test]
fn a_removed_accounts_letters_stay_away_from_its_successor() {
    let house = House::build();
    house.done(&["send", "anna@athens.test"], "Subject: private\n\nx\n");
    assert!(house.fails(1, &["rebuild"]).contains("--yes-bring-deleted-back"));
    house.done(&["account", "remove", "anna@athens.test", "--yes"], "");
    house.done(&["account", "add", "anna@athens.test", "--generate"], "");
    assert!(house.fails(1, &["rebuild"]).contains("nothing was done"));
    let said = text(&house.angelia(&["rebuild", "--yes-bring-deleted-back"], "").stderr);
    assert!(said.contains("0 letters brought back") && said.contains("1 letters are from before"), "{said}");
    let said = text(&house.angelia(&["rebuild", "--yes-bring-deleted-back", "--even-older-than-account"], "").stderr);
    assert!(said.contains("1 letters brought back"), "{said}");
}

#[test]
fn the_queue_obeys_without_a_server() {
    let house = House::build();
    house.done(&["send", "-f", "anna@athens.test", "kostas@patras.test", "maria@sparta.test"], "Subject: x\n\nx\n");
    let listed = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let mut all = vec!["queue", "list", "--json"];
        all.extend(arguments);
        serde_json::from_str(&house.done(&all, "")).unwrap()
    };
    let rows = listed(&[]);
    assert_eq!(rows.len(), 2);
    let id = rows[0]["id"].as_str().unwrap().to_owned();
    assert!(house.done(&["queue", "show", &id], "").contains("to maria@sparta.test"));
    assert!(house.done(&["queue", "hold", "--domain", "patras.test"], "").contains("kostas@patras.test"));
    assert_eq!(listed(&["--held"]).len(), 1);
    let unnamed = house.done(&["queue", "--recipient", "maria@sparta.test", "--json"], "");
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&unnamed).unwrap().len(), 1, "as `queue list`");
    assert!(house.fails(2, &["queue", "lst"]).contains("unrecognized subcommand"));
    // A next hop that nothing goes by is suspended all the same.
    for (key, count) in [("smtp:hub.tset:25", 1), ("patras.test", 0)] {
        for command in [&["suspend", key, "--via"][..], &["rule", "add", "--via", key]] {
            let said = text(&house.angelia(&[&["queue"], command].concat(), "").stderr);
            let warned = said.matches("warning: no route has the next hop").count();
            assert_eq!(warned, count, "{command:?}: {said}");
        }
        house.done(&["queue", "resume", key, "--via"], "");
        house.done(&["queue", "rule", "remove", "--via", key], "");
    }
    assert_eq!(listed(&["--held"])[0]["state"], "held");
    let said = text(&house.angelia(&["queue", "retry", "--recipient", "kostas@patras.test"], "").stderr);
    assert!(said.contains("1 recipient is held: not tried before `angelia queue release`"), "{said}");
    house.done(&["queue", "release", &id], "");
    assert!(listed(&["--held"]).is_empty());
    house.done(&["queue", "retry", "--all"], "");
    assert!(house.fails(1, &["queue", "drop", &id]).contains("--yes"));
    house.done(&["queue", "drop", &id, "--yes"], "");
    assert!(listed(&[]).is_empty());
    assert!(house.fails(1, &["queue", "show", &id]).contains("angelia trace"));
    let life = house.done(&["trace", &id], "");
    assert!(life.contains("hold kostas@patras.test") && life.contains("drop maria@sparta.test"), "{life}");
}
