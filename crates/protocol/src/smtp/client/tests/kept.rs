//! What is kept of a dialogue for the operator.

use super::*;
use crate::sasl::Secret;
use crate::sasl::client::{Login, Plain};

/// Without the times.
fn lines(client: &Client) -> Vec<String> {
    client.dialogue().lines().map(|line| line.get(9..).unwrap_or(line).to_owned()).collect()
}

#[test]
fn the_dialogue_without_the_letter() {
    let letters: [(Envelope, &[&str]); 2] =
        [(letter(&["x@y", "no@y"]), &["secret words\r\n", "more"]), (letter(&["z@y"]), &["x"])];
    let mut sender = Sender::new(Config::new("athens.test"), &letters);
    sender.hear(b"220 hello\r\n250-hello\r\n250 PIPELINING\r\n");
    sender.hear(b"250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n");
    let first = [
        "S: 220 hello",
        "C: EHLO athens.test",
        "S: 250-hello",
        "S: 250 PIPELINING",
        "C: MAIL FROM:<a@b>",
        "C: RCPT TO:<x@y>",
        "C: RCPT TO:<no@y>",
        "C: DATA",
        "S: 250 ok",
        "S: 250 ok",
        "S: 550 no",
        "S: 354 go",
        "-- the letter, 18 octets",
    ];
    assert_eq!(lines(&sender.client), first);
    sender.hear(b"451 busy\r\n");
    let second =
        ["-- on a connection that had carried a letter before", "C: MAIL FROM:<a@b>", "C: RCPT TO:<z@y>", "C: DATA"];
    assert_eq!(lines(&sender.client), second, "each letter has its own");
    sender.client.end_of_input();
    assert_eq!(lines(&sender.client).last().map(String::as_str), Some("-- the server closed the connection"));
}

#[test]
fn chunks_are_named_and_left_out() {
    let mut sender = Sender::new(Config::new("athens.test"), &[(letter(&["x@y"]), &["secret"])]);
    for heard in ["220 hello", "250-hello\r\n250 CHUNKING", "250 ok", "250 ok"] {
        sender.hear(format!("{heard}\r\n").as_bytes());
    }
    assert_eq!(lines(&sender.client).last().map(String::as_str), Some("C: BDAT 6 LAST"));
    assert!(!sender.client.dialogue().contains("secret"));
}

#[test]
fn no_password_is_kept() {
    let (user, password) = ("anna", Secret::new("sesame".into()));
    let plain = || Box::new(Plain::new(user, &password).expect("plain")) as Box<dyn sasl::client::Client>;
    let login = || Box::new(Login::new(user, &password).expect("login")) as Box<dyn sasl::client::Client>;
    for (with, answers) in
        [(plain(), vec!["235 in"]), (login(), vec!["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "535 5.7.8"])]
    {
        let now = Instant::now();
        let mut client = Client::new(Config::new("athens.test"), now);
        client.receive(now, b"220 hello\r\n250 AUTH PLAIN LOGIN\r\n");
        while !matches!(client.next(), Step::NeedInput) {}
        client.authenticate(now, with);
        for answer in &answers {
            client.receive(now, format!("{answer}\r\n").as_bytes());
        }
        let mut wire = Vec::new();
        while let Step::Send(bytes) = client.next() {
            wire.extend(bytes);
        }
        let text = client.dialogue();
        for secret in String::from_utf8_lossy(&wire).split_ascii_whitespace().filter(|word| word.len() > 7) {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert!(text.contains("(masked)"), "{text}");
        let code = answers.last().and_then(|answer| answer.get(..3)).expect("an answer");
        assert!(text.contains(&format!("S: {code}")) && !text.contains("235 in"), "{text}");
    }
}

/// What the server says back to us of a sign-in is kept nowhere: neither of the answer to AUTH, nor later.
#[test]
fn no_server_gives_our_password_away() {
    const PLAIN: &str = "AGFubmEAc2VzYW1lIG9wZW4=";
    let password = Secret::new("sesame open".into());
    let secrets = ["sesame", "c2VzYW1l", "AGFubmEAc2VzYW1lIG9wZW4"];
    let told = format!("you said AUTH PLAIN {PLAIN} and that is :anna:sesame open");
    for answer in ["535 5.7.8", "535-5.7.8", "421 4.7.0", "235 2.7.0"] {
        let now = Instant::now();
        let mut client = Client::new(Config::new("athens.test"), now);
        client.receive(now, b"220 hello\r\n250 AUTH PLAIN\r\n");
        while !matches!(client.next(), Step::NeedInput) {}
        client.authenticate(now, Box::new(Plain::new("anna", &password).expect("plain")));
        client.receive(now, format!("{answer} {told}\r\n").as_bytes());
        if answer.contains('-') {
            client.receive(now, format!("535 {told}\r\n").as_bytes());
        }
        let (mut heard, mut is_in) = (String::new(), false);
        while let step @ (Step::Send(_) | Step::Event(_)) = client.next() {
            if let Step::Event(event) = step {
                is_in |= event == Event::SignedIn;
                heard.push_str(&format!("{event:?} "));
            }
        }
        assert!(heard.contains("SignedIn") || heard.contains("535") || heard.contains("421"), "{heard}");
        if is_in {
            client.send(now, letter(&["x@y"]), None);
            while let Step::Send(_) | Step::Event(_) = client.next() {}
            client.receive(now, format!("550 5.7.1 {told}\r\n").as_bytes());
            while let step @ (Step::Send(_) | Step::Event(_)) = client.next() {
                if let Step::Event(event) = step {
                    heard.push_str(&format!("{event:?} "));
                }
            }
            assert!(heard.contains("AUTH PLAIN ***= and that is :anna:***"), "{heard}");
        }
        let all = heard + &client.dialogue();
        for secret in secrets {
            assert!(!all.contains(secret), "{answer}: {secret}: {all}");
        }
    }
}
