//! Ports 587 and 465: letters from our own people, under their own names.

use std::net::SocketAddr;
use std::time::Duration;

use directory::{ClearText, SignInGuard};
use envelope::{BodyType, Envelope, Host, Recipient, ReversePath};
use journal::Event;
use net::{ClientTls, Conversation, Roots, Stream, Upgrade, clock};
use protocol::sasl::{Mechanism, Secret, client};
use protocol::smtp::client::{Client, Config, Event as Told};

use crate::office::{Office, Terminal, address};

fn letter(from: &str, to: &[&str]) -> Envelope {
    let recipient = |to: &&str| Recipient { address: address(to), notify: None, original: None };
    Envelope {
        reverse_path: ReversePath::Address(address(from)),
        recipients: to.iter().map(recipient).collect(),
        body: BodyType::SevenBit,
        smtputf8: false,
        require_tls: envelope::RequireTls::Unsaid,
        ret: None,
        envelope_id: None,
    }
}

/// Submits a letter over TLS as somebody; answers the sign-in's refusal or the recipients' replies.
async fn submit(
    to: SocketAddr,
    implicit: bool,
    user: &str,
    password: &str,
    letter: Envelope,
    text: &str,
) -> Vec<String> {
    let stream = Stream::connect(to, None, std::time::Duration::from_secs(10)).await.unwrap();
    let (tls, host) = (ClientTls::opportunistic(&Roots::none()), Host::parse("mx.athens.test").unwrap());
    let mut session = Client::new(Config::new("client.test"), clock::instant());
    let stream = if implicit { stream.connect_tls(&tls, &host).await.unwrap() } else { stream };
    if let Some(tls) = stream.tls() {
        session.implicit_tls(tls.clone());
    }
    let mut conversation = Conversation::new(stream, session, Upgrade::Client(tls, host));
    let mut letter = Some(letter);
    let mut replies = Vec::new();
    while let Some(event) = conversation.next().await.unwrap() {
        let now = clock::instant();
        let session = conversation.session();
        match event {
            Told::Ready(_) if session.tls().is_none() => session.start_tls(now),
            Told::Ready(offered) => {
                let names = offered.auth.iter().filter_map(|name| Mechanism::parse(name.as_bytes()));
                let secret = Secret::new(password.as_bytes().to_vec());
                let with = client::best(&names.collect::<Vec<_>>(), user, &secret, session.tls()).unwrap().unwrap();
                session.authenticate(now, with);
            }
            Told::SignedIn => session.send(now, letter.take().unwrap(), None),
            Told::WantBody => session.body(now, text.as_bytes(), true),
            Told::Done(report) => {
                replies = report.recipients.iter().map(ToString::to_string).collect();
                session.quit(now);
            }
            Told::SignInRefused(reply) | Told::TlsRefused(reply) => {
                replies = vec![reply.to_string()];
                session.quit(now);
            }
            Told::Lost { problem, .. } => replies.push(problem.to_string()),
        }
    }
    replies
}

#[tokio::test]
async fn a_letter_to_a_colleague() {
    let office = Office::open().await;
    for (to, implicit) in [(office.submission, false), (office.submissions, true)] {
        let envelope = letter("anna@athens.test", &["kostas@athens.test", "nobody@athens.test"]);
        let replies =
            submit(to, implicit, "anna@athens.test", "secret", envelope, "Subject: hello\r\n\r\nHello\r\n").await;
        assert!(replies[0].starts_with("250 2.0.0") && replies[1].starts_with("550 5.1.1"), "{replies:?}");
    }
    let letters = office.letters("kostas@athens.test", "INBOX").await;
    assert_eq!(letters.len(), 2);
    for letter in &letters {
        // What it lacked was added.
        assert!(letter.contains(" with ESMTPSA (TLSv1.3 "), "{letter}");
        assert!(letter.contains("\r\nDate: ") && letter.contains("\r\nMessage-ID: <"), "{letter}");
        assert!(letter.contains("\r\nFrom: <anna@athens.test>\r\n"), "{letter}");
    }
    let signed_in = office.events("signed-in");
    let Event::SignedIn { account, mechanism, .. } = &signed_in[0] else { unreachable!() };
    assert_eq!((account, mechanism.as_str()), (&address("anna@athens.test"), "SCRAM-SHA-256-PLUS"));
    assert_eq!(office.events("secured").len(), 2);
}

