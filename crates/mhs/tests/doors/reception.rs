//! Port 25: letters from anybody, for our own people.

use journal::Event;

use crate::office::{Office, Terminal};

#[tokio::test]
async fn a_letter_from_a_stranger() {
    let office = Office::open().await;
    let mut client = Terminal::connect(office.smtp).await;
    client.begin("stranger@patras.test", &["kostas@athens.test"]).await;
    client.say("Subject: hello\r\nMessage-ID: <1@patras.test>\r\n\r\nHello Kostas\r\n..\r\n").await;
    let taken = client.ask(".").await;
    let id = taken.strip_prefix("250 2.0.0 ").and_then(|rest| rest.strip_suffix(" accepted")).unwrap();
    assert!(client.ask("QUIT").await.starts_with("221"));
    drop(client);
    assert!(office.context.shutdown.drained(std::time::Duration::from_secs(60)).await);
    let letters = office.letters("kostas@athens.test", "INBOX").await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    let received = "Return-Path: <stranger@patras.test>\r\nReceived: from client.test ([127.0.0.1])\r\n\tby mx.athens.test with ESMTP\r\n\tid ";
    let rest = letter.strip_prefix(received).unwrap();
    assert!(rest.starts_with(&format!("{id}\r\n\tfor <kostas@athens.test>;\r\n\t")), "{rest}");
    assert!(rest.ends_with("Subject: hello\r\nMessage-ID: <1@patras.test>\r\n\r\nHello Kostas\r\n.\r\n"), "{rest}");
    assert!(office.letters("anna@athens.test", "INBOX").await.is_empty());
    assert_eq!(office.heard(), ["connected", "accepted", "delivered", "disconnected"]);
    let Event::Accepted { message_id, octets, .. } = &office.events("accepted")[0] else { unreachable!() };
    assert_eq!((message_id.as_str(), *octets), ("<1@patras.test>", letter.len() as u64));
}

#[tokio::test]
async fn who_is_taken_and_who_is_not() {
    let office = Office::open().await;
    let mut client = Terminal::connect(office.smtp).await;
    assert!(client.ask("EHLO client.test").await.starts_with("250"));
    assert!(client.ask("AUTH PLAIN AGFubmEAc2VjcmV0").await.starts_with("502 5.5.1"));
    assert!(client.ask("MAIL FROM:<>").await.starts_with("250"));
    for (to, answer) in [
        ("anna@athens.test", "250 2.1.5"),
        ("ANNA+some.detail@Athens.Test", "250 2.1.5"),
        ("both@athens.test", "250 2.1.5"),
        ("postmaster@athens.test", "250 2.1.5"),
        ("Postmaster", "250 2.1.5"),
        ("nobody@athens.test", "550 5.1.1"),
        ("kostas@patras.test", "550 5.7.1"),
        ("kostas@[127.0.0.1]", "550 5.1.1"),
        ("Postmaster@[127.0.0.1]", "250 2.1.5"),
        ("postmaster@[127.0.0.2]", "550 5.7.1"),
        // Our hostname is no domain of ours, but our notices come from there.
        ("MAILER-DAEMON@mx.athens.test", "250 2.1.5"),
        ("Postmaster@MX.athens.test", "250 2.1.5"),
        ("abuse@mx.athens.test", "250 2.1.5"),
        ("anna@mx.athens.test", "550 5.7.1"),
        ("postmaster@mx.patras.test", "550 5.7.1"),
        ("kostas%patras.test@athens.test", "550 5.1.1"),
        ("@athens.test:kostas@patras.test", "550 5.7.1"),
    ] {
        let reply = client.ask(&format!("RCPT TO:<{to}>")).await;
        assert!(reply.starts_with(answer), "{to}: {reply}");
    }
    let rejected = office.events("rejected");
    assert_eq!(rejected.len(), 8);
    let Event::Rejected { phase, subject, reply } = &rejected[1] else { unreachable!() };
    assert_eq!((phase.as_str(), subject.as_str(), reply.code), ("RCPT", "<kostas@patras.test>", 550));
    // One copy each, however many ways lead there.
    assert!(client.ask("DATA").await.starts_with("354"));
    client.say("x: y\r\n\r\n").await;
    assert!(client.ask(".").await.starts_with("250 2.0.0"));
    assert_eq!(office.letters("anna@athens.test", "INBOX").await.len(), 1);
    assert_eq!(office.letters("kostas@athens.test", "INBOX").await.len(), 1);
}

