//! REPLACE (RFC 8508) and CATENATE (RFC 4469): messages that take others' places, or are put together of them.

use crate::postgres::Postgres;
use crate::support::{Client, House};

const LETTER: &str = "Subject: old\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
    Content-Type: text/plain\r\n\r\nfirst\r\n--x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    AAEC\r\n--x--\r\n";

/// An answer with UIDVALIDITY taken out of APPENDUID.
fn plain(answer: &str) -> String {
    let Some((before, rest)) = answer.split_once("[APPENDUID ") else { return answer.to_owned() };
    format!("{before}[APPENDUID {}", rest.split_once(' ').unwrap().1)
}

async fn text(client: &mut Client, uid: u32) -> String {
    let answer = client.ask(&format!("UID FETCH {uid} BODY.PEEK[]")).await;
    let (_, rest) = answer.split_once("}\n").unwrap();
    rest.strip_suffix(")\nOK FETCH done\n").unwrap().to_owned()
}

#[tokio::test]
async fn one_takes_the_place_of_another() {
    replacing(House::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_takes_the_place_of_another_on_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    replacing(House::on_cluster(postgres.database("replace")).await).await;
}

async fn replacing(house: House) {
    house.client().await.fill(&["one", "two", "three"]).await;
    let mut other = house.reader().await;
    let mut a = house.reader().await;
    let answer = a.ask("REPLACE 2 INBOX (\\Draft) {9+}\r\na: b\r\n\r\nc").await;
    assert_eq!(
        plain(&answer),
        "* OK [APPENDUID 4] The new message\n* 2 EXPUNGE\n* 3 EXISTS\n* 1 RECENT\nOK REPLACE done\n"
    );
    assert_eq!(other.ask("NOOP").await, "* 2 EXPUNGE\n* 3 EXISTS\n* 3 RECENT\nOK NOOP done\n");
    let shown = a.ask("FETCH 1:3 (UID FLAGS)").await;
    assert!(shown.contains("* 3 FETCH (UID 4 FLAGS (\\Draft") && !shown.contains("UID 2 "), "{shown}");
    // By UID, into another mailbox; nothing is left of the old one's flags.
    a.ask("STORE 1 +FLAGS.SILENT (\\Flagged)").await;
    let answer = a.ask("UID REPLACE 1 Archive {1+}\r\nx").await;
    assert_eq!(plain(&answer), "* OK [APPENDUID 1] The new message\n* 1 EXPUNGE\nOK REPLACE done\n");
    a.talks(&[
        ("STATUS INBOX (MESSAGES UNSEEN)", "* STATUS INBOX (MESSAGES 2 UNSEEN 2)\nOK STATUS done\n"),
        ("STATUS Archive (MESSAGES SIZE)", "* STATUS \"Archive\" (MESSAGES 1 SIZE 1)\nOK STATUS done\n"),
        ("REPLACE 3 INBOX {1+}\r\nx", "BAD No such sequence number\n"),
        ("UID REPLACE 99 INBOX {1+}\r\nx", "NO There is no such message\n"),
        ("REPLACE 1 Nowhere {1+}\r\nx", "NO [TRYCREATE] There is no mailbox of that name\n"),
    ])
    .await;
    // Somebody else was faster, before it began, and while it went on.
    other.ask("UID STORE 3 +FLAGS.SILENT (\\Deleted)").await;
    other.ask("EXPUNGE").await;
    assert_eq!(a.ask("REPLACE 1 INBOX {1+}\r\nx").await, "NO [EXPUNGEISSUED] There is no such message\n");
    a.ask("NOOP").await;
    a.send("r REPLACE 1 INBOX {1}\r\n").await;
    assert_eq!(a.line().await, "+ OK\n");
    other.ask("UID STORE 4 +FLAGS.SILENT (\\Deleted)").await;
    other.ask("EXPUNGE").await;
    a.send("x\r\n").await;
    assert_eq!(a.line().await, "r NO [EXPUNGEISSUED] The message is gone\n");
    assert_eq!(a.ask("STATUS INBOX (MESSAGES)").await, "* STATUS INBOX (MESSAGES 0)\n* 1 EXPUNGE\nOK STATUS done\n");
    a.ask("EXAMINE Archive").await;
    assert_eq!(a.ask("REPLACE 1 INBOX {1+}\r\nx").await, "NO [CANNOT] The mailbox was opened by EXAMINE\n");
}

#[tokio::test]
async fn replaced_is_vanished() {
    let house = House::new().await;
    house.client().await.fill(&["one"]).await;
    let mut q = house.client().await;
    q.ask("ENABLE QRESYNC").await;
    q.ask("SELECT INBOX").await;
    let answer = q.ask("UID REPLACE * INBOX CATENATE (URL \";UID=1/;SECTION=HEADER\" TEXT {3+}\r\nnew)").await;
    let end = "* VANISHED 1\n* 1 EXISTS\n* 1 RECENT\nOK [HIGHESTMODSEQ 5] REPLACE done\n";
    assert_eq!(plain(&answer), format!("* OK [APPENDUID 2] The new message\n{end}"));
    assert_eq!(text(&mut q, 2).await, "Subject: one\n\nnew");
}

#[tokio::test]
async fn put_together() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.append("INBOX", "", LETTER).await;
    client.append("INBOX", "", "Subject: whole\r\n\r\nwhole\r\n").await;
    let status = client.ask("STATUS INBOX (UIDVALIDITY)").await;
    let validity = status.split_once("UIDVALIDITY ").unwrap().1.split_once(')').unwrap().0.to_owned();
    // RFC 4469 appendix A, example 1: another attachment.
    let url = format!("/INBOX;UIDVALIDITY={validity}/;UID=1");
    let answer = client
        .ask(&format!(
            "APPEND INBOX (\\Seen) CATENATE (URL \"{url}/;section=HEADER\" TEXT {{5+}}\r\n--x\r\n URL \
             \"{url}/;section=1.MIME\" URL \"{url}/;section=1\" TEXT {{7+}}\r\n\r\n--x\r\n URL \"/inbox/;UID=2\" TEXT \
             {{9+}}\r\n\r\n--x--\r\n)"
        ))
        .await;
    assert!(answer.contains("OK [APPENDUID ") && answer.ends_with(" 3] APPEND done\n"), "{answer}");
    client.ask("SELECT INBOX").await;
    let (header, _) = LETTER.split_once("--x").unwrap();
    let expected = format!(
        "{header}--x\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--x\r\nSubject: whole\r\n\r\nwhole\r\n\r\n--x--\r\n"
    );
    assert_eq!(text(&mut client, 3).await, expected.replace("\r\n", "\n"));
    assert_eq!(client.ask("FETCH 1 FLAGS").await, "* 1 FETCH (FLAGS (\\Recent))\nOK FETCH done\n");
    // Several at once, without any literal, of chosen fields, of a piece; decoded by nobody.
    let answer = client
        .ask(
            "APPEND Archive CATENATE (URL \"/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(Subject)\" URL \
             /INBOX/;UID=2/;PARTIAL=16.3) \"01-Jan-2020 00:00:00 +0000\" CATENATE (URL /INBOX/;UID=1/;SECTION=2)",
        )
        .await;
    assert!(answer.ends_with(" 1:2] APPEND done\n"), "{answer}");
    client.ask("SELECT Archive").await;
    assert_eq!(text(&mut client, 1).await, "Subject: old\n\n\nw");
    assert_eq!(text(&mut client, 2).await, "AAEC");
}

