//! UIDONLY (RFC 9586), UIDBATCHES (RFC 10022), MESSAGELIMIT and SAVELIMIT (RFC 9738), INPROGRESS (RFC 9585).

use std::time::Duration;

use crate::support::{Client, House};

async fn reader_of(house: &House, enable: &str) -> Client {
    let mut client = house.client().await;
    assert_eq!(client.ask(&format!("ENABLE {enable}")).await, format!("* ENABLED {enable}\nOK ENABLE done\n"));
    client
}

#[tokio::test]
async fn nothing_but_uids() {
    let house = House::new().await;
    house.client().await.fill(&["one", "two", "three"]).await;
    let mut other = house.reader().await;
    let mut a = reader_of(&house, "UIDONLY").await;
    let selected = a.ask("SELECT INBOX").await;
    assert!(selected.contains("* 3 EXISTS\n") && !selected.contains("UNSEEN"), "{selected}");
    a.talks(&[
        ("FETCH 1 FLAGS", "BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\n"),
        ("UID FETCH 2 FLAGS", "* 2 UIDFETCH (FLAGS ())\nOK FETCH done\n"),
        (
            "UID FETCH 2:* (UID RFC822.SIZE)",
            "* 2 UIDFETCH (UID 2 RFC822.SIZE 26)\n* 3 UIDFETCH (UID 3 RFC822.SIZE 30)\nOK FETCH done\n",
        ),
        ("UID FETCH 3 BODY.PEEK[TEXT]", "* 3 UIDFETCH (BODY[TEXT] {12}\nthree text\n)\nOK FETCH done\n"),
        ("UID STORE 1 +FLAGS (\\Deleted)", "* 1 UIDFETCH (FLAGS (\\Deleted))\nOK STORE done\n"),
        ("UID SEARCH DELETED", "* SEARCH 1\nOK SEARCH done\n"),
        ("UID SEARCH 1", "BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\n"),
        ("EXPUNGE", "* VANISHED 1\nOK EXPUNGE done\n"),
    ])
    .await;
    other.ask("UID STORE 3 +FLAGS.SILENT (\\Flagged)").await;
    other.ask("UID STORE 2 +FLAGS.SILENT (\\Deleted)").await;
    other.ask("EXPUNGE").await;
    assert_eq!(a.ask("NOOP").await, "* VANISHED 2\n* 3 UIDFETCH (FLAGS (\\Flagged))\nOK NOOP done\n");
    let replaced = a.ask("UID REPLACE 3 INBOX {1+}\r\nx").await;
    assert!(
        replaced.ends_with("] The new message\n* VANISHED 3\n* 1 EXISTS\n* 1 RECENT\nOK REPLACE done\n"),
        "{replaced}"
    );
    let mut q = reader_of(&house, "UIDONLY").await;
    q.ask("ENABLE CONDSTORE").await;
    q.ask("SELECT INBOX").await;
    let stored = q.ask("UID STORE 4 (UNCHANGEDSINCE 1) FLAGS.SILENT (\\Seen)").await;
    assert_eq!(stored, "OK [MODIFIED 4] Some of the messages had changed\n");
    let stored = q.ask("UID STORE 4 FLAGS.SILENT (\\Seen)").await;
    assert!(stored.starts_with("* 4 UIDFETCH (MODSEQ ("), "{stored}");
}

#[tokio::test]
async fn batches() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.talks(&[("UIDBATCHES 500", "* UIDBATCHES (TAG \"t3\")\nOK UIDBATCHES done\n")]).await;
    client.fill(&["one", "two"]).await;
    client
        .talks(&[
            ("UIDBATCHES 500", "* UIDBATCHES (TAG \"t6\") 2:1\nOK UIDBATCHES done\n"),
            ("UIDBATCHES 500 2:3", "* UIDBATCHES (TAG \"t7\")\nOK UIDBATCHES done\n"),
            ("UIDBATCHES 499", "NO [TOOFEW] A batch has 500 messages at least\n"),
            ("UIDBATCHES 500 3:2", "BAD [CLIENTBUG] The first batch comes first\n"),
        ])
        .await;
    house.client().await.talks(&[("UIDBATCHES 500", "BAD Select a mailbox first\n")]).await;
}