#[tokio::test]
async fn a_detail_names_a_mailbox_that_stands() {
    let office = Office::open().await;
    let anna = office.context.directory.open_as_operator(&crate::office::address("anna@athens.test")).await.unwrap();
    office.context.mailstore.open(&anna).await.unwrap().create("lists").await.unwrap();
    let mut client = Terminal::connect(office.smtp).await;
    for (to, subject) in [
        ("anna+lists@athens.test", "one"),
        ("anna+other@athens.test", "two"),
        ("anna+Trash@athens.test", "trash"),
        ("anna+junk@athens.test", "junk"),
        ("anna+Sent@athens.test", "sent"),
    ] {
        client.begin("a@b.test", &[to]).await;
        client.say(&format!("Subject: {subject}\r\n\r\n")).await;
        assert!(client.ask(".").await.starts_with("250"));
    }
    let lists = office.letters("anna@athens.test", "lists").await;
    let inbox = office.letters("anna@athens.test", "INBOX").await;
    assert!(lists.len() == 1 && lists[0].contains("Subject: one"));
    assert!(inbox.len() == 4 && inbox[0].contains("Subject: two"), "a stranger puts nothing into Trash and the like");
    for mailbox in ["Trash", "Junk", "Sent"] {
        assert!(office.letters("anna@athens.test", mailbox).await.is_empty(), "{mailbox}");
    }
}

#[tokio::test]
async fn a_large_letter_in_pieces() {
    let office = Office::open().await;
    let mut client = Terminal::connect(office.smtp).await;
    client.begin("a@b.test", &["anna@athens.test", "kostas@athens.test"]).await;
    let line = "A line of a long letter, which is neither interesting nor short.\r\n";
    let mut body = String::from("Subject: long\r\n\r\n");
    body.push_str(&line.repeat(80_000));
    client.say(&body).await;
    assert!(client.ask(".").await.starts_with("250 2.0.0"));
    for who in ["anna@athens.test", "kostas@athens.test"] {
        let letters = office.letters(who, "INBOX").await;
        assert!(letters[0].ends_with(&body), "{who}");
        // With two recipients, none of them is named: one may be a blind copy.
        assert!(!letters[0].contains("for <"));
    }
}

#[tokio::test]
async fn letters_that_are_refused_leave_nothing() {
    let office = Office::open_with(|settings| settings.message_octets_max = 100_000).await;
    let mut client = Terminal::connect(office.smtp).await;
    let loops = "Received: from a by b; Thu, 1 Jan 1970 00:00:00 +0000\r\n".repeat(101);
    let huge = format!("X: y\r\n\r\n{}", "0123456789\r\n".repeat(20_000));
    for (text, answer) in [
        (loops.as_str(), "554 5.4.6"),
        (huge.as_str(), "552 5.3.4"),
        ("X: y\r\n\r\na\nb\r\n", "554 5.6.0"),
        ("X: y\r\n\r\n\n.\n\r\n", "554 5.6.0"),
    ] {
        client.begin("a@b.test", &["anna@athens.test"]).await;
        client.say(text).await;
        let reply = client.ask(".").await;
        assert!(reply.starts_with(answer), "{reply}");
    }
    assert!(office.letters("anna@athens.test", "INBOX").await.is_empty());
    assert_eq!(office.events("rejected").len(), 4);
    client.begin("a@b.test", &["anna@athens.test"]).await;
    assert!(client.ask("no header at all\r\n.").await.starts_with("250"));
    assert_eq!(office.letters("anna@athens.test", "INBOX").await.len(), 1);
}

#[tokio::test]
async fn a_header_without_end_is_refused() {
    let office = Office::open().await;
    let mut client = Terminal::connect(office.smtp).await;
    client.begin("a@b.test", &["anna@athens.test"]).await;
    client.say(&"X-Long: header\r\n".repeat(30_000)).await;
    assert!(client.ask(".").await.starts_with("552 5.3.4"));
    assert!(office.letters("anna@athens.test", "INBOX").await.is_empty());
}

