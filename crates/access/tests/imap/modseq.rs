//! CONDSTORE and QRESYNC (RFC 7162): what has changed since the client was here, and STORE on a condition.

use crate::support::{Client, House};

#[tokio::test]
async fn store_on_a_condition() {
    let house = House::new().await;
    house.client().await.fill(&["one", "two", "three"]).await;
    let mut a = house.reader().await;
    let mut b = house.reader().await;
    a.talks(&[
        (
            "FETCH 1:3 (MODSEQ)",
            "* 1 FETCH (MODSEQ (2))\n* 2 FETCH (MODSEQ (3))\n* 3 FETCH (MODSEQ (4))\nOK FETCH done\n",
        ),
        // From here on it hears of MODSEQ, silent or not.
        ("STORE 2 +FLAGS.SILENT (\\Seen)", "* 2 FETCH (MODSEQ (5))\nOK STORE done\n"),
        ("STORE 2 +FLAGS.SILENT (\\Seen)", "OK STORE done\n"),
    ])
    .await;
    b.talks(&[
        ("NOOP", "* 2 FETCH (UID 2 FLAGS (\\Seen))\nOK NOOP done\n"),
        (
            "STORE 1:3 (UNCHANGEDSINCE 4) +FLAGS (\\Flagged)",
            "* 1 FETCH (FLAGS (\\Flagged) MODSEQ (6))\n* 3 FETCH (FLAGS (\\Flagged) MODSEQ (6))\n\
             OK [MODIFIED 2] Some of the messages had changed\n",
        ),
        ("UID STORE 3 (UNCHANGEDSINCE 0) FLAGS.SILENT ()", "OK [MODIFIED 3] Some of the messages had changed\n"),
        ("UID STORE 3 (UNCHANGEDSINCE 6) FLAGS.SILENT (\\Flagged)", "* 3 FETCH (UID 3 MODSEQ (6))\nOK STORE done\n"),
        ("STATUS INBOX (HIGHESTMODSEQ)", "* STATUS INBOX (HIGHESTMODSEQ 6)\nOK STATUS done\n"),
    ])
    .await;
    a.talks(&[
        (
            "FETCH 1:3 (FLAGS) (CHANGEDSINCE 5)",
            "* 1 FETCH (FLAGS (\\Flagged \\Recent) MODSEQ (6))\n\
             * 3 FETCH (FLAGS (\\Flagged \\Recent) MODSEQ (6))\nOK FETCH done\n",
        ),
        ("SEARCH MODSEQ 6", "* SEARCH 1 3 (MODSEQ 6)\nOK SEARCH done\n"),
        ("SEARCH MODSEQ 7", "* SEARCH\nOK SEARCH done\n"),
        ("SEARCH NOT MODSEQ 6", "* SEARCH 2 (MODSEQ 5)\nOK SEARCH done\n"),
    ])
    .await;
    // Of the lowest alone, its own MODSEQ is told (RFC 4731 section 3.2).
    a.ask("STORE 1 -FLAGS (\\Flagged)").await;
    let found = a.ask("SEARCH RETURN (MAX) MODSEQ 5").await;
    assert!(found.contains(" MAX 3 MODSEQ 6\n"), "{found}");
    let found = a.ask("SEARCH RETURN (COUNT) MODSEQ 5").await;
    assert!(found.contains(" COUNT 3 MODSEQ 7\n"), "{found}");
    // A FETCH that sets \Seen tells what it has become.
    let fetched = a.ask("FETCH 3 BODY[TEXT]<0.1>").await;
    assert!(
        fetched.starts_with("* 3 FETCH (FLAGS (\\Flagged \\Seen \\Recent) MODSEQ (8) BODY[TEXT]<0> {1}\n"),
        "{fetched}"
    );
    assert_eq!(
        b.ask("NOOP").await,
        "* 1 FETCH (UID 1 FLAGS () MODSEQ (7))\n* 3 FETCH (UID 3 FLAGS (\\Flagged \\Seen) MODSEQ (8))\nOK NOOP done\n"
    );
}

