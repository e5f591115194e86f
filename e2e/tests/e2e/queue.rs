//! The operator's commands beside a running server: what waits is listed, shown, retried, held, released, dropped and given
//! back; destinations are suspended and resumed, rules hold; text for people, JSON for programs.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use serde_json::Value;

use crate::raw::{inbox, smtp};
use crate::server::{PASSWORD, Server, USER};
use crate::tool::{Ran, angelia, run, until};

/// A mail host that puts every recipient off.
fn stubborn() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let place = listener.local_addr().unwrap();
    // Ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || talk(stream));
        }
    });
    place
}

/// A connection may end at any moment; then there is nothing to answer.
fn talk(stream: TcpStream) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    out.write_all(b"220 sparta.test\r\n").ok()?;
    for line in BufReader::new(stream).lines() {
        let answer: &[u8] = match line.ok()?.get(..4)? {
            "EHLO" => b"250 sparta.test\r\n",
            "RCPT" => {
                b"451 4.2.1 mailbox busy, \x1b[2J and it will be for a very long time, so do not wait up for us\r\n"
            }
            "DATA" => b"554 5.5.1 no recipients\r\n",
            "QUIT" => return out.write_all(b"221 bye\r\n").ok(),
            _ => b"250 ok\r\n",
        };
        out.write_all(answer).ok()?;
    }
    None
}

struct House {
    server: Server,
    /// Takes connections, and says nothing.
    _silent: TcpListener,
}

impl House {
    /// Mail for sparta.test and thebes.test is put off by their host; at corinth.test nobody answers, at delphi.test nobody
    /// says anything.
    fn open() -> Self {
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = Server::start(&format!(
            "relay.networks = [\"127.0.0.0/8\"]\n\
             [[route]]\ndomain = [\"sparta.test\", \"thebes.test\"]\nto = \"smtp://{}\"\n\
             [[route]]\ndomain = \"corinth.test\"\nto = \"smtp://{closed}\"\n\
             [[route]]\ndomain = \"delphi.test\"\nto = \"smtp://{}\"\n",
            stubborn(),
            silent.local_addr().unwrap()
        ));
        Self { server, _silent: silent }
    }

    /// A letter, which has been tried, is being tried at delphi.test, or is held when this returns; its id.
    #[track_caller]
    fn letter(&self, from: &str, to: &[&str], octets: usize) -> String {
        let mut raw = smtp(self.server.smtp).unwrap();
        assert!(raw.ask(&format!("MAIL FROM:<{from}>")).unwrap().starts_with("250"));
        for one in to {
            assert!(raw.ask(&format!("RCPT TO:<{one}>")).unwrap().starts_with("250"));
        }
        raw.ask("DATA").unwrap();
        let filler = format!("{}\r\n", "x".repeat(70)).repeat(octets / 72);
        raw.send(format!("From: <{from}>\r\nSubject: to wait\r\n\r\n{filler}.\r\n")).unwrap();
        assert!(raw.reply().unwrap().starts_with("250"));
        until("an attempt", || {
            let rows = self.rows(&["--recipient", to[0], "--sender", from]);
            let is_under_way = |row: &Value| row["state"] == "active" && to[0].ends_with("@delphi.test");
            let is_done = |row: &Value| row["attempts"].as_u64() > Some(0) || row["state"] == "held";
            let row = rows.iter().find(|row| is_done(row) || is_under_way(row))?;
            Some(row["id"].as_str().unwrap().to_owned())
        })
    }

    fn queue(&self, arguments: &[&str]) -> Ran {
        let mut command = angelia();
        run(command.arg("--config").arg(self.server.config()).arg("queue").args(arguments))
    }

    fn route(&self, arguments: &[&str]) -> Ran {
        let mut command = angelia();
        run(command.arg("--config").arg(self.server.config()).arg("route").args(arguments))
    }

    /// On a screen of this width.
    fn on_screen(&self, columns: usize, arguments: &[&str]) -> String {
        let mut command = angelia();
        command.env("COLUMNS", columns.to_string()).arg("--config").arg(self.server.config());
        run(command.arg("queue").args(arguments)).succeeded().out
    }

    #[track_caller]
    fn rows(&self, which: &[&str]) -> Vec<Value> {
        let arguments: Vec<&str> = ["list", "--json"].iter().chain(which).copied().collect();
        array(&self.queue(&arguments).succeeded().out)
    }

    #[track_caller]
    fn count(&self, which: &[&str]) -> usize {
        self.rows(which).len()
    }

    #[track_caller]
    fn site(&self, of: &str) -> Value {
        let sites = array(&self.queue(&["sites", "--json"]).succeeded().out);
        let via = self.rows(&["--domain", of])[0]["via"].clone();
        sites.into_iter().find(|site| site["destination"] == via).unwrap()
    }
}

