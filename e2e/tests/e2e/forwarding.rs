//! Letters that are sent on: by a forward to a server of another make, whose notices find their way back; by a group with
//! an owner; in a circle of two offices; and what clients are told of people who moved.

use std::process::Command;

use crate::lab::{Lab, Office, letter};
use crate::postfix::{self, Postfix};
use crate::raw;
use crate::server::{PASSWORD, Server, USER};
use crate::tool::{Ran, run, run_with, until};

/// Swaks's exit code when the server refuses the recipient.
const RECIPIENT_REFUSED: i32 = 24;

/// A stranger brings a letter to the door for everybody.
fn bring(office: &Office<'_>, from: &str, to: &str, subject: &str) -> Ran {
    let mut swaks = Command::new("swaks");
    swaks.args(["--server", office.host(), "--port", &office.port("smtp").to_string(), "--ehlo", "mail.sparta.test"]);
    run(swaks.args(["--from", from, "--to", to, "--header", &format!("Subject: {subject}"), "--body", "text"]))
}

/// What waits in an office's queue.
fn queue(office: &Office<'_>) -> serde_json::Value {
    let ran = run(&mut office.command(&["queue", "list", "--json"])).succeeded();
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
}

fn is_empty(queue: &serde_json::Value) -> bool {
    queue.as_array().is_some_and(Vec::is_empty)
}

#[test]
fn what_postfix_sends_back_finds_the_sender() {
    if postfix::is_missing() {
        return;
    }
    let lab = Lab::start_with(&["--neighbour", "sparta.test=127.0.3.1"]);
    let postfix = Postfix::beside(&lab);
    let athens = lab.athens();
    let anna = athens.address();
    run(&mut athens.command(&["account", "forward", anna, "leonidas@sparta.test", "xerxes@sparta.test"])).succeeded();

    // Kostas writes to Anna. One copy arrives in Sparta; the other one Postfix takes, and then sends back to the address
    // in athens.test that stands for Kostas; Athens carries the notice to him.
    let patras = lab.patras();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--cacert", lab.ca(), "--upload-file", "-", "--user", &patras.login()]);
    curl.args(["--mail-from", patras.address(), "--mail-rcpt", anna]).arg(patras.url("smtps", "submissions"));
    run_with(&mut curl, letter(patras.address(), anna, "sent on").as_bytes()).succeeded();
    let copy = postfix.reads("the copy", |text| text.contains("Subject: sent on\n"));
    let path = copy.lines().find_map(|line| line.strip_prefix("Return-Path: <")?.strip_suffix('>')).unwrap().to_owned();
    assert!(path.starts_with("SRS0=") && path.ends_with("=patras.test=kostas@athens.test"), "{path}");
    assert!(copy.contains("\nDelivered-To: anna@athens.test\n"), "{copy}");
    let notice = patras.reads(lab.ca(), "Undelivered Mail Returned to Sender");
    assert!(notice.contains("mail.sparta.test") && notice.contains("nobody@sparta.test"), "{notice}");
    assert!(is_empty(&queue(&athens)), "{}", queue(&athens));

    // What nobody here made brings nothing back, and what was made here takes notices only.
    let forged = path.replace("kostas", "joe");
    bring(&athens, "<>", &forged, "forged").failed().said("550 5.1.1").said("was not made here");
    bring(&athens, "spam@sparta.test", &path, "abused").failed().said("550 5.7.1").said("only takes notices");
    bring(&athens, "<>", &path.to_lowercase(), "in lower case").succeeded();
    lab.kostas_reads("in lower case");

    // A group with an owner: notices come to her, and only members write there.
    run(&mut athens.command(&["alias", "add", "hera@athens.test", patras.address()])).succeeded();
    let members = ["alias", "add", "list@athens.test", "xerxes@sparta.test", "leonidas@sparta.test"];
    run(&mut athens.command(&[&members[..], &["--owner", "hera@athens.test", "--senders", "members"]].concat()))
        .succeeded();
    bring(&athens, "helot@sparta.test", "list@athens.test", "from a stranger").failed().said("550 5.7.1");
    bring(&athens, "leonidas@sparta.test", "list@athens.test", "to the list").succeeded();
    let copy = postfix.reads("the list's copy", |text| text.contains("Subject: to the list\n"));
    assert!(copy.contains("Return-Path: <hera@athens.test>\n"), "{copy}");
    until("the notice to the owner", || {
        let letters = raw::inbox(patras.place("imap"), patras.address(), patras.password());
        letters.into_iter().find(|letter| letter.contains("Undelivered") && letter.contains("to the list"))
    });
}

