//! IMAP4rev2 beside IMAP4rev1 (RFC 9051), names and letters in UTF-8 (RFC 6855), several letters at once (RFC 3502), parts
//! decoded (RFC 3516).

use crate::support::House;

#[tokio::test]
async fn the_second_revision() {
    let house = House::new().await;
    house.client().await.fill(&["one", "two"]).await;
    let mut client = house.client().await;
    assert_eq!(client.ask("ENABLE IMAP4rev2").await, "* ENABLED IMAP4rev2\nOK ENABLE done\n");
    let selected = client.ask("SELECT INBOX").await;
    assert!(selected.starts_with("* LIST (\\HasNoChildren) \"/\" INBOX\n* FLAGS "), "{selected}");
    assert!(selected.contains("* 2 EXISTS\n") && !selected.contains("RECENT") && !selected.contains("UNSEEN"));
    assert_eq!(client.ask("FETCH 1 FLAGS").await, "* 1 FETCH (FLAGS ())\nOK FETCH done\n");
    let found = client.ask("SEARCH SUBJECT two").await;
    assert!(found.starts_with("* ESEARCH (TAG \"t") && found.ends_with("\") ALL 2\nOK SEARCH done\n"), "{found}");
    let found = client.ask("UID SEARCH SUBJECT three").await;
    assert!(found.ends_with("\") UID\nOK SEARCH done\n"), "{found}");
    client.fill(&["three"]).await;
    assert_eq!(client.ask("NOOP").await, "OK NOOP done\n");
    // Another session speaks the first revision meanwhile.
    let mut old = house.reader().await;
    assert_eq!(old.ask("SEARCH SUBJECT two").await, "* SEARCH 2\nOK SEARCH done\n");
}

#[tokio::test]
async fn one_mailbox_under_both_spellings() {
    let house = House::new().await;
    let mut new = house.client().await;
    new.ask("ENABLE IMAP4rev2").await;
    assert!(new.ask("CREATE \"R&D/Αθήνα\"").await.starts_with("OK "));
    assert_eq!(new.ask("LIST \"\" R&D/%").await, "* LIST (\\HasNoChildren) \"/\" \"R&D/Αθήνα\"\nOK LIST done\n");
    let mut old = house.client().await;
    assert_eq!(
        old.ask("LIST \"\" \"R&-D/*\"").await,
        "* LIST (\\HasNoChildren) \"/\" \"R&-D/&A5EDuAOuA70DsQ-\"\nOK LIST done\n"
    );
    let status = old.ask("STATUS R&-D/&A5EDuAOuA70DsQ- (MESSAGES)").await;
    assert!(status.starts_with("* STATUS \"R&-D/&A5EDuAOuA70DsQ-\" (MESSAGES 0)\n"), "{status}");
    let status = new.ask("STATUS \"R&D/Αθήνα\" (MESSAGES)").await;
    assert!(status.starts_with("* STATUS \"R&D/Αθήνα\" (MESSAGES 0)\n"), "{status}");
}

#[tokio::test]
async fn several_letters_at_once() {
    let house = House::new().await;
    let mut client = house.reader().await;
    let answer = client
        .ask(
            "APPEND INBOX (\\Seen) {12+}\r\na: b\r\n\r\none\n \"01-Jan-2020 00:00:00 +0000\" {9+}\r\na: b\r\n\r\n2 \
             (\\Draft $x) ~{11+}\r\na: b\r\n\r\nt\0e",
        )
        .await;
    assert!(
        answer.contains("* 3 EXISTS\n") && answer.contains("OK [APPENDUID ") && answer.contains(" 1:3] "),
        "{answer}"
    );
    assert_eq!(
        client.ask("FETCH 1:3 (FLAGS RFC822.SIZE)").await,
        "* 1 FETCH (FLAGS (\\Seen \\Recent) RFC822.SIZE 12)\n* 2 FETCH (FLAGS (\\Recent) RFC822.SIZE 9)\n\
         * 3 FETCH (FLAGS (\\Draft $x \\Recent) RFC822.SIZE 11)\nOK FETCH done\n"
    );
    assert_eq!(client.ask("SEARCH BEFORE 1-Jan-2021").await, "* SEARCH 2\nOK SEARCH done\n");
    // All or nothing.
    let answer = client.ask("APPEND INBOX {3+}\r\na:b {0}").await;
    assert_eq!(answer, "NO A message has one octet at least\n");
    assert_eq!(
        client.ask("APPEND INBOX {3+}\r\na:b x").await,
        "BAD Nothing but another message may follow a message\n"
    );
    assert_eq!(client.ask("SEARCH ALL").await, "* SEARCH 1 2 3\nOK SEARCH done\n");
    client.ask("ENABLE UTF8=ACCEPT").await;
    let letter = "Subject: Grüße\r\n\r\n";
    let answer = client.ask(&format!("APPEND INBOX UTF8 (~{{{}+}}\r\n{letter})", letter.len())).await;
    assert!(answer.contains("OK [APPENDUID "), "{answer}");
    assert_eq!(client.ask("SEARCH SUBJECT \"grüsse\"").await, "* SEARCH 4\nOK SEARCH done\n");
}

