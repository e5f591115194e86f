//! Two sessions on one mailbox: what each is told, and when.

use directory::Directory;
use envelope::Address;
use mailstore::{Append, Flags, Mailstore};
use net::clock;
use storage::Store;

use crate::support::House;

/// Who says what, and what is answered.
type Table = &'static [(char, &'static str, &'static str)];

async fn play(table: Table) {
    let house = House::new().await;
    house.client().await.fill(&["one", "two", "three", "four"]).await;
    let mut a = house.reader().await;
    let mut b = house.reader().await;
    for (who, command, answer) in table {
        let client = if *who == 'a' { &mut a } else { &mut b };
        assert_eq!(client.ask(command).await, *answer, "{who} after {command}");
    }
}

#[tokio::test]
async fn flags_are_seen_at_once() {
    play(&[
        ('a', "STORE 2 +FLAGS.SILENT (\\Flagged)", "OK STORE done\n"),
        ('b', "NOOP", "* 2 FETCH (UID 2 FLAGS (\\Flagged))\nOK NOOP done\n"),
        ('b', "STORE 2 +FLAGS.SILENT (\\Seen)", "OK STORE done\n"),
        ('a', "FETCH 1 UID", "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Seen \\Recent))\n* 1 FETCH (UID 1)\nOK FETCH done\n"),
        ('a', "NOOP", "OK NOOP done\n"),
        ('b', "NOOP", "OK NOOP done\n"),
    ])
    .await;
}

/// RFC 3501 section 6.4.6: what is told of flags that another has changed is what they are after the STORE.
#[tokio::test]
async fn a_store_over_the_flags_of_another() {
    play(&[
        ('a', "STORE 1:2 +FLAGS.SILENT (\\Seen)", "OK STORE done\n"),
        (
            'b',
            "STORE 1 FLAGS.SILENT (\\Flagged)",
            "* 1 FETCH (UID 1 FLAGS (\\Flagged))\n* 2 FETCH (UID 2 FLAGS (\\Seen))\nOK STORE done\n",
        ),
        ('b', "NOOP", "OK NOOP done\n"),
        ('a', "STORE 1 +FLAGS (\\Draft)", "* 1 FETCH (FLAGS (\\Flagged \\Draft \\Recent))\nOK STORE done\n"),
        (
            'b',
            "UID STORE 1 +FLAGS (\\Answered)",
            "* 1 FETCH (UID 1 FLAGS (\\Answered \\Flagged \\Draft))\nOK STORE done\n",
        ),
        // A FETCH of the flags tells them once, one of something else tells them too.
        ('a', "UID FETCH 1 FLAGS", "* 1 FETCH (UID 1 FLAGS (\\Answered \\Flagged \\Draft \\Recent))\nOK FETCH done\n"),
        ('a', "STORE 1:2 FLAGS.SILENT ()", "OK STORE done\n"),
        (
            'b',
            "FETCH 1 (FLAGS RFC822.SIZE)",
            "* 1 FETCH (FLAGS () RFC822.SIZE 26)\n* 2 FETCH (UID 2 FLAGS ())\nOK FETCH done\n",
        ),
        ('b', "NOOP", "OK NOOP done\n"),
        ('a', "NOOP", "OK NOOP done\n"),
    ])
    .await;
}

#[tokio::test]
async fn expunge_is_told_only_where_it_may_be() {
    play(&[
        ('a', "STORE 2 +FLAGS.SILENT (\\Deleted)", "OK STORE done\n"),
        ('a', "EXPUNGE", "* 2 EXPUNGE\nOK EXPUNGE done\n"),
        // By sequence numbers: message 3 is still message 3.
        ('b', "FETCH 3 UID", "* 3 FETCH (UID 3)\nOK FETCH done\n"),
        ('b', "SEARCH ALL", "* SEARCH 1 3 4\nOK SEARCH done\n"),
        ('b', "FETCH 2 (UID RFC822.SIZE)", "NO [EXPUNGEISSUED] Some of the messages are gone\n"),
        (
            'b',
            "FETCH 1:4 (UID)",
            "* 1 FETCH (UID 1)\n* 3 FETCH (UID 3)\n* 4 FETCH (UID 4)\n\
            NO [EXPUNGEISSUED] Some of the messages are gone\n",
        ),
        (
            'b',
            "STORE 2:3 +FLAGS (\\Seen)",
            "* 3 FETCH (FLAGS (\\Seen))\nNO [EXPUNGEISSUED] Some of the messages are gone\n",
        ),
        ('b', "COPY 2:3 Archive", "NO [EXPUNGEISSUED] Some of the messages are gone\n"),
        // By UIDs it may be told.
        ('b', "UID FETCH 3 UID", "* 3 FETCH (UID 3)\n* 2 EXPUNGE\nOK FETCH done\n"),
        ('b', "FETCH 2 UID", "* 2 FETCH (UID 3)\nOK FETCH done\n"),
    ])
    .await;
}

#[tokio::test]
async fn many_are_gone_at_once() {
    play(&[
        ('a', "STORE 1,3:4 +FLAGS.SILENT (\\Deleted)", "OK STORE done\n"),
        (
            'b',
            "STORE 2 +FLAGS.SILENT (\\Answered)",
            "* 1 FETCH (UID 1 FLAGS (\\Deleted))\n\
            * 3 FETCH (UID 3 FLAGS (\\Deleted))\n* 4 FETCH (UID 4 FLAGS (\\Deleted))\nOK STORE done\n",
        ),
        (
            'a',
            "EXPUNGE",
            "* 1 EXPUNGE\n* 2 EXPUNGE\n* 2 EXPUNGE\n* 1 FETCH (UID 2 FLAGS (\\Answered \\Recent))\nOK EXPUNGE done\n",
        ),
        ('b', "NOOP", "* 1 EXPUNGE\n* 2 EXPUNGE\n* 2 EXPUNGE\nOK NOOP done\n"),
        ('b', "FETCH 1:* UID", "* 1 FETCH (UID 2)\nOK FETCH done\n"),
    ])
    .await;
}

