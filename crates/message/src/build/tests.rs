//! Letters, against a golden and read back.

use envelope::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::address::{self, Entry, Mailbox};
use crate::date::DateTime;
use crate::golden;
use crate::header::Header;
use crate::mime::{ContentType, PartId, Structure};

/// No line over the limits, every line end CRLF.
fn check_lines(bytes: &[u8], wanted: usize) {
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        assert!(line.ends_with(b"\r\n"), "{:?}", String::from_utf8_lossy(line));
        assert!(line.len() <= wanted + 2, "{:?}", String::from_utf8_lossy(line));
        assert!(line.iter().filter(|b| **b == b'\r').count() == 1);
    }
}

#[test]
fn a_letter() {
    let letter = Letter::new(Entity::multipart(
        "mixed",
        vec![
            Entity::text("plain", "Καλημέρα,\nhow are you?\n"),
            Entity::attachment(
                "σχέδιο με ένα πολύ μακρύ όνομα.pdf",
                ContentType::new("application", "pdf"),
                vec![0; 60],
            ),
            Entity::message(b"Subject: inside\r\n\r\n--=_seed_0\r\n".to_vec()).with_description("what you asked for"),
        ],
    ))
    .from(Mailbox { name: Some("Άννα".into()), ..Mailbox::new("anna", "athens.test") })
    .to([Mailbox { name: Some("Papas, Kostas".into()), ..Mailbox::new("kostas papas", "patras.test") }])
    .cc([])
    .subject("Hello Κώστα and a tail of plain words that goes on and on until the line has to be folded somewhere")
    .date(DateTime::utc(Timestamp(0)))
    .message_ids("Message-ID", ["1@athens.test"])
    .write("seed");
    check_lines(&letter, 78);
    assert!(letter.is_ascii());
    golden::check("build/letter.golden", &letter);

    let header = Header::parse(&letter);
    assert!(header.get("subject").unwrap().text().starts_with("Hello Κώστα and a tail"));
    let to = address::mailboxes(header.get("to").unwrap().raw());
    assert_eq!((to[0].display_name().unwrap().as_str(), to[0].local.as_str()), ("Papas, Kostas", "kostas papas"));
    let structure = Structure::parse(&letter);
    let part = |n: u32| structure.part(structure.by_numbers(&[n]).unwrap()).unwrap();
    assert_eq!(part(1).text(&letter), "Καλημέρα,\r\nhow are you?\r\n");
    assert_eq!(part(2).content.file_name().unwrap(), "σχέδιο με ένα πολύ μακρύ όνομα.pdf");
    assert_eq!(&*part(2).decoded(&letter), [0; 60]);
    assert_eq!(part(3).body.of(&letter), b"Subject: inside\r\n\r\n--=_seed_0\r\n");
}

#[test]
fn nothing_can_be_smuggled_in() {
    let mut fields = FieldWriter::new();
    fields.text("Sub:ject\r\n", "a\r\nBcc: x");
    fields.structured("X", "a\r\nBcc: y");
    let evil = Mailbox { name: Some("n\r\nBcc: z".into()), ..Mailbox::new("l\r\no", "d\r\nBcc: w>") };
    fields.addresses("To", &[Entry::Mailbox(evil)]);
    fields.message_ids("References", ["a>\r\nBcc: <b"]);
    let out = fields.into_string();
    let names: Vec<_> = Header::parse(out.as_bytes()).fields().map(|f| f.name().to_owned()).collect();
    assert_eq!(names, ["Subject", "X", "To", "References"], "{out}");
}

#[test]
fn encodings_are_mild() {
    for (text, wanted) in [
        ("plain\n", None),
        ("café\n", Some("quoted-printable")),
        ("καλημέρα κόσμε και πάλι καλημέρα κόσμε και πάλι καλημέρα κόσμε και πάλι", Some("base64")),
        ("trailing \n", Some("quoted-printable")),
        ("From here\n.\n", Some("quoted-printable")),
    ] {
        let letter = Letter::new(Entity::text("plain", text)).write("s");
        let header = Header::parse(&letter);
        let encoding = header.get("content-transfer-encoding").map(|f| f.text());
        assert_eq!(encoding.as_deref(), wanted, "{text}");
        check_lines(&letter, 998);
        let read = Structure::parse(&letter).root().unwrap().text(&letter).into_owned();
        assert_eq!(read.trim_end_matches("\r\n"), text.replace('\n', "\r\n").trim_end_matches("\r\n"));
    }
    let utf8 = Letter::utf8(Entity::text("plain", "x")).subject("Καλημέρα").write("s");
    assert!(String::from_utf8(utf8).unwrap().starts_with("Subject: Καλημέρα\r\n"));
}

proptest! {
    #[test]
    fn text_fields_round_trip(text in "[^\\p{Cc}]{0,200}", plain in "[ -~]{0,300}", utf8: bool) {
        for text in [text, plain] {
            let mut fields = if utf8 { FieldWriter::utf8() } else { FieldWriter::new() };
            fields.text("Subject", &text);
            let out = fields.into_string();
            check_lines(out.as_bytes(), 998);
            prop_assert!(utf8 || out.is_ascii());
            prop_assert_eq!(Header::parse(out.as_bytes()).get("subject").unwrap().text(), text);
        }
    }

    #[test]
    fn addresses_round_trip(name in "[^\\p{Cc}]{1,60}", local in "[!-~ é]{1,30}", group in "[a-z \",]{0,10}") {
        let one = Mailbox { name: Some(name.trim().to_owned()).filter(|n| !n.is_empty()), ..Mailbox::new(local.trim(), "a.test") };
        let entries = vec![
            Entry::Mailbox(one.clone()),
            Entry::Group { name: format!("g{group}x"), members: vec![one.clone(), Mailbox::new("b", "c.test")] },
        ];
        let mut fields = FieldWriter::new();
        fields.addresses("To", &entries);
        let out = fields.into_string();
        let read = address::mailboxes(Header::parse(out.as_bytes()).get("to").unwrap().raw());
        prop_assert_eq!(read.len(), 3, "{}", out);
        // Encoded words inside of a name are decoded once on the way.
        let shown = one.display_name();
        prop_assert_eq!((&read[0].local, read[0].display_name()), (&one.local, shown), "{}", out);
        prop_assert_eq!(read[2].spec(), "b@c.test");
    }

    #[test]
    fn parameters_round_trip(name in "[^\\p{Cc}]{0,120}", plain in "[ -~]{0,80}") {
        for value in [name, plain] {
            let entity = Entity::attachment(&value, ContentType::new("a", "b"), b"x".to_vec());
            let letter = Letter::new(entity).write("s");
            check_lines(&letter, 998);
            let structure = Structure::parse(&letter);
            let content = &structure.part(PartId(0)).unwrap().content;
            let read = content.disposition.as_ref().unwrap().parameters.get("filename").unwrap_or_default();
            prop_assert_eq!(read, value, "{}", String::from_utf8_lossy(&letter));
        }
    }
}