#[tokio::test]
async fn a_letter_to_another_town_is_queued() {
    let office = Office::open().await;
    let envelope = letter("anna@athens.test", &["kostas@patras.test", "kostas@athens.test"]);
    let text =
        "From: Anna <anna@athens.test>\r\nDate: Thu, 1 Jan 1970 00:00:00 +0000\r\nMessage-ID: <x@y>\r\n\r\nHello\r\n";
    let replies = submit(office.submission, false, "anna@athens.test", "secret", envelope, text).await;
    assert!(replies.iter().all(|reply| reply.starts_with("250 2.0.0")), "{replies:?}");
    assert_eq!(office.context.queue.counts().await.unwrap().waiting, 1);
    let letters = office.letters("kostas@athens.test", "INBOX").await;
    assert!(letters[0].ends_with(text), "nothing that was there is touched");
    assert_eq!(letters[0].matches("Date: ").count(), 1);
    assert_eq!(office.events("queued").len(), 1);
}

#[tokio::test]
async fn blind_copies_stay_blind() {
    let office = Office::open().await;
    let envelope = letter("anna@athens.test", &["kostas@athens.test"]);
    let text = "To: kostas@athens.test\r\nBcc: maria@patras.test,\r\n boss@patras.test\r\nReturn-Path: <x@y>\r\n\
                Resent-Bcc: z@patras.test\r\nSubject: x\r\n\r\nBcc: is a word\r\n";
    let replies = submit(office.submission, false, "anna@athens.test", "secret", envelope, text).await;
    assert!(replies[0].starts_with("250 2.0.0"), "{replies:?}");
    let letters = office.letters("kostas@athens.test", "INBOX").await;
    let end = "\r\nTo: kostas@athens.test\r\nSubject: x\r\n\r\nBcc: is a word\r\n";
    assert!(letters[0].ends_with(end) && !letters[0].contains("patras"), "{}", letters[0]);
    assert_eq!(letters[0].matches("Return-Path").count(), 1);
}

#[tokio::test]
async fn under_other_names_nothing_goes() {
    let office = Office::open().await;
    let (door, to) = (office.submission, ["kostas@athens.test"]);
    for (from, header, answer) in [
        ("kostas@athens.test", "", "550 5.7.1"),
        ("anna@patras.test", "", "550 5.7.1"),
        ("anna@athens.test", "From: Kostas <kostas@athens.test>\r\n", "550 5.7.1"),
        ("anna@athens.test", "From: boss@patras.test\r\n", "550 5.7.1"),
        ("anna@athens.test", "From: anna@athens.test, kostas@athens.test\r\n", "550 5.7.1"),
        ("anna@athens.test", "From: anna@athens.test\r\nFrom: kostas@athens.test\r\n", "550 5.7.1"),
        ("anna@athens.test", "From: anna@athens.test\r\nSender: kostas@athens.test\r\n", "550 5.7.1"),
        ("both@athens.test", "From: Anna <anna+news@athens.test>\r\n", "250 2.0.0"),
    ] {
        let text = format!("{header}Subject: x\r\n\r\n");
        let replies = submit(door, false, "anna@athens.test", "secret", letter(from, &to), &text).await;
        assert!(replies[0].starts_with(answer), "{from} {header}: {replies:?}");
    }
    assert_eq!(office.letters("kostas@athens.test", "INBOX").await.len(), 1);
}

#[tokio::test]
async fn without_a_sign_in_nothing_goes() {
    let office = Office::open().await;
    let mut client = Terminal::connect(office.submission).await;
    assert!(client.ask("EHLO client.test").await.starts_with("250"));
    assert!(client.ask("MAIL FROM:<anna@athens.test>").await.starts_with("530 5.7.0"));
    assert!(client.ask("AUTH PLAIN AGFubmFAYXRoZW5zLnRlc3QAc2VjcmV0").await.starts_with("538 5.7.11"));
    let envelope = letter("anna@athens.test", &["kostas@athens.test"]);
    let replies = submit(office.submission, false, "anna@athens.test", "wrong", envelope.clone(), "x").await;
    // The client keeps no words of an answer to AUTH; the next test has them.
    assert!(replies.len() == 1 && replies[0].starts_with("535 5.7.8 "), "{replies:?}");
    let replies = submit(office.submission, false, "nobody@athens.test", "secret", envelope, "x").await;
    assert!(replies.len() == 1 && replies[0].starts_with("535 5.7.8 "), "{replies:?}");
    assert!(office.events("signed-in").is_empty());
    let refused = office.events("sign-in-refused");
    let Event::SignInRefused { user, .. } = &refused[1] else { unreachable!() };
    assert_eq!((refused.len(), user.as_str()), (2, "nobody@athens.test"));
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let office = Office::open_with(|settings| settings.cleartext_sign_in = ClearText::Loopback).await;
    let mut terminal = Terminal::connect(office.submission).await;
    terminal.ask("EHLO client.test").await;
    // NUL anna@athens.test NUL wrong, and NUL nobody@athens.test NUL secret
    for guess in ["AUTH PLAIN AGFubmFAYXRoZW5zLnRlc3QAd3Jvbmc=", "AUTH PLAIN AG5vYm9keUBhdGhlbnMudGVzdABzZWNyZXQ="] {
        assert_eq!(terminal.ask(guess).await.trim_end(), "535 5.7.8 sign-in failed", "{guess}");
    }
}

