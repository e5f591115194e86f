//! What arrives in 7 bits is what was sent in 8.

use proptest::prelude::*;

use super::*;
use crate::limits::LINE_OCTETS_MAX;

fn converted(letter: &[u8]) -> Vec<u8> {
    to_seven_bit(letter).unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(letter))).into_owned()
}

fn shown(letter: impl AsRef<[u8]>) -> String {
    String::from_utf8(converted(letter.as_ref())).unwrap()
}

#[test]
fn a_letter_that_knows_no_mime() {
    assert_eq!(
        shown("From: a@b\r\n\r\ncafé\r\n"),
        "From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9\r\n"
    );
    assert!(
        shown(b"From: a@b\n\ncaf\xe9")
            .contains("\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n")
    );
    // An empty header, and none: without its empty line all of it is header.
    assert!(shown("\r\né").starts_with("MIME-Version: 1.0\r\n"));
    assert!(matches!(to_seven_bit("é".as_bytes()), Ok(Cow::Borrowed(_))));
    // Greek is shorter in base64.
    assert!(
        shown("A: b\r\n\r\nΚαλημέρα, τι κάνεις;\r\n")
            .ends_with("\r\n\r\nzprOsc67zrfOvM6tz4HOsSwgz4TOuSDOus6szr3Otc65z4I7DQo=\r\n")
    );
}

#[test]
fn the_fields_that_were_there() {
    let given = "MIME-Version: 1.0\r\nContent-Transfer-Encoding:\r\n 8bit\r\nContent-Type: text/html; charset=utf-8\r\n\
                 Content-transfer-encoding: binary\r\nX: y\r\n\r\né";
    assert_eq!(
        shown(given),
        "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\
         Content-Type: text/html; charset=utf-8\r\nX: y\r\n\r\n=C3=A9"
    );
    // A label that is too large for what it stands on, and nothing else.
    assert_eq!(shown("Content-Transfer-Encoding: 8bit\r\n\r\nhello"), "Content-Transfer-Encoding: 7bit\r\n\r\nhello");
    // Other octets than text, and text that holds NUL.
    for (kind, body, wanted) in [
        ("image/png", b"\x89PNG".as_slice(), "iVBORw==\r\n"),
        ("text/plain", b"\0a", "AGE=\r\n"),
        ("application/pdf", b"a\r\n\xff", "YQ0K/w==\r\n"),
    ] {
        let letter = [format!("Content-Type: {kind}\r\n\r\n").as_bytes(), body].concat();
        assert!(shown(&letter).ends_with(&format!("Content-Transfer-Encoding: base64\r\n\r\n{wanted}")), "{kind}");
    }
}

/// A short text as an encoded word.
fn word(text: &str) -> String {
    crate::encoding::words::encode(text, false, 0).remove(0)
}

/// The same in a name.
fn name(text: &str) -> String {
    crate::encoding::words::encode(text, true, 0).remove(0)
}

/// A header alone, and what becomes of it.
fn field(octets: &[u8]) -> String {
    let letter = [octets, b"\r\n\r\nx\r\n"].concat();
    let text = shown(&letter);
    text.strip_suffix("\r\n\r\nx\r\n").unwrap().to_owned()
}

#[test]
fn raw_fields_become_encoded_words() {
    for (given, wanted) in [
        ("Subject: Καλημέρα", "Subject: =?utf-8?b?zprOsc67zrfOvM6tz4HOsQ==?=".to_owned()),
        ("Subject: one café two", format!("Subject: one {} two", word("café"))),
        ("Subject: é é", format!("Subject: {}", word("é é"))),
        ("X-Any:é", format!("X-Any:{}", word("é"))),
        // Blanks between encoded words do not count, so they go inside.
        ("Subject: =?utf-8?q?a?= é =?utf-8?q?b?=", format!("Subject: =?utf-8?q?a?= {} =?utf-8?q?b?=", word(" é "))),
        ("From: José <j@x.test>", format!("From: {} <j@x.test>", name("José"))),
        ("From: \"José, \\\"P\"<j@x.test>", format!("From: {} <j@x.test>", name("José, \"P"))),
        ("To: a@b.test (José), Zoë <é@x.test>", format!("To: a@b.test ({}), {} <é@x.test>", name("José"), name("Zoë"))),
        ("To: ((é) x) a@b.test", format!("To: (({}) x) a@b.test", name("é"))),
        ("To: (x \"(é)\" <é>) a@b.test", format!("To: (x \"({})\" {}) a@b.test", name("é"), name("<é>"))),
        ("Cc: Frères: a@b.test;", format!("Cc: {} : a@b.test;", name("Frères"))),
        ("Resent-To: Zoë <z@x.test>", format!("Resent-To: {} <z@x.test>", name("Zoë"))),
        ("Content-Description: é", format!("Content-Description: {}", word("é"))),
        ("Subject: plain", "Subject: plain".to_owned()),
    ] {
        assert_eq!(field(given.as_bytes()), wanted);
    }
    assert_eq!(field(b"Subject: caf\xe9 x"), "Subject: =?unknown-8bit?q?caf=E9?= x");
    // What was folded stays so, and what becomes long is folded.
    let long = field(format!("Subject: a\r\n {} b", "é".repeat(100)).as_bytes());
    assert!(long.starts_with("Subject: a\r\n =?utf-8?") && long.ends_with(" b"), "{long}");
    assert!(long.split("\r\n").all(|line| line.len() <= 78), "{long}");
    assert_eq!(
        crate::header::Header::parse(long.as_bytes()).get("subject").unwrap().text(),
        format!("a {} b", "é".repeat(100))
    );
}

