//! THREADID: which letters are of one thread.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use envelope::{MailId, MailboxId};
use mailstore::limits::{THREADS_AT_ONCE, TIE_DAYS, TIE_SWEEP_LETTERS, TIES_MAX};
use mailstore::{Account, Append, Delivery, Flags, UidSet};
use message::digest::Digest;
use storage::{Query, Row, Transaction, Value};

use crate::house::{House, stage};

const INBOX: MailboxId = MailboxId(1);

/// A header; `references` as they stand in the field, `""` for none.
fn letter(id: &str, references: &str, subject: &str) -> String {
    let references = if references.is_empty() { String::new() } else { format!("References: {references}\r\n") };
    format!("Message-ID: <{id}>\r\n{references}Subject: {subject}\r\n\r\nx\r\n")
}

/// Counts the statements that go through it.
struct Counting<'a> {
    tx: &'a dyn Transaction,
    count: Cell<usize>,
}

impl Query for Counting<'_> {
    fn query_each(
        &self,
        sql: &'static str,
        parameters: &[Value],
        each: &mut dyn FnMut(&Row) -> Result<bool, storage::Error>,
    ) -> Result<(), storage::Error> {
        self.count.set(self.count.get() + 1);
        self.tx.query_each(sql, parameters, each)
    }
}

impl Transaction for Counting<'_> {
    fn execute(&self, sql: &'static str, parameters: &[Value]) -> Result<u64, storage::Error> {
        self.count.set(self.count.get() + 1);
        self.tx.execute(sql, parameters)
    }
}

/// Delivers with a digest, as the doors do, and answers how many statements it took.
async fn deliver(house: &House, text: &str) -> usize {
    let staged = stage(&house.store, text).await;
    let digest = Some(Arc::new(Digest::of(text.as_bytes())));
    let delivery = Delivery { digest, ..house.delivery(None, MailId::random(), text) };
    let mailstore = house.mailstore.clone();
    let write = house.store.write(move |tx| {
        let body = tx.keep(&staged, 1)?;
        let counting = Counting { tx, count: Cell::new(0) };
        mailstore.deliver_in(&counting, &Delivery { body, ..delivery.clone() })?;
        Ok(counting.count.get())
    });
    write.await.unwrap().0
}

async fn append(account: &Account, house: &House, mailbox: &str, text: &str) {
    let body = stage(&house.store, text).await;
    let digest = Some(Arc::new(Digest::of(text.as_bytes())));
    let message = Append { body, octets: text.len() as u64, internal_date: None, flags: Flags::default(), digest };
    account.append(mailbox, vec![message]).await.unwrap();
}

async fn threads(account: &Account, mailbox: MailboxId) -> Vec<Option<i64>> {
    let rows = account.messages(mailbox, &UidSet::all(), 1000).await.unwrap();
    rows.iter().map(|row| row.thread).collect()
}

async fn ties(house: &House) -> usize {
    house.store.read(|q| q.query("SELECT tie FROM thread_tie", &[])).await.unwrap().len()
}

/// Threads by number, in the order of their first letters.
fn grouped(threads: &[Option<i64>]) -> Vec<usize> {
    let first = |thread: &Option<i64>| threads.iter().position(|other| other == thread).unwrap();
    assert!(threads.iter().all(Option::is_some), "{threads:?}");
    threads.iter().map(first).collect()
}

