//! The command line beside a running server: accounts, aliases, the queue, `send`, `trace`, `config`; exit codes.

use crate::lab::Lab;
use crate::server::{Server, USER};
use crate::tool::{angelia, run, run_with, until};

#[test]
fn accounts_and_aliases_work_at_once() {
    let lab = Lab::start();
    let patras = lab.patras();
    let cli = |arguments: &[&str], input: &str| run_with(&mut patras.command(arguments), input.as_bytes());
    cli(&["account", "add", "eleni@patras.test", "--password-stdin"], "thunder and rain").succeeded();
    cli(&["account", "list"], "").succeeded().said("eleni@patras.test");
    let list = cli(&["account", "list", "--json"], "").succeeded().out;
    assert!(serde_json::from_str::<serde_json::Value>(&list).is_ok(), "{list}");
    cli(&["alias", "add", "all@patras.test", USER, "eleni@patras.test"], "").succeeded();
    cli(&["alias", "list"], "").succeeded().said("all@patras.test");
    until("the alias is known to the running server", || {
        lab.anna_writes("all@patras.test", "to everybody");
        Some(())
    });
    lab.kostas_reads("to everybody");
    cli(&["account", "add", "eleni@patras.test", "--password-stdin"], "thunder again").failed();
    cli(&["account", "remove", "eleni@patras.test", "--yes"], "").succeeded();
    let after = cli(&["account", "list"], "").succeeded().out;
    assert!(!after.contains("eleni"), "{after}");
}

#[test]
fn a_letter_waits_and_the_operator_looks_after_it() {
    // Somebody else's domain, whose server is not up: it waits.
    let lab = Lab::start_with(&["--neighbour", "sparta.test=127.0.3.1"]);
    lab.anna_writes("leonidas@sparta.test", "to nobody");
    let athens = lab.athens();
    let cli = |arguments: &[&str]| run(&mut athens.command(arguments));
    let id = until("the letter in the queue", || {
        let list = cli(&["queue", "list", "--json"]).succeeded().out;
        let rows: serde_json::Value = serde_json::from_str(&list).unwrap();
        let row = rows.as_array()?.first()?.clone();
        (row["attempts"].as_u64()? > 0).then(|| row["mail"].as_str().or(row["id"].as_str()).unwrap().to_owned())
    });
    cli(&["queue", "show", &id]).succeeded().said("leonidas@sparta.test").said("refused");
    cli(&["queue", "hold", &id]).succeeded();
    cli(&["queue", "list", "--held"]).succeeded().said(&id);
    cli(&["queue", "release", &id]).succeeded();
    cli(&["queue", "retry", &id]).succeeded();
    // The journal's rows are up to a second late.
    let trace = until("the trace", || {
        let ran = cli(&["trace", "leonidas@sparta.test"]);
        (ran.code == Some(0) && ran.out.contains("attempt")).then_some(ran.out)
    });
    for word in [id.as_str(), "signed-in", "accepted", "queued", "routed", "attempt", "not now"] {
        assert!(trace.contains(word), "{word}:\n{trace}");
    }
    let json = cli(&["trace", &id, "--json"]).succeeded().out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["letters"][0]["mail"], id.as_str());
    cli(&["queue", "drop", &id, "--yes"]).succeeded();
    let rows = cli(&["queue", "list", "--json"]).succeeded().out;
    assert_eq!(rows.trim(), "[]");
}

#[test]
fn send_as_sendmail_does() {
    let lab = Lab::start();
    let letter = "From: anna@athens.test\nTo: kostas@patras.test\nSubject: by send\n\nbody\n.\nmore\n";
    run_with(&mut lab.athens().command(&["send", "-t", "-i"]), letter.as_bytes()).succeeded();
    let read = lab.kostas_reads("by send");
    assert!(read.contains("body\r\n.\r\nmore"), "{read}");
    let arguments = ["send", "-f", "anna@athens.test", "kostas@patras.test"];
    run_with(&mut lab.athens().command(&arguments), b"Subject: with arguments\n\nx\n").succeeded();
    lab.kostas_reads("with arguments");
}

#[test]
fn the_configuration_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("angelia.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        run(angelia().arg("--config").arg(&file).args(["config", "check"]))
    };
    check("hostname = \"mail.example.org\"\ndata = \"data\"\n").succeeded();
    check("hostname = \"mail.example.org\"\nsmtp.lisen = []\n").failed().said("smtp.listen").said(":2");
    check("hostname = 7\n").failed().said("hostname");
    let ran = run(angelia().arg("no-such-command"));
    assert_eq!(ran.code, Some(2), "usage");
    run(angelia().arg("version")).succeeded().said(env!("CARGO_PKG_VERSION"));
    for command in ["lab", "serve", "account", "domain", "alias", "queue", "trace", "send", "config", "quickstart"] {
        run(angelia().args([command, "--help"])).succeeded();
    }
}

#[test]
fn the_server_drains_and_reloads() {
    let mut server = Server::start("");
    let process = server.process.as_mut().unwrap();
    process.signal(libc::SIGHUP);
    let log = server.folder.path().join("log");
    until("the reload", || std::fs::read_to_string(&log).unwrap_or_default().contains("reloaded").then_some(()));
    let mut raw = crate::raw::smtp(server.smtp).unwrap();
    assert!(raw.ask("NOOP").unwrap().starts_with("250"));
    assert_eq!(process.end(), Some(0), "SIGTERM");
    assert!(std::net::TcpStream::connect(server.smtp).is_err());
}
