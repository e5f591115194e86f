//! The database is lost, the bodies are not.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use envelope::{Domain, MailId, Recipient, Timestamp};
use mailstore::label::Onward;
use mailstore::{Account, Append, Delivery, Flags, Label, Leg, Mailstore, Older, SEEN, Transit, UidSet, rebuild};
use storage::BodyId;

use crate::house::{House, add, address, clock, open, text};

/// One letter to Anna, to Eleni and to somebody elsewhere; a draft; and a body that no label of ours tells of.
async fn fill(house: &House, mail: MailId) {
    let to = |name: &str| Recipient { address: address(name), notify: None, original: Some("rfc822;o@x.test".into()) };
    let by_anna = Onward { by: address("anna@athens.test"), sender: "SRS0=x@athens.test".into(), is_list: false };
    let label = Label {
        mail: Some(mail),
        internal_date: Timestamp(5000),
        sender: "kostas@patras.test".into(),
        accounts: vec![(address("anna@athens.test"), None), (address("eleni@athens.test"), None)],
        legs: vec![
            Leg { onward: None, recipients: vec![to("maria@sparta.test")] },
            Leg { onward: Some(by_anna), recipients: vec![to("far@corinth.test")] },
        ],
        ..Label::default()
    };
    let eleni = add(&house.directory, "eleni@athens.test").await;
    let mut stage = house.store.stage();
    stage.append(Bytes::from_static(b"to both")).await.unwrap();
    let staged = stage.finish(label.encode()).await.unwrap();
    let mailstore = house.mailstore.clone();
    let accounts = [house.anna.account(), eleni.account()];
    let template = house.delivery(None, mail, "to both");
    let deliver = house.store.write(move |tx| {
        let body = tx.keep(&staged, 2)?;
        for account in accounts {
            mailstore.deliver_in(tx, &Delivery { account, body, ..template.clone() })?;
        }
        Ok(())
    });
    deliver.await.unwrap();
    let account = house.open().await;
    let mut stage = account.stage();
    stage.append(Bytes::from_static(b"a draft")).await.unwrap();
    let flags = Flags::system(SEEN);
    let body = stage.finish(account.label("Drafts", None, &flags)).await.unwrap();
    account.append("Drafts", vec![Append { body, octets: 7, internal_date: None, flags, digest: None }]).await.unwrap();
    crate::house::stage(&house.store, "other").await;
}

/// Name of the body, and thread, of the letter and of the draft.
async fn ids(account: &Account) -> Vec<(BodyId, Option<i64>)> {
    let mut ids = Vec::new();
    for name in ["INBOX", "Drafts"] {
        let mailbox = account.status(name).await.unwrap().id;
        account.find_threads(mailbox, &UidSet::all()).await.unwrap();
        let rows = account.messages(mailbox, &UidSet::all(), 9).await.unwrap();
        ids.extend(rows.iter().map(|row| (row.body, row.thread)));
    }
    assert!(ids.len() == 2 && ids.iter().all(|(_, thread)| thread.is_some()));
    ids
}

#[tokio::test]
async fn mailboxes_come_back_from_the_bodies() {
    let house = House::embedded().await;
    let mail = MailId::random();
    fill(&house, mail).await;
    let known = ids(&house.open().await).await;
    let House { folder, store, directory, mailstore, .. } = house;
    // Its threads have let go of the files, too.
    store.close().await.unwrap();
    drop((mailstore, directory, store));

    for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
        if file.file_type().unwrap().is_file() {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let store = open(&folder, None).await;
    let directory = directory::Directory::open(store.clone(), directory::Settings::default(), clock).await.unwrap();
    directory.add_domain(&Domain::parse("athens.test").unwrap()).await.unwrap();
    let anna = add(&directory, "anna@athens.test").await;
    let mailstore = Mailstore::new(store.clone(), clock);
    let sent: Arc<Mutex<Vec<String>>> = Arc::default();
    let transit: Transit = {
        let sent = sent.clone();
        Arc::new(move |_, letter| {
            let by = letter.leg.onward.as_ref().map(|onward| format!(" by {} as {}", onward.by, onward.sender));
            let by = by.unwrap_or_default();
            let to = letter.leg.recipients.iter().map(|to| format!("{} {}", to.address, to.original.as_ref().unwrap()));
            sent.lock().unwrap().extend(to.map(|to| format!("{} {to} {}{by}", letter.mail, letter.octets)));
            Ok(())
        })
    };
    let first = rebuild(&mailstore, &directory, &store, &transit, Older::Bring).await.unwrap();
    assert_eq!((first.delivered, first.present, first.others), (2, 0, 1), "{first:?}");
    assert_eq!(first.unknown.iter().map(ToString::to_string).collect::<Vec<_>>(), ["eleni@athens.test"]);
    let eleni = add(&directory, "eleni@athens.test").await;
    let second = rebuild(&mailstore, &directory, &store, &transit, Older::Bring).await.unwrap();
    assert_eq!((second.delivered, second.present, second.unknown.len()), (1, 2, 0), "{second:?}");
    let third = rebuild(&mailstore, &directory, &store, &transit, Older::Leave).await.unwrap();
    assert_eq!((third.delivered, third.older), (0, 2), "the accounts are younger than the letter: {third:?}");
    // Given to the queue with the first, and with no later one.
    assert_eq!((first.in_transit, second.in_transit), (1, 0));
    let sent_on = "far@corinth.test rfc822;o@x.test 7 by anna@athens.test as SRS0=x@athens.test";
    let legs = [format!("{mail} maria@sparta.test rfc822;o@x.test 7"), format!("{} {sent_on}", mail.branch(1))];
    assert_eq!(*sent.lock().unwrap(), legs);
    assert!(!second.is_whole(), "the body without a label is left");
    for who in [&anna, &eleni] {
        let account = mailstore.open(who).await.unwrap();
        let inbox = account.select("INBOX", true).await.unwrap().view;
        assert_eq!(inbox.entries.len(), 1);
        assert_eq!(text(&account, inbox.mailbox, inbox.entries.uid(0).unwrap()).await, "to both");
    }
    let account = mailstore.open(&anna).await.unwrap();
    assert_eq!(ids(&account).await, known, "EMAILID and THREADID are what they were");
    let drafts = account.select("Drafts", true).await.unwrap().view;
    assert_eq!(text(&account, drafts.mailbox, drafts.entries.uid(0).unwrap()).await, "a draft");
    assert!(drafts.entries.get(0).unwrap().flags.has(SEEN));
}