/// Five messages, and a limit of three.
#[tokio::test]
async fn only_the_newest() {
    let house = House::with(|settings| settings.message_limit = Some(3)).await;
    house.client().await.fill(&["a", "b", "c", "d", "e"]).await;
    let mut client = house.reader().await;
    let cut = "[MESSAGELIMIT 3 3]";
    client
        .talks(&[
            (
                "FETCH 1:* UID",
                &format!("* 3 FETCH (UID 3)\n* 4 FETCH (UID 4)\n* 5 FETCH (UID 5)\nOK {cut} FETCH done\n"),
            ),
            ("UID FETCH 1,2 UID", "* 1 FETCH (UID 1)\n* 2 FETCH (UID 2)\nOK FETCH done\n"),
            ("UID FETCH 1:* (UID) (PARTIAL 1:4)", "NO [MESSAGELIMIT 3] Too many messages at once\n"),
            ("UID FETCH 1:* (UID) (PARTIAL 1:1)", "* 1 FETCH (UID 1)\nOK FETCH done\n"),
            ("STORE 1:5 +FLAGS.SILENT (\\Deleted)", &format!("OK {cut} STORE done\n")),
            ("SEARCH DELETED", &format!("* SEARCH 3 4 5\nOK {cut} SEARCH done\n")),
            ("SEARCH 1:3 UNDELETED", "* SEARCH 1 2\nOK SEARCH done\n"),
            ("UID SEARCH UIDBEFORE 3 SUBJECT b", "* SEARCH 2\nOK SEARCH done\n"),
            ("UID SEARCH UIDAFTER 2 NOT UIDAFTER 4", "* SEARCH 3 4\nOK SEARCH done\n"),
            ("UID SEARCH UIDAFTER 1 ALL", "* SEARCH 3 4 5\nOK [MESSAGELIMIT 3 3] SEARCH done\n"),
            ("SORT (ARRIVAL) UTF-8 ALL", "NO [MESSAGELIMIT 3] Too many messages at once\n"),
            ("SORT (REVERSE SUBJECT) UTF-8 2:4", "* SORT 4 3 2\nOK SORT done\n"),
            ("THREAD ORDEREDSUBJECT UTF-8 ALL", "NO [MESSAGELIMIT 3] Too many messages at once\n"),
            ("COPY 1:4 Archive", "NO [MESSAGELIMIT 3 2] Too many messages at once\n"),
            ("STORE 1:2 +FLAGS.SILENT (\\Deleted)", "OK STORE done\n"),
        ])
        .await;
    let moved = client.ask("MOVE 1:4 Archive").await;
    assert!(
        moved.contains("* 4 EXPUNGE\n* 3 EXPUNGE\n* 2 EXPUNGE\n")
            || moved.contains("* 2 EXPUNGE\n* 2 EXPUNGE\n* 2 EXPUNGE\n"),
        "{moved}"
    );
    assert!(moved.ends_with("OK [MESSAGELIMIT 3 2] MOVE done\n"), "{moved}");
    client.fill(&["f", "g", "h"]).await;
    client.ask("STORE 3:5 +FLAGS.SILENT (\\Deleted)").await;
    client
        .talks(&[
            ("UID EXPUNGE 1:*", "* 3 EXPUNGE\n* 3 EXPUNGE\n* 3 EXPUNGE\nOK [MESSAGELIMIT 3 6] EXPUNGE done\n"),
            // All of them, as ever.
            ("EXPUNGE", "* 1 EXPUNGE\n* 1 EXPUNGE\nOK EXPUNGE done\n"),
        ])
        .await;
}

/// Where another code stands in the answer, the limit is told before it.
#[tokio::test]
async fn the_limit_beside_another_code() {
    let house = House::with(|settings| settings.message_limit = Some(1)).await;
    house.client().await.fill(&["a", "b"]).await;
    let mut client = reader_of(&house, "QRESYNC").await;
    client.ask("SELECT INBOX").await;
    client.ask("UID STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client.ask("UID STORE 2 +FLAGS.SILENT (\\Deleted)").await;
    let gone = client.ask("UID EXPUNGE 1:2").await;
    let untagged = "* NO [MESSAGELIMIT 1 2] Only the newest of the messages\n";
    assert!(gone.starts_with(&format!("* VANISHED 2\n{untagged}OK [HIGHESTMODSEQ ")), "{gone}");
}

#[tokio::test]
async fn copies_are_limited_alone() {
    let house = House::with(|settings| settings.save_limit = Some(2)).await;
    house.client().await.fill(&["a", "b", "c"]).await;
    let mut client = house.reader().await;
    assert!(client.ask("CAPABILITY").await.contains(" SAVELIMIT=2 "));
    client.talks(&[("COPY 1:3 Archive", "NO [MESSAGELIMIT 2 2] Too many messages at once\n")]).await;
    assert!(client.ask("COPY 1:2 Archive").await.ends_with("] COPY done\n"));
    assert!(client.ask("FETCH 1:3 UID").await.ends_with("\nOK FETCH done\n"));
}

/// One word for each batch of rows, when every moment is a long time.
#[tokio::test]
async fn a_long_command_is_told_of() {
    let house = House::with(|settings| settings.progress_every = Duration::ZERO).await;
    let mut client = house.reader().await;
    let many = " {1+}\r\nx".repeat(400);
    for _ in 0..2 {
        client.ask(&format!("APPEND INBOX{many}")).await;
    }
    let told = |tag: &str, done: u32| format!("* OK [INPROGRESS (\"{tag}\" {done} 800)] Still at it\n");
    let found = client.ask("UID SEARCH SMALLER 1").await;
    assert_eq!(found, format!("{}{}* SEARCH\nOK SEARCH done\n", told("t5", 0), told("t5", 500)));
    let fetched = client.ask("UID FETCH 1:* RFC822.SIZE").await;
    assert!(fetched.contains(&told("t6", 500)) && fetched.ends_with("\nOK FETCH done\n"), "{fetched}");
    let sorted = client.ask("UID SORT RETURN (COUNT) (SUBJECT) UTF-8 ALL").await;
    assert!(sorted.contains(&told("t7", 500)) && sorted.ends_with(" COUNT 800\nOK SORT done\n"), "{sorted}");
    // What is one piece of work tells only that it goes on, if it lasts.
    let copied = client.ask("COPY 1:* Archive").await;
    let others = copied.lines().filter(|line| *line != "* OK [INPROGRESS (\"t8\" NIL NIL)] Still at it");
    assert_eq!(others.filter(|line| line.ends_with(" 1:800 1:800] COPY done")).count(), 1, "{copied}");
}
