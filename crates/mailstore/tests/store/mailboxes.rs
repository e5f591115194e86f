//! LIST, CREATE, DELETE, RENAME, SUBSCRIBE.

use envelope::MailId;
use mailstore::{Account, Delivery, Error, Flags, Role};

use crate::house::{House, append, miscounted, text, uids};

async fn names(account: &Account) -> Vec<String> {
    account.list().await.unwrap().into_iter().map(|mailbox| mailbox.name).collect()
}

pub async fn what_every_account_has(house: House) {
    let account = house.open().await;
    let list = account.list().await.unwrap();
    let lines: Vec<_> = list.iter().map(|mailbox| (mailbox.name.as_str(), mailbox.role)).collect();
    assert_eq!(
        lines,
        [
            ("INBOX", None),
            ("Archive", Some(Role::Archive)),
            ("Drafts", Some(Role::Drafts)),
            ("Junk", Some(Role::Junk)),
            ("Sent", Some(Role::Sent)),
            ("Trash", Some(Role::Trash)),
        ]
    );
    assert!(list.iter().all(|mailbox| mailbox.subscribed && mailbox.selectable && !mailbox.has_children));
    // Opening it again makes nothing new.
    assert_eq!(house.open().await.list().await.unwrap(), list);
}

pub async fn create_makes_parents(house: House) {
    let account = house.open().await;
    account.create("a/b/c").await.unwrap();
    account.create("a b").await.unwrap();
    account.create("Größe/").await.unwrap();
    assert_eq!(names(&account).await[1..5], ["Archive", "Drafts", "Größe", "Junk"]);
    assert_eq!(names(&account).await[7..], ["a", "a/b", "a/b/c", "a b"]);
    let list = account.list().await.unwrap();
    let parents: Vec<_> = list.iter().filter(|m| m.has_children).map(|m| m.name.as_str()).collect();
    assert_eq!(parents, ["a", "a/b"]);
    for taken in ["a", "a/b/c", "INBOX", "inbox"] {
        assert!(matches!(account.create(taken).await, Err(Error::Exists)), "{taken}");
    }
    for bad in ["", "a//b", "x*", "\r\n"] {
        assert!(matches!(account.create(bad).await, Err(Error::Name(_))), "{bad:?}");
    }
    // Nothing is left of a CREATE that was refused.
    let long = format!("new/{}", "x".repeat(1000));
    assert!(account.create(&long).await.is_err());
    assert!(!names(&account).await.contains(&"new".to_owned()));
}

pub async fn delete_keeps_children(house: House) {
    let account = house.open().await;
    account.create("a/b").await.unwrap();
    append(&account, &house.store, "a", "gone", Flags::NONE).await;
    account.delete("a").await.unwrap();
    let a = account.list().await.unwrap().into_iter().find(|mailbox| mailbox.name == "a").unwrap();
    assert!(!a.selectable && a.has_children);
    assert!(matches!(account.select("a", true).await, Err(Error::NoSelect)));
    assert!(matches!(account.status("a").await, Err(Error::NoSelect)));
    assert!(matches!(account.delete("a").await, Err(Error::NoSelect)));
    // It can be made anew, and is empty.
    account.create("a").await.unwrap();
    assert_eq!(account.status("a").await.unwrap().messages, 0);
    account.delete("a").await.unwrap();
    account.delete("a/b").await.unwrap();
    account.delete("a").await.unwrap();
    assert!(!names(&account).await.contains(&"a".to_owned()));
    assert!(matches!(account.delete("a").await, Err(Error::NoMailbox)));
    assert!(matches!(account.delete("Inbox").await, Err(Error::Cannot(_))));
    // A key of a mailbox that is gone opens nothing.
    assert!(matches!(account.view(a.id).await, Err(Error::NoMailbox)));
}

pub async fn uidvalidity_only_grows(house: House) {
    let account = house.open().await;
    let mut last = 0;
    for _ in 0..5 {
        account.create("again").await.unwrap();
        append(&account, &house.store, "again", "x", Flags::NONE).await;
        let status = account.status("again").await.unwrap();
        assert!(status.uid_validity > last);
        last = status.uid_validity;
        account.delete("again").await.unwrap();
    }
    // Also when it goes through `\Noselect`.
    account.create("again/child").await.unwrap();
    let before = account.status("again").await.unwrap().uid_validity;
    assert!(before > last);
    account.delete("again").await.unwrap();
    account.create("again").await.unwrap();
    assert!(account.status("again").await.unwrap().uid_validity > before);
}

