//! Letters that are submitted without a connection.

use std::sync::Arc;

use directory::RelayAllowed;
use envelope::{Recipient, ReversePath};
use journal::Service;
use mailstore::Placed;
use mhs::msa::post::{Post, PostError, post, prepare};

use crate::office::{Office, address};

fn to(names: &[&str]) -> Vec<Recipient> {
    let recipient = |name: &&str| Recipient { address: address(name), notify: None, original: None };
    names.iter().map(recipient).collect()
}

fn draft(names: &[&str], message: &'static str) -> Post {
    Post {
        reverse_path: ReversePath::Address(address("anna@athens.test")),
        recipients: to(names),
        allowed: RelayAllowed::for_operator(),
        service: Service::Local,
        message: message.into(),
        complete: true,
        smtputf8: false,
        require_tls: envelope::RequireTls::Unsaid,
    }
}

#[tokio::test]
async fn a_command_sends() {
    let office = Office::open().await;
    let posted = post(&office.context, draft(&["kostas@athens.test", "nobody@athens.test"], "Subject: x\n\nHello\n"));
    let posted = posted.await.unwrap();
    assert_eq!(posted.refused.len(), 1);
    let letters = office.letters("kostas@athens.test", "INBOX").await;
    assert!(
        letters[0].starts_with("Return-Path: <anna@athens.test>\r\nReceived: from localhost\r\n"),
        "{}",
        letters[0]
    );
    assert!(letters[0].contains("\r\nFrom: <anna@athens.test>\r\n"));
    assert!(letters[0].ends_with("Subject: x\r\n\r\nHello\r\n"), "{}", letters[0]);
    assert!(letters[0].contains(&posted.accepted.id.to_string()));
    assert_eq!(office.heard(), ["accepted", "delivered"]);
}

#[tokio::test]
async fn a_command_keeps_blind_copies_blind() {
    let office = Office::open().await;
    let text = "Bcc: maria@patras.test\nSubject: x\n\nBcc: is a word\n";
    post(&office.context, draft(&["kostas@athens.test"], text)).await.unwrap();
    let letters = office.letters("kostas@athens.test", "INBOX").await;
    assert!(letters[0].ends_with("\r\nSubject: x\r\n\r\nBcc: is a word\r\n"), "{}", letters[0]);
    assert!(!letters[0].contains("patras"));
}

#[tokio::test]
async fn a_notice_is_sent_as_it_is() {
    let office = Office::open().await;
    let notice = Post {
        reverse_path: ReversePath::Null,
        allowed: RelayAllowed::for_own_notice(),
        service: Service::Outbound,
        complete: false,
        ..draft(&["kostas@athens.test"], "Subject: sorry\r\n\r\n")
    };
    post(&office.context, notice).await.unwrap();
    let letters = office.letters("kostas@athens.test", "INBOX").await;
    assert_eq!(letters, ["Return-Path: <>\r\nSubject: sorry\r\n\r\n"]);
}

#[tokio::test]
async fn what_cannot_be_sent() {
    let office = Office::open_with(|settings| settings.message_octets_max = 100).await;
    let nobody = post(&office.context, draft(&["nobody@athens.test"], "x")).await;
    assert!(matches!(nobody, Err(PostError::NoRecipients { .. })));
    let long = Post { message: vec![b'x'; 101].into(), ..draft(&["kostas@athens.test"], "") };
    assert!(matches!(post(&office.context, long).await, Err(PostError::TooLong { octets: 101, octets_max: 100 })));
    assert!(office.heard().is_empty());
}

/// The answer to a COMMIT is lost; until it is asked for again, one reader has removed the letter and another server has it.
#[tokio::test]
async fn what_was_taken_before_is_not_taken_twice() {
    let office = Office::open().await;
    let context = &office.context;
    let (ready, _) = prepare(context, draft(&["kostas@athens.test", "eleni@patras.test"], "x")).await.unwrap();
    let ready = Arc::new(ready);
    let write = || {
        let ready = ready.clone();
        context.store.write(move |tx| ready.write_in(tx))
    };
    let uid = |placed: &[Option<Placed>]| placed.iter().map(|one| one.as_ref().map(|one| one.uid)).collect::<Vec<_>>();
    assert_eq!(uid(&write().await.unwrap().0), [Some(1)]);
    let (again, _) = write().await.unwrap();
    assert_eq!((uid(&again), again[0].as_ref().unwrap().duplicate), (vec![Some(1)], false), "nobody has heard of it");
    assert_eq!(context.queue.counts().await.unwrap().waiting, 1);
    let dropped = context.queue.drop_rows(queue::Filter::default(), net::clock::now()).await.unwrap();
    assert_eq!(dropped.len(), 1);
    context.store.write(|tx| tx.execute("DELETE FROM message", &[])).await.unwrap();
    assert_eq!(uid(&write().await.unwrap().0), [None]);
    assert_eq!(context.queue.counts().await.unwrap().waiting, 0);
    assert!(office.letters("kostas@athens.test", "INBOX").await.is_empty());
}