#[track_caller]
fn array(text: &str) -> Vec<Value> {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    value.as_array().unwrap().clone()
}

#[test]
fn what_waits_is_listed_and_shown() {
    let house = House::open();
    let anna = house.letter("anna@athens.test", &["leonidas@sparta.test", "gorgo@sparta.test"], 100);
    let list = house.letter("list@bulk.test", &["lais@corinth.test"], 20_000);
    // Everything, as mailq says it.
    let all = house.queue(&[]).succeeded().said("3 recipients of 2 letters");
    for word in ["ID ", "leonidas@sparta.test", "gorgo@sparta.test", "lais@corinth.test", "mailbox busy", &anna] {
        assert!(all.out.contains(word), "{word}:\n{}", all.out);
    }
    assert!(
        all.out.contains("do not wait up for us") && !all.out.contains('…'),
        "a pipe gets everything:\n{}",
        all.out
    );
    assert!(!all.out.contains('\x1b'), "{}", all.out);
    for columns in [60, 80, 100, 120, 150] {
        let text = house.on_screen(columns, &["list"]);
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{columns}:\n{text}");
        assert!(text.contains(&anna) && text.contains('…'), "{columns}:\n{text}");
        assert!(columns < 80 || text.contains("leonidas@sparta.test"), "{columns}:\n{text}");
    }
    for (which, count) in [
        (&["--domain", "sparta.test"][..], 2),
        (&["--domain", "sparta.test", "--recipient", "gorgo@sparta.test"], 1),
        (&["--sender", "@bulk.test"], 1),
        (&["--sender", ""], 0),
        (&["--reason", "MAILBOX busy"], 2),
        (&["--older", "1d"], 0),
        (&["--younger", "1h"], 3),
        (&["--held"], 0),
        (&["--resting"], 1),
        (&[&anna], 2),
    ] {
        assert_eq!(house.count(which), count, "{which:?}");
    }
    let first = |sort: &str| house.rows(&["--sort", sort, "--limit", "1"])[0]["id"].clone();
    assert_eq!(
        (first("size"), first("age"), first("sender")),
        (list.clone().into(), anna.clone().into(), anna.clone().into())
    );
    assert_eq!(first("destination").as_str().map(str::len), Some(26));
    house.queue(&["list", "--limit", "1"]).succeeded().said("the first 1 are shown");
    house.queue(&["list", "--sort", "colour"]).failed().said("size");
    // One letter: everything about it.
    let shown = house.queue(&["show", &anna]).succeeded();
    for word in
        ["from      <anna@athens.test>", "state     waiting", "dialogue  with", "451 4.2.1 mailbox busy", "expires"]
    {
        assert!(shown.out.contains(word), "{word}:\n{}", shown.out);
    }
    assert!(shown.out.contains("do not wait up for us") && !shown.out.contains('\x1b'), "{}", shown.out);
    let json = array(&house.queue(&["show", &anna, "--json"]).succeeded().out);
    assert_eq!(json.len(), 2);
    assert!(json[0]["dialogue"].as_str().unwrap().contains("RCPT TO:<"), "{json:?}");
    assert!(json[0]["next"].as_str().unwrap().starts_with("tried in "), "{json:?}");
    let letter = house.queue(&["show", &anna, "--letter"]).succeeded().out;
    assert!(letter.starts_with("Received: ") && letter.contains("Subject: to wait\r\n"), "{letter}");
    house.queue(&["show", "00000000000000000000000000"]).failed().said("angelia trace");
    house.route(&["lais@corinth.test"]).succeeded().said("rests until").said("1 recipient waits").said("it would wait");
    // Destinations, by state and by age.
    house.queue(&["sites"]).succeeded().said("resting").said("open");
    assert_eq!(
        house.site("sparta.test")["waiting"].as_u64().unwrap() + house.site("sparta.test")["parked"].as_u64().unwrap(),
        2
    );
    let ages = house.queue(&["sites", "--by", "age"]).succeeded().said("TOTAL").said("1280+");
    assert!(ages.out.lines().nth(1).unwrap().split_whitespace().take(3).eq(["TOTAL", "3", "3"]), "{}", ages.out);
    let json = array(&house.queue(&["sites", "--by", "age", "--json"]).succeeded().out);
    assert_eq!((&json[0]["destination"], &json[0]["ages"][0]["recipients"]), (&Value::Null, &3.into()));
}