pub async fn answers_are_of_one_thread(house: House) {
    for (text, thread) in [
        (letter("a@x", "", "Lunch"), 0),
        // Another letter, and one of the same subject.
        (letter("b@x", "", "Dinner"), 1),
        (letter("c@x", "", "Lunch"), 2),
        (letter("d@x", "<a@x>", "Re: lunch"), 0),
        ("In-Reply-To: <d@x>\r\nMessage-ID: <e@x>\r\nSubject: AW: x\r\n\r\n".to_owned(), 4),
        ("In-Reply-To: <d@x>\r\nMessage-ID: <f@x>\r\nSubject: Fwd: [list] Re: Lunch\r\n\r\n".to_owned(), 0),
        // What it answers has not come yet; then it comes, and an answer to both.
        (letter("h@x", "<g@x>", "Re: Tea"), 6),
        (letter("g@x", "", "Tea"), 6),
        (letter("i@x", "<g@x> <h@x>", "Re: Tea"), 6),
        // Under another subject it is another matter (RFC 8621 section 3).
        (letter("j@x", "<a@x> <d@x>", "Coffee"), 9),
        // A thread whose first letter is missing, found by a later one.
        (letter("l@x", "<k@x>", "Re: Cake"), 10),
        (letter("m@x", "<n@x> <l@x>", "Re: Cake"), 10),
        (letter("n@x", "", "Cake"), 10),
        // No names at all: each is alone.
        ("Subject: Lunch\r\n\r\n".to_owned(), 13),
        ("Subject: Lunch\r\n\r\n".to_owned(), 14),
    ] {
        deliver(&house, &text).await;
        let found = grouped(&threads(&house.open().await, INBOX).await);
        assert_eq!(found.last(), Some(&thread), "{text}");
    }
    // What the reader wrote himself, in another mailbox.
    let account = house.open().await;
    append(&account, &house, "Sent", &letter("o@x", "<a@x>", "Re: Lunch")).await;
    let sent = account.status("Sent").await.unwrap().id;
    assert_eq!(threads(&account, sent).await, threads(&account, INBOX).await[..1]);
}

/// Each would call the thread by another name, if it were the first.
pub async fn letters_at_once_are_of_one_thread(house: House) {
    const MAILBOXES: [&str; 4] = ["INBOX", "Sent", "Archive", "Drafts"];
    let account = house.open().await;
    let house = Arc::new(house);
    for round in 0..4 {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..40 {
            let text = letter(&format!("{n}@{round}"), &format!("<top{n}@{round}> <common@{round}>"), "Lunch");
            let (account, house) = (account.clone(), house.clone());
            tasks.spawn(async move { append(&account, &house, MAILBOXES[n % 4], &text).await });
        }
        tasks.join_all().await;
    }
    let mut all = BTreeMap::<_, usize>::new();
    for name in MAILBOXES {
        let found = threads(&account, account.status(name).await.unwrap().id).await;
        found.into_iter().for_each(|thread| *all.entry(thread).or_default() += 1);
    }
    assert_eq!(all.into_values().collect::<Vec<_>>(), [40; 4]);
}

pub async fn a_thread_goes_with_its_message(house: House) {
    let account = house.open().await;
    deliver(&house, &letter("a@x", "", "Lunch")).await;
    deliver(&house, &letter("b@x", "<a@x>", "Re: Lunch")).await;
    let (ids, copied) = (threads(&account, INBOX).await, account.copy(INBOX, &UidSet::all(), "Archive").await.unwrap());
    assert_eq!(threads(&account, copied.mailbox).await, ids);
    let moved = account.move_to(INBOX, &UidSet::all(), "Trash").await.unwrap();
    assert_eq!(threads(&account, moved.mailbox).await, ids);
    let rows = |id| async move { account.messages(id, &UidSet::all(), 9).await.unwrap() };
    let bodies = |rows: Vec<mailstore::Message>| rows.iter().map(|row| row.body).collect::<Vec<_>>();
    let account = house.open().await;
    let there = account.messages(moved.mailbox, &UidSet::all(), 9).await.unwrap();
    assert_eq!(bodies(rows(copied.mailbox).await), bodies(there));
}

pub async fn a_letter_of_before_is_asked_when_it_is_needed(house: House) {
    let account = house.open().await;
    // Without digests, as long letters come, and as those of before stand.
    house.deliver(None, MailId::random(), &letter("a@x", "", "Lunch")).await;
    house.deliver(None, MailId::random(), &letter("b@x", "<a@x>", "Re: Lunch")).await;
    assert_eq!(threads(&account, INBOX).await, [None, None]);
    account.find_threads(INBOX, &[2].into_iter().collect()).await.unwrap();
    let found = threads(&account, INBOX).await;
    assert!(found[0].is_none() && found[1].is_some());
    deliver(&house, &letter("c@x", "<a@x> <b@x>", "Re: Lunch")).await;
    account.find_threads(INBOX, &UidSet::all()).await.unwrap();
    assert_eq!(threads(&account, INBOX).await, [found[1]; 3]);
    // More of them than one turn takes.
    let mut many = Vec::new();
    for n in 0..=THREADS_AT_ONCE {
        let text = letter(&format!("{n}@y"), "<a@x>", "Lunch");
        let body = stage(&house.store, &text).await;
        let octets = text.len() as u64;
        many.push(Append { body, octets, internal_date: None, flags: Flags::default(), digest: None });
    }
    account.append("Archive", many).await.unwrap();
    let archive = account.status("Archive").await.unwrap().id;
    account.find_threads(archive, &UidSet::all()).await.unwrap();
    assert_eq!(threads(&account, archive).await, [found[1]; THREADS_AT_ONCE + 1]);
}

