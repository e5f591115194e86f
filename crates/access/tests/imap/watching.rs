//! Searches that are kept up to date (CONTEXT=SEARCH and CONTEXT=SORT, RFC 5267).

use crate::postgres::Postgres;
use crate::support::{Client, House};

/// A command under a tag of its own.
async fn ask(client: &mut Client, tag: &str, command: &str) -> String {
    client.send(format!("{tag} {command}\r\n")).await;
    let mut answer = String::new();
    loop {
        let line = client.line().await;
        if let Some(last) = line.strip_prefix(&format!("{tag} ")) {
            return answer + last;
        }
        answer += &line;
    }
}

#[tokio::test]
async fn what_comes_and_goes() {
    comes_and_goes(House::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_and_goes_on_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    comes_and_goes(House::on_cluster(postgres.database("watch")).await).await;
}

async fn comes_and_goes(house: House) {
    house.client().await.fill(&["one", "two", "three"]).await;
    let mut other = house.reader().await;
    let mut a = house.reader().await;
    assert_eq!(
        ask(&mut a, "U", "UID SEARCH RETURN (UPDATE ALL) FLAGGED").await,
        "* ESEARCH (TAG \"U\") UID\nOK SEARCH done\n"
    );
    assert_eq!(
        ask(&mut a, "N", "SEARCH RETURN (UPDATE COUNT) UNSEEN").await,
        "* ESEARCH (TAG \"N\") COUNT 3\nOK SEARCH done\n"
    );
    assert_eq!(
        ask(&mut a, "C", "SEARCH RETURN (CONTEXT COUNT) ALL").await,
        "* ESEARCH (TAG \"C\") COUNT 3\nOK SEARCH done\n"
    );
    let again = ask(&mut a, "U", "SORT RETURN (UPDATE) (DATE) UTF-8 ALL").await;
    assert_eq!(again, "BAD Another search with this tag is kept up to date\n");
    other.ask("UID STORE 2:3 +FLAGS.SILENT (\\Flagged)").await;
    other.ask("UID STORE 3 +FLAGS.SILENT (\\Seen)").await;
    assert_eq!(
        a.ask("NOOP").await,
        "* ESEARCH (TAG \"U\") UID ADDTO (0 2:3)\n* ESEARCH (TAG \"N\") REMOVEFROM (0 3)\n\
         * 2 FETCH (UID 2 FLAGS (\\Flagged))\n* 3 FETCH (UID 3 FLAGS (\\Flagged \\Seen))\nOK NOOP done\n"
    );
    // Its own doing, too.
    assert_eq!(
        a.ask("UID STORE 3 -FLAGS.SILENT (\\Flagged \\Seen)").await,
        "* ESEARCH (TAG \"U\") UID REMOVEFROM (0 3)\n* ESEARCH (TAG \"N\") ADDTO (0 3)\nOK STORE done\n"
    );
    // What is expunged leaves at once, its number later.
    other.ask("UID STORE 2 +FLAGS.SILENT (\\Deleted)").await;
    other.ask("EXPUNGE").await;
    assert_eq!(
        a.ask("FETCH 1 UID").await,
        "* ESEARCH (TAG \"U\") UID REMOVEFROM (0 2)\n* ESEARCH (TAG \"N\") REMOVEFROM (0 2)\n* 1 FETCH (UID 1)\nOK FETCH done\n"
    );
    assert_eq!(a.ask("NOOP").await, "* 2 EXPUNGE\nOK NOOP done\n");
    // What is new comes behind EXISTS.
    other.append("INBOX", "(\\Flagged) ", "a: b\r\n\r\n").await;
    let told = a.ask("NOOP").await;
    let end = "* ESEARCH (TAG \"U\") UID ADDTO (0 4)\n* ESEARCH (TAG \"N\") ADDTO (0 3)\nOK NOOP done\n";
    assert!(told.starts_with("* 3 EXISTS\n") && told.ends_with(end), "{told}");
    assert_eq!(a.ask("CANCELUPDATE \"N\" \"nobody\"").await, "OK CANCELUPDATE done\n");
    other.ask("STORE 3 FLAGS.SILENT (\\Seen)").await;
    assert_eq!(
        a.ask("NOOP").await,
        "* ESEARCH (TAG \"U\") UID REMOVEFROM (0 4)\n* 3 FETCH (UID 4 FLAGS (\\Seen \\Recent))\nOK NOOP done\n"
    );
    // Another mailbox, and nothing is followed any more.
    a.ask("SELECT INBOX").await;
    other.ask("STORE 3 +FLAGS.SILENT (\\Flagged)").await;
    let told = a.ask("NOOP").await;
    assert!(told.starts_with("* 3 FETCH ") && !told.contains("ESEARCH"), "{told}");
}

/// Numbers mean what they meant, texts are looked into, and IDLE tells of it.
#[tokio::test]
async fn numbers_texts_and_waiting() {
    let house = House::new().await;
    house.client().await.fill(&["one", "two"]).await;
    let mut other = house.reader().await;
    let mut a = house.reader().await;
    ask(&mut a, "N", "UID SEARCH RETURN (UPDATE) 2").await;
    ask(&mut a, "T", "UID SEARCH RETURN (UPDATE) BODY needle").await;
    ask(&mut a, "M", "ESEARCH RETURN (UPDATE COUNT) SUBJECT needle").await;
    a.send("i IDLE\r\n").await;
    assert_eq!(a.line().await, "+ idling\n");
    other.fill(&["needle"]).await;
    assert_eq!(a.line().await, "* 3 EXISTS\n");
    let recent = a.line().await;
    assert!(recent.ends_with(" RECENT\n"), "{recent}");
    assert_eq!(a.line().await, "* ESEARCH (TAG \"T\") UID ADDTO (0 3)\n");
    let several = a.line().await;
    assert!(several.starts_with("* ESEARCH (TAG \"M\" MAILBOX INBOX UIDVALIDITY "), "{several}");
    assert!(several.ends_with(") UID ADDTO (0 3)\n"), "{several}");
    other.ask("UID STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    other.ask("EXPUNGE").await;
    a.send("DONE\r\n").await;
    let mut rest = a.line().await;
    while !rest.contains("i OK") {
        rest += &a.line().await;
    }
    rest += &a.ask("NOOP").await;
    assert!(rest.contains("* 1 EXPUNGE\n") && !rest.contains("(TAG"), "{rest}");
    other.ask("UID STORE 2 +FLAGS.SILENT (\\Deleted)").await;
    other.ask("EXPUNGE").await;
    assert_eq!(a.ask("NOOP").await, "* ESEARCH (TAG \"N\") UID REMOVEFROM (0 2)\n* 1 EXPUNGE\nOK NOOP done\n");
}

#[tokio::test]
async fn in_its_order() {
    let house = House::new().await;
    house.client().await.fill(&["b", "d", "f"]).await;
    let mut other = house.reader().await;
    let mut a = house.reader().await;
    let sorted = ask(&mut a, "S", "UID SORT RETURN (UPDATE ALL) (REVERSE SUBJECT) UTF-8 UNDELETED").await;
    assert_eq!(sorted, "* ESEARCH (TAG \"S\") UID ALL 3,2,1\nOK SORT done\n");
    other.fill(&["g", "c"]).await;
    let told = a.ask("NOOP").await;
    assert!(told.contains("* ESEARCH (TAG \"S\") UID ADDTO (1 4 4 5)\n"), "{told}");
    other.ask("UID STORE 3,2 +FLAGS.SILENT (\\Deleted)").await;
    let told = a.ask("NOOP").await;
    assert!(told.starts_with("* ESEARCH (TAG \"S\") UID REMOVEFROM (2 3 2 2)\n"), "{told}");
    other.ask("UID STORE 2 -FLAGS.SILENT (\\Deleted)").await;
    let told = a.ask("NOOP").await;
    assert!(told.starts_with("* ESEARCH (TAG \"S\") UID ADDTO (2 2)\n"), "{told}");
    let refused = ask(&mut a, "R", "SORT RETURN (UPDATE COUNT) (RELEVANCY) UTF-8 FUZZY SUBJECT b").await;
    assert_eq!(
        refused,
        "* ESEARCH (TAG \"R\") COUNT 1\n* NO [NOUPDATE \"R\"] Too much to be kept up to date\nOK SORT done\n"
    );
}

#[tokio::test]
async fn no_more_than_some() {
    let house = House::new().await;
    let mut a = house.reader().await;
    for number in 0..access::limits::WATCHES_MAX {
        assert_eq!(ask(&mut a, &format!("w{number}"), "SEARCH RETURN (UPDATE) ALL").await, "OK SEARCH done\n");
    }
    let refused = ask(&mut a, "x", "SEARCH RETURN (UPDATE) ALL").await;
    assert_eq!(refused, "* NO [NOUPDATE \"x\"] Too much to be kept up to date\nOK SEARCH done\n");
    assert_eq!(a.ask("CANCELUPDATE \"w0\"").await, "OK CANCELUPDATE done\n");
    assert_eq!(ask(&mut a, "x", "SEARCH RETURN (UPDATE) ALL").await, "OK SEARCH done\n");
}
