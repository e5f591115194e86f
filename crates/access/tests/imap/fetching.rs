//! FETCH: items, sections, partials, and large messages.

use crate::support::House;

const LETTER: &str = "From: Anna <anna@athens.test>\r\n\
To: friends: kostas@patras.test, \"Eleni K.\" <eleni@patras.test>;\r\n\
Date: Mon, 7 Feb 1994 21:52:25 -0800\r\n\
Subject: Two\r\n parts\r\n\
Message-ID: <1@athens.test>\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=xx\r\n\
\r\n\
--xx\r\n\
\r\n\
hello\r\n\
--xx\r\n\
Content-Type: message/rfc822\r\n\
\r\n\
Subject: inner\r\n\
From: kostas@patras.test\r\n\
Content-Type: multipart/alternative; boundary=yy\r\n\
\r\n\
--yy\r\n\
Content-Type: text/plain; charset=utf-8\r\n\
Content-Transfer-Encoding: base64\r\n\
\r\n\
zrHOvc6xCg==\r\n\
--yy\r\n\
Content-Type: text/html\r\n\
Content-Disposition: inline; filename=\"a b.html\"\r\n\
Content-Language: el, en\r\n\
\r\n\
<p>\r\n\
--yy--\r\n\
--xx--\r\n";

/// What is asked, and what stands in the brackets' place.
const SECTIONS: &[(&str, &str)] = &[
    ("BODY[1]", "BODY[1] {}\nhello"),
    ("BODY[1.MIME]", "BODY[1.MIME] {}\n\n"),
    ("BODY[2.MIME]", "BODY[2.MIME] {}\nContent-Type: message/rfc822\n\n"),
    ("BODY[2.HEADER.FIELDS (SUBJECT X)]", "BODY[2.HEADER.FIELDS (SUBJECT X)] {}\nSubject: inner\n\n"),
    ("BODY[2.1]", "BODY[2.1] {}\nzrHOvc6xCg=="),
    (
        "BODY[2.1.MIME]",
        "BODY[2.1.MIME] {}\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n",
    ),
    ("BODY[2.2]", "BODY[2.2] {}\n<p>"),
    ("BODY[2.3]", "BODY[2.3] NIL"),
    ("BODY[1.1]", "BODY[1.1] NIL"),
    ("BODY[3]", "BODY[3] NIL"),
    ("BODY[1.TEXT]", "BODY[1.TEXT] NIL"),
    ("BODY[2.1]<2.4>", "BODY[2.1]<2> {}\nHOvc"),
    ("BODY[2.1]<10.40>", "BODY[2.1]<10> {}\n=="),
    ("BODY[2.1]<99.4>", "BODY[2.1]<99> {}\n"),
    ("BODY.PEEK[HEADER.FIELDS (subject)]", "BODY[HEADER.FIELDS (subject)] {}\nSubject: Two\n parts\n\n"),
    (
        "BODY[HEADER.FIELDS.NOT (from to date content-type mime-version)]<9.13>",
        "BODY[HEADER.FIELDS.NOT (from to date content-type mime-version)]<9> {}\nTwo\n parts\n",
    ),
    ("RFC822.HEADER", ""),
    ("RFC822.SIZE", "RFC822.SIZE 752"),
];

/// `{}` filled with the octets behind it.
fn with_octets(expected: &str) -> String {
    match expected.split_once("{}\n") {
        Some((before, text)) => format!("{before}{{{}}}\n{text}", text.replace('\n', "\r\n").len()),
        None => expected.to_owned(),
    }
}

#[tokio::test]
async fn sections() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.append("INBOX", "(\\Seen) ", LETTER).await;
    let wire = |text: &str| text.replace("\r\n", "\n");
    for (asked, expected) in SECTIONS {
        let expected = match *asked {
            "RFC822.HEADER" => {
                let end = LETTER.find("\r\n\r\n").unwrap() + 4;
                format!("RFC822.HEADER {{{end}}}\n{}", wire(&LETTER[..end]))
            }
            "RFC822.SIZE" => format!("RFC822.SIZE {}", LETTER.len()),
            _ => with_octets(expected),
        };
        let answer = client.ask(&format!("FETCH 1 {asked}")).await;
        assert_eq!(answer, format!("* 1 FETCH ({expected})\nOK FETCH done\n"), "{asked}");
    }
    let (octets, text) = (LETTER.len(), wire(LETTER));
    for (asked, name) in [("BODY[]", "BODY[]"), ("RFC822", "RFC822")] {
        let answer = client.ask(&format!("UID FETCH 1 {asked}")).await;
        assert_eq!(answer, format!("* 1 FETCH (UID 1 {name} {{{octets}}}\n{text})\nOK FETCH done\n"));
    }
    let start = LETTER.find("\r\n\r\n").unwrap() + 4;
    let answer = client.ask("FETCH 1 (BODY[TEXT])").await;
    assert_eq!(
        answer,
        format!("* 1 FETCH (BODY[TEXT] {{{}}}\n{})\nOK FETCH done\n", octets - start, wire(&LETTER[start..]))
    );
}