#[test]
fn where_no_encoded_word_may_stand_octets_stay() {
    for field in [
        "From: <é@x.test>",
        "From: é@x.test",
        "To: \"é\"@x.test",
        "Content-Type: text/plain; name=é",
        "Message-ID: <é@x.test>",
        "DKIM-Signature: v=1; b=é",
        "Received: from é",
        "junk é",
    ] {
        let letter = format!("{field}\r\n\r\nx\r\n");
        assert!(matches!(to_seven_bit(letter.as_bytes()), Ok(Cow::Borrowed(_))), "{field}");
    }
}

#[test]
fn fields_inside_and_beside_signed_parts() {
    let head = "Subject: é\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n";
    let sealed = "--b\r\nContent-Description: a\r\n\r\nx\r\n--b--\r\n";
    let wanted = format!("{head}{sealed}").replace('é', &word("é"));
    assert_eq!(shown(format!("{head}{sealed}")), wanted);
    let raw = format!("{head}{sealed}").replace(" a\r", " é\r");
    assert_eq!(to_seven_bit(raw.as_bytes()), Err(Inconvertible::Sealed("multipart/signed".to_owned())));
    let inside = shown("Content-Type: message/rfc822\r\n\r\nSubject: é\r\nTo: a@b.test\r\n\r\nx\r\n");
    let wanted = format!("\r\n\r\nSubject: {}\r\nTo: a@b.test\r\n\r\nx\r\n", word("é"));
    assert!(inside.ends_with(&wanted), "{inside}");
}

#[test]
fn raw_fields_grow_within_a_bound() {
    let letter = format!("{}\r\nx\r\n", "A:é\r\n".repeat(9_000));
    let many = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", format!("--b\r\n{letter}").repeat(5));
    let converted = converted(many.as_bytes());
    assert!(converted.len() <= many.len() + crate::limits::CONVERTED_FIELDS_OCTETS_MAX);
    assert!(converted.len() > many.len() + crate::limits::CONVERTED_FIELDS_OCTETS_MAX / 2);
}

#[test]
fn encodings_that_were_damaged_are_written_anew() {
    let head = "Content-Transfer-Encoding: ";
    assert_eq!(
        shown(format!("{head}quoted-printable\n\né=3D")),
        format!(
            "{head}quoted-printable\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\n=C3=A9=3D"
        )
    );
    let long = "QUJD".repeat(300);
    let letter = shown(format!("Content-Type: a/b\r\n{head}base64\r\n\r\n{long}"));
    assert!(
        letter.contains(&format!("\r\n{head}base64\r\n")) && letter.lines().all(|line| line.len() <= 76),
        "{letter}"
    );
    // A line feed that was escaped is no line end.
    assert!(shown(format!("Content-Type: text/x\n{head}quoted-printable\n\né=0A")).ends_with("\nw6kK\r\n"));
}

const NESTED: &str = "Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: 8bit\r\n\r\npré\r\n--x\r\n\
    é\r\n--x\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\n\r\nè\r\n--x\r\n\
    \r\nplain\r\n--x--\r\népi\r\n";

#[test]
fn parts_are_encoded_where_they_stand() {
    assert_eq!(
        shown(NESTED),
        "Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: 7bit\r\n\r\n--x\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n--x\r\n\
         Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: in\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A8\r\n--x\r\n\
         \r\nplain\r\n--x--\r\n"
    );
    // RFC 6532 section 3.7.
    let global = shown("Content-Type: message/global\r\n\r\nSubject: é\r\n\r\nhi");
    assert!(
        global.ends_with("Content-Transfer-Encoding: quoted-printable\r\n\r\nSubject: =C3=A9\r\n\r\nhi"),
        "{global}"
    );
}

