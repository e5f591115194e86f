//! SEARCH.

use crate::support::{Client, House};

/// Three messages: flags, dates, sizes, headers and texts differ.
async fn prepare(client: &mut Client) {
    let one = "From: Anna <anna@athens.test>\r\nTo: kostas@patras.test\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from\r\n \
               Athens\r\nDate: Mon, 1 Jan 2024 23:30:00 -0500\r\nX-Empty:\r\n\r\nThe Acropolis shines.\r\n";
    let two = "From: Kostas <kostas@patras.test>\r\nTo: anna@athens.test\r\nCc: eleni@patras.test\r\nSubject: Re: trip\r\n\
               Date: Wed, 3 Jan 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\n\
               Content-Type: text/plain; charset=iso-8859-7\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
               =C1=EA=F1=FC=F0=EF=EB=E7 soon, and a soft=\r\n line\r\n";
    let three = "Subject: parts\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\naGlkZGVuIHdvcmQ=\r\n--x\r\nContent-Type: image/png\r\n\r\n\
                 picture\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: nested\r\n\r\ndeep text\r\n--x--\r\n";
    client.append("INBOX", "(\\Seen $Work) \"01-Jan-2024 10:00:00 +0000\" ", one).await;
    client.append("INBOX", "(\\Answered) \"03-Jan-2024 23:59:59 +0000\" ", two).await;
    client.append("INBOX", "(\\Deleted \\Draft) \"04-Jan-2024 00:00:00 +0000\" ", three).await;
}

/// The keys, and the sequence numbers found.
const SEARCHES: &[(&str, &str)] = &[
    ("ALL", " 1 2 3"),
    ("SEEN", " 1"),
    ("UNSEEN", " 2 3"),
    ("NEW", " 2 3"),
    ("OLD", ""),
    ("RECENT UNDELETED", " 1 2"),
    ("ANSWERED", " 2"),
    ("DRAFT DELETED", " 3"),
    ("KEYWORD $work", " 1"),
    ("UNKEYWORD $Work", " 2 3"),
    ("KEYWORD nosuch", ""),
    ("2:*", " 2 3"),
    ("UID 1,3", " 1 3"),
    ("UID 99", ""),
    ("NOT 2", " 1 3"),
    ("OR SEEN ANSWERED", " 1 2"),
    ("OR (SEEN ANSWERED) 3", " 3"),
    ("BEFORE 3-Jan-2024", " 1"),
    ("ON 3-Jan-2024", " 2"),
    ("SINCE 3-Jan-2024", " 2 3"),
    ("SENTON 1-Jan-2024", " 1"),
    ("SENTBEFORE 3-Jan-2024", " 1"),
    ("SENTSINCE 1-Jan-2024", " 1 2"),
    ("LARGER 1", " 1 2 3"),
    ("SMALLER 230", " 1"),
    ("FROM anna", " 1"),
    ("FROM ANNA@ATHENS", " 1"),
    ("TO patras", " 1"),
    ("CC eleni", " 2"),
    ("SUBJECT \"from athens\"", " 1"),
    ("SUBJECT re:", " 2"),
    ("HEADER X-Empty \"\"", " 1"),
    ("HEADER X-None \"\"", ""),
    ("HEADER subject parts", " 3"),
    ("BODY acropolis", " 1"),
    ("BODY \"softline\"", ""),
    ("BODY \"soft line\"", " 2"),
    ("BODY athens", ""),
    ("TEXT athens", " 1 2"),
    ("BODY \"hidden word\"", " 3"),
    ("BODY picture", ""),
    ("BODY \"deep text\"", " 3"),
    ("BODY nested", " 3"),
    ("NOT BODY acropolis", " 2 3"),
    ("CHARSET US-ASCII SUBJECT trip", " 2"),
];

#[tokio::test]
async fn keys() {
    let house = House::new().await;
    let mut client = house.reader().await;
    prepare(&mut client).await;
    for (keys, found) in SEARCHES {
        assert_eq!(client.ask(&format!("SEARCH {keys}")).await, format!("* SEARCH{found}\nOK SEARCH done\n"), "{keys}");
    }
    // In any alphabet, and whatever the case.
    for (keys, found) in [("SUBJECT {6+}\r\nGRÜ", " 1"), ("BODY {16+}\r\nΑΚΡΌΠΟΛ", " 2"), ("TEXT {7+}\r\ngrüße", " 1")]
    {
        let answer = client.ask(&format!("SEARCH CHARSET UTF-8 {}", measured(keys))).await;
        assert_eq!(answer, format!("* SEARCH{found}\nOK SEARCH done\n"), "{keys}");
    }
    assert_eq!(client.ask("SEARCH CHARSET KLINGON ALL").await, "NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset\n");
    client.ask("STORE 1 +FLAGS.SILENT \\Deleted").await;
    client.ask("EXPUNGE").await;
    assert_eq!(client.ask("UID SEARCH NOT BODY nothing").await, "* SEARCH 2\nOK SEARCH done\n");
    assert_eq!(client.ask("SEARCH 3").await, "* SEARCH\nOK SEARCH done\n");
}

/// Texts that differ in case only, whatever the alphabet.
#[tokio::test]
async fn cases_are_folded() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.append("INBOX", "", "Subject: Στέφανος\r\n\r\nDie Straße nach ΑΘΗΝΑΣ\r\n").await;
    for key in ["SUBJECT {0+}\r\nΣΤΈΦΑΝΟΣ", "BODY {0+}\r\nSTRASSE", "BODY {0+}\r\nstraße", "TEXT {0+}\r\nαθηνασ"]
    {
        let answer = client.ask(&format!("SEARCH CHARSET UTF-8 {}", measured(key))).await;
        assert_eq!(answer, "* SEARCH 1\nOK SEARCH done\n", "{key}");
    }
    client.send(b"x SEARCH CHARSET UTF-8 SUBJECT {2+}\r\n\xff\xfe\r\n").await;
    assert_eq!(client.line().await, "x BAD The text is not in the charset named\n");
}

