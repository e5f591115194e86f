//! `angelia lab` itself: the story ends well, and letters survive a restart in the same folder.

use crate::lab::Lab;
use crate::tool::{angelia, run};

#[test]
fn the_story_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = angelia();
    lab.args(["lab", "--once", "--port-base", "0", "--dir"]).arg(folder.path());
    let ran = run(&mut lab).succeeded();
    for needed in [
        "── 1 ",
        "C: EHLO",
        "C: STARTTLS",
        "── 2 ",
        "accepted:",
        "── 3 ",
        "patras.test MX",
        "10 mail.patras.test",
        "── 4 ",
        "C: MAIL FROM:<anna@athens.test>",
        "C: RCPT TO:<kostas@patras.test>",
        "── 5 ",
        "into INBOX",
        "C: c IDLE",
        "S: + ",
        "S: * 1 EXISTS",
        "C: DONE",
        "── 6 ",
        "by POP3:",
        "S: +OK",
        "by IMAP:",
        "BODY[]",
        "── 7 ",
        "not now",
        "── 8 ",
        "taken",
        "(empty)",
    ] {
        assert!(ran.out.contains(needed), "{needed:?} is not shown\n{}\n{}", ran.out, ran.err);
    }
    assert!(!ran.out.contains("\x1b["), "colours without a terminal");
    assert!(!ran.out.contains("thalassa") && !ran.out.contains("ouranos"), "a password is shown");
}

#[test]
fn the_story_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = angelia();
    lab.args(["lab", "--once", "--json", "--port-base", "0", "--dir"]).arg(folder.path());
    let ran = run(&mut lab).succeeded();
    let steps: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = steps.iter().map(|step| step["step"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(steps.iter().all(|step| !step["said"].as_array().unwrap().is_empty()));
}

#[test]
fn letters_survive_a_restart_in_the_same_folder() {
    let lab = Lab::start();
    lab.anna_writes("kostas@patras.test", "kept");
    lab.kostas_reads("kept");
    let lab = Lab::start_in(lab.close(), &[]);
    let letter = lab.kostas_reads("kept");
    assert!(letter.contains("This is the letter about kept."), "{letter}");
    lab.anna_writes("kostas@patras.test", "after the restart");
    lab.kostas_reads("after the restart");
}

#[test]
fn lab_json_says_what_product_needs() {
    let lab = Lab::start();
    let facts = lab.facts();
    assert!(std::path::Path::new(lab.ca()).exists());
    assert!(facts["dns"]["port"].as_u64().unwrap() > 0);
    for (server, domain) in [(lab.athens(), "athens.test"), (lab.patras(), "patras.test")] {
        assert!(server.address().ends_with(domain));
        assert_eq!(server.hostname(), format!("mail.{domain}"));
        assert!(server.config().exists());
        for service in ["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"] {
            std::net::TcpStream::connect(server.place(service)).unwrap_or_else(|error| panic!("{service}: {error}"));
        }
    }
}