#[test]
fn what_is_suspended_says_so() {
    let house = House::open();
    let id = house.letter("anna@athens.test", &["leonidas@sparta.test"], 100);
    house.queue(&["suspend", "sparta.test", "--reason", "they asked us"]).succeeded().said("queue resume sparta.test");
    // Another domain by the same way is not.
    house.letter("anna@athens.test", &["cadmus@thebes.test"], 100);
    let resume = "angelia queue resume sparta.test";
    let sites = house.queue(&["sites"]).succeeded().said("suspended").said("they asked us").said(resume);
    assert!(sites.err.contains("sparta.test suspended 0s ago") || sites.err.contains("s ago (2"), "{}", sites.err);
    house.queue(&["show", &id]).succeeded().said("state     suspended").said("they asked us").said(resume);
    assert_eq!((house.count(&["--suspended"]), house.count(&["--suspended", "--domain", "thebes.test"])), (1, 0));
    let retried = house.queue(&["retry", "--domain", "sparta.test"]).failed().said("suspended").said(resume);
    assert!(!retried.err.contains("to be tried now"), "{}", retried.err);
    house.route(&["leonidas@sparta.test"]).succeeded().said("they asked us").said(resume).said("it would wait");
    house.route(&["cadmus@thebes.test"]).succeeded().said("nothing is in the way");
    house.queue(&["resume", "sparta.test"]).succeeded();
    house.queue(&["resume", "sparta.test"]).failed().said("not suspended");
    assert_eq!(house.count(&["--suspended"]), 0);
    // The whole way.
    let via = house.site("thebes.test")["destination"].as_str().unwrap().to_owned();
    house.queue(&["suspend", &via]).failed().said("--via");
    house.queue(&["suspend", "--via", &via]).succeeded();
    let site = house.site("thebes.test");
    assert_eq!(site["state"], "suspended", "{site}");
    assert_eq!(site["suspended"]["resume"], format!("angelia queue resume --via {via}").as_str());
    assert!(site["suspended"]["by"].is_string() && site["next"].is_null(), "{site}");
    assert_eq!(house.count(&["--suspended"]), 2);
    house.queue(&["retry", "--all"]).failed().said("2 recipients are suspended");
    house.queue(&["resume", "--via", &via]).succeeded();
}

#[test]
fn what_is_held_waits_for_its_release() {
    let house = House::open();
    let id = house.letter("anna@athens.test", &["leonidas@sparta.test"], 100);
    house.queue(&["hold", &id, "--why", "asking the owner"]).succeeded().said("1 recipient is held").said(&id);
    assert_eq!(house.count(&["--held", "--reason", "asking"]), 1);
    house.queue(&["list"]).succeeded().said("asking the owner").said("1 held");
    house.queue(&["hold", &id]).failed().said("held already");
    house.queue(&["retry", &id]).failed().said("angelia queue release");
    house.queue(&["release", &id]).succeeded().said("1 recipient is released");
    house.queue(&["release", &id]).failed().said("nothing of that is held");
    // A rule holds what comes.
    house.queue(&["rule", "add", "--sender", "@bulk.test", "--reason", "gone wild"]).succeeded();
    house.queue(&["rule", "list"]).succeeded().said("sender @bulk.test").said("gone wild");
    let rules = array(&house.queue(&["rule", "list", "--json"]).succeeded().out);
    assert_eq!((&rules[0]["on"], &rules[0]["reason"]), (&"sender @bulk.test".into(), &"gone wild".into()));
    house
        .route(&["lais@corinth.test", "--from", "list@bulk.test"])
        .succeeded()
        .said("held by the rule on sender @bulk.test");
    // A server that runs knows of it a second later.
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let held = house.letter("list@bulk.test", &["lais@corinth.test"], 100);
    house.queue(&["show", &held]).succeeded().said("state     held").said("gone wild");
    house.queue(&["rule", "add"]).failed().said("--sender");
    house.queue(&["rule", "remove", "--sender", "@bulk.test"]).succeeded();
    house.queue(&["rule", "remove", "--sender", "@bulk.test"]).failed().said("there is no rule");
    assert_eq!(house.count(&["--held"]), 1, "what it has held stays held");
}

#[test]
fn what_is_being_sent_is_left_alone() {
    let house = House::open();
    let id = house.letter("anna@athens.test", &["pythia@delphi.test"], 100);
    house.queue(&["list"]).succeeded().said("active").said("1 active");
    house.queue(&["show", &id]).succeeded().said("being sent by ").said("to say how it went, or to ask for longer");
    let retried = house.queue(&["retry", &id]).succeeded().said("1 recipient is being sent just now: left alone");
    assert!(retried.out.is_empty() && !retried.err.contains("nothing"), "{}{}", retried.out, retried.err);
    house.queue(&["drop", &id, "--bounce", "--yes"]).failed().said("left alone").said("nothing was given back");
}