#[tokio::test]
async fn urls_that_lead_nowhere() {
    let house = House::with(|settings| settings.message_octets_max = 1000).await;
    let mut client = house.client().await;
    client.append("INBOX", "", &format!("a: b\r\n\r\n{}", "x".repeat(600))).await;
    for url in [
        "/INBOX/;UID=2",
        "/Nowhere/;UID=1",
        "/INBOX;UIDVALIDITY=1/;UID=1",
        "/INBOX/;UID=1/;SECTION=7",
        "/INBOX/;UID=1/;SECTION=NO",
        "imap://mx.athens.test/INBOX/;UID=1",
        "http://athens.test/",
        ";UID=1",
    ] {
        let answer = client.ask(&format!("APPEND INBOX CATENATE (TEXT {{3+}}\r\nabc URL \"{url}\")")).await;
        assert_eq!(answer, format!("NO [BADURL {url}] The URL names no octets of a message here\n"));
    }
    client
        .talks(&[
            ("APPEND INBOX CATENATE (URL /INBOX/;UID=1 URL /INBOX/;UID=1)", "NO [TOOBIG] Message is too large\n"),
            // No message is too large, but all of them together.
            (
                &format!("APPEND INBOX{}", " CATENATE (URL /INBOX/;UID=1)".repeat(7)),
                "NO [TOOBIG] Message is too large\n",
            ),
            (
                "APPEND INBOX CATENATE (URL /INBOX/;UID=1 TEXT {400+}\r\n)\r\nx NOOP",
                "NO [TOOBIG] Message is too large\n",
            ),
        ])
        .await;
    let mut client = house.client().await;
    client
        .talks(&[
            ("APPEND INBOX CATENATE (TEXT {0+}\r\n)", "NO [CANNOT] A message has one octet at least\n"),
            ("APPEND Nowhere CATENATE (URL /INBOX/;UID=1)", "NO [TRYCREATE] There is no mailbox of that name\n"),
            // All or nothing.
            ("APPEND INBOX {3+}\r\nabc CATENATE (URL x)", "NO [BADURL x] The URL names no octets of a message here\n"),
            ("STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 1)\nOK STATUS done\n"),
        ])
        .await;
}
