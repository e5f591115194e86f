//! Full mailboxes: refused at RCPT where that can be told, at the end of the letter otherwise.

use directory::Limit;
use mhs::mda::Full;

use crate::office::{Office, Terminal, address};

async fn office(full: Full) -> Office {
    let office = Office::open_with(|settings| settings.full = full).await;
    let directory = &office.context.directory;
    directory.set_quota(&address("anna@athens.test"), Some(Limit::At(2000)), None).await.unwrap();
    office
}

/// A letter from a stranger; the last answer that was asked for.
async fn bring(client: &mut Terminal, mail: &str, to: &[&str], octets: usize) -> String {
    assert!(client.ask(&format!("MAIL FROM:{mail}")).await.starts_with("250"));
    for to in to {
        let answer = client.ask(&format!("RCPT TO:<{to}>")).await;
        if !answer.starts_with("250") {
            client.ask("RSET").await;
            return answer;
        }
    }
    assert!(client.ask("DATA").await.starts_with("354"));
    let line = format!("{}\r\n", "x".repeat(98));
    client.say(&format!("Subject: long\r\n\r\n{}", line.repeat(octets / 100))).await;
    client.ask(".").await
}

#[tokio::test]
async fn a_full_mailbox_is_asked_again_later() {
    let office = office(Full::Later).await;
    let mut client = Terminal::connect(office.smtp).await;
    assert!(client.ask("EHLO client.test").await.starts_with("250"));
    let anna = ["anna@athens.test"];
    let from = "<stranger@patras.test>";
    // What could never come in is refused for good; what is too long in fact, at its end.
    assert!(bring(&mut client, "<stranger@patras.test> SIZE=2001", &anna, 0).await.starts_with("552 5.2.2"));
    assert!(bring(&mut client, from, &anna, 2000).await.starts_with("552 5.2.2"));
    assert!(bring(&mut client, from, &anna, 1000).await.starts_with("250 2.0.0"));
    assert!(bring(&mut client, "<stranger@patras.test> SIZE=1500", &anna, 0).await.starts_with("452 4.2.2"));
    assert!(bring(&mut client, from, &anna, 1000).await.starts_with("452 4.2.2"));
    // Others are not concerned, whoever stands beside them; half a delivery there is not.
    assert!(bring(&mut client, from, &["both@athens.test"], 1000).await.starts_with("250 2.0.0"));
    assert_eq!(office.letters("anna@athens.test", "INBOX").await.len(), 2);
    assert!(bring(&mut client, from, &anna, 0).await.starts_with("452 4.2.2"));
    // A notice always comes in.
    assert!(bring(&mut client, "<>", &anna, 100).await.starts_with("250 2.0.0"));
    assert_eq!(office.letters("anna@athens.test", "INBOX").await.len(), 3);
    assert_eq!(office.letters("kostas@athens.test", "INBOX").await.len(), 1);
}

#[tokio::test]
async fn a_full_mailbox_refuses_at_once() {
    let office = office(Full::Refuse).await;
    let mut client = Terminal::connect(office.lmtp).await;
    assert!(client.ask("LHLO client.test").await.starts_with("250"));
    let anna = ["anna@athens.test"];
    assert!(bring(&mut client, "<stranger@patras.test>", &anna, 1000).await.starts_with("250 2."));
    assert!(bring(&mut client, "<stranger@patras.test>", &anna, 1000).await.starts_with("552 5.2.2"));
    assert!(bring(&mut client, "<stranger@patras.test> SIZE=1500", &anna, 0).await.starts_with("552 5.2.2"));
    let directory = &office.context.directory;
    directory.set_quota(&anna.map(address)[0], Some(Limit::Default), None).await.unwrap();
    assert!(bring(&mut client, "<stranger@patras.test>", &anna, 1000).await.starts_with("250 2."));
}
