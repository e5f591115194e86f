//! Rows: all or nothing, the common dialect, the values, and who is told what.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use storage::{Error, Store, Value};

pub async fn all(store: &Store) {
    values_come_back_as_they_were(store).await;
    the_common_dialect(store).await;
    a_refused_closure_writes_nothing(store).await;
    an_overlooked_failure_writes_nothing(store).await;
    a_panic_costs_only_its_own_write(store).await;
    one_failure_in_a_group_leaves_the_others(store).await;
    uids_are_dense_under_load(store).await;
    a_read_is_one_snapshot(store).await;
    rows_can_be_read_while_others_are_asked_for(store).await;
    wrong_texts_are_our_fault(store).await;
}

async fn values_come_back_as_they_were(store: &Store) {
    let values: Vec<Value> =
        vec![1.into(), i64::MIN.into(), "Ἀθῆναι 'quoted' $1".into(), vec![0u8, 1, 255].into(), Value::Null];
    let written = values.clone();
    store
        .write(move |tx| {
            tx.execute(
                "INSERT INTO check_letter (account, uid, subject, raw, body) VALUES ($1, $2, $3, $4, $5)",
                &written,
            )
        })
        .await
        .unwrap();
    let row = store
        .read(|q| {
            q.query_one("SELECT account, uid, subject, raw, body FROM check_letter WHERE account = $1", &[1.into()])
        })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.int(0).unwrap(), 1);
    assert_eq!(row.int(1).unwrap(), i64::MIN);
    assert_eq!(row.text(2).unwrap(), "Ἀθῆναι 'quoted' $1");
    assert_eq!(row.blob(3).unwrap(), [0, 1, 255]);
    assert_eq!(row.maybe_int(4).unwrap(), None);
    assert!(matches!(row.int(4), Err(Error::Row { column: 4, .. })));
    assert!(matches!(row.int(2), Err(Error::Row { column: 2, .. })));
    assert!(matches!(row.text(9), Err(Error::Row { column: 9, .. })));
}

async fn the_common_dialect(store: &Store) {
    store
        .write(|tx| {
            for (name, number) in [("a", 1), ("b", 2), ("c", 3)] {
                tx.execute(
                    "INSERT INTO check_name (name, number) VALUES ($1, $2)
                     ON CONFLICT (name) DO UPDATE SET number = excluded.number",
                    &[name.into(), number.into()],
                )?;
            }
            // Parameters in any order, and twice.
            let row = tx.query_one(
                "SELECT name FROM check_name WHERE number = $2 AND name >= $1 AND name <= $1 LIMIT $3",
                &["b".into(), 2.into(), 1.into()],
            )?;
            assert_eq!(row.unwrap().text(0).unwrap(), "b");
            let sum =
                tx.query_one("SELECT COALESCE(SUM(number), 0), COUNT(*), MAX(name) FROM check_name", &[])?.unwrap();
            assert_eq!((sum.int(0)?, sum.int(1)?, sum.text(2)?), (6, 3, "c"));
            let gone = tx.query("DELETE FROM check_name WHERE number < $1 RETURNING name, number + 1", &[3.into()])?;
            let mut gone: Vec<_> =
                gone.iter().map(|row| (row.text(0).unwrap().to_owned(), row.int(1).unwrap())).collect();
            gone.sort();
            assert_eq!(gone, [("a".to_owned(), 2), ("b".to_owned(), 3)]);
            let ignored = tx.execute(
                "INSERT INTO check_name (name, number) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                &["c".into(), 9.into()],
            )?;
            assert_eq!(ignored, 0);
            assert_eq!(tx.execute("UPDATE check_name SET number = number + $1", &[1.into()])?, 1);
            let case = tx.query_one("SELECT CASE WHEN number = 4 THEN 1 ELSE 0 END FROM check_name", &[])?.unwrap();
            assert_eq!(case.int(0)?, 1);
            tx.execute("DELETE FROM check_name", &[])
        })
        .await
        .unwrap();
}

async fn a_refused_closure_writes_nothing(store: &Store) {
    let outcome = store
        .write(|tx| {
            tx.execute("INSERT INTO check_name (name, number) VALUES ($1, 1)", &["refused".into()])?;
            Err::<(), _>(Error::Refused("no room".to_owned()))
        })
        .await;
    assert!(matches!(outcome, Err(Error::Refused(why)) if why == "no room"));
    assert_eq!(count_names(store).await, 0);
}

async fn an_overlooked_failure_writes_nothing(store: &Store) {
    let outcome = store
        .write(|tx| {
            tx.execute("INSERT INTO check_name (name, number) VALUES ($1, 1)", &["twice".into()])?;
            let again = tx.execute("INSERT INTO check_name (name, number) VALUES ($1, 1)", &["twice".into()]);
            assert!(again.is_err());
            Ok(())
        })
        .await;
    assert!(matches!(outcome, Err(Error::Constraint(_))), "{outcome:?}");
    assert_eq!(count_names(store).await, 0);
}