#[tokio::test]
async fn after_too_many_guesses_even_the_right_password_waits() {
    let office = Office::open_with(|settings| {
        settings.cleartext_sign_in = ClearText::Loopback;
        settings.sign_ins = SignInGuard::with(1, Duration::ZERO);
    })
    .await;
    // NUL anna NUL wrong, and NUL anna NUL secret
    let (wrong, right) = ("AUTH PLAIN AGFubmEAd3Jvbmc=", "AUTH PLAIN AGFubmEAc2VjcmV0");
    let mut terminal = Terminal::connect(office.submission).await;
    terminal.ask("EHLO client.test").await;
    assert!(terminal.ask(wrong).await.starts_with("535 5.7.8"));
    for guess in [wrong, right, "AUTH SCRAM-SHA-256 biwsbj1hbm5hLHI9YWJj"] {
        let answer = terminal.ask(guess).await;
        assert!(answer.starts_with("454 4.7.0"), "{guess}: {answer}");
    }
    assert_eq!(office.events("limited").len(), 1);
    assert_eq!(office.events("sign-in-refused").len(), 4);
    assert!(office.events("signed-in").is_empty());
}

#[tokio::test]
async fn in_the_clear_only_where_it_is_allowed() {
    let office = Office::open_with(|settings| settings.cleartext_sign_in = ClearText::Loopback).await;
    let mut client = Terminal::connect(office.submission).await;
    assert!(client.ask("EHLO client.test").await.starts_with("250"));
    assert!(client.ask("AUTH PLAIN AGFubmFAYXRoZW5zLnRlc3QAc2VjcmV0").await.starts_with("235 2.7.0"));
    assert!(client.ask("MAIL FROM:<anna@athens.test>").await.starts_with("250"));
}

#[tokio::test]
async fn line_ends_of_files_are_made_right_for_our_own_people() {
    let office = Office::open_with(|settings| settings.cleartext_sign_in = ClearText::Loopback).await;
    let mut client = Terminal::connect(office.submission).await;
    client.ask("EHLO client.test").await;
    assert!(client.ask("AUTH PLAIN AGFubmFAYXRoZW5zLnRlc3QAc2VjcmV0").await.starts_with("235 2.7.0"));
    client.begin("anna@athens.test", &["kostas@athens.test"]).await;
    client.say("Subject: x\nBcc: z@patras.test\n\na\n.\nMAIL FROM:<kostas@athens.test>\n.\r\nb\r\n").await;
    assert!(client.ask(".").await.starts_with("250 2.0.0"));
    assert!(client.ask("NOOP").await.starts_with("250"));
    let letters = office.letters("kostas@athens.test", "INBOX").await;
    assert_eq!(letters.len(), 1);
    let end = "\r\nSubject: x\r\n\r\na\r\n.\r\nMAIL FROM:<kostas@athens.test>\r\n.\r\nb\r\n";
    assert!(letters[0].ends_with(end), "{}", letters[0]);
}

/// Whoever comes goes again, and the journal says why.
#[tokio::test]
async fn a_door_of_tls_without_a_certificate_lets_nobody_in() {
    let office = Office::open_with(|settings| settings.tls = None).await;
    let mut stream = tokio::net::TcpStream::connect(office.submissions).await.unwrap();
    let mut heard = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut heard).await.unwrap();
    assert!(heard.is_empty());
    while office.events("disconnected").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(office.heard(), ["connected", "tls-failed", "disconnected"]);
    let events = office.events("disconnected");
    let Event::Disconnected { reason, .. } = &events[0] else { unreachable!() };
    assert_eq!(reason, "no certificate");
}