/// With the digest, and without what the letter's thread costs, a delivery takes three statements.
pub async fn a_letter_ties_to_few_and_costs_little(house: House) {
    house.open().await;
    assert_eq!(deliver(&house, &letter("a@x", "", "Lunch")).await, 4);
    assert_eq!(deliver(&house, &letter("b@x", "<a@x>", "Re: Lunch")).await, 5);
    assert_eq!(deliver(&house, "Subject: no names\r\n\r\n").await, 3);
    assert_eq!(ties(&house).await, 2);
    let many: String = (0..500).map(|n| format!(" <{n}@y>")).collect();
    assert_eq!(deliver(&house, &letter("c@x", &many, "Re: Lunch")).await, 5);
    assert_eq!(ties(&house).await, 2 + TIES_MAX);
    // The first, and the youngest, are among them.
    deliver(&house, &letter("d@x", "<0@y>", "Lunch")).await;
    deliver(&house, &letter("e@x", "<499@y>", "Lunch")).await;
    let account = house.open().await;
    assert_eq!(grouped(&threads(&account, INBOX).await), [0, 0, 2, 3, 3, 3]);
}

pub async fn old_ties_are_forgotten(house: House) {
    const AGE: &str = "UPDATE thread_tie SET met = met - $1";
    let account = house.open().await;
    for n in 0..8 {
        deliver(&house, &letter(&format!("{n}@x"), "<root@x>", "Re: Lunch")).await;
    }
    assert_eq!(ties(&house).await, 9);
    house.store.write(|tx| tx.execute(AGE, &[(TIE_DAYS + 1).into()])).await.unwrap();
    // All pieces are looked at within so many letters: their UIDs are spent without writing them.
    let text = letter("new@x", "", "New");
    let (staged, digest) = (stage(&house.store, &text).await, Arc::new(Digest::of(text.as_bytes())));
    let (mailstore, template) = (house.mailstore.clone(), house.delivery(None, MailId::random(), &text));
    let spend = house.store.write(move |tx| {
        const NEXT: &str = "UPDATE mailbox SET uidnext = $1 WHERE mailbox_id = 1";
        let body = tx.keep(&staged, 1024)?;
        for turn in 1..=1024i64 {
            tx.execute(NEXT, &[(turn * TIE_SWEEP_LETTERS).into()])?;
            let delivery = Delivery { body, mail: MailId::random(), digest: Some(digest.clone()), ..template.clone() };
            mailstore.deliver_in(tx, &delivery)?;
        }
        Ok(())
    });
    spend.await.unwrap();
    assert_eq!(ties(&house).await, 1, "the new one");
    // Who answers now finds the thread all the same, by the name of its first letter.
    deliver(&house, &letter("late@x", "<root@x> <7@x>", "Re: Lunch")).await;
    let found = account.messages(INBOX, &UidSet::all(), 2000).await.unwrap();
    assert_eq!(found.last().unwrap().thread, found[0].thread);
}

pub async fn ties_go_with_their_account(house: House) {
    let account = house.open().await;
    deliver(&house, &letter("a@x", "<b@x>", "Lunch")).await;
    assert_eq!(ties(&house).await, 2);
    account.create("Old").await.unwrap();
    account.delete("Old").await.unwrap();
    house.mailstore.sweep().await.unwrap();
    assert_eq!(ties(&house).await, 2, "one mailbox less is not all");
    let (mailstore, anna) = (house.mailstore.clone(), house.anna.account());
    house.store.write(move |tx| mailstore.remove_account_in(tx, anna)).await.unwrap();
    house.mailstore.sweep().await.unwrap();
    assert_eq!(ties(&house).await, 0);
}
