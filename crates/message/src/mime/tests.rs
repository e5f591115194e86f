//! Trees of parts, their numbers, their ranges; the same however the message is cut into chunks.

use super::*;
use crate::Span;
use proptest::prelude::*;

fn outline(structure: &Structure, id: PartId, message: &[u8]) -> String {
    let part = structure.part(id).unwrap();
    let inside: Vec<String> = part.children.iter().map(|child| outline(structure, *child, message)).collect();
    match part.kind {
        Kind::Leaf => format!("{}:{:?}", part.content.content_type, String::from_utf8_lossy(part.body.of(message))),
        _ => format!("{}[{}]", part.content.content_type, inside.join(" ")),
    }
}

fn shown(message: &str) -> String {
    outline(&Structure::parse(message.as_bytes()), PartId(0), message.as_bytes())
}

const NESTED: &str = "Content-Type: multipart/mixed; boundary=abc\r\n\r\npreamble\r\n--abc\r\n\r\nfirst\r\n--abc\r\n\
    Content-Type: multipart/alternative; boundary=\"abcdef\"\r\n\r\n--abcdef\r\nContent-Type: text/html\r\n\r\n<p>\r\n\
    --abcdef--\r\nepilogue\r\n--abc \t\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ninner\r\n\r\n--abc--\r\nend";