#[tokio::test]
async fn shutting_down_waits_for_the_letter() {
    let office = Office::open().await;
    let mut quiet = Terminal::connect(office.smtp).await;
    let mut busy = Terminal::connect(office.smtp).await;
    busy.begin("a@b.test", &["anna@athens.test"]).await;
    office.context.shutdown.begin();
    assert!(quiet.reply().await.starts_with("421 4.3.2"));
    assert_eq!(quiet.reply().await, "");
    assert!(busy.ask("Subject: x\r\n\r\n.").await.starts_with("250 2.0.0"));
    assert!(busy.reply().await.starts_with("421 4.3.2"));
    assert!(office.context.shutdown.drained(std::time::Duration::from_secs(60)).await);
    assert_eq!(office.letters("anna@athens.test", "INBOX").await.len(), 1);
}

#[tokio::test]
async fn text_never_becomes_header() {
    let office = Office::open().await;
    let mut client = Terminal::connect(office.smtp).await;
    let letters = [
        ("no header here\r\n", "\r\n\r\nno header here\r\n"),
        ("", "\r\n\r\n"),
        ("Subject: short\r\n", "\r\nSubject: short\r\n\r\n"),
        ("Subject: x\r\nHello Anna, how are you?\r\n", "\r\nSubject: x\r\n\r\nHello Anna, how are you?\r\n"),
    ];
    for (text, _) in letters {
        client.begin("kostas@patras.test", &["anna@athens.test"]).await;
        assert!(client.ask(&format!("{text}.")).await.starts_with("250"), "{text:?}");
    }
    let stored = office.letters("anna@athens.test", "INBOX").await;
    assert_eq!(stored.len(), letters.len());
    for (stored, (text, end)) in stored.iter().zip(letters) {
        assert!(stored.starts_with("Return-Path: <kostas@patras.test>\r\nReceived: "), "{stored:?}");
        assert!(stored.ends_with(end), "{text:?}: {stored:?}");
        assert_eq!(stored.matches("\r\n\r\n").count(), 1, "{stored:?}");
    }
}

/// The disk is short of room: every door says so at MAIL, and at the end of a letter that was begun before.
#[tokio::test]
async fn a_disk_that_is_short_of_room_takes_no_mail() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open_in(folder.path(), |_| {}).await;
    let mut begun = Terminal::connect(office.smtp).await;
    begun.begin("joe@patras.test", &["anna@athens.test"]).await;
    std::fs::write(folder.path().join("free"), "5000").unwrap();
    while office.context.store.check_room(4001).is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let mut client = Terminal::connect(office.smtp).await;
    client.ask("EHLO joe.test").await;
    let reply = client.ask("MAIL FROM:<joe@patras.test> SIZE=4001").await;
    assert!(reply.starts_with("452 4.3.1"), "{reply}");
    assert!(client.ask("MAIL FROM:<joe@patras.test> SIZE=4000").await.starts_with("250"));
    assert!(client.ask("RSET").await.starts_with("250"));
    std::fs::write(folder.path().join("free"), "999").unwrap();
    while office.context.store.check_room(0).is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(client.ask("MAIL FROM:<joe@patras.test>").await.starts_with("452 4.3.1"));
    let mut front = Terminal::connect(office.lmtp).await;
    front.ask("LHLO front.test").await;
    assert!(front.ask("MAIL FROM:<joe@patras.test>").await.starts_with("452 4.3.1"));
    begun.say("Subject: s\r\n\r\ntext\r\n").await;
    assert!(begun.ask(".").await.starts_with("452 4.3.1"));
    assert!(office.letters("anna@athens.test", "INBOX").await.is_empty());
    assert_eq!(office.events("rejected").len(), 4);
    std::fs::write(folder.path().join("free"), "100000").unwrap();
    while office.context.store.check_room(0).is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    begun.begin("joe@patras.test", &["anna@athens.test"]).await;
    begun.say("Subject: s\r\n\r\ntext\r\n").await;
    assert!(begun.ask(".").await.starts_with("250"));
}
