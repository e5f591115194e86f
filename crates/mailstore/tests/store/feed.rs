//! Listeners hear of changes: at once from this process, soon from another.

use envelope::{MailId, MailboxId};
use mailstore::{Flags, Hint, Mailstore, StoreMode, UidSet};

use crate::house::{House, clock, open};

pub async fn listeners_hear_of_changes(house: House) {
    let account = house.open().await;
    let (mut one, mut two) = (account.feed(), house.open().await.feed());
    house.deliver(None, MailId::random(), "x").await;
    let inbox = Hint::Mailbox(MailboxId(1));
    assert_eq!(one.next().await, inbox);
    assert_eq!(two.next().await, inbox);
    drop(two);
    account.store_flags(MailboxId(1), &UidSet::all(), StoreMode::Add, &Flags::system(8), None).await.unwrap();
    assert_eq!(one.next().await, inbox);
    account.move_to(MailboxId(1), &UidSet::all(), "Trash").await.unwrap();
    let trash = account.status("Trash").await.unwrap().id;
    assert_eq!(one.next().await, Hint::Mailbox(trash));
    assert_eq!(one.next().await, inbox);
    account.create("new").await.unwrap();
    assert_eq!(one.next().await, Hint::List);
}

pub async fn a_slow_listener_is_told_to_look_again(house: House) {
    let mut feed = house.open().await.feed();
    for _ in 0..40 {
        house.deliver(None, MailId::random(), "x").await;
    }
    assert_eq!(feed.next().await, Hint::LookAgain);
}

pub async fn another_process_is_noticed(house: House) {
    let account = house.open().await;
    let mut feed = account.feed();
    // The first look has nothing to compare with, so it says "look again".
    assert_eq!(feed.next().await, Hint::LookAgain);
    let elsewhere = open(&house.folder, house.url.as_deref()).await;
    let other = House {
        folder: tempfile::tempdir().unwrap(),
        url: None,
        mailstore: Mailstore::new(elsewhere.clone(), clock),
        store: elsewhere,
        directory: house.directory.clone(),
        anna: house.anna.clone(),
    };
    other.deliver(None, MailId::random(), "x").await;
    assert_eq!(feed.next().await, Hint::LookAgain);
    assert_eq!(account.status("INBOX").await.unwrap().messages, 1);
}
