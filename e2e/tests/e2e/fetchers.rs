//! Fetching by POP3: curl, fetchmail and mpop, with download-and-keep and download-and-delete.

use std::process::Command;

use crate::lab::Lab;
use crate::tool::{Ran, files_below, run, write_private};

fn curl(lab: &Lab, path: &str, login: &str, arguments: &[&str]) -> Ran {
    run(Command::new("curl")
        .args(["--silent", "--show-error", "--cacert", lab.ca(), "--user", login])
        .args(arguments)
        .arg(format!("{}/{path}", lab.patras().url("pop3s", "pop3s"))))
}

#[test]
fn curl_lists_reads_and_deletes() {
    let lab = Lab::start();
    let login = lab.patras().login();
    for subject in ["one", "two"] {
        lab.anna_writes("kostas@patras.test", subject);
        lab.kostas_reads(subject);
    }
    let list = curl(&lab, "", &login, &[]).succeeded().out;
    assert_eq!(list.lines().count(), 2, "{list}");
    let uids = curl(&lab, "", &login, &["--request", "UIDL"]).succeeded().out;
    let mut distinct: Vec<&str> = uids.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    distinct.dedup();
    assert_eq!(distinct.len(), 2, "{uids}");
    let letter = curl(&lab, "2", &login, &[]).succeeded().out;
    assert!(letter.contains("Subject: two\r\n") && letter.contains("\r\n.\r\n..\r\n"), "{letter}");
    curl(&lab, "1", &login, &["--request", "DELE", "--head"]).succeeded();
    let rest = curl(&lab, "", &login, &["--request", "UIDL"]).succeeded().out;
    assert_eq!(rest.lines().count(), 1, "{rest}");
    assert!(uids.lines().nth(1).unwrap().ends_with(rest.trim().split(' ').nth(1).unwrap()), "{uids} and then {rest}");
    let wrong = curl(&lab, "", "kostas@patras.test:wrong", &[]);
    assert_eq!(wrong.code, Some(67), "curl says with 67 that the sign-in was refused: {}", wrong.err);
}

#[test]
fn curl_with_stls() {
    let lab = Lab::start();
    lab.anna_writes("kostas@patras.test", "stls");
    lab.kostas_reads("stls");
    let patras = lab.patras();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--ssl-reqd", "--cacert", lab.ca(), "--user", &patras.login()]);
    let letter = run(curl.arg(format!("{}/1", patras.url("pop3", "pop3")))).succeeded().out;
    assert!(letter.contains("Subject: stls\r\n"), "{letter}");
}

fn fetchmail(lab: &Lab, options: &str) -> Ran {
    let (home, patras) = (lab.home(), lab.patras());
    let file = home.join("fetchmailrc");
    let inbox = home.join("fetched");
    write_private(
        &file,
        &format!(
            "poll {host} protocol pop3 port {port} uidl user \"{user}\" password \"{password}\"\n\
             ssl sslcertck sslcertfile \"{ca}\" sslcommonname \"{name}\" {options}\n\
             mda \"cat >> {inbox}\"\n",
            host = patras.host(),
            port = patras.port("pop3s"),
            user = patras.address(),
            password = patras.password(),
            ca = lab.ca(),
            name = patras.hostname(),
            inbox = inbox.display(),
        ),
    );
    run(Command::new("fetchmail").env("FETCHMAILHOME", &home).arg("--nodetach").arg("--fetchmailrc").arg(&file))
}

/// What fetchmail exits with when there is nothing new.
const FETCHMAIL_NOTHING: i32 = 1;

#[test]
fn fetchmail_keeps_and_deletes() {
    let lab = Lab::start();
    lab.anna_writes("kostas@patras.test", "for fetchmail");
    lab.kostas_reads("for fetchmail");
    fetchmail(&lab, "keep").succeeded();
    let fetched = || std::fs::read_to_string(lab.home().join("fetched")).unwrap_or_default();
    assert_eq!(fetched().matches("Subject: for fetchmail").count(), 1, "{}", fetched());
    // Kept on the server, but fetchmail knows it by its UIDL.
    assert_eq!(fetchmail(&lab, "keep").code, Some(FETCHMAIL_NOTHING));
    fetchmail(&lab, "fetchall no keep").succeeded();
    assert_eq!(fetched().matches("Subject: for fetchmail").count(), 2, "{}", fetched());
    assert_eq!(fetchmail(&lab, "fetchall no keep").code, Some(FETCHMAIL_NOTHING), "it was deleted");
}

#[test]
fn mpop_keeps_and_deletes() {
    let lab = Lab::start();
    lab.anna_writes("kostas@patras.test", "for mpop");
    lab.kostas_reads("for mpop");
    let (home, patras) = (lab.home(), lab.patras());
    let file = home.join("mpoprc");
    let mpop = |keep: &str, starttls: &str| {
        let service = if starttls == "on" { "pop3" } else { "pop3s" };
        write_private(
            &file,
            &format!(
                "account default\nhost {}\nport {}\ntls on\ntls_starttls {starttls}\ntls_trust_file {}\nuser {}\n\
                 password {}\nauth on\nkeep {keep}\nuidls_file {}\ndelivery mbox {}\n",
                patras.host(),
                patras.port(service),
                lab.ca(),
                patras.address(),
                patras.password(),
                home.join("uidls").display(),
                home.join("mbox").display(),
            ),
        );
        run(Command::new("mpop").arg("--file").arg(&file)).succeeded()
    };
    let count = || files_below(&home).concat().matches("\nSubject: for mpop").count();
    mpop("on", "off");
    assert_eq!(count(), 1);
    mpop("on", "on");
    assert_eq!(count(), 1, "it is kept on the server, and known");
    mpop("off", "on");
    lab.anna_writes("kostas@patras.test", "another for mpop");
    lab.kostas_reads("another for mpop");
    let left = curl(&lab, "", &patras.login(), &[]).succeeded().out;
    assert_eq!(left.lines().count(), 1, "the first was deleted: {left}");
}
