//! AUTH in every mechanism.

use super::*;
use crate::sasl::client::{Login, Plain, Scram};
use crate::sasl::{Secret, decode_base64, encode_base64};

fn tls() -> Tls {
    Tls { exporter: Some(vec![7; 32]), ..Tls::default() }
}

/// A door behind STARTTLS.
fn secured() -> Door {
    let mut door = Door::open(submission());
    door.say(b"EHLO a\r\nSTARTTLS\r\n");
    door.say(b"EHLO a\r\n");
    door
}

/// Lets a client sign in; answers the last line.
fn exchange(door: &mut Door, client: &mut dyn crate::sasl::client::Client, initial: bool) -> String {
    door.heard();
    let first = if initial { client.initial() } else { None };
    let first = first.map(|message| format!(" {}", encode_base64(&message))).unwrap_or_default();
    door.say(format!("AUTH {}{first}\r\n", client.mechanism().name()).as_bytes());
    loop {
        let line = door.heard().trim_end_matches("\r\n").to_owned();
        let Some(challenge) = line.strip_prefix("334 ") else { return line };
        let challenge = decode_base64(challenge.as_bytes()).expect("base64");
        let answer = client.respond(&challenge).expect("an answer");
        door.say(format!("{}\r\n", encode_base64(&answer)).as_bytes());
    }
}

fn client(kind: &str, password: &str) -> Box<dyn crate::sasl::client::Client> {
    let secret = Secret::new(password.as_bytes().to_vec());
    match kind {
        "PLAIN" => Box::new(Plain::new("anna", &secret).expect("client")),
        "LOGIN" => Box::new(Login::new("anna", &secret).expect("client")),
        "SCRAM-SHA-256-PLUS" => Box::new(Scram::new("anna", &secret, Some(&tls()), true).expect("client")),
        _ => Box::new(Scram::new("anna", &secret, None, false).expect("client")),
    }
}

#[test]
fn every_mechanism() {
    for kind in ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"] {
        for initial in [true, false] {
            if initial && kind == "LOGIN" {
                continue;
            }
            let mut door = secured();
            let mut right = client(kind, "secret");
            assert_eq!(right.mechanism().name(), kind);
            assert_eq!(exchange(&mut door, right.as_mut(), initial), "235 2.7.0 welcome", "{kind} {initial}");
            assert!(right.is_satisfied() && door.server.signed_in());
            door.say(b"AUTH PLAIN\r\nMAIL FROM:<a@b>\r\n");
            let answers = door.heard();
            assert!(answers.starts_with("503 5.5.1 signed in already") && answers.ends_with("250 2.1.0 sender ok\r\n"));

            let mut door = secured();
            let answer = exchange(&mut door, client(kind, "wrong").as_mut(), initial);
            assert_eq!(answer, "535 5.7.8 sign-in failed", "{kind} {initial}");
            assert!(!door.server.signed_in());
        }
    }
}

#[test]
fn before_tls_there_is_no_sign_in() {
    let mut door = Door::open(submission());
    door.say(b"EHLO a\r\n");
    let answers = door.heard();
    assert!(answers.contains("STARTTLS") && !answers.contains("AUTH"));
    door.say(b"AUTH PLAIN AGFubmEAc2VjcmV0\r\nMAIL FROM:<a@b>\r\n");
    assert_eq!(door.heard(), "538 5.7.11 STARTTLS first\r\n530 5.7.0 sign in first\r\n");
    assert_eq!(door.seen, ["hello a"]);
    let mut door = secured();
    assert!(door.heard().contains("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"));
    let open = Config { auth: Auth { enabled: true, before_tls: true, required: false }, ..plain() };
    let mut door = Door::open(open);
    door.say(b"EHLO a\r\n");
    assert!(door.heard().contains("AUTH SCRAM-SHA-256 PLAIN LOGIN"));
}

#[test]
fn exchanges_that_go_wrong() {
    for (said, heard) in [
        ("AUTH PLAIN\r\n*\r\n", "334 \r\n501 5.7.0 cancelled\r\n"),
        ("AUTH PLAIN\r\n!!!\r\n", "334 \r\n501 5.5.2 no base64\r\n"),
        ("AUTH PLAIN !!!\r\n", "501 5.5.2 the initial response is no base64\r\n"),
        ("AUTH PLAIN =\r\n", "501 5.5.2 the message breaks the mechanism's grammar\r\n"),
        ("AUTH GSSAPI\r\n", "504 5.5.4 mechanism not offered\r\n"),
        ("AUTH\r\n", "501 5.5.4 syntax: AUTH mechanism [initial-response]\r\n"),
        ("MAIL FROM:<a@b>\r\n", "530 5.7.0 sign in first\r\n"),
    ] {
        let mut door = secured();
        door.heard();
        door.say(said.as_bytes());
        assert_eq!(door.heard(), heard, "{said:?}");
        door.say(b"NOOP\r\n");
        assert_eq!(door.heard(), "250 2.0.0 ok\r\n", "{said:?}");
    }
}

#[test]
fn guessing_is_limited() {
    let mut door = secured();
    door.heard();
    door.say(&b"AUTH PLAIN AGFubmEAd3Jvbmc=\r\n".repeat(9));
    let answers = door.heard();
    assert_eq!(answers.matches("535").count(), 5);
    assert!(door.closed && answers.ends_with("421 4.7.0 too many failed sign-ins\r\n"));
}
