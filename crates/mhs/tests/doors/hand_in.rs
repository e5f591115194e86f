//! Letters that users of this machine hand in.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use envelope::{Address, MailId, Recipient, ReversePath, Timestamp};
use mhs::acceptance::write_with;
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
        bounce_some: false,
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
    // Where somebody gets it, the others bounce; where nobody does, they are refused.
    let some = HandIn { bounce_some: true, ..draft(&["nobody@athens.test", "kostas@athens.test"], "\n") };
    let mail = some.mail;
    let prepared = prepare(&office.context, some, &mut &b"x\n"[..]).await.unwrap();
    assert_eq!((prepared.refused.len(), prepared.bounced[0].0.to_string().as_str()), (0, "nobody@athens.test"));
    assert!(accept_once(&office.context, prepared.ready, |_| Ok(true)).await.unwrap());
    let rows = office.context.queue.show(mail, net::clock::now()).await.unwrap();
    assert_eq!((rows.len(), &rows[0].address), (1, &address("nobody@athens.test")), "the queue tells the sender");
    let none = HandIn { bounce_some: true, ..draft(&["nobody@athens.test"], "\n") };
    let nobody = prepare(&office.context, none, &mut &b"x\n"[..]).await;
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

/// A desk that has room, and counts what it gets.
#[derive(Default)]
struct Counting(Mutex<usize>);

impl queue::Desk for Counting {
    fn destination(&self, _: &ReversePath, recipient: &Address) -> String {
        recipient.host().to_string()
    }

    fn room(&self, _: &str, _: queue::Lane, wanted: usize, _: bool) -> usize {
        wanted
    }

    fn hand_over(&self, claims: Vec<queue::Claim>, _: Duration) {
        *self.0.lock().unwrap() += claims.len();
    }

    fn give_up(&self, _: &str, _: queue::Lane, _: usize) {}

    fn terms(&self) -> queue::Terms {
        queue::Terms { lease: Duration::from_secs(60), patience: queue::Backoff::default() }
    }
}

fn unknown() -> storage::Error {
    storage::Error::OutcomeUnknown("the connection to the store was lost".into())
}

/// The rows are written, and the answer to the COMMIT is lost. Whoever asks again has it carried on at once, and its
/// readers told.
#[tokio::test]
async fn what_was_taken_without_an_answer_is_carried_on() {
    let office = Office::open().await;
    let (context, desk) = (&office.context, Arc::new(Counting::default()));
    context.queue.attach(desk.clone());
    for (round, has_counted) in [(1, true), (2, true), (3, false)] {
        let hand_in = draft(&["kostas@athens.test", "maria@patras.test"], "Subject: x\n\n");
        let ready = Arc::new(prepare(context, hand_in, &mut &b"x\n"[..]).await.unwrap().ready);
        if has_counted {
            let rows = ready.clone();
            context.store.write(move |tx| rows.write_in(tx)).await.unwrap();
        }
        let tries = Arc::new(AtomicUsize::new(0));
        let asked = tries.clone();
        let ask = move || asked.fetch_add(1, Ordering::SeqCst);
        match round {
            1 => {
                let first = move |_: &dyn storage::Transaction| if ask() == 0 { Err(unknown()) } else { Ok(false) };
                assert!(accept_once(context, ready, first).await.unwrap());
            }
            2 => {
                let rows = move |_: &dyn storage::Transaction| {
                    assert_eq!(ask(), 0, "the other rows are written already");
                    Err(unknown())
                };
                let placed = write_with(context, &ready, rows).await.unwrap();
                assert!(placed.iter().flatten().all(|placed| !placed.duplicate));
                ready.tell(context, &placed);
            }
            // It had been taken long before.
            _ => {
                let first = move |_: &dyn storage::Transaction| if ask() == 0 { Err(unknown()) } else { Ok(false) };
                assert!(!accept_once(context, ready, first).await.unwrap());
                assert_eq!(tries.load(Ordering::SeqCst), 2);
            }
        }
    }
    assert_eq!(*desk.0.lock().unwrap(), 2);
    assert_eq!((office.events("accepted").len(), office.events("delivered").len()), (2, 2));
    assert_eq!(office.letters("kostas@athens.test", "INBOX").await.len(), 2);
}
