//! What an account holds and may hold.

use directory::{Limit, Quota};
use envelope::MailId;
use mailstore::{Append, Error, Flags, UidSet, Usage};

use crate::house::{House, append, stage};

async fn limit(house: &House, octets: Limit, messages: Limit) {
    house.directory.set_quota(house.anna.address(), Some(octets), Some(messages)).await.unwrap();
}

pub async fn limits_hold_over_all_mailboxes(house: House) {
    let account = house.open().await;
    assert_eq!(account.usage().await.unwrap(), (Usage::default(), Quota::UNLIMITED));
    append(&account, &house.store, "INBOX", "0123456789", Flags::NONE).await;
    append(&account, &house.store, "Sent", "01234", Flags::NONE).await;
    limit(&house, Limit::At(20), Limit::Default).await;
    let quota = Quota { octets: Some(20), messages: None };
    assert_eq!(account.usage().await.unwrap(), (Usage { octets: 15, messages: 2 }, quota));
    let inbox = account.status("INBOX").await.unwrap().id;
    let copied = account.copy(inbox, &UidSet::all(), "Archive").await;
    assert!(matches!(copied, Err(Error::OverQuota)), "{copied:?}");
    assert_eq!(account.status("Archive").await.unwrap().messages, 0);
    account.move_to(inbox, &UidSet::all(), "Archive").await.unwrap();
    append(&account, &house.store, "INBOX", "01234", Flags::NONE).await;
    let body = stage(&house.store, "0").await;
    let message = Append { body, octets: 1, internal_date: None, flags: Flags::NONE, digest: None };
    let refused = account.append("INBOX", vec![message]).await;
    assert!(matches!(refused, Err(Error::OverQuota)), "{refused:?}");
    // What takes the place of another needs room only for what it has more.
    let sent = account.status("Sent").await.unwrap();
    let replaced = async |text: &str, uid: u32| {
        let body = stage(&house.store, text).await;
        let message = Append { body, octets: text.len() as u64, internal_date: None, flags: Flags::NONE, digest: None };
        account.replace(sent.id, uid, "Sent", message).await
    };
    let new = replaced("54321", 1).await.unwrap();
    let refused = replaced("543210", new.uid).await;
    assert!(matches!(refused, Err(Error::OverQuota)), "{refused:?}");
    // A letter that was let in comes in; the limit of messages is another one.
    house.deliver(None, MailId::random(), "01234").await;
    assert_eq!(house.mailstore.usage(house.anna.account()).await.unwrap(), Usage { octets: 25, messages: 4 });
    limit(&house, Limit::Unlimited, Limit::At(4)).await;
    let archive = account.status("Archive").await.unwrap().id;
    assert!(matches!(account.copy(archive, &UidSet::all(), "INBOX").await, Err(Error::OverQuota)));
    account.delete("Archive").await.unwrap();
    append(&account, &house.store, "INBOX", "0123456789", Flags::NONE).await;
    assert!(house.mailstore.verify().await.unwrap().is_empty());
}

/// Into several mailboxes: what would be too much together is not let in.
pub async fn appends_at_once_share_the_room(house: House) {
    let account = house.open().await;
    limit(&house, Limit::Default, Limit::At(5)).await;
    let mut under_way = Vec::new();
    for place in 0..12 {
        let body = stage(&house.store, "0123456789").await;
        let message = Append { body, octets: 10, internal_date: None, flags: Flags::NONE, digest: None };
        let (account, mailbox) = (account.clone(), ["INBOX", "Sent", "Junk"][place % 3]);
        under_way.push(tokio::spawn(async move { account.append(mailbox, vec![message]).await.is_ok() }));
    }
    let mut taken = 0;
    for one in under_way {
        taken += u64::from(one.await.unwrap());
    }
    assert_eq!((taken, account.usage().await.unwrap().0.messages), (5, 5));
}

pub async fn wrong_counters_are_found(house: House) {
    let account = house.open().await;
    append(&account, &house.store, "Sent", "01234", Flags::NONE).await;
    assert!(house.mailstore.verify().await.unwrap().is_empty());
    let wrong = "UPDATE mailbox SET octets = octets + 1 WHERE name = 'Sent'";
    house.store.write(move |tx| tx.execute(wrong, &[])).await.unwrap();
    let found = house.mailstore.verify().await.unwrap();
    assert_eq!(found, ["mailbox \"Sent\" of account 1: 6 octets are counted, and 5 are there"]);
}
