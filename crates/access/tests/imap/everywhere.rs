//! ESEARCH of several mailboxes (MULTISEARCH, RFC 7377).

use crate::support::{Client, House};

/// An answer with the UIDVALIDITYs left out.
fn plain(answer: &str) -> String {
    let mut pieces = answer.split(" UIDVALIDITY ");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |all, piece| all + piece.trim_start_matches(|c: char| c.is_ascii_digit()))
}

async fn talks(client: &mut Client, talk: &[(&str, &str)]) {
    for (command, answer) in talk {
        let told = plain(&client.ask(command).await);
        // Tags count up; what they are is known.
        let told: String = told
            .lines()
            .map(|line| line.split_once("\" MAILBOX ").map_or(line, |(_, rest)| rest))
            .collect::<Vec<_>>()
            .join("|");
        assert_eq!(told, *answer, "after {command}");
    }
}

/// With nothing selected.
const ANYWHERE: &[(&str, &str)] = &[
    ("ESEARCH IN (subtree Work) SUBJECT one", "\"Work\") UID ALL 1|\"Work/Old/Deep\") UID ALL 1|OK ESEARCH done"),
    ("ESEARCH IN (subtree-one Work) ALL", "\"Work\") UID ALL 1|\"Work/Old\") UID ALL 1|OK ESEARCH done"),
    (
        "ESEARCH IN (mailboxes (INBOX Nowhere) mailboxes inbox) RETURN (MIN MAX) SUBJECT one",
        "INBOX) UID MIN 1 MAX 3|OK ESEARCH done",
    ),
    (
        "ESEARCH IN (inboxes) SUBJECT one",
        "INBOX) UID ALL 1,3|\"Entw&APw-rfe\") UID ALL 1|\"Work\") UID ALL 1|\"Work/Old/Deep\") UID ALL 1|\
                 \"Workshop\") UID ALL 1|OK ESEARCH done",
    ),
    (
        "ESEARCH IN (personal) RETURN () SUBJECT one 1",
        "INBOX) UID ALL 1|\"Archive\") UID ALL 1|\"Entw&APw-rfe\") UID ALL 1|\"Work\") UID ALL 1|\
                 \"Work/Old/Deep\") UID ALL 1|\"Workshop\") UID ALL 1|OK ESEARCH done",
    ),
    ("ESEARCH IN (personal) RETURN (COUNT) SUBJECT three", "OK ESEARCH done"),
    (
        "ESEARCH IN (personal) RETURN (PARTIAL 1:1) SUBJECT two",
        "INBOX) UID PARTIAL (1:1 2)|\"Work/Old\") UID PARTIAL (1:1 1)|OK ESEARCH done",
    ),
    ("ESEARCH IN (subscribed) SUBJECT one", "\"Workshop\") UID ALL 1|OK ESEARCH done"),
    ("ESEARCH IN (personal) RETURN (SAVE) ALL", "BAD Only what is found in the selected mailbox can be saved"),
    ("ESEARCH IN (personal) CHARSET nosuch ALL", "NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset"),
];

#[tokio::test]
async fn one_search_of_several_mailboxes() {
    let house = House::new().await;
    let mut client = house.client().await;
    for mailbox in ["Work/Old/Deep", "Workshop", "\"Entw&APw-rfe\""] {
        client.ask(&format!("CREATE {mailbox}")).await;
    }
    for (mailbox, subject) in [
        ("INBOX", "one"),
        ("INBOX", "two"),
        ("INBOX", "one more"),
        ("Work", "one"),
        ("Work/Old", "two"),
        ("Work/Old/Deep", "one"),
        ("Workshop", "one"),
        ("\"Entw&APw-rfe\"", "one"),
        ("Archive", "one"),
    ] {
        client.append(mailbox, "", &format!("Subject: {subject}\r\n\r\n")).await;
    }
    client.ask("SUBSCRIBE Workshop").await;
    client.ask("UNSUBSCRIBE INBOX").await;
    client.ask("UNSUBSCRIBE Archive").await;
    assert_eq!(client.ask("ESEARCH SUBJECT one").await, "BAD Select a mailbox first\n");
    let answer = client.ask("ESEARCH IN (mailboxes INBOX) RETURN (COUNT) SUBJECT one").await;
    let status = client.ask("STATUS INBOX (UIDVALIDITY)").await;
    let validity = status.split_once("UIDVALIDITY ").unwrap().1.split_once(')').unwrap().0;
    let tag = answer.split_once('"').unwrap().1.split_once('"').unwrap().0;
    assert_eq!(
        answer,
        format!("* ESEARCH (TAG \"{tag}\" MAILBOX INBOX UIDVALIDITY {validity}) UID COUNT 2\nOK ESEARCH done\n")
    );
    talks(&mut client, ANYWHERE).await;
    // The selected mailbox stays as it is, and what is saved is of it.
    client.ask("SELECT INBOX").await;
    talks(
        &mut client,
        &[
            ("ESEARCH SUBJECT two", "INBOX) UID ALL 2|OK ESEARCH done"),
            ("ESEARCH IN (selected) RETURN (SAVE) SUBJECT one", "OK ESEARCH done"),
            ("ESEARCH IN (mailboxes Work selected) 2:9", "INBOX) UID ALL 2:3|OK ESEARCH done"),
            ("UID FETCH $ UID", "* 1 FETCH (UID 1)|* 3 FETCH (UID 3)|OK FETCH done"),
            ("ESEARCH IN (subtree Work) RETURN (COUNT) MODSEQ 1", "\"Work\") UID COUNT 1 MODSEQ 2|\"Work/Old\") UID COUNT 1 MODSEQ 2|\"Work/Old/Deep\") UID COUNT 1 MODSEQ 2|OK ESEARCH done"),
        ],
    )
    .await;
}