#[test]
fn trees() {
    for (message, wanted) in [
        ("A: b\r\n\r\nhello", r#"text/plain:"hello""#),
        ("hello", r#"text/plain:"""#),
        ("", r#"text/plain:"""#),
        (
            NESTED,
            r#"multipart/mixed[text/plain:"first" multipart/alternative[text/html:"<p>"] message/rfc822[text/plain:"inner\r\n"]]"#,
        ),
        // No end boundary: the inner one ends where the outer comes, the outer at the end.
        (
            "Content-Type: multipart/a; boundary=x\n\n--x\nContent-Type: multipart/b; boundary=y\n\n--y\n\n1\n--x\n\n2\n",
            r#"multipart/a[multipart/b[text/plain:"1"] text/plain:"2\n"]"#,
        ),
        // A boundary stands at the start of a line, whole, and nowhere else.
        (
            "Content-Type: multipart/a; boundary=x\r\n\r\n--x\r\n\r\na--x\r\n --x\r\n--xy\r\n--x-\r\n--x--",
            r#"multipart/a[text/plain:"a--x\r\n --x\r\n--xy\r\n--x-"]"#,
        ),
        (
            "Content-Type: multipart/a; boundary=x\r\n\r\n--x\r\n\r\n1\r--x\r\n--x--y\r\n",
            r#"multipart/a[text/plain:"1\r--x\r\n--x--y\r\n"]"#,
        ),
        // A boundary that never comes, none at all, an empty part, a header that a boundary ends, no header at all.
        ("Content-Type: multipart/a; boundary=x\n\ntext", r#"multipart/a:"text""#),
        ("Content-Type: multipart/a\n\ntext", r#"multipart/a:"text""#),
        (
            "Content-Type: multipart/a; boundary=x\n\n--x\n\n--x\nA: b\n--x\n--x--\n",
            r#"multipart/a[text/plain:"" text/plain:"" text/plain:""]"#,
        ),
        (
            "Content-Type: multipart/a; boundary=x\n\n--x\nno header here\n\nbut text\n--x--\n",
            r#"multipart/a[text/plain:"no header here\n\nbut text"]"#,
        ),
        (
            "Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: a\n\n1\n--x--\n",
            r#"multipart/digest[message/rfc822[text/plain:"1"]]"#,
        ),
        (
            "Content-Type: message/rfc822\n\nContent-Type: message/global\n\nA: b\n\n1",
            r#"message/rfc822[message/global[text/plain:"1"]]"#,
        ),
        ("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTog", r#"message/rfc822:"QTog""#),
    ] {
        assert_eq!(shown(message), wanted, "{message:?}");
    }
}

#[test]
fn numbers_are_those_of_imap() {
    let structure = Structure::parse(NESTED.as_bytes());
    let body = |numbers: &[u32]| {
        let id = structure.by_numbers(numbers)?;
        Some(std::str::from_utf8(structure.part(id).unwrap().body.of(NESTED.as_bytes())).unwrap())
    };
    assert_eq!(body(&[1]), Some("first"));
    assert_eq!(body(&[2, 1]), Some("<p>"));
    assert_eq!(body(&[3]), Some("Subject: in\r\n\r\ninner\r\n"));
    assert_eq!(body(&[3, 1]), Some("inner\r\n"));
    for none in [&[][..], &[0], &[4], &[1, 1], &[2, 2], &[3, 2], &[3, 1, 1]] {
        assert_eq!(body(none), None, "{none:?}");
    }
    let inner = structure.message_in(structure.by_numbers(&[3]).unwrap()).unwrap();
    assert_eq!(inner.header.of(NESTED.as_bytes()), b"Subject: in\r\n\r\n");
    assert_eq!(inner.envelope.as_ref().unwrap().subject.as_deref(), Some("in"));
    let plain = Structure::parse(b"A: b\r\n\r\nhello");
    assert_eq!(plain.by_numbers(&[1]), Some(PartId(0)));
    assert_eq!(plain.by_numbers(&[1, 1]), None);
    let forwarded = Structure::parse(b"Content-Type: message/rfc822\n\nA: b\n\nhello");
    assert_eq!(forwarded.by_numbers(&[1]), Some(PartId(0)));
    assert_eq!(forwarded.by_numbers(&[1, 1]), Some(PartId(1)));
}

#[test]
fn lines_and_ranges() {
    let message = "Content-Type: multipart/a; boundary=x\r\n\r\n--x\r\nA: b\r\n\r\n1\r\n2\r\n--x\r\n\r\n--x--\r\n";
    let structure = Structure::parse(message.as_bytes());
    let first = structure.part(PartId(1)).unwrap();
    assert_eq!(first.header.of(message.as_bytes()), b"A: b\r\n\r\n");
    assert_eq!((first.body.of(message.as_bytes()), first.body_lines), (&b"1\r\n2"[..], 1));
    assert_eq!(structure.part(PartId(2)).unwrap().body_lines, 0);
    assert_eq!(structure.root().unwrap().span(), Span::new(0, message.len()));
    assert_eq!(structure.root().unwrap().body_lines, 8);
}

#[test]
fn limits_hold() {
    let parts = "Content-Type: multipart/a; boundary=x\n\n".to_owned() + &"--x\n\n".repeat(5_000);
    let structure = Structure::parse(parts.as_bytes());
    assert_eq!(structure.parts().len(), crate::limits::PARTS_MAX);
    assert!(structure.is_cut_short());
    let deep: String = (0..5_000).map(|i| format!("Content-Type: multipart/a; boundary=b{i}\n\n--b{i}\n")).collect();
    let structure = Structure::parse(deep.as_bytes());
    assert_eq!(structure.parts().len(), crate::limits::DEPTH_MAX);
    assert!(structure.is_cut_short() && structure.body_structure().is_some());
    let wrapped = Structure::parse("Content-Type: message/rfc822\n\n".repeat(5_000).as_bytes());
    assert_eq!(wrapped.parts().len(), crate::limits::DEPTH_MAX);
    // 1000 parts of 200 KB of parameters each keep no more than the bound.
    let fat = format!("--x\nContent-Type: a/b; {}\n\n", "c=d; e=f; ".repeat(400));
    let structure =
        Structure::parse(("Content-Type: multipart/a; boundary=x\n\n".to_owned() + &fat.repeat(900)).as_bytes());
    assert!(structure.parts().iter().map(|p| p.content.content_type.parameters.octets()).sum::<usize>() <= 2 << 20);
    assert_eq!(structure.parts().last().unwrap().content.content_type.to_string(), "a/b");
}

#[test]
fn content_types() {
    for (field, wanted, parameters) in [
        ("text/plain; charset=UTF-8", "text/plain", "charset=UTF-8"),
        ("TEXT / Html ; CharSet = \"x y\" (comment)", "text/html", "charset=x y"),
        ("text/plain; charset=us-ascii (Plain text)", "text/plain", "charset=us-ascii"),
        ("text", "text/plain", ""),
        ("text; charset=x", "text/plain", "charset=x"),
        ("", "text/plain", ""),
        ("/x; a=b", "text/plain", ""),
        ("application/pdf;; ; name=my file.pdf; x", "application/pdf", "name=my file.pdf"),
        ("a/b; name*0=one; name*1=\" two\"", "a/b", "name=one two"),
        ("a/b; name*1*=%BA.txt; name*0*=utf-8'el'%CE", "a/b", "name=κ.txt<utf-8'el'%CE%BA.txt>"),
        ("a/b; name*=iso-8859-7''%ea; name=k", "a/b", "name=κ<iso-8859-7''%ea>"),
        ("a/b; name*0*=utf-8''a%20; name*1=b%20c", "a/b", "name=a b%20c<utf-8''a%20b%2520c>"),
        ("a/b; name=\"C:\\dir\\x.txt\"; n2=\"a\\\"b\\\\\"", "a/b", "name=C:\\dir\\x.txt n2=a\"b\\"),
        ("a/b; x=1; X=2", "a/b", "x=1"),
        ("a/b; name=\"open", "a/b", "name=open"),
    ] {
        let parsed = ContentType::parse(field.as_bytes());
        assert_eq!(parsed.to_string(), wanted, "{field}");
        let shown: Vec<String> = parsed
            .parameters
            .iter()
            .map(|p| {
                format!("{}={}{}", p.name, p.value, p.extended.as_ref().map_or(String::new(), |e| format!("<{e}>")))
            })
            .collect();
        assert_eq!(shown.join(" "), parameters, "{field}");
    }
    let disposition = Disposition::parse(b"attachment; filename=\"=?utf-8?q?=CE=BA?=\"").unwrap();
    assert_eq!(disposition.parameters.find("filename").unwrap().text(), "κ");
    assert_eq!(Disposition::parse(b"filename=x").unwrap().parameters.get("filename"), Some("x"));
    assert_eq!(Disposition::parse(b" ; x=y"), None);
}

#[test]
fn text_of_a_part() {
    let message =
        b"Content-Type: text/plain; charset=iso-8859-7\nContent-Transfer-Encoding: quoted-printable\n\n=ea=\n=EA";
    assert_eq!(Structure::parse(message).root().unwrap().text(message), "κκ");
}

fn scan(message: &[u8], step: usize) -> Structure {
    let mut scanner = Scanner::new(Options::default());
    message.chunks(step).for_each(|chunk| scanner.push(chunk));
    scanner.finish()
}

fn check(structure: &Structure, message: &[u8]) {
    let whole = Span::new(0, message.len());
    for part in structure.parts() {
        assert!(whole.contains(part.span()));
        assert_eq!(part.header.end, part.body.start);
        let parent = part.parent.and_then(|id| structure.part(id));
        assert!(parent.is_none_or(|parent| parent.body.contains(part.span())), "{structure:?}");
        let children: Vec<Span> = part.children.iter().map(|id| structure.part(*id).unwrap().span()).collect();
        assert!(children.windows(2).all(|pair| pair[0].end <= pair[1].start));
        assert_eq!(part.body_lines, part.body.of(message).iter().filter(|b| **b == b'\n').count());
    }
}

/// Lines that make and break structure.
fn lines() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "Content-Type: multipart/mixed; boundary=x",
        "Content-Type: multipart/digest; boundary=\"xy\"",
        "Content-Type: message/rfc822",
        "Content-Type: text/plain",
        "Subject: s",
        " folded",
        "junk",
        "",
        "--x",
        "--x--",
        "--xy",
        "--xy--",
        "--x  ",
        "--",
        "text",
        "\r",
        "From: a@b",
    ]);
    let end = prop::sample::select(vec!["\r\n", "\n", "\r\n", ""]);
    prop::collection::vec((line, end), 0..40)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| format!("{line}{end}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn chunks_change_nothing(message in lines(), step in 1usize..50) {
        let whole = Structure::parse(message.as_bytes());
        check(&whole, message.as_bytes());
        prop_assert_eq!(&scan(message.as_bytes(), step), &whole);
    }

    #[test]
    fn anything(message: Vec<u8>, field in "[ -~\r\n\té]{0,200}") {
        check(&Structure::parse(&message), &message);
        ContentType::parse(field.as_bytes());
        Disposition::parse(&message);
    }
}