#[test]
fn two_offices_that_forward_to_each_other() {
    let lab = Lab::start();
    let (athens, patras) = (lab.athens(), lab.patras());
    let maria = "maria@patras.test";
    let mut add = patras.command(&["account", "add", maria, "--password-stdin", "--weak"]);
    run_with(&mut add, b"galene").succeeded();
    for (office, to) in [(&athens, patras.address()), (&patras, athens.address())] {
        run(&mut office.command(&["account", "forward", office.address(), to])).succeeded();
    }
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--cacert", lab.ca(), "--upload-file", "-"]);
    curl.args(["--user", "maria@patras.test:galene", "--mail-from", maria, "--mail-rcpt", athens.address()]);
    run_with(curl.arg(patras.url("smtps", "submissions")), letter(maria, athens.address(), "in a circle").as_bytes())
        .succeeded();
    // Athens, Patras, and Athens again, which refuses; the notice goes the same way back.
    let inbox = || raw::inbox(patras.place("imap"), maria, "galene");
    let notice = until("the notice", || inbox().pop());
    assert!(notice.contains("Status: 5.4.6"), "{notice}");
    until("empty queues", || (is_empty(&queue(&athens)) && is_empty(&queue(&patras))).then_some(()));
    assert_eq!(inbox().len(), 1);
    for office in [&athens, &patras] {
        let letters = raw::inbox(office.place("imap"), office.address(), office.password());
        assert!(letters.is_empty(), "{letters:?}");
    }
}

#[test]
fn clients_are_told_who_moved_and_who_is_who() {
    // A relay for this machine: strangers are told nothing.
    let server = Server::start("relay.networks = [\"127.0.0.0/8\"]\nsmtp.vrfy = \"answer\"\nsmtp.expn = \"answer\"");
    server.command(&["account", "moved", "old@patras.test", "new@athens.test", "--refuse"], b"");
    server.command(&["account", "moved", "gone@patras.test", USER], b"");
    server.command(&["alias", "add", "all@patras.test", USER, "anna@athens.test"], b"");
    let host = server.smtp.ip().to_string();
    let swaks = |to: &str| {
        let mut swaks = Command::new("swaks");
        swaks.args(["--server", &host, "--port", &server.smtp.port().to_string(), "--ehlo", "client.test"]);
        run(swaks.args(["--from", "joe@sparta.test", "--to", to, "--quit-after", "RCPT"]))
    };
    let ran = swaks("old@patras.test").said("551 5.1.6 user not local; please try <new@athens.test>");
    assert_eq!(ran.code, Some(RECIPIENT_REFUSED));
    // Swaks knows no other success than 250; curl takes 251 as what it is, and the letter follows.
    swaks("gone@patras.test").said("251 2.1.5 user not local; will forward to <kostas@patras.test>");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--upload-file", "-", "--mail-from", "joe@sparta.test"]);
    curl.args(["--mail-rcpt", "gone@patras.test"]).arg(format!("smtp://{}", server.smtp));
    run_with(&mut curl, letter("joe@sparta.test", "gone@patras.test", "that follows").as_bytes()).succeeded();
    let letters = raw::inbox(server.imap, USER, PASSWORD);
    assert!(letters.len() == 1 && letters[0].contains("that follows"), "{letters:?}");

    let curl = |arguments: &[&str]| {
        let mut curl = Command::new("curl");
        run(curl.args(["--silent", "--show-error", "--verbose"]).args(arguments).arg(format!("smtp://{}", server.smtp)))
    };
    curl(&["--mail-rcpt", USER]).succeeded().said("VRFY kostas@patras.test").said("250 2.1.5 ");
    curl(&["--mail-rcpt", "nobody@patras.test"]).failed().said("550 5.1.1");
    let ran = curl(&["--mail-rcpt", "all@patras.test", "--request", "EXPN"]).succeeded();
    ran.said("<kostas@patras.test>").said("<anna@athens.test>");

    // As it is without configuration.
    let silent = Server::start("");
    let mut raw = raw::smtp(silent.smtp).unwrap();
    for name in [USER, "nobody@patras.test"] {
        assert!(raw.ask(&format!("VRFY {name}")).unwrap().starts_with("252 "), "the same for everybody");
    }
    assert!(raw.ask("EXPN all@patras.test").unwrap().starts_with('5'));
}
