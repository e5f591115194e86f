//! The index of texts: who may hold a word, and who for certain does not.

use std::sync::Arc;

use envelope::MailboxId;
use mailstore::limits::{GRAM_LETTER_OCTETS_MAX, GRAM_SEGMENT_LETTERS};
use mailstore::{Account, Append, Candidates, Flags, UidSet};

use crate::house::{House, stage};

async fn ask(account: &Account, mailbox: MailboxId, word: &str) -> Option<Candidates> {
    account.candidates(mailbox, &[word.to_owned()]).await.unwrap().remove(0)
}

/// UIDs up to `last` that may hold the word.
async fn may(account: &Account, mailbox: MailboxId, word: &str, last: u32) -> Vec<u32> {
    let found = ask(account, mailbox, word).await.unwrap();
    (1..=last).filter(|uid| found.may_hold(*uid)).collect()
}

async fn append(house: &House, account: &Account, letters: impl IntoIterator<Item = String>) {
    let mut several = Vec::new();
    for letter in letters {
        let digest = Some(Arc::new(message::digest::Digest::of(letter.as_bytes())));
        let (body, octets) = (stage(&house.store, &letter).await, letter.len() as u64);
        several.push(Append { body, octets, internal_date: None, flags: Flags::NONE, digest });
    }
    account.append("INBOX", several).await.unwrap();
}

pub async fn the_index_leaves_nobody_out(house: House) {
    let (account, inbox) = (house.open().await, MailboxId(1));
    let full = GRAM_SEGMENT_LETTERS as u32;
    // Words that one letter each has, by the UID that it will have.
    let letter = |uid: u32| {
        let text = match uid {
            7 => "Ein Straßenfest am ΟΔΟΣ, mit Gästen".to_owned(),
            9 => "邮件系统的索引".to_owned(),
            11 => format!("{} needle", "hay ".repeat(GRAM_LETTER_OCTETS_MAX as usize / 4)),
            _ => format!("ordinary number-{uid:05} text"),
        };
        format!("Subject: =?utf-8?q?Caf=C3=A9?= {uid}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n")
    };
    append(&house, &account, (1..full).map(letter)).await;
    assert_eq!(house.mailstore.index().await.unwrap(), 0);
    assert_eq!(ask(&account, inbox, "ordinary").await, None);
    append(&house, &account, (full..full + 30).map(letter)).await;
    account.remove(inbox, &UidSet::from_ranges([(3, 3)])).await.unwrap();
    assert_eq!(house.mailstore.index().await.unwrap(), 1);
    assert_eq!(house.mailstore.index().await.unwrap(), 0);
    // The one that is too long to be indexed may hold anything, and so may those behind the segment.
    for (word, who) in [
        ("number-00500", &[11, 500][..]),
        ("strassenfest am οδοσ", &[7, 11]),
        ("gäst", &[7, 11]),
        ("系统", &[9, 11]),
        ("nowhere at all", &[11]),
        ("needle", &[11]),
    ] {
        assert_eq!(may(&account, inbox, word, full + 1).await, who, "{word}");
    }
    assert!(may(&account, inbox, "café 99", full).await.contains(&99));
    assert!(may(&account, inbox, "subject: café", full).await.len() > 1000);
    assert!(ask(&account, inbox, "nowhere at all").await.unwrap().may_hold(full + 2));
    assert_eq!(ask(&account, inbox, "xy").await, None);
    // A damaged row is no reason to leave anybody out.
    let damage = "UPDATE gram SET seal = seal + 1";
    house.store.write(|tx| tx.execute(damage, &[])).await.unwrap();
    assert_eq!(may(&account, inbox, "nowhere at all", full).await.len(), full as usize);
    account.create("Other").await.unwrap();
    account.copy(inbox, &UidSet::all(), "Other").await.unwrap();
    assert_eq!(house.mailstore.index().await.unwrap(), 1);
    account.delete("Other").await.unwrap();
    let left = house.store.read(|q| q.query("SELECT DISTINCT mailbox_id FROM gram", &[])).await.unwrap();
    assert_eq!(left.iter().map(|row| row.int(0).unwrap()).collect::<Vec<_>>(), [inbox.0]);
}