/// Header fields are answered alike by the index of texts, by digests alone, by rows, and by the messages.
#[tokio::test]
async fn header_fields_of_many_messages() {
    let house = House::new().await;
    let mut client = house.reader().await;
    let count = mailstore::limits::GRAM_SEGMENT_LETTERS + 40;
    let letter = |n: usize| {
        format!(
            "From: Anna <a{n}@athens.test>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= {n}.\r\nX-Odd: <{n}>\r\n\r\nGr 77.\r\n"
        )
    };
    for first in (0..count).step_by(100) {
        let literals = (first..count.min(first + 100)).map(|n| format!(" {{{}+}}\r\n{}", letter(n).len(), letter(n)));
        let answer = client.ask(&format!("APPEND INBOX{}", literals.collect::<String>())).await;
        assert!(answer.contains("OK [APPENDUID "), "{answer}");
    }
    let numbers = |holds: fn(&str) -> bool| -> String {
        let found = (0..count).filter(|n| holds(&n.to_string())).map(|n| format!(" {}", n + 1));
        format!("* SEARCH{}\nOK SEARCH done\n", found.collect::<String>())
    };
    let searches: [(&str, String); 7] = [
        ("SUBJECT \" 77\"", numbers(|n| n.starts_with("77"))),
        ("CHARSET UTF-8 SUBJECT {11+}\r\ngrüsse 105", numbers(|n| n.starts_with("105"))),
        ("SUBJECT 7. NOT FROM 9", numbers(|n| n.ends_with('7') && !n.contains('9'))),
        ("OR FROM a1033@ (SUBJECT 12. FROM a12@)", numbers(|n| n == "1033" || n == "12")),
        ("FROM a1062@ LARGER 5", numbers(|n| n == "1062")),
        ("HEADER X-Odd <500", numbers(|n| n.starts_with("500"))),
        ("SUBJECT nowhere", numbers(|_| false)),
    ];
    for indexed in [0, 1] {
        for (keys, found) in &searches {
            assert_eq!(client.ask(&format!("SEARCH {keys}")).await, *found, "{keys}, {indexed}");
        }
        assert_eq!(house.mailstore.index().await.unwrap(), 1 - indexed);
    }
    // Digests that are gone are made again.
    house.store.write(|tx| tx.execute("DELETE FROM digest WHERE uid > 1000", &[])).await.unwrap();
    assert_eq!(client.ask(&format!("SEARCH {}", searches[2].0)).await, searches[2].1);
}

/// What BODYSTRUCTURE shows as text is searched as text.
#[tokio::test]
async fn text_outside_of_parts() {
    let house = House::new().await;
    let mut client = house.reader().await;
    for text in [
        "Content-Type: multipart/mixed\r\n\r\nneedle\r\n",
        "Content-Type: multipart/mixed; boundary=x\r\n\r\nneedle\r\n",
        "Content-Type: multipart/mixed; boundary=x\r\n\r\nneedle\r\n--x\r\n\r\nhay\r\n--x--\r\n",
        "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhay\r\n--x--\r\nneedle\r\n",
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nUzogbmVlZGxlDQoNCg==\r\n",
        "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nX-Y: needle\r\n\r\nhay\r\n--x--\r\n",
    ] {
        client.append("INBOX", "", text).await;
    }
    assert_eq!(client.ask("SEARCH BODY needle").await, "* SEARCH 1 2 3 4 5\nOK SEARCH done\n");
}

/// A header larger than most.
#[tokio::test]
async fn what_stands_late_in_a_header() {
    let house = House::new().await;
    let mut client = house.reader().await;
    let filler = format!("X-Fill: {}\r\n", "x".repeat(40)).repeat(12_000);
    client.append("INBOX", "", &format!("{filler}X-Late: found\r\n\r\nbody\r\n")).await;
    let long = format!("X-Fill: {}\r\n", "x".repeat(900)).repeat(500);
    client.append("INBOX", "", &format!("{long}Subject: late\r\n\r\nbody\r\n")).await;
    assert_eq!(
        client.ask("FETCH 1 BODY.PEEK[HEADER.FIELDS (X-LATE)]").await,
        "* 1 FETCH (BODY[HEADER.FIELDS (X-LATE)] {17}\nX-Late: found\n\n)\nOK FETCH done\n"
    );
    assert_eq!(
        client.ask("FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (X-FILL)]").await,
        "* 1 FETCH (BODY[HEADER.FIELDS.NOT (X-FILL)] {17}\nX-Late: found\n\n)\nOK FETCH done\n"
    );
    assert_eq!(client.ask("SEARCH SUBJECT late").await, "* SEARCH 2\nOK SEARCH done\n");
}

/// With the literal's length set right.
fn measured(keys: &str) -> String {
    let (before, text) = keys.split_once("\r\n").unwrap();
    format!("{}{{{}+}}\r\n{text}", before.split_once('{').unwrap().0, text.len())
}

#[tokio::test]
async fn a_word_across_pieces() {
    let house = House::new().await;
    let mut client = house.reader().await;
    // No line end near: the piece ends in the middle of somewhere.
    for before in [262_130, 262_140, 262_144, 262_150, 393_200] {
        let text = format!("Subject: x\r\n\r\n{}Needle in a haystack", "x".repeat(before));
        client.append("Archive", "", &text).await;
    }
    client.ask("SELECT Archive").await;
    assert_eq!(client.ask("SEARCH BODY \"needle in A\"").await, "* SEARCH 1 2 3 4 5\nOK SEARCH done\n");
}