#[test]
fn what_is_said_of_a_letter_being_sent_is_done_when_its_attempt_ends() {
    let mut house = House::open();
    let id = house.letter("anna@athens.test", &["pythia@delphi.test"], 100);
    house.queue(&["release", &id]).failed().said("nothing of that is held");
    let words = "1 recipient is being sent just now; if it is not delivered, it is held then";
    house.queue(&["hold", &id, "--why", "asking"]).succeeded().said(words).said(&id);
    let kept = "if it is not delivered, it is held (asking)";
    house.queue(&["show", &id]).succeeded().said(kept);
    house.queue(&["list"]).succeeded().said(kept);
    assert_eq!(house.rows(&["--held"])[0]["wish"], "hold");
    let words = "1 recipient is being sent just now, and no longer to be held or dropped after that";
    house.queue(&["release", &id]).succeeded().said(words);
    assert!(house.rows(&[])[0]["wish"].is_null());
    let words = "1 recipient is being sent just now; if it is not delivered, it is dropped then";
    house.queue(&["drop", &id, "--yes"]).succeeded().said(words);
    assert_eq!(house.rows(&[])[0]["wish"], "drop");
    // The attempt ends with its server.
    assert_eq!(house.server.process.take().unwrap().end(), Some(0));
    assert_eq!(house.count(&[]), 0);
}

#[test]
fn many_are_counted_and_dropped_when_it_is_meant() {
    let house = House::open();
    let crowd: Vec<String> = (0..7).map(|number| format!("r{number}@sparta.test")).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    house.letter("list@bulk.test", &crowd, 100);
    let returned = house.letter(USER, &["leonidas@sparta.test"], 100);
    // The first few, or all of them.
    let held =
        house.queue(&["hold", "--sender", "list@bulk.test"]).succeeded().said("… and 2 more").said("7 recipients");
    assert_eq!(held.out.lines().count(), 5, "{}", held.out);
    let released = house.queue(&["release", "--sender", "list@bulk.test", "--verbose"]).succeeded();
    assert_eq!(released.out.lines().count(), 7, "{}", released.out);
    // Nothing is dropped by mistake.
    house.queue(&["drop"]).failed().said("say which");
    house.queue(&["drop", "--yes"]).failed().said("say which");
    house.queue(&["drop", "--all"]).failed().said("nothing was done: 8 recipients are meant").said("--yes");
    house.queue(&["drop", "--all", "--why", "x"]).failed().said("--bounce");
    assert_eq!(house.count(&[]), 8);
    house.queue(&["drop", "--sender", "list@bulk.test", "--yes"]).succeeded().said("7 recipients are dropped");
    house.queue(&["drop", "--sender", "list@bulk.test", "--yes"]).failed().said("nothing in the queue is meant");
    // Given back: the sender is told.
    let why = "that company was closed";
    until("the letter given back", || {
        // While an attempt is under way it is left alone.
        let ran = house.queue(&["drop", &returned, "--bounce", "--why", why, "--yes"]);
        ran.err.contains("1 recipient is given back").then_some(())
    });
    assert_eq!(house.count(&[]), 0);
    house.queue(&["list"]).succeeded().said("the queue is empty");
    let notice = until("the notice", || {
        let letters = inbox(house.server.imap, USER, PASSWORD);
        letters.into_iter().find(|letter| letter.contains("leonidas@sparta.test"))
    });
    for word in ["Action: failed", "Status: 5.7.0", why, "Subject: to wait"] {
        assert!(notice.contains(word), "{word}:\n{notice}");
    }
    let trace = until("the trace", || {
        let mut command = angelia();
        let ran = run(command.arg("--config").arg(house.server.config()).args(["trace", &returned]));
        ran.out.contains("bounce").then_some(ran.out)
    });
    assert!(trace.contains("bounce leonidas@sparta.test"), "{trace}");
}

#[test]
fn what_is_given_back_says_who_is_told() {
    let house = House::open();
    house.server.command(&["alias", "add", "postmaster@patras.test", USER], b"");
    for (from, words) in [
        (USER, None),
        ("nobody@patras.test", Some("1 recipient is told to the postmaster, since there is no such sender here")),
        ("", Some("1 recipient is told to nobody: no sender, one who does not want to hear")),
    ] {
        let id = house.letter(from, &["leonidas@sparta.test"], 100);
        // While an attempt is under way it is left alone.
        let ran = until("the letter given back", || {
            let ran = house.queue(&["drop", &id, "--bounce", "--yes"]);
            ran.err.contains("1 recipient is given back").then_some(ran)
        });
        let ran = ran.succeeded();
        match words {
            Some(words) => drop(ran.said(words)),
            None => assert!(!ran.err.contains("told to"), "{}", ran.err),
        }
    }
    assert_eq!(house.count(&["--recipient", "leonidas@sparta.test"]), 0);
}
