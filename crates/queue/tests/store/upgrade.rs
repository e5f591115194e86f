//! A queue that an older program wrote.

use bytes::Bytes;
use envelope::{MailId, ReversePath};
use queue::{Filter, Next, Queue};
use storage::{BodiesConfig, Migrations, Store, Value};

use crate::desk::TestDesk;
use crate::house::{NOW, address, at, who};
use crate::postgres::Postgres;

/// The tables as they were before destinations had queues of their own.
const BEFORE: &[Migrations] = &[Migrations { area: "queue", steps: queue::MIGRATIONS.steps.split_at(2).0 }];
const AFTER: &[Migrations] = &[queue::MIGRATIONS];

/// A letter as it was written then.
async fn write(store: &Store, mail: MailId) {
    const MAIL: &str = "INSERT INTO queue_mail (mail_id, body, octets, reverse_path, body_type, smtputf8, accepted_at, \
                        recipients, seal) VALUES ($1, $2, 8, 'anna@athens.test', 0, 0, $3, 1, $4)";
    const RECIPIENT: &str = "INSERT INTO queue_recipient (mail_id, number, bucket, due_at, address, destination, held, \
                             fence, attempts, delay_told, seal) \
                             VALUES ($1, 0, 3, $2, 'kostas@patras.test', 'patras.test', 0, 2, 1, 0, $3)";
    let mut stage = store.stage();
    stage.append(Bytes::from_static(b"a letter")).await.unwrap();
    let staged = stage.finish(Bytes::new()).await.unwrap();
    let write = store.write(move |tx| {
        let body = tx.keep(&staged, 1)?;
        let id = || Value::from(mail.to_bytes());
        let [none, zero] = [Value::Null, Value::Int(0)];
        let path = "anna@athens.test".into();
        let columns =
            [id(), body.into(), 8.into(), path, zero.clone(), zero.clone(), none.clone(), none.clone(), NOW.0.into()];
        tx.execute(MAIL, &[id(), body.into(), NOW.0.into(), storage::seal(&columns).into()])?;
        let columns = [id(), zero, "kostas@patras.test".into(), "patras.test".into(), none.clone(), none];
        tx.execute(RECIPIENT, &[id(), at(60).0.into(), storage::seal(&columns).into()])
    });
    write.await.unwrap();
}

async fn read(store: Store, mail: MailId) {
    let queue = Queue::new(store, "one");
    let row = queue.show(mail, NOW).await.unwrap().remove(0);
    assert_eq!((row.attempts, &row.next), (1, &Next::Due { at: at(60) }));
    assert_eq!(queue.sites(9, NOW).await.unwrap()[0].oldest, NOW);
    let desk = std::sync::Arc::new(TestDesk::default());
    queue.attach(desk);
    assert!(queue.claim_due(at(59), 9).await.unwrap().claims.is_empty());
    let claims = queue.claim_due(at(60), 9).await.unwrap().claims;
    assert_eq!((who(&claims), claims[0].fence), (vec!["kostas@patras.test".to_owned()], 3));
    assert_eq!(claims[0].mail.reverse_path, ReversePath::Address(address("anna@athens.test")));
    assert_eq!(queue.drop_rows(Filter::default(), NOW).await.unwrap().len(), 1);
}

#[tokio::test]
async fn in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mail = MailId::random();
    let store = Store::open_embedded(folder.path(), BEFORE).await.unwrap();
    write(&store, mail).await;
    store.close().await.unwrap();
    drop(store);
    read(Store::open_embedded(folder.path(), AFTER).await.unwrap(), mail).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = postgres.database("upgrade");
    let bodies = || BodiesConfig::Folder(folder.path().to_owned());
    let mail = MailId::random();
    let store = Store::open_cluster(&url, bodies(), BEFORE).await.unwrap();
    write(&store, mail).await;
    store.close().await.unwrap();
    drop(store);
    read(Store::open_cluster(&url, bodies(), AFTER).await.unwrap(), mail).await;
}
