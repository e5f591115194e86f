//! APPEND, FETCH, STORE, COPY, MOVE, EXPUNGE, `\Recent`, and changes by MODSEQ.

use envelope::{MailId, MailboxId, Timestamp};
use mailstore::{Append, DELETED, Entry, Error, FLAGGED, Flags, Keywords, SEEN, StoreMode, UidSet, Vanished, View};

use crate::house::{House, append, miscounted, stage, text, uids};

fn set(ranges: &[(u32, u32)]) -> UidSet {
    UidSet::from_ranges(ranges.iter().copied())
}

fn list(view: &View) -> Vec<Entry> {
    view.entries.iter().collect()
}

fn words(entry: &Entry, names: &Keywords) -> Vec<String> {
    entry.flags.keywords(names).map(str::to_owned).collect()
}

fn flags(system: u64, keywords: &[&str]) -> Flags {
    Flags { system, keywords: keywords.iter().map(|word| (*word).to_owned()).collect() }
}

pub async fn append_and_fetch(house: House) {
    let account = house.open().await;
    let mut several = Vec::new();
    for n in 0..3 {
        several.push(Append {
            body: stage(&house.store, &format!("text {n}")).await,
            octets: 6,
            internal_date: (n == 1).then_some(Timestamp(5000)),
            flags: flags(if n == 2 { SEEN } else { 0 }, &["$Forwarded"]),
            digest: None,
        });
    }
    let placed = account.append("Drafts", several).await.unwrap();
    let drafts = placed[0].mailbox;
    assert_eq!(placed.iter().map(|one| one.uid).collect::<Vec<_>>(), [1, 2, 3]);
    let rows = account.messages(drafts, &set(&[(2, 2), (3, 9)]), 10).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.uid, row.internal_date.0)).collect::<Vec<_>>(),
        [(2, 5000), (3, 1_700_000_000_000)]
    );
    assert_eq!(rows[0].mail, None);
    let first = account.messages(drafts, &UidSet::all(), 2).await.unwrap();
    assert_eq!(first.iter().map(|row| row.uid).collect::<Vec<_>>(), [1, 2]);
    let rest = account.messages(drafts, &UidSet::all().above(2), 2).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.uid).collect::<Vec<_>>(), [3]);
    let status = account.status("Drafts").await.unwrap();
    assert_eq!((status.messages, status.unseen, status.recent, status.octets), (3, 2, 3, 18));
    assert!(matches!(account.append("No such", Vec::new()).await, Err(Error::NoMailbox)));
    let bad = Append {
        body: stage(&house.store, "x").await,
        octets: 1,
        internal_date: None,
        flags: flags(0, &["two words"]),
        digest: None,
    };
    assert!(matches!(account.append("Drafts", vec![bad]).await, Err(Error::Cannot(_))));
    assert_eq!(account.status("Drafts").await.unwrap().uid_next, 4);
}

