//! Letters that users of this machine hand in.

use envelope::{Address, MailId, Recipient, ReversePath, Timestamp};
use mhs::bounce::{Unsent, unsent};
use mhs::msa::hand_in::{HandIn, LocalUser, accept_once, prepare};
use mhs::msa::post::PostError;

use crate::office::{Office, address};

fn draft(names: &[&str], header: &str) -> HandIn {
    let recipient = |name: &&str| Recipient { address: address(name), notify: None, original: None };
    HandIn {
        mail: MailId::random(),
        user: LocalUser { uid: 33, login: "www-data".to_owned(), address: address("www-data@athens.test") },
        reverse_path: ReversePath::Address(address("anna@athens.test")),
        recipients: names.iter().map(recipient).collect(),
        ret: None,
        envelope_id: None,
        header: header.as_bytes().to_vec(),
        name: None,
        sender: None,
        at: net::clock::now(),
        bounce_refused: false,
    }
}

async fn take(office: &Office, hand_in: HandIn, mut body: &[u8]) -> Vec<(Address, envelope::Reply)> {
    let prepared = prepare(&office.context, hand_in, &mut body).await.unwrap();
    assert!(accept_once(&office.context, prepared.ready, |_| Ok(true)).await.unwrap());
    prepared.refused
}

#[tokio::test]
async fn the_letter_says_whose_it_is() {
    let office = Office::open().await;
    let hand_in = HandIn {
        name: Some("The \u{3c0}age".to_owned()),
        sender: Some(address("www-data@athens.test")),
        ..draft(&["kostas@athens.test"], "Sender: <x@y.test>\nBcc: maria@patras.test\nSubject: x\n\n")
    };
    let id = hand_in.mail.to_string();
    assert!(take(&office, hand_in, b"one\r\ntwo\nthree").await.is_empty());
    let letter = &office.letters("kostas@athens.test", "INBOX").await[0];
    let begin = "Return-Path: <anna@athens.test>\r\nReceived: from www-data (local user, uid 33)\r\n\tby ";
    assert!(letter.starts_with(begin) && letter.contains(&id), "{letter}");
    assert!(
        letter.contains("\r\nSender: <www-data@athens.test>\r\n")
            || letter.contains("\r\nSender: www-data@athens.test\r\n"),
        "{letter}"
    );
    assert!(
        letter.contains("\r\nDate: ")
            && letter.contains("\r\nMessage-ID: ")
            && letter.contains("anna@athens.test>\r\n")
    );
    assert!(!letter.contains("y.test") && !letter.contains("patras"), "{letter}");
    assert!(letter.ends_with("\r\nSubject: x\r\n\r\none\r\ntwo\r\nthree"), "{letter}");
    assert_eq!(letter.matches("\r\nFrom: ").count(), 1);
}

#[tokio::test]
async fn who_does_not_exist_is_refused_or_bounces() {
    let office = Office::open().await;
    let refused = take(&office, draft(&["kostas@athens.test", "nobody@athens.test"], "\n"), b"x\n").await;
    assert_eq!(refused.len(), 1);
    let nobody = prepare(&office.context, draft(&["nobody@athens.test"], "\n"), &mut &b"x\n"[..]).await;
    assert!(matches!(nobody, Err(PostError::NoRecipients { refused }) if refused.len() == 1));
    let later = HandIn { bounce_refused: true, ..draft(&["nobody@athens.test"], "\n") };
    let mail = later.mail;
    assert!(take(&office, later, b"x\n").await.is_empty());
    let rows = office.context.queue.show(mail, net::clock::now()).await.unwrap();
    assert_eq!(rows[0].address, address("nobody@athens.test"), "the queue tells the sender");
}

#[tokio::test]
async fn a_letter_is_taken_once() {
    let office = Office::open().await;
    let hand_in = draft(&["kostas@athens.test"], "Subject: x\n\n");
    for taken in [true, false] {
        let prepared = prepare(&office.context, hand_in.clone(), &mut &b"x\n"[..]).await.unwrap();
        assert_eq!(accept_once(&office.context, prepared.ready, move |_| Ok(taken)).await.unwrap(), taken);
    }
    assert_eq!(office.letters("kostas@athens.test", "INBOX").await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_taken_is_said() {
    let office = Office::open().await;
    let octets_max = usize::try_from(office.context.settings.message_octets_max).unwrap();
    let long = vec![b'x'; octets_max + 1];
    let refused = prepare(&office.context, draft(&["kostas@athens.test"], "\n"), &mut long.as_slice()).await;
    assert!(matches!(refused, Err(PostError::TooLong { .. })));
    let circles = "Received: by a.test; x\n".repeat(101) + "\n";
    let refused = prepare(&office.context, draft(&["kostas@athens.test"], &circles), &mut &b"x"[..]).await;
    assert!(matches!(refused, Err(PostError::Loop)));
    let to = address("kostas@athens.test");
    let reply = envelope::Reply::new(552, (5, 3, 4), "too long");
    let letter =
        Unsent { to: &to, header: b"Subject: Much\r\n\r\n", recipients: &[], reply: &reply, arrived: Timestamp(0) };
    let notice = unsent(&office.context, &letter).await.unwrap().unwrap();
    assert!(accept_once(&office.context, notice, |_| Ok(true)).await.unwrap());
    let notice = &office.letters("kostas@athens.test", "INBOX").await[0];
    assert!(notice.contains("Status: 5.3.4") && notice.contains("Subject: Much"), "{notice}");
}