#[test]
fn what_cannot_be_converted_is_refused() {
    let part =
        |kind: &str, body: &str| format!("Content-Type: {kind}; boundary=x\r\n\r\n--x\r\n\r\n{body}\r\n--x--\r\n");
    let deep = "Content-Type: message/rfc822\r\n\r\n".repeat(60) + "\r\né";
    for (letter, wanted) in [
        (part("multipart/signed", "é"), Inconvertible::Sealed("multipart/signed".into())),
        (part("multipart/encrypted", "é"), Inconvertible::Sealed("multipart/encrypted".into())),
        ("Content-Type: message/partial\r\n\r\né".into(), Inconvertible::Opaque("message/partial".into())),
        ("Content-Type: multipart/mixed\r\n\r\né".into(), Inconvertible::Opaque("multipart/mixed".into())),
        ("Content-Transfer-Encoding: x-odd\r\n\r\né".into(), Inconvertible::Opaque("in the encoding x-odd".into())),
        (part("multipart/mixed", "a\r\n--x é"), Inconvertible::Opaque("parted by a boundary in 8 bits".into())),
        (deep, Inconvertible::TooNested),
        (format!("X: {}\r\n\r\né", "a".repeat(300_000)), Inconvertible::HeaderTooLong),
    ] {
        assert_eq!(to_seven_bit(letter.as_bytes()), Err(wanted), "{:.80}", letter);
    }
    // The same without 8 bits in them.
    for kind in ["multipart/signed", "multipart/encrypted"] {
        assert!(matches!(to_seven_bit(part(kind, "e").as_bytes()), Ok(Cow::Borrowed(_))));
    }
}

/// A letter and its parts.
struct Read<'a>(&'a [u8], Structure);

impl<'a> Read<'a> {
    fn of(letter: &'a [u8]) -> Self {
        Self(letter, Structure::parse(letter))
    }

    fn octets(&self, part: &Part) -> String {
        let octets = part.decoded(self.0);
        match part.content.content_type.kind.as_str() {
            "text" | "message" => lines(&octets).escape_ascii().to_string(),
            _ => octets.escape_ascii().to_string(),
        }
    }
}

/// Whether a part and those in it are the same, and to the octet, but that in text line ends are made one.
fn same(before: &Read<'_>, after: &Read<'_>, id: PartId, other: PartId) -> Result<(), String> {
    let (was, is) = (before.1.part(id).unwrap(), after.1.part(other).unwrap());
    let kinds = (was.content.content_type.to_string(), is.content.content_type.to_string());
    // A message/global is a leaf once it is encoded; elsewhere it is no text.
    let is_encoded_now = kinds.0 == "message/global" && was.kind == Kind::Message && is.kind == Kind::Leaf;
    if kinds.0 != kinds.1 || was.kind != is.kind && !is_encoded_now {
        return Err(format!("{id:?}: {} {:?}, {} {:?}", kinds.0, was.kind, kinds.1, is.kind));
    }
    if is.kind == Kind::Leaf {
        let (was, is) = (before.octets(was), after.octets(is));
        return if was == is { Ok(()) } else { Err(format!("{id:?}: {was}, {is}")) };
    }
    if was.children.len() != is.children.len() {
        return Err(format!("{id:?}: {} parts, {} parts", was.children.len(), is.children.len()));
    }
    was.children.iter().zip(&is.children).try_for_each(|(id, other)| same(before, after, *id, *other))
}

/// The octets with every line end, CRLF or bare LF, written as CRLF.
fn lines(octets: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), octets);
    while let Some(end) = memchr::memchr(b'\n', rest) {
        out.extend_from_slice(rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]));
        out.extend_from_slice(b"\r\n");
        rest = &rest[end + 1..];
    }
    out.extend_from_slice(rest);
    out
}

/// Converted, it says the same, and there is nothing left to convert.
fn check(letter: &[u8]) {
    let Ok(once) = to_seven_bit(letter) else { return };
    let text = |octets: &[u8]| octets.escape_ascii().to_string();
    let again = to_seven_bit(&once).unwrap();
    assert!(matches!(again, Cow::Borrowed(_)), "{}\n{}\n{}", text(letter), text(&once), text(&again));
    let differs = same(&Read::of(letter), &Read::of(&once), PartId(0), PartId(0)).err();
    assert_eq!(differs, None, "\n{}\n{}\n", text(letter), text(&once));
}

/// What random letters were found to lose once.
#[test]
fn odd_letters_say_the_same() {
    let label = "Content-Transfer-Encoding: 8bit\r\n";
    let mixed = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n";
    for letter in [
        // Of two labels one goes; behind the header there is no empty line.
        format!("Content-Type: multipart/digest; boundary=y\n\r\n--y\n{label}{label}--y\n"),
        // And the line that would come first then is no field.
        format!("{mixed}{label}=\r\n{label}--x\r\n"),
        format!("{mixed}{label}\rContent-Type: multipart/mixed; boundary=x\r\n{label}--x\r\n"),
        // The body, a message without one, ends at the boundary itself.
        "Content-Type: multipart/digest; boundary=y\n\r\n--y\nContent-Type: message/global\r\n\r\n\rjunk é\r\n\r\n--y\n"
            .to_owned(),
        "Content-Type: multipart/mixed; boundary=y\n\n--y\nContent-Type: message/global\n\nA: é\n\n--y--\n".to_owned(),
        // A CR that is no half of a line end.
        "\r\n\né\r".to_owned(),
        format!("{mixed}\r\né\r\r\n--x--\r\n"),
    ] {
        check(letter.as_bytes());
    }
}

