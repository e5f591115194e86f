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
                "lmtp:/run/dovecot/lmtp ([[route]] number 1, line 8)",
                "3 connections at once",
                "tried first: /run/dovecot/lmtp",
                "name one with --from",
            ],
        ),
        (
            vec!["x@patras.test", "--from", "letter@news.athens.test"],
            vec![
                "smtp:192.0.2.1:587 ([[route]] number 2, line 12)",
                "sign in   as news",
                "verifies for the name",
                "100 letters an hour at most",
                "source    127.0.0.9",
                "nothing waits, nothing is in the way",
                "tried first: [192.0.2.1] at 192.0.2.1:587",
            ],
        ),
        (vec!["x@[192.0.2.7]", "--from", "<>"], vec!["no DNS is asked", "tried first: [192.0.2.7] at 192.0.2.7:25"]),
        (
            vec!["x@patras.test", "--from", "a@athens.test"],
            vec!["none is for it: by MX", "it would wait: 451 4.4.3", "the name server 127.0.0.1:9"],
        ),
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
fn how_an_address_leads_on() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("angelia.toml"), ROUTES).unwrap();
    std::fs::create_dir(here.join("data")).unwrap();
    let (anna, store) = ("anna@athens.test", "x@store.test");
    for command in [
        &["domain", "add", "athens.test"][..],
        &["domain", "add", "rest.test"],
        &["account", "add", anna, "--generate"],
        &["account", "add", "maria@athens.test", "--generate"],
        &["account", "forward", "maria@athens.test", store, "--keep"],
        &["account", "moved", "gone@athens.test", store, "--refuse"],
        &["account", "moved", "left@athens.test", store],
        &["alias", "add", "all@athens.test", anna, store],
        &["alias", "add", "list@athens.test", anna, "--owner", anna, "--senders", "members"],
        &["alias", "add", "@rest.test", anna],
    ] {
        done(here, command);
    }
    for (asked, wanted) in [
        (anna, vec!["address   anna@athens.test is an account here"]),
        (
            "maria@athens.test",
            vec!["which forwards to x@store.test and keeps a copy", "mailbox   maria@", "on to x@store.test"],
        ),
        ("gone@athens.test", vec!["has moved; senders are told to write to x@store.test", "refused   551 5.1.6"]),
        ("left@athens.test", vec!["has moved, and letters follow to x@store.test", "on to x@store.test"]),
        (
            "all@athens.test",
            vec!["an alias: it leads to anna@athens.test, x@store.test", "mailbox   anna@", "on to x@store.test"],
        ),
        (
            "list@athens.test",
            vec!["a group, which anna@athens.test owns", "only its members may write to it", "refused   550 5.7.1"],
        ),
        (
            "any@rest.test",
            vec!["nobody else at rest.test has it: the catch-all leads to anna@athens.test", "mailbox   anna@"],
        ),
        (
            "abuse@athens.test",
            vec!["abuse@athens.test always exists: anna@athens.test reads its letters", "mailbox   anna@"],
        ),
    ] {
        let said = done(here, &["route", asked, "--from", "stranger@elsewhere.test"]);
        for part in wanted {
            assert!(said.contains(part), "{asked} lacks {part:?}: {said}");
        }
    }
    // What stands in the way, and how it ends.
    done(here, &["queue", "suspend", "store.test", "--why", "moving house"]);
    done(here, &["queue", "rule", "add", "--domain", "store.test", "--why", "to be looked at"]);
    let said = done(here, &["route", store]);
    for part in [
        "moving house; `angelia queue resume store.test` ends it",
        "held by the rule on domain store.test",
        "to be looked at",
    ] {
        assert!(said.contains(part), "{part:?}: {said}");
    }
    let report: serde_json::Value = serde_json::from_str(&done(here, &["route", "all@athens.test", "--json"])).unwrap();
    assert_eq!(report["way"].as_array().unwrap().len(), 2, "{report:#}");
    let hop = &report["next_hops"][0];
    assert_eq!((&hop["waiting"], &hop["waiting_is_exact"]), (&0.into(), &true.into()));
    assert_eq!(hop["in_the_way"].as_array().unwrap().len(), 2, "{report:#}");
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