const LETTER: &str = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
    Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n--x\r\n\
    Content-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\nAwQF\r\n--x\r\n\
    Content-Type: text/plain\r\n\r\nplain\r\n--x\r\n\
    Content-Type: text/plain\r\nContent-Transfer-Encoding: x-own\r\n\r\nplain\r\n--x--\r\n";

#[tokio::test]
async fn parts_decoded() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.append("INBOX", "", LETTER).await;
    client
        .talks(&[
            ("FETCH 1 BINARY.SIZE[1]", "* 1 FETCH (BINARY.SIZE[1] 4)\nOK FETCH done\n"),
            ("FETCH 1 BINARY.PEEK[1]", "* 1 FETCH (BINARY[1] ~{4}\na=bc)\nOK FETCH done\n"),
            (
                "FETCH 1 (BINARY.SIZE[2] BINARY.PEEK[2])",
                "* 1 FETCH (BINARY.SIZE[2] 6 BINARY[2] ~{6}\n\0\u{1}\u{2}\u{3}\u{4}\u{5})\nOK FETCH done\n",
            ),
            ("FETCH 1 BINARY.PEEK[2]<2.3>", "* 1 FETCH (BINARY[2]<2> ~{3}\n\u{2}\u{3}\u{4})\nOK FETCH done\n"),
            ("FETCH 1 BINARY.PEEK[1]<9.3>", "* 1 FETCH (BINARY[1]<9> ~{0}\n)\nOK FETCH done\n"),
            ("FETCH 1 BINARY.PEEK[3]<1.3>", "* 1 FETCH (BINARY[3]<1> ~{3}\nlai)\nOK FETCH done\n"),
            ("FETCH 1 BINARY.PEEK[7]", "* 1 FETCH (BINARY[7] NIL)\nOK FETCH done\n"),
            ("FETCH 1 BINARY.PEEK[4]", "NO [UNKNOWN-CTE] A part is in an encoding that is not known\n"),
            ("FETCH 1 BINARY[3]", "* 1 FETCH (FLAGS (\\Seen \\Recent) BINARY[3] ~{5}\nplain)\nOK FETCH done\n"),
        ])
        .await;
    let whole = client.ask("FETCH 1 BINARY[]").await;
    assert_eq!(
        whole,
        format!("* 1 FETCH (BINARY[] ~{{{}}}\n{})\nOK FETCH done\n", LETTER.len(), LETTER.replace("\r\n", "\n"))
    );
}

/// Decoded piece by piece: what lies across pieces is whole.
#[tokio::test]
async fn a_large_part_decoded() {
    let house = House::new().await;
    let mut client = house.reader().await;
    let octets = 300_000;
    let line = format!("{}\r\n", "QUJD".repeat(19));
    let body = line.repeat(octets / 57 + 1);
    let letter = format!("Content-Transfer-Encoding: base64\r\n\r\n{body}");
    client.append("INBOX", "", &letter).await;
    let total = (octets / 57 + 1) * 57;
    let answer = client.ask("FETCH 1 BINARY.PEEK[1]").await;
    let decoded = "ABC".repeat(total / 3);
    assert!(answer == format!("* 1 FETCH (BINARY[1] ~{{{total}}}\n{decoded})\nOK FETCH done\n"));
    let answer = client.ask("FETCH 1 BINARY.PEEK[1]<200000.4>").await;
    assert_eq!(answer, "* 1 FETCH (BINARY[1]<200000> ~{4}\nCABC)\nOK FETCH done\n");
}