async fn validity(client: &mut Client) -> String {
    let status = client.ask("STATUS INBOX (UIDVALIDITY)").await;
    status.split_once("UIDVALIDITY ").unwrap().1.split_once(')').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_client_comes_back() {
    let house = House::new().await;
    house.client().await.fill(&["one", "two", "three", "four", "five"]).await;
    let mut w = house.reader().await;
    w.talks(&[
        ("STORE 2,4 +FLAGS.SILENT (\\Deleted)", "OK STORE done\n"),
        ("EXPUNGE", "* 2 EXPUNGE\n* 3 EXPUNGE\nOK EXPUNGE done\n"),
        ("STORE 1 +FLAGS.SILENT (\\Seen)", "OK STORE done\n"),
    ])
    .await;
    let mut q = house.client().await;
    assert_eq!(q.ask("SELECT INBOX (QRESYNC (1 1))").await, "BAD ENABLE QRESYNC first\n");
    assert_eq!(q.ask("ENABLE QRESYNC").await, "* ENABLED QRESYNC\nOK ENABLE done\n");
    let valid = validity(&mut q).await;
    let end = "* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (9))\nOK [READ-WRITE] SELECT done\n";
    let answer = q.ask(&format!("SELECT INBOX (QRESYNC ({valid} 6))")).await;
    assert!(answer.contains("* OK [HIGHESTMODSEQ 9] ") && answer.contains("* 3 EXISTS\n"), "{answer}");
    assert!(answer.ends_with(&format!("* VANISHED (EARLIER) 2,4\n{end}")), "{answer}");
    // Only what it knows, and what it has not heard of.
    let answer = q.ask(&format!("SELECT INBOX (QRESYNC ({valid} 6 1:3 (1 1)))")).await;
    assert!(answer.starts_with("* OK [CLOSED] "), "{answer}");
    assert!(answer.ends_with(&format!("* VANISHED (EARLIER) 2\n{end}")), "{answer}");
    for known in [format!("{valid} 9"), "7 6".to_owned()] {
        let answer = q.ask(&format!("EXAMINE INBOX (QRESYNC ({known}))")).await;
        assert!(!answer.contains("VANISHED") && !answer.contains(" FETCH "), "{answer}");
    }
}

#[tokio::test]
async fn vanished_instead_of_expunge() {
    let house = House::new().await;
    house.client().await.fill(&["one", "two", "three"]).await;
    let mut w = house.reader().await;
    let mut q = house.client().await;
    q.ask("ENABLE QRESYNC").await;
    q.ask("SELECT INBOX").await;
    w.ask("STORE 2 +FLAGS.SILENT (\\Deleted)").await;
    w.ask("EXPUNGE").await;
    q.talks(&[
        // By sequence numbers: not yet.
        ("FETCH 1 UID", "* 1 FETCH (UID 1)\nOK FETCH done\n"),
        ("NOOP", "* VANISHED 2\nOK NOOP done\n"),
        ("FETCH 2 UID", "* 2 FETCH (UID 3)\nOK FETCH done\n"),
        (
            "UID FETCH 1:* (UID) (CHANGEDSINCE 3 VANISHED)",
            "* VANISHED (EARLIER) 2\n* 2 FETCH (UID 3 MODSEQ (4))\nOK FETCH done\n",
        ),
        ("UID FETCH 1 (UID) (CHANGEDSINCE 1 VANISHED)", "* 1 FETCH (UID 1 MODSEQ (2))\nOK FETCH done\n"),
        ("STORE 1 +FLAGS (\\Deleted)", "* 1 FETCH (UID 1 FLAGS (\\Deleted) MODSEQ (7))\nOK STORE done\n"),
        ("EXPUNGE", "* VANISHED 1\nOK [HIGHESTMODSEQ 8] EXPUNGE done\n"),
        ("EXPUNGE", "OK EXPUNGE done\n"),
    ])
    .await;
    let moved = q.ask("UID MOVE 3 Archive").await;
    assert!(moved.ends_with("] Moved\n* VANISHED 3\nOK [HIGHESTMODSEQ 10] MOVE done\n"), "{moved}");
    w.fill(&["four"]).await;
    q.talks(&[
        ("NOOP", "* 1 EXISTS\n* 1 RECENT\nOK NOOP done\n"),
        ("STORE 1 +FLAGS.SILENT (\\Deleted)", "* 1 FETCH (UID 4 MODSEQ (12))\nOK STORE done\n"),
        ("CLOSE", "OK [HIGHESTMODSEQ 13] CLOSE done\n"),
    ])
    .await;
}
