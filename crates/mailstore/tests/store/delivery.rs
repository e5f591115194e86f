//! Letters arrive: once, in order, and in the right mailbox.

use envelope::{MailId, MailboxId};
use mailstore::{Delivery, SEEN};

use crate::house::{House, miscounted, stage, text, uids};

pub async fn a_letter_arrives(house: House) {
    // Before Anna ever signed in.
    let mail = MailId::random();
    let placed = house.deliver(None, mail, "Subject: one\r\n\r\n").await;
    assert_eq!((placed.uid, placed.name.as_str(), placed.mailbox), (1, "INBOX", MailboxId(1)));
    assert!(!placed.duplicate);
    let account = house.open().await;
    let view = account.view(placed.mailbox).await.unwrap();
    assert_eq!(uids(&view), [1]);
    assert_eq!((view.uid_next, view.uid_validity), (2, placed.uid_validity));
    assert_eq!(view.modseq, placed.modseq);
    assert_eq!(text(&account, placed.mailbox, 1).await, "Subject: one\r\n\r\n");
    let message = account.messages(placed.mailbox, &mailstore::UidSet::all(), 9).await.unwrap().remove(0);
    assert_eq!(message.mail, Some(mail));
    assert_eq!(message.internal_date.seconds(), 1_600_000_000);
    let status = account.status("inbox").await.unwrap();
    assert_eq!((status.messages, status.unseen, status.recent, status.octets), (1, 1, 1, 16));
}

pub async fn a_repeated_delivery_changes_nothing(house: House) {
    let mail = MailId::random();
    let first = house.deliver(None, mail, "a").await;
    house.deliver(None, MailId::random(), "b").await;
    let account = house.open().await;
    let before = account.status("INBOX").await.unwrap();
    let again = house.deliver(None, mail, "a").await;
    assert!(again.duplicate);
    assert_eq!((again.uid, again.modseq), (first.uid, first.modseq));
    let after = account.status("INBOX").await.unwrap();
    assert_eq!((after.messages, after.unseen, after.recent, after.octets), (2, 2, 2, 2));
    assert_eq!(before.messages, after.messages);
    assert_eq!(uids(&account.view(first.mailbox).await.unwrap()), [1, 2]);
    // Twice in one transaction too, as when an alias names an account that is addressed anyway.
    let staged = stage(&house.store, "c").await;
    let delivery = house.delivery(None, MailId::random(), "c");
    let mailstore = house.mailstore.clone();
    let write = house.store.write(move |tx| {
        let body = tx.keep(&staged, 2)?;
        let delivery = Delivery { body, ..delivery.clone() };
        Ok((mailstore.deliver_in(tx, &delivery)?, mailstore.deliver_in(tx, &delivery)?))
    });
    let ((one, two), _) = write.await.unwrap();
    assert!(!one.duplicate && two.duplicate);
    assert_eq!(one.uid, two.uid);
    assert_eq!(text(&account, one.mailbox, one.uid).await, "c");
    assert_eq!(miscounted(&house.store).await, 0);
}

pub async fn a_letter_for_another_mailbox(house: House) {
    let account = house.open().await;
    account.create("Lists/rust").await.unwrap();
    assert_eq!(house.deliver(Some("Lists/rust"), MailId::random(), "x").await.name, "Lists/rust");
    assert_eq!(house.deliver(Some("Junk"), MailId::random(), "x").await.name, "Junk");
    for elsewhere in ["Nowhere", "inBox", "", "a\nb"] {
        assert_eq!(house.deliver(Some(elsewhere), MailId::random(), "x").await.name, "INBOX", "{elsewhere}");
    }
    // The same letter may stand in two mailboxes.
    let mail = MailId::random();
    assert!(!house.deliver(None, mail, "x").await.duplicate);
    assert!(!house.deliver(Some("Junk"), mail, "x").await.duplicate);
    assert!(house.deliver(Some("Junk"), mail, "x").await.duplicate);
    // Flags may come with it.
    let staged = stage(&house.store, "y").await;
    let delivery = Delivery { flags: SEEN, ..house.delivery(Some("Junk"), MailId::random(), "y") };
    let mailstore = house.mailstore.clone();
    let write = house.store.write(move |tx| {
        let body = tx.keep(&staged, 1)?;
        mailstore.deliver_in(tx, &Delivery { body, ..delivery.clone() })
    });
    write.await.unwrap();
    let status = account.status("Junk").await.unwrap();
    assert_eq!((status.messages, status.unseen), (3, 2));
}

pub async fn deliveries_at_once(house: House) {
    let house = std::sync::Arc::new(house);
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let house = house.clone();
            tokio::spawn(async move { house.deliver(None, MailId::random(), &format!("letter {number}")).await.uid })
        })
        .collect();
    let mut given = Vec::new();
    for task in tasks {
        given.push(task.await.unwrap());
    }
    given.sort_unstable();
    let account = house.open().await;
    let view = account.view(MailboxId(1)).await.unwrap();
    assert_eq!(uids(&view), given);
    assert_eq!(view.entries.len(), 40);
    assert!(view.entries.iter().map(|entry| entry.modseq).is_sorted_by(|a, b| a < b));
    assert_eq!(account.status("INBOX").await.unwrap().messages, 40);
}