#[tokio::test]
async fn new_messages_and_gone_ones_together() {
    let house = House::new().await;
    house.client().await.fill(&["one", "two"]).await;
    let mut a = house.reader().await;
    let mut b = house.reader().await;
    a.ask("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    a.ask("EXPUNGE").await;
    a.fill(&["three"]).await;
    // New ones are told at once, and the numbers of the old ones stay.
    assert_eq!(b.ask("FETCH 2 UID").await, "* 3 EXISTS\n* 1 RECENT\n* 2 FETCH (UID 2)\nOK FETCH done\n");
    assert_eq!(b.ask("FETCH 3 UID").await, "* 3 FETCH (UID 3)\nOK FETCH done\n");
    assert_eq!(b.ask("NOOP").await, "* 1 EXPUNGE\nOK NOOP done\n");
    assert_eq!(b.ask("FETCH 1:2 UID").await, "* 1 FETCH (UID 2)\n* 2 FETCH (UID 3)\nOK FETCH done\n");
}

#[tokio::test]
async fn moved_away_by_the_other() {
    let house = House::new().await;
    house.client().await.fill(&["one", "two"]).await;
    let mut a = house.reader().await;
    let mut b = house.reader().await;
    assert!(b.ask("MOVE 1 Trash").await.ends_with("* 1 EXPUNGE\nOK MOVE done\n"));
    assert_eq!(a.ask("UID FETCH 1 BODY[]").await, "* 1 EXPUNGE\nOK FETCH done\n");
    assert_eq!(a.ask("NOOP").await, "OK NOOP done\n");
}

#[tokio::test]
async fn recent_belongs_to_the_first() {
    let house = House::new().await;
    house.client().await.fill(&["one"]).await;
    assert!(house.client().await.ask("EXAMINE INBOX").await.contains("* 1 RECENT\n"));
    let mut a = house.client().await;
    assert!(a.ask("SELECT INBOX").await.contains("* 1 RECENT\n"));
    let mut b = house.client().await;
    assert!(b.ask("SELECT INBOX").await.contains("* 0 RECENT\n"));
    // What came while somebody looked on is nobody's later.
    house.client().await.fill(&["two"]).await;
    assert!(a.ask("NOOP").await.contains("* 2 RECENT\n"));
    a.ask("UNSELECT").await;
    assert!(house.client().await.ask("SELECT INBOX").await.contains("* 0 RECENT\n"));
}

#[tokio::test]
async fn idle_hears_at_once() {
    let house = House::new().await;
    let mut writer = house.reader().await;
    let mut idler = house.reader().await;
    idler.send("i IDLE\r\n").await;
    assert_eq!(idler.line().await, "+ idling\n");
    writer.fill(&["one"]).await;
    assert_eq!(idler.line().await, "* 1 EXISTS\n");
    assert_eq!(idler.line().await, "* 1 RECENT\n");
    writer.ask("STORE 1 +FLAGS (\\Deleted)").await;
    assert_eq!(idler.line().await, "* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))\n");
    writer.ask("EXPUNGE").await;
    assert_eq!(idler.line().await, "* 1 EXPUNGE\n");
    // Changes elsewhere are nobody's business here.
    writer.append("Archive", "", "a: b\r\n\r\n").await;
    idler.send("DONE\r\n").await;
    assert_eq!(idler.line().await, "i OK IDLE done\n");
    assert_eq!(idler.ask("NOOP").await, "OK NOOP done\n");
}

#[tokio::test]
async fn idle_before_any_mailbox() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.send("i IDLE\r\n").await;
    assert_eq!(client.line().await, "+ idling\n");
    client.send("DONE\r\nj NOOP\r\n").await;
    assert_eq!(client.line().await, "i OK IDLE done\n");
    assert_eq!(client.line().await, "j OK NOOP done\n");
}

/// Another process on the same store: its changes are found by looking, about a second later.
#[tokio::test]
async fn idle_hears_of_another_process() {
    let house = House::new().await;
    let mut idler = house.reader().await;
    idler.send("i IDLE\r\n").await;
    assert_eq!(idler.line().await, "+ idling\n");
    let areas = [directory::MIGRATIONS, mailstore::MIGRATIONS];
    let store = Store::open_embedded(house.folder.path(), &areas).await.unwrap();
    let other = Mailstore::new(store.clone(), clock::now);
    let people = Directory::open(store, directory::Settings::default(), clock::now).await.unwrap();
    let anna = people.open_as_operator(&Address::parse("anna@athens.test").unwrap()).await.unwrap();
    let account = other.open(&anna).await.unwrap();
    let mut stage = account.stage();
    stage.append("Subject: x\r\n\r\n".into()).await.unwrap();
    let body = stage.finish("".into()).await.unwrap();
    let message = Append { octets: body.len(), body, internal_date: None, flags: Flags::NONE, digest: None };
    account.append("INBOX", vec![message]).await.unwrap();
    assert_eq!(idler.line().await, "* 1 EXISTS\n");
}
