//! `angelia route` as its operator meets it: the real binary, a configuration with routes, and no server anywhere.

use std::path::Path;
use std::process::{Command, Output};

fn angelia(folder: &Path, arguments: &[&str]) -> Output {
    let config = folder.join("angelia.toml");
    Command::new(env!("CARGO_BIN_EXE_angelia")).arg("--config").arg(config).args(arguments).output().unwrap()
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = angelia(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const ROUTES: &str = "
hostname = \"mail.athens.test\"
data = \"data\"
[dns]
server = \"127.0.0.1:9\"
[relay]
domains = [\"store.test\"]
[[route]]
domain = \"store.test\"
to = \"lmtp:/run/dovecot/lmtp\"
connections = 3
[[route]]
sender = \"@news.athens.test\"
to = \"smtp://192.0.2.1:587\"
user = \"news\"
password_file = \"password\"
source = \"127.0.0.9\"
rate = \"100/h\"
[[route]]
domain = \"closed.test\"
to = \"reject:5.1.2 closed for good\"
[[route]]
domain = \"sub.closed.test\"
sender = \"x@news.athens.test\"
to = \"mx\"
";

#[test]
fn what_would_happen_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("angelia.toml"), ROUTES).unwrap();
    std::fs::create_dir(here.join("data")).unwrap();
    done(here, &["domain", "add", "athens.test"]);
    done(here, &["account", "add", "anna@athens.test", "--generate"]);
    for (arguments, wanted) in [
        (vec!["anna@athens.test"], vec!["a domain of ours: anybody", "mailbox   anna@athens.test"]),
        (vec!["nobody@athens.test"], vec!["refused   550 5.1.1"]),
        (vec!["MAILER-DAEMON@mail.athens.test"], vec!["is this host: anybody", "mailbox   anna@athens.test"]),
        (vec!["x@closed.test"], vec!["refused   550 5.1.2 closed for good"]),
        (
            vec!["x@store.test"],
            vec![
                "`relay.domains`: anybody",
                "lmtp:/run/dovecot/lmtp (the first [[route]], line 8)",
                "3 connections at once",
                "tried first: /run/dovecot/lmtp",
                "name one with --from",
            ],
        ),
        (
            vec!["x@patras.test", "--from", "letter@news.athens.test"],
            vec![
                "smtp:192.0.2.1:587 (the second [[route]], line 12)",
                "sign in   as news",
                "verifies for the name",
                "100 letters an hour at most",
                "source    127.0.0.9",
                "nothing waits, nothing is in the way",
                "tried first: [192.0.2.1] at 192.0.2.1:587",
            ],
        ),
        (vec!["x@[192.0.2.7]", "--from", "<>"], vec!["no DNS is asked", "tried first: [192.0.2.7] at 192.0.2.7:25"]),
        (vec!["x@patras.test", "--from", "a@athens.test"], vec!["none is for it: by MX", "it would wait: 451 4.4.3"]),
    ] {
        let said = done(here, &[&["route"], &arguments[..]].concat());
        for part in wanted {
            assert!(said.contains(part), "{arguments:?} lacks {part:?}: {said}");
        }
    }
    let json = done(here, &["route", "x@store.test", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["next_hops"][0]["route"]["line"], 8);
    assert_eq!(report["next_hops"][0]["destination"], "lmtp:/run/dovecot/lmtp");
    let bad = angelia(here, &["route", "nobody"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("\"nobody\" is no mail address"));
}

#[test]
fn the_check_names_what_is_surely_not_meant() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("angelia.toml"), ROUTES).unwrap();
    std::fs::create_dir(here.join("data")).unwrap();
    let check = |code: i32| {
        let output = angelia(here, &["config", "check"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    };
    assert!(check(1).contains("line 12: `route.password_file`: "));
    std::fs::write(here.join("password"), "secret\n").unwrap();
    done(here, &["domain", "add", "closed.test"]);
    let said = check(0);
    assert!(said.contains("warning: line 22: this [[route]] is never taken: the [[route]] of line 12"), "{said}");
    assert!(said.contains("warning: line 19: `route.domain`: closed.test is a domain of ours"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}
