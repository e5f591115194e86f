//! SORT and THREAD (RFC 5256, 5957, 5267), PREVIEW (8970), SAVEDATE (8514).

use crate::support::House;

const LETTERS: [&str; 4] = [
    "From: Zoe <anna@a.test>\r\nTo: x@a.test\r\nSubject: Re: plan\r\nDate: Mon, 1 Jan 2024 12:00:00 +0000\r\n\
     Message-ID: <1@a>\r\nReferences: <0@a> <3@a>\r\n\r\nFirst words\r\nof it\r\n",
    "From: bert@a.test\r\nSubject: other\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\nMessage-ID: <2@a>\r\n\r\nlonger text here, more of it, and more, and more\r\n",
    "From: =?utf-8?q?=C3=84nna?= <zoe@a.test>\r\nSubject: [list] Plan\r\nDate: Sun, 31 Dec 2023 12:00:00 +0000\r\n\
     Message-ID: <3@a>\r\n\r\nx\r\n",
    "Subject: Fwd: OTHER\r\nDate: Tue, 2 Jan 2024 10:00:00 +0000\r\nMessage-ID: <4@a>\r\n\r\n",
];

#[tokio::test]
async fn orders_and_threads() {
    let house = House::new().await;
    let mut client = house.reader().await;
    for letter in LETTERS {
        client.append("INBOX", "", letter).await;
    }
    for (command, answer) in [
        ("SORT (DATE) UTF-8 ALL", "* SORT 3 2 1 4\nOK SORT done\n"),
        ("SORT (REVERSE DATE) UTF-8 ALL", "* SORT 4 1 2 3\nOK SORT done\n"),
        ("UID SORT (SUBJECT REVERSE DATE) UTF-8 ALL", "* SORT 4 2 1 3\nOK SORT done\n"),
        ("SORT (FROM) UTF-8 ALL", "* SORT 4 1 2 3\nOK SORT done\n"),
        ("SORT (DISPLAYFROM) UTF-8 ALL", "* SORT 4 2 1 3\nOK SORT done\n"),
        ("SORT (REVERSE ARRIVAL SIZE) UTF-8 DELETED", "* SORT\nOK SORT done\n"),
        ("SORT (DATE) X-NONE ALL", "NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset\n"),
        ("THREAD REFERENCES UTF-8 ALL", "* THREAD (3 1)(2 4)\nOK THREAD done\n"),
        ("UID THREAD ORDEREDSUBJECT UTF-8 1:3", "* THREAD (3 1)(2)\nOK THREAD done\n"),
        ("THREAD REFERENCES UTF-8 DELETED", "* THREAD\nOK THREAD done\n"),
    ] {
        assert_eq!(client.ask(command).await, answer, "{command}");
    }
    let sizes = client.ask("SORT (REVERSE SIZE) UTF-8 ALL").await;
    assert!(sizes.ends_with(" 4\nOK SORT done\n"), "{sizes}");
    let answer = client.ask("SORT RETURN (MIN ALL COUNT SAVE) (DATE) UTF-8 ALL").await;
    assert!(answer.ends_with("\") MIN 3 COUNT 4 ALL 3,2,1,4\nOK SORT done\n"), "{answer}");
    assert_eq!(client.ask("SEARCH $ 1:2").await, "* SEARCH 1 2\nOK SEARCH done\n");
}

#[tokio::test]
async fn how_it_begins_and_when_it_came() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.append("INBOX", "\"01-Jan-2020 00:00:00 +0000\" ", LETTERS[0]).await;
    client.append("INBOX", "", LETTERS[3]).await;
    client
        .talks(&[
            ("FETCH 1 PREVIEW", "* 1 FETCH (PREVIEW \"First words of it\")\nOK FETCH done\n"),
            ("FETCH 2 (PREVIEW (LAZY))", "* 2 FETCH (PREVIEW \"\")\nOK FETCH done\n"),
            (
                "FETCH 1 (BODY.PEEK[TEXT]<0.5> PREVIEW)",
                "* 1 FETCH (BODY[TEXT]<0> {5}\nFirst PREVIEW \"First words of it\")\nOK FETCH done\n",
            ),
            // Appended today, whatever its internal date says.
            ("SEARCH SAVEDSINCE 1-Jan-2021", "* SEARCH 1 2\nOK SEARCH done\n"),
            ("SEARCH SAVEDBEFORE 1-Jan-2021", "* SEARCH\nOK SEARCH done\n"),
            ("SEARCH SAVEDATESUPPORTED", "* SEARCH 1 2\nOK SEARCH done\n"),
        ])
        .await;
    let saved = client.ask("FETCH 1 (SAVEDATE)").await;
    assert!(saved.starts_with("* 1 FETCH (SAVEDATE \"") && saved.ends_with(" +0000\")\nOK FETCH done\n"), "{saved}");
    assert!(!saved.contains("-2020 "), "{saved}");
}