async fn a_panic_costs_only_its_own_write(store: &Store) {
    let outcome = store
        .write(|tx| {
            tx.execute("INSERT INTO check_name (name, number) VALUES ($1, 1)", &["panic".into()])?;
            if tx.query("SELECT name FROM check_name", &[])?.len() == 1 {
                std::panic::panic_any("wanted by a test");
            }
            Ok(())
        })
        .await;
    assert!(matches!(outcome, Err(Error::Bug(_))), "{outcome:?}");
    assert_eq!(count_names(store).await, 0);
}

async fn one_failure_in_a_group_leaves_the_others(store: &Store) {
    let mut tasks = Vec::new();
    for number in 0..60i64 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            store
                .write(move |tx| {
                    tx.execute(
                        "INSERT INTO check_name (name, number) VALUES ($1, $2)",
                        &[format!("g{number}").into(), number.into()],
                    )?;
                    if number % 3 == 0 { Err(Error::Refused("third".to_owned())) } else { Ok(()) }
                })
                .await
                .is_ok()
        }));
    }
    for (number, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), number % 3 != 0, "{number}");
    }
    assert_eq!(count_names(store).await, 40);
    store.write(|tx| tx.execute("DELETE FROM check_name", &[])).await.unwrap();
}

async fn uids_are_dense_under_load(store: &Store) {
    store
        .write(|tx| tx.execute("INSERT INTO check_box (account, uidnext) VALUES ($1, 1)", &[77.into()]))
        .await
        .unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, runs) = (store.clone(), Arc::clone(&runs));
            tokio::spawn(async move {
                for _ in 0..20 {
                    let runs = Arc::clone(&runs);
                    store
                        .write(move |tx| {
                            runs.fetch_add(1, Ordering::Relaxed);
                            let row = tx.query_one(
                                "UPDATE check_box SET uidnext = uidnext + 1 WHERE account = $1 RETURNING uidnext - 1",
                                &[77.into()],
                            )?;
                            let uid = row.ok_or(Error::Refused("no box".to_owned()))?.int(0)?;
                            tx.execute(
                                "INSERT INTO check_letter (account, uid) VALUES ($1, $2)",
                                &[77.into(), uid.into()],
                            )
                        })
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let uids: Vec<i64> = store
        .read(|q| {
            let mut uids = Vec::new();
            q.query_each("SELECT uid FROM check_letter WHERE account = $1 ORDER BY uid", &[77.into()], &mut |row| {
                uids.push(row.int(0)?);
                Ok(true)
            })?;
            Ok(uids)
        })
        .await
        .unwrap();
    assert_eq!(uids, (1..=320).collect::<Vec<_>>());
    assert!(runs.load(Ordering::Relaxed) >= 320);
}

async fn a_read_is_one_snapshot(store: &Store) {
    let (asked, asks) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel();
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .read(move |q| {
                    let before = q.query("SELECT name FROM check_name", &[])?.len();
                    asked.send(()).unwrap();
                    wait.recv().unwrap();
                    Ok((before, q.query("SELECT name FROM check_name", &[])?.len()))
                })
                .await
                .unwrap()
        }
    });
    tokio::task::spawn_blocking(move || asks.recv().unwrap()).await.unwrap();
    store.write(|tx| tx.execute("INSERT INTO check_name (name, number) VALUES ('late', 1)", &[])).await.unwrap();
    go.send(()).unwrap();
    assert_eq!(reader.await.unwrap(), (0, 0));
    assert_eq!(count_names(store).await, 1);
    store.write(|tx| tx.execute("DELETE FROM check_name", &[])).await.unwrap();
}

/// An answer may be walked while each row asks the next question, and left before its end.
async fn rows_can_be_read_while_others_are_asked_for(store: &Store) {
    let (seen, _) = store
        .write(|tx| {
            let mut seen = 0;
            tx.query_each("SELECT uid FROM check_letter WHERE account = $1 ORDER BY uid", &[77.into()], &mut |row| {
                let uid = row.int(0)?;
                let same = tx.query_one(
                    "SELECT uid FROM check_letter WHERE account = $1 AND uid = $2",
                    &[77.into(), uid.into()],
                )?;
                assert_eq!(same.unwrap().int(0)?, uid);
                tx.execute(
                    "UPDATE check_letter SET subject = 's' WHERE account = $1 AND uid = $2",
                    &[77.into(), uid.into()],
                )?;
                seen += 1;
                Ok(seen < 100)
            })?;
            Ok(seen)
        })
        .await
        .unwrap();
    assert_eq!(seen, 100);
    let subjects = store
        .read(|q| q.query_one("SELECT COUNT(*) FROM check_letter WHERE subject = $1", &["s".into()]))
        .await
        .unwrap();
    assert_eq!(subjects.unwrap().int(0).unwrap(), 100);
}

async fn wrong_texts_are_our_fault(store: &Store) {
    let outcome = store.read(|q| q.query("SELECT nothing FROM nowhere", &[])).await;
    assert!(matches!(outcome, Err(Error::Bug(_))), "{outcome:?}");
    let outcome = store.read(|q| q.query("SELECT name FROM check_name WHERE name = $1", &[])).await;
    assert!(matches!(outcome, Err(Error::Bug(_))), "{outcome:?}");
}

async fn count_names(store: &Store) -> i64 {
    store.read(|q| q.query_one("SELECT COUNT(*) FROM check_name", &[])).await.unwrap().unwrap().int(0).unwrap()
}
