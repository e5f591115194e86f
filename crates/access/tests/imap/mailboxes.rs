//! Mailboxes: their list, their names, their state.

use crate::support::House;

const LISTS: &[(&str, &str)] = &[
    ("LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"\nOK LIST done\n"),
    (
        "LIST \"\" *",
        "* LIST (\\HasNoChildren) \"/\" INBOX\n\
         * LIST (\\HasNoChildren \\Archive) \"/\" \"Archive\"\n\
         * LIST (\\HasNoChildren \\Drafts) \"/\" \"Drafts\"\n\
         * LIST (\\HasNoChildren \\Junk) \"/\" \"Junk\"\n\
         * LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"\n\
         * LIST (\\HasNoChildren \\Trash) \"/\" \"Trash\"\nOK LIST done\n",
    ),
    ("CREATE Work/Entw&APw-rfe", "OK CREATE done\n"),
    ("CREATE work", "OK CREATE done\n"),
    ("CREATE Work", "NO [ALREADYEXISTS] A mailbox of that name exists already\n"),
    ("CREATE inbox", "NO [ALREADYEXISTS] A mailbox of that name exists already\n"),
    ("LIST \"\" Work%", "* LIST (\\HasChildren) \"/\" \"Work\"\nOK LIST done\n"),
    ("LIST Work/ %", "* LIST (\\HasNoChildren) \"/\" \"Work/Entw&APw-rfe\"\nOK LIST done\n"),
    ("LIST \"\" inbox", "* LIST (\\HasNoChildren) \"/\" INBOX\nOK LIST done\n"),
    // INBOX has children like any other (RFC 3348).
    ("CREATE INBOX/kid", "OK CREATE done\n"),
    ("CREATE INBOX-2", "OK CREATE done\n"),
    (
        "LIST \"\" IN*",
        "* LIST (\\HasChildren) \"/\" INBOX\n\
         * LIST (\\HasNoChildren) \"/\" \"INBOX/kid\"\n\
         * LIST (\\HasNoChildren) \"/\" \"INBOX-2\"\nOK LIST done\n",
    ),
    // What comes back under its name is what it was for; a second one is not (RFC 6154).
    ("RENAME Trash Bin", "OK RENAME done\n"),
    ("CREATE Trash", "OK CREATE done\n"),
    ("LIST \"\" Trash", "* LIST (\\HasNoChildren) \"/\" \"Trash\"\nOK LIST done\n"),
    ("DELETE Trash", "OK DELETE done\n"),
    ("DELETE Bin", "OK DELETE done\n"),
    ("CREATE Trash", "OK CREATE done\n"),
    ("LIST \"\" Trash", "* LIST (\\HasNoChildren \\Trash) \"/\" \"Trash\"\nOK LIST done\n"),
    ("DELETE inbox", "NO [CANNOT] INBOX cannot be deleted\n"),
    ("DELETE nowhere", "NO [NONEXISTENT] There is no mailbox of that name\n"),
    ("SELECT nowhere", "NO [NONEXISTENT] There is no mailbox of that name\n"),
    ("SELECT R&D", "NO [CANNOT] mailbox name is not modified UTF-7\n"),
    ("DELETE Work", "OK DELETE done\n"),
    (
        "LIST \"\" Work*",
        "* LIST (\\Noselect \\HasChildren) \"/\" \"Work\"\n\
         * LIST (\\HasNoChildren) \"/\" \"Work/Entw&APw-rfe\"\nOK LIST done\n",
    ),
    ("SELECT Work", "NO [CANNOT] The mailbox holds other mailboxes only\n"),
    ("RENAME Work/Entw&APw-rfe Work/Neu", "OK RENAME done\n"),
    ("RENAME Work Arbeit", "OK RENAME done\n"),
    (
        "STATUS Arbeit/Neu (MESSAGES UNSEEN RECENT UIDNEXT)",
        "* STATUS \"Arbeit/Neu\" (MESSAGES 0 UNSEEN 0 RECENT 0 UIDNEXT 1)\nOK STATUS done\n",
    ),
    ("DELETE Arbeit/Neu", "OK DELETE done\n"),
];

#[tokio::test]
async fn lists_and_names() {
    let house = House::new().await;
    house.client().await.talks(LISTS).await;
}

const SUBSCRIPTIONS: &[(&str, &str)] = &[
    ("UNSUBSCRIBE INBOX", "OK UNSUBSCRIBE done\n"),
    ("UNSUBSCRIBE Drafts", "OK UNSUBSCRIBE done\n"),
    ("UNSUBSCRIBE Sent", "OK UNSUBSCRIBE done\n"),
    ("UNSUBSCRIBE Junk", "OK UNSUBSCRIBE done\n"),
    ("UNSUBSCRIBE Trash", "OK UNSUBSCRIBE done\n"),
    ("UNSUBSCRIBE Archive", "OK UNSUBSCRIBE done\n"),
    ("LSUB \"\" *", "OK LSUB done\n"),
    ("SUBSCRIBE inbox", "OK SUBSCRIBE done\n"),
    ("SUBSCRIBE a/b/c", "OK SUBSCRIBE done\n"),
    ("LSUB \"\" *", "* LSUB () \"/\" INBOX\n* LSUB () \"/\" \"a/b/c\"\nOK LSUB done\n"),
    ("LSUB \"\" %", "* LSUB () \"/\" INBOX\n* LSUB (\\Noselect) \"/\" \"a\"\nOK LSUB done\n"),
    ("LSUB a/ %", "* LSUB (\\Noselect) \"/\" \"a/b\"\nOK LSUB done\n"),
];

#[tokio::test]
async fn subscriptions() {
    let house = House::new().await;
    house.client().await.talks(SUBSCRIPTIONS).await;
}

#[tokio::test]
async fn renaming_inbox_moves_its_messages() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.fill(&["one", "two"]).await;
    let answer = client.ask("RENAME INBOX Old").await;
    assert_eq!(answer, "* 1 EXPUNGE\n* 1 EXPUNGE\nOK RENAME done\n");
    assert!(client.ask("STATUS Old (MESSAGES)").await.starts_with("* STATUS \"Old\" (MESSAGES 2)\n"));
    assert!(client.ask("STATUS INBOX (MESSAGES)").await.starts_with("* STATUS INBOX (MESSAGES 0)\n"));
}