pub async fn rename_moves_the_family(house: House) {
    let account = house.open().await;
    account.create("a/b/c").await.unwrap();
    let placed = append(&account, &house.store, "a/b", "kept", Flags::NONE).await;
    account.rename("a/b", "x/y").await.unwrap();
    assert_eq!(names(&account).await[6..], ["a", "x", "x/y", "x/y/c"]);
    assert_eq!(text(&account, placed.mailbox, placed.uid).await, "kept");
    assert_eq!(account.status("x/y").await.unwrap().uid_validity, placed.uid_validity);
    assert!(matches!(account.rename("x", "x/y/z").await, Err(Error::Cannot(_))));
    assert!(matches!(account.rename("x", "a").await, Err(Error::Exists)));
    assert!(matches!(account.rename("nobody", "z").await, Err(Error::NoMailbox)));
    // A family that would grow too long stays as it is, as a whole.
    assert!(account.rename("x", &"z".repeat(999)).await.is_err());
    assert_eq!(names(&account).await[6..], ["a", "x", "x/y", "x/y/c"]);
    account.rename("Sent", "Gesendet").await.unwrap();
    let sent = account.list().await.unwrap().into_iter().find(|mailbox| mailbox.role == Some(Role::Sent)).unwrap();
    assert_eq!(sent.name, "Gesendet");
}

pub async fn rename_of_the_inbox(house: House) {
    let account = house.open().await;
    account.create("INBOX/child").await.unwrap();
    for n in 0..3 {
        house.deliver(None, MailId::random(), &format!("letter {n}")).await;
    }
    account.rename("INBOX", "2026/old").await.unwrap();
    let old = account.select("2026/old", false).await.unwrap().view;
    assert_eq!(old.entries.len(), 3);
    assert_eq!(text(&account, old.mailbox, old.entries.uid(2).unwrap()).await, "letter 2");
    let inbox = account.status("INBOX").await.unwrap();
    assert_eq!((inbox.messages, inbox.unseen, inbox.octets, inbox.recent), (0, 0, 0, 0));
    assert!(names(&account).await.contains(&"INBOX/child".to_owned()));
    let next = house.deliver(None, MailId::random(), "new").await;
    assert_eq!((next.name.as_str(), next.uid), ("INBOX", 4));
    assert_eq!(uids(&account.view(next.mailbox).await.unwrap()), [4]);
}

pub async fn subscriptions_outlive_mailboxes(house: House) {
    let account = house.open().await;
    account.create("gone").await.unwrap();
    account.subscribe("gone").await.unwrap();
    account.subscribe("gone").await.unwrap();
    account.subscribe("never").await.unwrap();
    account.delete("gone").await.unwrap();
    account.unsubscribe("Sent").await.unwrap();
    account.unsubscribe("Sent").await.unwrap();
    let subscribed = account.subscriptions().await.unwrap();
    assert_eq!(subscribed, ["Archive", "Drafts", "INBOX", "Junk", "Trash", "gone", "never"]);
    let list = account.list().await.unwrap();
    assert!(list.iter().all(|mailbox| mailbox.subscribed == (mailbox.name != "Sent")));
}

pub async fn an_account_is_removed(house: House) {
    let account = house.open().await;
    for n in 0..10 {
        house.deliver(None, MailId::random(), &format!("letter {n}")).await;
    }
    let mailstore = house.mailstore.clone();
    let removed =
        house.directory.remove_account(house.anna.address(), move |tx, id| mailstore.remove_account_in(tx, id));
    removed.await.unwrap();
    house.mailstore.sweep().await.unwrap();
    house.mailstore.sweep().await.unwrap();
    assert!(account.list().await.unwrap().is_empty());
    // A letter whose recipient was asked for before, and a session that is still open, make nothing anew.
    for mailbox in [None, Some("Archive".to_owned())] {
        let staged = crate::house::stage(&house.store, "late").await;
        let template = house.delivery(None, MailId::random(), "late");
        let mailstore = house.mailstore.clone();
        let late = house.store.write(move |tx| {
            let body = tx.keep(&staged, 1)?;
            mailstore.deliver_in(tx, &Delivery { body, mailbox: mailbox.clone(), ..template.clone() })
        });
        assert!(matches!(late.await, Err(storage::Error::Refused(_))));
    }
    assert!(account.create("anew").await.is_err());
    assert!(house.mailstore.open(&house.anna).await.is_err());
    assert!(account.list().await.unwrap().is_empty());
    assert_eq!(miscounted(&house.store).await, 0);
    let rows = house.store.read(|q| q.query("SELECT account_id FROM message", &[])).await.unwrap();
    assert!(rows.is_empty());
}