#[tokio::test]
async fn envelope_and_structure() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.append("INBOX", "(\\Seen) ", LETTER).await;
    let anna = "((\"Anna\" NIL \"anna\" \"athens.test\"))";
    let kostas = "((NIL NIL \"kostas\" \"patras.test\"))";
    assert_eq!(
        client.ask("FETCH 1 ENVELOPE").await,
        format!(
            "* 1 FETCH (ENVELOPE (\"Mon, 7 Feb 1994 21:52:25 -0800\" \"Two parts\" {anna} {anna} {anna} \
             ((NIL NIL \"friends\" NIL)(NIL NIL \"kostas\" \"patras.test\")\
             (\"Eleni K.\" NIL \"eleni\" \"patras.test\")(NIL NIL NIL NIL)) NIL NIL NIL \"<1@athens.test>\"))\n\
             OK FETCH done\n"
        )
    );
    let inner = format!("(NIL \"inner\" {kostas} {kostas} {kostas} NIL NIL NIL NIL NIL)");
    let answer = client.ask("FETCH 1 BODY").await;
    assert_eq!(
        answer,
        format!(
            "* 1 FETCH (BODY ((\"text\" \"plain\" NIL NIL NIL \"7bit\" 5 0)\
             (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" {} {inner} \
             ((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"base64\" 12 0)\
             (\"text\" \"html\" NIL NIL NIL \"7bit\" 3 0) \"alternative\") 15) \"mixed\"))\nOK FETCH done\n",
            LETTER.find("\r\n--xx--").unwrap() - LETTER.find("Subject: inner").unwrap()
        )
    );
    let answer = client.ask("FETCH 1 BODYSTRUCTURE").await;
    assert!(
        answer.contains(
            "(\"text\" \"html\" NIL NIL NIL \"7bit\" 3 0 NIL (\"inline\" (\"filename\" \"a b.html\")) (\"el\" \"en\") NIL)"
        ),
        "{answer}"
    );
    assert!(answer.contains(" \"mixed\" (\"boundary\" \"xx\") NIL NIL NIL))"), "{answer}");
}

#[tokio::test]
async fn seen_is_set_by_reading_and_not_by_peeking() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.fill(&["one", "two", "three"]).await;
    let peeked = client.ask("FETCH 1 BODY.PEEK[TEXT]").await;
    assert_eq!(peeked, "* 1 FETCH (BODY[TEXT] {10}\none text\n)\nOK FETCH done\n");
    client.ask("FETCH 1 (RFC822.HEADER ENVELOPE BODYSTRUCTURE)").await;
    assert_eq!(client.ask("FETCH 1 FLAGS").await, "* 1 FETCH (FLAGS (\\Recent))\nOK FETCH done\n");
    let read = client.ask("FETCH 1 BODY[TEXT]").await;
    assert_eq!(read, "* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {10}\none text\n)\nOK FETCH done\n");
    let again = client.ask("FETCH 1 BODY[TEXT]").await;
    assert_eq!(again, "* 1 FETCH (BODY[TEXT] {10}\none text\n)\nOK FETCH done\n");
    assert!(client.ask("FETCH 2 RFC822.TEXT").await.starts_with("* 2 FETCH (FLAGS (\\Seen \\Recent) RFC822.TEXT {"));
    client.ask("EXAMINE INBOX").await;
    assert_eq!(client.ask("FETCH 3 BODY[TEXT]").await, "* 3 FETCH (BODY[TEXT] {12}\nthree text\n)\nOK FETCH done\n");
    assert_eq!(client.ask("FETCH 3 FLAGS").await, "* 3 FETCH (FLAGS ())\nOK FETCH done\n");
}

#[tokio::test]
async fn a_large_message_in_pieces() {
    let house = House::new().await;
    let mut client = house.reader().await;
    let line = format!("{}\r\n", "0123456789abcdef".repeat(4));
    let large = format!("Subject: large\r\n\r\n{}", line.repeat(60_000));
    client.append("INBOX", "(\\Seen) ", &large).await;
    let wire = |text: &str| text.replace("\r\n", "\n");
    let answer = client.ask("FETCH 1 BODY[]").await;
    assert!(answer == format!("* 1 FETCH (BODY[] {{{}}}\n{})\nOK FETCH done\n", large.len(), wire(&large)));
    for offset in [0, 18, 65_530, 65_536, 1_048_570, 3_900_000] {
        let answer = client.ask(&format!("FETCH 1 BODY[]<{offset}.70000>")).await;
        let end = (offset + 70_000).min(large.len());
        let expected = &large[offset..end];
        assert!(
            answer
                == format!("* 1 FETCH (BODY[]<{offset}> {{{}}}\n{})\nOK FETCH done\n", expected.len(), wire(expected))
        );
    }
    let answer = client.ask("FETCH 1 (BODYSTRUCTURE ENVELOPE BODY[1]<3900000.66>)").await;
    assert!(answer.contains(&format!("\"7bit\" {} 60000 ", line.len() * 60_000)), "{answer}");
}

#[tokio::test]
async fn a_header_without_a_body() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.append("INBOX", "(\\Seen) ", "Subject: x").await;
    client.append("INBOX", "(\\Seen) ", "\r\nonly text").await;
    assert_eq!(
        client.ask("FETCH 1:2 (BODY[HEADER] BODY[TEXT] BODY[1])").await,
        "* 1 FETCH (BODY[HEADER] {10}\nSubject: x BODY[TEXT] {0}\n BODY[1] {0}\n)\n\
         * 2 FETCH (BODY[HEADER] {2}\n\n BODY[TEXT] {9}\nonly text BODY[1] {9}\nonly text)\nOK FETCH done\n"
    );
}

#[tokio::test]
async fn an_octet_that_no_literal_may_hold() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.append("INBOX", "(\\Seen) ", "a: b\r\nc: \0\r\n\r\nx\0y\r\n").await;
    let shown = "\u{fffd}";
    assert_eq!(
        client.ask("FETCH 1 (BODY[] BODY[HEADER.FIELDS (c)])").await,
        format!(
            "* 1 FETCH (BODY[] {{19}}\na: b\nc: {shown}\n\nx{shown}y\n BODY[HEADER.FIELDS (c)] {{8}}\nc: {shown}\n\n)\n\
             OK FETCH done\n"
        )
    );
}