/// A part with its header, from what sending programs write.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(vec![
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: image/png\r\n",
        "Content-Type: message/delivery-status\r\n",
    ]);
    let label =
        prop::sample::select(vec!["", "Content-Transfer-Encoding: 8bit\r\n", "Content-Transfer-Encoding: BINARY\r\n"]);
    let octets = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "[a-zé .=-]{0,60}(\r\n[ -~é]{0,90}){0,6}".prop_map(String::into_bytes),
        (900usize..1200).prop_map(|count| vec![b'-'; count]),
    ];
    let leaf = (kind, label, octets)
        .prop_map(|(kind, label, octets)| [kind.as_bytes(), label.as_bytes(), b"\r\n", &octets].concat());
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inside| [b"Content-Type: message/rfc822\r\n\r\n", &inside[..]].concat()),
            (0u32..1000, prop::collection::vec(inner, 1..4), any::<bool>()).prop_map(|(number, inside, odd)| {
                let boundary = format!("=_{number}_b");
                let around = if odd { "å\r\n" } else { "" };
                let mut out = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{around}").into_bytes();
                for part in inside {
                    out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                    out.extend_from_slice(&part);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(format!("--{boundary}--\r\n{around}").as_bytes());
                out
            }),
        ]
    })
}

#[test]
fn comments_with_escapes_or_without_an_end_stay_whole() {
    for value in ["a(ß\\<é)", "a (ß (\\é) <ü) <a@b>", "a (ß", "(é\\) <ß> \\", "(\\(é)", "a(\"(#é\"<é)"] {
        let letter = format!("From: {value}\r\n\r\n");
        assert!(matches!(to_seven_bit(letter.as_bytes()), Ok(Cow::Borrowed(_))), "{value}");
    }
}

proptest! {
    #[test]
    fn raw_fields_say_the_same(name in "Subject|X-A|From|To", value in "[ -9;-~é=?ß\\t]{0,120}") {
        let given = format!("{name}: a{value}");
        let letter = [given.as_bytes(), b"\r\n\r\n"].concat();
        let once = converted(&letter);
        prop_assert!(matches!(to_seven_bit(&once), Ok(Cow::Borrowed(_))));
        let text = |letter: &[u8]| {
            let text = crate::header::Header::parse(letter).get(&name).unwrap().text();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        if name == "Subject" || name == "X-A" {
            prop_assert!(once.is_ascii());
            prop_assert_eq!(text(&letter), text(&once));
        }
    }

    #[test]
    fn odd_names_are_done_with_in_one_go(value in "[()<>\"\\\\,:;@é=? a]{0,40}") {
        let once = converted(format!("To: {value}\r\n\r\n").as_bytes());
        prop_assert!(matches!(to_seven_bit(&once), Ok(Cow::Borrowed(_))), "{:?}", String::from_utf8_lossy(&once));
    }

    #[test]
    fn letters_say_the_same(letter in part()) {
        let once = converted(&letter);
        prop_assert!(once.is_ascii() && !once.contains(&0));
        prop_assert!(once.split(|b| *b == b'\n').all(|line| line.len() <= LINE_OCTETS_MAX + 1));
        prop_assert!(once.len() <= letter.len() * 3 / 2 + 400 * (Structure::parse(&letter).parts().len() + 1));
        check(&letter);
    }

    #[test]
    fn rubbish_says_the_same(pieces in prop::collection::vec(prop::sample::select(vec![
        "Content-Type: multipart/mixed; boundary=x\r\n", "Content-Type: multipart/digest; boundary=y\n", "--x\r\n", "--x--\r\n", "--y\n",
        "--x", "\r\n", "\n", "\r", "é", "a", " ", "\0", "=", "=0A", "=\r\n", "Content-Type: message/rfc822\r\n", "Content-Type: text/html\r\n",
        "Content-Type: message/global\r\n", "Content-Type: multipart/signed; boundary=y\r\n", "Content-Transfer-Encoding: 8bit\r\n",
        "Content-Transfer-Encoding: base64\r\n", "Content-Transfer-Encoding: quoted-printable\r\n", "Content-Transfer-Encoding: binary\r\n",
        "Content-Transfer-Encoding: x\n", "Content-Type: image/gif", "--y--", "QUJD", "junk é\r\n",
    ]), 0..30)) {
        check(pieces.concat().as_bytes());
    }
}