pub async fn flags_and_keywords(house: House) {
    let account = house.open().await;
    for n in 0..5 {
        append(&account, &house.store, "INBOX", &format!("text {n}"), Flags::NONE).await;
    }
    let inbox = MailboxId(1);
    let before = account.view(inbox).await.unwrap();
    let many: Vec<String> = (0..70).map(|n| format!("word{n}")).collect();
    let many = Flags { system: SEEN | FLAGGED, keywords: many };
    let stored = account.store_flags(inbox, &set(&[(2, 3)]), StoreMode::Add, &many, None).await.unwrap();
    assert_eq!(stored.changed.iter().map(|entry| entry.uid).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(words(&stored.changed[0], &stored.keywords), many.keywords);
    assert_eq!(account.status("INBOX").await.unwrap().unseen, 3);
    // A keyword's case does not count; one that was never seen is nothing to take away.
    let less = flags(SEEN, &["WORD69", "never"]);
    let stored = account.store_flags(inbox, &set(&[(1, 3)]), StoreMode::Remove, &less, None).await.unwrap();
    assert_eq!(stored.changed.len(), 2);
    assert_eq!(words(&stored.changed[1], &stored.keywords), many.keywords[..69]);
    assert!(stored.changed[0].flags.has(FLAGGED) && !stored.changed[0].flags.has(SEEN));
    let new = flags(DELETED, &["word3", "word60"]);
    let stored = account.store_flags(inbox, &set(&[(3, u32::MAX)]), StoreMode::Replace, &new, None).await.unwrap();
    assert_eq!(stored.changed.len(), 3);
    let view = account.view(inbox).await.unwrap();
    assert_eq!(view.modseq, stored.modseq);
    for entry in &list(&view)[2..] {
        assert_eq!(entry.modseq, stored.modseq);
        assert_eq!(entry.flags.to_flags(&view.keywords), new);
    }
    assert_eq!(list(&view)[0], list(&before)[0]);
    let changes = account.changes(inbox, before.modseq).await.unwrap();
    assert_eq!(changes.changed, list(&view)[1..]);
    assert_eq!(changes.vanished, Vanished::Uids(UidSet::EMPTY));
    assert!(account.changes(inbox, view.modseq).await.unwrap().changed.is_empty());
}

pub async fn store_of_nothing_new_writes_nothing(house: House) {
    let account = house.open().await;
    append(&account, &house.store, "INBOX", "x", flags(SEEN, &["a"])).await;
    let inbox = MailboxId(1);
    let modseq = account.view(inbox).await.unwrap().modseq;
    for (mode, what) in [
        (StoreMode::Add, flags(SEEN, &["A"])),
        (StoreMode::Remove, flags(DELETED, &["b"])),
        (StoreMode::Replace, flags(SEEN, &["a"])),
        (StoreMode::Add, Flags::NONE),
    ] {
        let stored = account.store_flags(inbox, &UidSet::all(), mode, &what, None).await.unwrap();
        assert!(stored.changed.is_empty());
        assert_eq!(stored.modseq, modseq);
    }
    assert_eq!(account.expunge(inbox, None).await.unwrap().uids, UidSet::EMPTY);
    assert_eq!(account.view(inbox).await.unwrap().modseq, modseq);
}

pub async fn unchanged_since(house: House) {
    let account = house.open().await;
    for _ in 0..4 {
        append(&account, &house.store, "INBOX", "x", Flags::NONE).await;
    }
    let inbox = MailboxId(1);
    let then = account.view(inbox).await.unwrap().modseq;
    account.store_flags(inbox, &set(&[(2, 2)]), StoreMode::Add, &flags(FLAGGED, &[]), None).await.unwrap();
    let seen = flags(SEEN, &[]);
    let stored = account.store_flags(inbox, &set(&[(1, 3)]), StoreMode::Add, &seen, Some(then)).await.unwrap();
    assert_eq!(stored.changed.iter().map(|entry| entry.uid).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(stored.modified, set(&[(2, 2)]));
    let view = account.view(inbox).await.unwrap();
    assert_eq!(view.entries.iter().map(|entry| entry.flags.system()).collect::<Vec<_>>(), [SEEN, FLAGGED, SEEN, 0]);
}

pub async fn copies_share_their_body(house: House) {
    let account = house.open().await;
    for n in 1..=5 {
        append(&account, &house.store, "INBOX", &format!("text {n}"), flags(SEEN, &["b", "a"])).await;
    }
    let inbox = MailboxId(1);
    append(&account, &house.store, "Archive", "first", flags(0, &["a"])).await;
    let copied = account.copy(inbox, &set(&[(4, 9), (1, 1)]), "Archive").await.unwrap();
    assert_eq!(copied.uids, [(1, 2), (4, 3), (5, 4)]);
    let view = account.view(copied.mailbox).await.unwrap();
    assert_eq!(words(&list(&view)[1], &view.keywords), ["a", "b"]);
    assert_eq!(text(&account, copied.mailbox, 3).await, "text 4");
    // Into itself: each once.
    let twice = account.copy(inbox, &UidSet::all(), "inbox").await.unwrap();
    assert_eq!(twice.uids, [(1, 6), (2, 7), (3, 8), (4, 9), (5, 10)]);
    // The bytes stay as long as one row names them.
    account.remove(inbox, &UidSet::all()).await.unwrap();
    assert_eq!(text(&account, copied.mailbox, 2).await, "text 1");
    account.delete("Archive").await.unwrap();
    assert_eq!(miscounted(&house.store).await, 0);
    assert!(matches!(account.copy(inbox, &UidSet::all(), "Archive").await, Err(Error::NoMailbox)));
}

pub async fn moving(house: House) {
    let account = house.open().await;
    let mail = MailId::random();
    house.deliver(None, mail, "letter").await;
    for n in 2..=4 {
        append(&account, &house.store, "INBOX", &format!("text {n}"), Flags::NONE).await;
    }
    let inbox = MailboxId(1);
    let before = account.view(inbox).await.unwrap();
    let moved = account.move_to(inbox, &set(&[(1, 3)]), "Trash").await.unwrap();
    assert_eq!(moved.uids, [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(text(&account, moved.mailbox, 2).await, "text 2");
    let row = account.messages(moved.mailbox, &set(&[(1, 1)]), 1).await.unwrap().remove(0);
    assert_eq!(row.mail, Some(mail));
    let changes = account.changes(inbox, before.modseq).await.unwrap();
    assert_eq!(changes.vanished, Vanished::Uids(set(&[(1, 3)])));
    assert_eq!(Some(changes.modseq), moved.source_modseq);
    let (inbox_status, trash) = (account.status("INBOX").await.unwrap(), account.status("Trash").await.unwrap());
    assert_eq!((inbox_status.messages, inbox_status.unseen, inbox_status.octets, inbox_status.recent), (1, 1, 6, 1));
    assert_eq!((trash.messages, trash.unseen, trash.octets, trash.recent), (3, 3, 18, 3));
    // Only what has \Deleted is expunged, and only of the set.
    account.store_flags(moved.mailbox, &set(&[(1, 2)]), StoreMode::Add, &flags(DELETED, &[]), None).await.unwrap();
    let gone = account.expunge(moved.mailbox, Some(&set(&[(2, 9)]))).await.unwrap();
    assert_eq!(gone.uids, set(&[(2, 2)]));
    assert_eq!(account.expunge(moved.mailbox, None).await.unwrap().uids, set(&[(1, 1)]));
    assert_eq!(uids(&account.view(moved.mailbox).await.unwrap()), [3]);
}

pub async fn recent_belongs_to_one_session(house: House) {
    let account = house.open().await;
    for _ in 0..3 {
        house.deliver(None, MailId::random(), "x").await;
    }
    // EXAMINE looks and leaves.
    let looked = account.select("INBOX", false).await.unwrap();
    assert_eq!((looked.recent_from, looked.recent_until), (1, 4));
    let first = account.select("INBOX", true).await.unwrap();
    assert_eq!((first.recent_from, first.recent_until), (1, 4));
    let second = account.select("INBOX", true).await.unwrap();
    assert_eq!((second.recent_from, second.recent_until), (4, 4));
    house.deliver(None, MailId::random(), "x").await;
    assert_eq!(account.status("INBOX").await.unwrap().recent, 1);
    // Expunged before anybody claimed it.
    account.remove(MailboxId(1), &set(&[(2, 4)])).await.unwrap();
    assert_eq!(account.status("INBOX").await.unwrap().recent, 0);
    house.deliver(None, MailId::random(), "x").await;
    assert_eq!(account.claim_recent(MailboxId(1)).await.unwrap(), (4, 6));
}

pub async fn tombstones_are_drawn_together(house: House) {
    let account = house.open().await;
    let inbox = MailboxId(1);
    let mut moments = vec![(account.view(inbox).await.unwrap().modseq, 0)];
    for n in 1..=(mailstore::limits::TOMBSTONES_MAX as u32 * 2 + 30) {
        append(&account, &house.store, "INBOX", "x", Flags::NONE).await;
        append(&account, &house.store, "INBOX", "x", Flags::NONE).await;
        let gone = account.remove(inbox, &set(&[(n * 2, n * 2)])).await.unwrap();
        moments.push((gone.modseq, n * 2));
    }
    let rows = house.store.read(|q| q.query("SELECT modseq FROM tombstone", &[])).await.unwrap();
    assert!(rows.len() as i64 <= mailstore::limits::TOMBSTONES_MAX, "{}", rows.len());
    let last = moments.last().unwrap().1;
    for (modseq, uid) in moments.iter().step_by(7) {
        let Vanished::Uids(told) = account.changes(inbox, *modseq).await.unwrap().vanished else { panic!("forgotten") };
        for gone in (2..=last).step_by(2) {
            // Never too few; too many only for one who was away for long.
            assert!(gone <= *uid || told.contains(gone), "{gone} since {modseq}");
        }
        assert!(!told.contains(1) && !told.contains(last + 1));
    }
}

pub async fn a_large_mailbox_is_kept_in_memory(house: House) {
    let account = house.open().await;
    let inbox = MailboxId(1);
    let body = stage(&house.store, "x").await;
    let one = Append { body, octets: 1, internal_date: None, flags: Flags::NONE, digest: None };
    account.append("INBOX", vec![one; 600]).await.unwrap();
    let view = account.view(inbox).await.unwrap();
    let again = account.view(inbox).await.unwrap();
    assert!(view.entries.is_same(&again.entries));
    // It follows changes of every kind.
    account.store_flags(inbox, &set(&[(100, 200)]), StoreMode::Add, &flags(SEEN, &["k"]), None).await.unwrap();
    account.remove(inbox, &set(&[(1, 50), (150, 160), (600, 600)])).await.unwrap();
    append(&account, &house.store, "INBOX", "new", Flags::NONE).await;
    account.remove(inbox, &set(&[(601, 601)])).await.unwrap();
    append(&account, &house.store, "INBOX", "new", Flags::NONE).await;
    let kept = account.view(inbox).await.unwrap();
    let fresh = mailstore::Mailstore::new(house.store.clone(), crate::house::clock);
    let scanned = fresh.open(&house.anna).await.unwrap().view(inbox).await.unwrap();
    assert_eq!(kept.entries, scanned.entries);
    assert_eq!((kept.modseq, kept.uid_next, kept.keywords), (scanned.modseq, scanned.uid_next, scanned.keywords));
    assert_eq!(kept.entries.len(), 600 - 62 + 1);
}

pub async fn readers_hold_their_messages_together(house: House) {
    let account = house.open().await;
    let inbox = MailboxId(1);
    house.deliver(None, MailId::random(), "x").await;
    house.deliver(None, MailId::random(), "y").await;
    let view = account.view(inbox).await.unwrap();
    let shared = |modseq| account.shared(inbox, view.uid_validity, modseq);
    assert!(shared(view.modseq).is_some_and(|entries| entries.is_same(&view.entries)));
    assert!(account.shared(inbox, view.uid_validity + 1, view.modseq).is_none());
    // A STORE is known at once; what others do, from the first reader who looks.
    let flags = Flags::system(SEEN);
    let stored = account.store_flags(inbox, &set(&[(2, 2)]), StoreMode::Add, &flags, None).await.unwrap();
    assert_eq!(shared(stored.modseq).and_then(|entries| entries.find(2)), stored.changed.first().cloned());
    house.deliver(None, MailId::random(), "z").await;
    account.remove(inbox, &set(&[(1, 1)])).await.unwrap();
    let changes = account.changes(inbox, stored.modseq).await.unwrap();
    let entries = shared(changes.modseq).unwrap();
    assert_eq!(entries.uids().collect::<Vec<_>>(), [2, 3]);
    assert!(account.view(inbox).await.unwrap().entries.is_same(&entries));
    // Who comes from further back changes nothing of it.
    account.changes(inbox, view.modseq).await.unwrap();
    assert!(shared(changes.modseq).is_some_and(|now| now.is_same(&entries)));
    assert!(shared(stored.modseq).is_none());
    // The next STORE goes by what is kept, and so do those after it.
    for (mode, seen) in [(StoreMode::Add, true), (StoreMode::Remove, false), (StoreMode::Replace, true)] {
        let stored = account.store_flags(inbox, &UidSet::all(), mode, &flags, None).await.unwrap();
        let fresh = mailstore::Mailstore::new(house.store.clone(), crate::house::clock);
        let scanned = fresh.open(&house.anna).await.unwrap().view(inbox).await.unwrap();
        assert_eq!((shared(stored.modseq), stored.modseq), (Some(scanned.entries.clone()), scanned.modseq));
        assert!(scanned.entries.iter().all(|entry| entry.flags.has(SEEN) == seen));
    }
}

pub async fn expunge_takes_what_is_deleted_and_named(house: House) {
    let account = house.open().await;
    let inbox = MailboxId(1);
    for _ in 0..9 {
        house.deliver(None, MailId::random(), "x").await;
    }
    let left = async || account.view(inbox).await.unwrap().entries.uids().collect::<Vec<_>>();
    let deleted = Flags::system(mailstore::DELETED);
    // Whether the view is kept (by the first look) or not makes no difference.
    for uids in [[(2, 2), (5, 6)], [(3, 3), (8, 9)]] {
        account.store_flags(inbox, &set(&uids), StoreMode::Add, &deleted, None).await.unwrap();
        let only = set(&[(uids[1].0 - 3, uids[1].0)]);
        let some = account.expunge(inbox, Some(&only)).await.unwrap().uids;
        let rest = account.expunge(inbox, None).await.unwrap().uids;
        assert_eq!(some, set(&uids).intersection(&only));
        assert_eq!(rest, set(&uids).without(&only));
        assert!(account.expunge(inbox, None).await.unwrap().uids.is_empty());
        assert!(left().await.iter().all(|uid| !set(&uids).contains(*uid)));
    }
    assert_eq!(left().await, [1, 4, 7]);
}

pub async fn a_damaged_row_is_not_served(house: House) {
    let account = house.open().await;
    house.deliver(None, MailId::random(), "x").await;
    house.deliver(None, MailId::random(), "y").await;
    let damage = house.store.write(|tx| tx.execute("UPDATE message SET octets = octets + 1 WHERE uid = 2", &[]));
    damage.await.unwrap();
    assert!(account.messages(MailboxId(1), &set(&[(1, 1)]), 1).await.is_ok());
    let refused = account.messages(MailboxId(1), &UidSet::all(), 9).await;
    assert!(matches!(refused, Err(Error::Storage(storage::Error::Damaged(_)))));
}

/// A mailbox's digests by UID, as the store has them.
async fn kept(house: &House, mailbox: MailboxId) -> Vec<i64> {
    let sql = "SELECT uid FROM digest WHERE mailbox_id = $1 ORDER BY uid";
    let rows = house.store.read(move |q| q.query(sql, &[mailbox.0.into()])).await.unwrap();
    rows.iter().map(|row| row.int(0).unwrap()).collect()
}

async fn subjects(account: &mailstore::Account, mailbox: MailboxId) -> Vec<(u32, String)> {
    let found = account.summaries(mailbox, &UidSet::all(), 100).await.unwrap();
    let subject = |one: &mailstore::Summary| one.digest.as_ref().unwrap().base_subject().to_owned();
    found.iter().map(|one| (one.message.uid, subject(one))).collect()
}

pub async fn digests_go_with_their_messages(house: House) {
    let account = house.open().await;
    let inbox = MailboxId(1);
    for n in 1..=4 {
        let letter = format!("Subject: Re: letter {n}\r\n\r\ntext\r\n");
        // The second and the fourth come without a digest, as letters of old do.
        let digest = (n % 2 == 1).then(|| std::sync::Arc::new(message::digest::Digest::of(letter.as_bytes())));
        let body = stage(&house.store, &letter).await;
        let octets = letter.len() as u64;
        let message = Append { body, octets, internal_date: None, flags: Flags::NONE, digest };
        account.append("INBOX", vec![message]).await.unwrap();
    }
    assert_eq!(kept(&house, inbox).await, [1, 3]);
    let all: Vec<(u32, String)> = (1..=4).map(|n| (n, format!("letter {n}"))).collect();
    assert_eq!(subjects(&account, inbox).await, all);
    assert_eq!(kept(&house, inbox).await, [1, 2, 3, 4]);
    // A damaged one is made again, and mended.
    let damage = "UPDATE digest SET record = $1 WHERE mailbox_id = 1 AND uid = 3";
    house.store.write(|tx| tx.execute(damage, &[b"nonsense".to_vec().into()])).await.unwrap();
    assert_eq!(subjects(&account, inbox).await, all);
    let count = "SELECT uid FROM digest WHERE mailbox_id = 1 AND record = $1";
    let nonsense = house.store.read(|q| q.query(count, &[b"nonsense".to_vec().into()])).await.unwrap();
    assert!(nonsense.is_empty());
    let copied = account.copy(inbox, &set(&[(1, 1), (3, 4)]), "Drafts").await.unwrap();
    assert_eq!(kept(&house, copied.mailbox).await, [1, 2, 3]);
    assert_eq!(subjects(&account, copied.mailbox).await[1], (2, "letter 3".to_owned()));
    account.move_to(inbox, &set(&[(2, 2)]), "Drafts").await.unwrap();
    assert_eq!(kept(&house, inbox).await, [1, 3, 4]);
    account.remove(inbox, &set(&[(4, 4)])).await.unwrap();
    assert_eq!(kept(&house, inbox).await, [1, 3]);
    assert_eq!(kept(&house, copied.mailbox).await, [1, 2, 3, 4]);
    account.delete("Drafts").await.unwrap();
    assert!(kept(&house, copied.mailbox).await.is_empty());
}

pub async fn a_message_knows_when_it_was_saved(house: House) {
    let account = house.open().await;
    let old = Some(Timestamp(5));
    let body = stage(&house.store, "x").await;
    let one = Append { body, octets: 1, internal_date: old, flags: Flags::NONE, digest: None };
    account.append("INBOX", vec![one]).await.unwrap();
    account.copy(MailboxId(1), &UidSet::all(), "INBOX").await.unwrap();
    let rows = account.messages(MailboxId(1), &UidSet::all(), 9).await.unwrap();
    let dates: Vec<_> = rows.iter().map(|row| (Some(row.internal_date), row.saved)).collect();
    assert_eq!(dates, [(old, Some(crate::house::clock())); 2]);
}

/// A store as the first version of the tables left it.
pub async fn an_older_store_is_brought_up(house: House) {
    let placed = house.deliver(None, MailId::random(), "Subject: of before\r\n\r\nx\r\n").await;
    let steps = [
        "DROP TABLE view_piece",
        "DROP TABLE gram",
        "DROP TABLE gram_segment",
        "DROP TABLE digest",
        "DROP TABLE thread_tie",
        "ALTER TABLE message DROP COLUMN saved",
        "ALTER TABLE message DROP COLUMN thread",
        "UPDATE storage_version SET version = 1 WHERE area = 'mailstore'",
    ];
    for step in steps {
        house.store.write(move |tx| tx.execute(step, &[])).await.unwrap();
    }
    let store = crate::house::open(&house.folder, house.url.as_deref()).await;
    let account = mailstore::Mailstore::new(store, crate::house::clock).open(&house.anna).await.unwrap();
    let found = account.summaries(placed.mailbox, &UidSet::all(), 9).await.unwrap();
    assert_eq!((found.len(), found[0].message.saved, found[0].message.thread), (1, None, None));
    account.find_threads(placed.mailbox, &UidSet::all()).await.unwrap();
    let found = account.summaries(placed.mailbox, &UidSet::all(), 9).await.unwrap();
    assert!(found[0].message.thread.is_some());
    assert_eq!(found[0].digest.as_ref().unwrap().base_subject(), "of before");
    assert_eq!(kept(&house, placed.mailbox).await, [1]);
}
