//! Views kept on disk: they say what the rows say, and are left alone when they are damaged.

use envelope::{AccountId, MailboxId};
use mailstore::limits::SNAPSHOT_MESSAGES_MIN;
use mailstore::{ANSWERED, Append, DELETED, FLAGGED, Flags, Mailstore, SEEN, StoreMode, UidSet, View};

use crate::house::{House, clock, stage};

const INBOX: MailboxId = MailboxId(1);

async fn append(house: &House, mailbox: &str, count: usize, flags: Flags) {
    let one = Append { body: stage(&house.store, "x").await, octets: 1, internal_date: None, flags, digest: None };
    house.open().await.append(mailbox, vec![one; count]).await.unwrap();
}

/// As a program sees it that has just been started.
async fn fresh(house: &House, mailbox: MailboxId) -> View {
    let mailstore = Mailstore::new(house.store.clone(), clock);
    mailstore.open(&house.anna).await.unwrap().view(mailbox).await.unwrap()
}

async fn change(house: &House, sql: &'static str) -> u64 {
    house.store.write(move |tx| tx.execute(sql, &[])).await.unwrap().0
}

/// Number, seal.
async fn pieces(house: &House, account: AccountId, mailbox: MailboxId) -> Vec<(i64, i64)> {
    let sql = "SELECT piece, seal FROM view_piece WHERE account_id = $1 AND mailbox_id = $2 ORDER BY piece";
    let rows = house.store.read(move |q| q.query(sql, &[account.0.into(), mailbox.0.into()])).await.unwrap();
    rows.iter().map(|row| (row.int(0).unwrap(), row.int(1).unwrap())).collect()
}

fn set(ranges: &[(u32, u32)]) -> UidSet {
    UidSet::from_ranges(ranges.iter().copied())
}

pub async fn what_is_kept_on_disk_is_used_while_it_is_sound(house: House) {
    let account = house.open().await;
    append(&house, "INBOX", SNAPSHOT_MESSAGES_MIN - 1, Flags::NONE).await;
    house.mailstore.index().await.unwrap();
    assert_eq!(pieces(&house, account.id(), INBOX).await, []);
    append(&house, "INBOX", 1, Flags::NONE).await;
    house.mailstore.index().await.unwrap();
    assert_eq!(pieces(&house, account.id(), INBOX).await.len(), 2);
    // Whoever shows this flag has read the row.
    assert_eq!(change(&house, "UPDATE message SET flags = 2 WHERE uid = 7").await, 1);
    let answered = |view: &View| view.entries.iter().filter(|entry| entry.flags.has(ANSWERED)).count();
    assert_eq!(answered(&fresh(&house, INBOX).await), 0);
    // What came since is taken in.
    account.store_flags(INBOX, &set(&[(9, 9)]), StoreMode::Add, &Flags::system(ANSWERED), None).await.unwrap();
    append(&house, "INBOX", 1, Flags::NONE).await;
    let view = fresh(&house, INBOX).await;
    assert_eq!((answered(&view), view.entries.len()), (1, SNAPSHOT_MESSAGES_MIN + 1));
    // Damage of any kind: the rows are read.
    for damage in [
        "UPDATE view_piece SET seal = seal + 1 WHERE piece = 1",
        "UPDATE view_piece SET octets = substr(octets, 1, 8) WHERE piece = 0",
        "UPDATE view_piece SET modseq = modseq + 1 WHERE piece = 0",
        "DELETE FROM view_piece WHERE piece = 1",
        "DELETE FROM view_piece WHERE piece = 0",
    ] {
        assert_eq!(change(&house, damage).await, 1, "{damage}");
        assert_eq!(answered(&fresh(&house, INBOX).await), 2, "{damage}");
        // Who has met it makes it anew, with the flag, which is then taken away again.
        let mailstore = Mailstore::new(house.store.clone(), clock);
        mailstore.open(&house.anna).await.unwrap().view(INBOX).await.unwrap();
        mailstore.index().await.unwrap();
        change(&house, "UPDATE message SET flags = 0 WHERE uid = 7").await;
        assert_eq!(answered(&fresh(&house, INBOX).await), 2, "{damage}");
        change(&house, "UPDATE message SET flags = 2 WHERE uid = 7").await;
    }
    // What disagrees with the counters is not believed.
    change(&house, "UPDATE message SET flags = 0 WHERE uid = 7").await;
    change(&house, "UPDATE mailbox SET unseen = unseen - 1 WHERE name = 'INBOX'").await;
    assert_eq!(answered(&fresh(&house, INBOX).await), 1);
    account.create("Other").await.unwrap();
    account.copy(INBOX, &UidSet::all(), "Other").await.unwrap();
    house.mailstore.index().await.unwrap();
    let other = account.status("Other").await.unwrap().id;
    assert_eq!(pieces(&house, account.id(), other).await.len(), 2);
    account.delete("Other").await.unwrap();
    assert_eq!(pieces(&house, account.id(), other).await, []);
}

pub async fn what_is_kept_agrees_with_the_rows(house: House) {
    let account = house.open().await;
    let keywords: Vec<String> = (0..70).map(|n| format!("word{n}")).collect();
    append(&house, "INBOX", 3000, Flags::NONE).await;
    house.mailstore.index().await.unwrap();
    let mut before = pieces(&house, account.id(), INBOX).await;
    let mut rewritten = 0;
    for round in 0_u32..12 {
        let some = set(&[(round * 97 + 1, round * 131 + 60), (2000 + round, 2000 + round * 40)]);
        let flags = Flags { system: [SEEN, FLAGGED, DELETED][round as usize % 3], keywords: keywords.clone() };
        let mode = [StoreMode::Add, StoreMode::Replace, StoreMode::Remove, StoreMode::Add][round as usize % 4];
        account.store_flags(INBOX, &some, mode, &flags, None).await.unwrap();
        if round % 3 == 2 {
            account.expunge(INBOX, None).await.unwrap();
        }
        append(&house, "INBOX", round as usize * 20, Flags::system(SEEN)).await;
        house.mailstore.index().await.unwrap();
        let now = pieces(&house, account.id(), INBOX).await;
        rewritten += usize::from(std::mem::replace(&mut before, now.clone()) != now);
        let kept = fresh(&house, INBOX).await;
        change(&house, "UPDATE view_piece SET account_id = -account_id").await;
        let read = fresh(&house, INBOX).await;
        change(&house, "UPDATE view_piece SET account_id = -account_id").await;
        assert_eq!((kept.entries, kept.uid_next), (read.entries, read.uid_next), "{round}");
        assert_eq!((kept.modseq, kept.keywords), (read.modseq, read.keywords), "{round}");
    }
    // Not for every change, and not never.
    assert!((2..12).contains(&rewritten), "{rewritten}");
}