#[tokio::test]
async fn what_select_tells() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.append("INBOX", "(\\Seen) ", "a: b\r\n\r\n").await;
    client.append("INBOX", "(\\Flagged $Work) ", "a: b\r\n\r\n").await;
    let validity = client.ask("STATUS INBOX (UIDVALIDITY)").await;
    let validity = validity.split_once("UIDVALIDITY ").unwrap().1.split_once(')').unwrap().0.to_owned();
    let id = client.ask("STATUS INBOX (MAILBOXID)").await;
    let id = id.split_once("MAILBOXID (").unwrap().1.split_once(')').unwrap().0.to_owned();
    let closed = "* OK [CLOSED] The former mailbox was left\n";
    let told = |flags: &str, recent: u32, code: &str, done: &str| {
        format!(
            "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)\n\
             * OK [PERMANENTFLAGS ({flags})] Flags that last\n* 2 EXISTS\n* {recent} RECENT\n\
             * OK [UNSEEN 2] First unseen\n* OK [UIDVALIDITY {validity}] UIDs are valid\n\
             * OK [UIDNEXT 3] Next UID\n* OK [HIGHESTMODSEQ 3] Highest MODSEQ\n\
             * OK [MAILBOXID ({id})] The mailbox's id\nOK [{code}] {done} done\n"
        )
    };
    let all = "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work \\*";
    assert_eq!(client.ask("EXAMINE INBOX").await, told("", 2, "READ-ONLY", "EXAMINE"));
    assert_eq!(client.ask("STORE 1 FLAGS ()").await, "NO [CANNOT] The mailbox was opened by EXAMINE\n");
    assert_eq!(client.ask("SELECT INBOX").await, closed.to_owned() + &told(all, 2, "READ-WRITE", "SELECT"));
    assert_eq!(client.ask("FETCH 2 FLAGS").await, "* 2 FETCH (FLAGS (\\Flagged $Work \\Recent))\nOK FETCH done\n");
    assert_eq!(client.ask("SELECT INBOX").await, closed.to_owned() + &told(all, 0, "READ-WRITE", "SELECT"));
}

#[tokio::test]
async fn close_removes_and_unselect_does_not() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.fill(&["one", "two"]).await;
    client.ask("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    assert_eq!(client.ask("UNSELECT").await, "OK UNSELECT done\n");
    assert_eq!(client.ask("FETCH 1 UID").await, "BAD Select a mailbox first\n");
    assert!(client.ask("EXAMINE INBOX").await.contains("* 2 EXISTS\n"));
    assert_eq!(client.ask("CLOSE").await, "OK CLOSE done\n");
    assert!(client.ask("SELECT INBOX").await.contains("* 2 EXISTS\n"));
    assert_eq!(client.ask("CLOSE").await, "OK CLOSE done\n");
    assert!(client.ask("SELECT INBOX").await.contains("* 1 EXISTS\n"));
}

#[tokio::test]
async fn deleting_the_selected_mailbox() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.ask("CREATE Old").await;
    client.ask("SELECT Old").await;
    let mut other = house.client().await;
    other.ask("SELECT Old").await;
    assert_eq!(client.ask("DELETE Old").await, "OK DELETE done\n");
    assert_eq!(client.ask("FETCH 1 UID").await, "BAD Select a mailbox first\n");
    other.send("x NOOP\r\n").await;
    assert_eq!(other.line().await, "* BYE The selected mailbox was deleted\n");
}
