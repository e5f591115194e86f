//! Sending, by swaks and by curl: STARTTLS, implicit TLS, every way to sign in, and every way to be refused.

use std::process::Command;

use crate::lab::{Lab, letter};
use crate::tool::{Ran, run, run_with};

/// What swaks exits with when the server refuses the sign-in.
const SWAKS_AUTH_REFUSED: i32 = 28;
/// What swaks exits with when the server refuses the recipient.
const SWAKS_RCPT_REFUSED: i32 = 24;

fn swaks(lab: &Lab, service: &str, arguments: &[&str]) -> Ran {
    let athens = lab.athens();
    run(Command::new("swaks")
        .args(["--server", athens.host(), "--port", &athens.port(service).to_string(), "--ehlo", "laptop.test"])
        .args(["--tls-verify", "--tls-ca-path", lab.ca(), "--from", athens.address()])
        .args(arguments))
}

#[test]
fn swaks_with_starttls_and_every_mechanism() {
    let lab = Lab::start();
    let athens = lab.athens();
    let user = ["--auth-user", athens.address(), "--auth-password", athens.password()];
    for mechanism in ["PLAIN", "LOGIN"] {
        let subject = format!("Subject: swaks by {mechanism}");
        let ran = swaks(
            &lab,
            "submission",
            &[
                "-tls",
                "--auth",
                mechanism,
                "--to",
                "kostas@patras.test",
                "--header",
                &subject,
                user[0],
                user[1],
                user[2],
                user[3],
            ],
        );
        ran.succeeded().said("235").said("250");
        let letter = lab.kostas_reads(&format!("swaks by {mechanism}"));
        assert!(letter.contains("Received:"), "{letter}");
    }
}

#[test]
fn swaks_with_tls_from_the_first_byte() {
    let lab = Lab::start();
    let athens = lab.athens();
    let arguments = ["-tlsc", "--auth", "PLAIN", "--auth-user", athens.address(), "--auth-password", athens.password()];
    let header = ["--to", "kostas@patras.test", "--header", "Subject: implicit TLS"];
    swaks(&lab, "submissions", &[&arguments[..], &header[..]].concat()).succeeded();
    lab.kostas_reads("implicit TLS");
}

#[test]
fn who_is_not_anna_is_refused() {
    let lab = Lab::start();
    let to = ["--to", "kostas@patras.test"];
    for mechanism in ["PLAIN", "LOGIN"] {
        let wrong = ["-tls", "--auth", mechanism, "--auth-user", "anna@athens.test", "--auth-password", "wrong"];
        let ran = swaks(&lab, "submission", &[&wrong[..], &to[..]].concat()).said("535 5.7.8");
        assert_eq!(ran.code, Some(SWAKS_AUTH_REFUSED));
    }
    // Nobody at all: submission wants a sign-in, and MX reception relays for no stranger.
    swaks(&lab, "submission", &[&["-tls"][..], &to[..]].concat()).failed().said("530 5.7.0");
    let ran = swaks(&lab, "smtp", &[&["-tls"][..], &to[..]].concat()).said("550 5.7.1");
    assert_eq!(ran.code, Some(SWAKS_RCPT_REFUSED));
    // In Anna's office, in another's name.
    let athens = lab.athens();
    let user = ["--auth", "PLAIN", "--auth-user", athens.address(), "--auth-password", athens.password()];
    let name = ["-tls", "--from", "zeus@athens.test", "--to", "kostas@patras.test"];
    swaks(&lab, "submission", &[&user[..], &name[..]].concat()).failed().said("5.7.1");
}

#[test]
fn curl_with_starttls_and_with_implicit_tls() {
    let lab = Lab::start();
    let athens = lab.athens();
    for (scheme, service) in [("smtp", "submission"), ("smtps", "submissions")] {
        let subject = format!("curl by {scheme}");
        let text = letter(athens.address(), "kostas@patras.test", &subject);
        run_with(
            Command::new("curl")
                .args(["--silent", "--show-error", "--ssl-reqd", "--cacert", lab.ca(), "--upload-file", "-"])
                .args(["--user", &athens.login(), "--mail-from", athens.address(), "--mail-rcpt", "kostas@patras.test"])
                .arg(athens.url(scheme, service)),
            text.as_bytes(),
        )
        .succeeded();
        let read = lab.kostas_reads(&subject);
        assert!(read.contains("\r\n.\r\n..\r\nA line with a dot was above."), "{read}");
    }
    let wrong = run_with(
        Command::new("curl")
            .args(["--silent", "--show-error", "--ssl-reqd", "--cacert", lab.ca(), "--upload-file", "-"])
            .args(["--user", "anna@athens.test:wrong", "--mail-from", athens.address()])
            .args(["--mail-rcpt", "kostas@patras.test", &athens.url("smtp", "submission")]),
        b"Subject: x\r\n\r\n",
    );
    assert_eq!(wrong.code, Some(67), "curl says with 67 that the sign-in was refused: {}", wrong.err);
}

#[test]
fn a_large_letter_travels_whole() {
    let lab = Lab::start();
    let athens = lab.athens();
    let lines: String = (0..200_000).map(|number| format!("{number:06} αβγ{:060}\r\n", number * 7)).collect();
    let head = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit";
    let text = format!("From: <anna@athens.test>\r\nSubject: large\r\n{head}\r\n\r\n{lines}");
    run_with(
        Command::new("curl")
            .args(["--silent", "--show-error", "--cacert", lab.ca(), "--upload-file", "-", "--user", &athens.login()])
            .args(["--mail-from", athens.address(), "--mail-rcpt", "kostas@patras.test"])
            .arg(athens.url("smtps", "submissions")),
        text.as_bytes(),
    )
    .succeeded();
    let read = lab.kostas_reads("large");
    let body = read.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    assert!(body.trim_end() == lines.trim_end(), "{} octets came of {}", body.len(), lines.len());
}
