//! A digest says what its message says, and a damaged one says nothing.

use super::*;
use crate::mime::Structure;
use crate::view;

const LETTER: &str = "Return-Path: <anna@athens.test>\r\nReceived: from x by y; Mon, 23 Nov 2026 10:00:00 +0000\r\n\
    From: Anna <anna@athens.test>\r\nTo: Friends: Kostas <kostas@patras.test>, maria@sparta.test;, root\r\n\
    Cc: \"Q. Uote\" <@relay.test:q@sparta.test>\r\nSubject: Re: [list] =?utf-8?q?Caf=C3=A9?=\r\n tomorrow\r\n\
    Date: Mon, 23 Nov 2026 12:00:00 +0200\r\nMessage-ID: <1@athens.test>\r\nReferences: <0@patras.test>\r\n\
    X-Other: left out\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x; name*=utf-8''%C3%A9\r\n\r\n\
    preamble\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
    <p>Caf=C3=A9   at <b>five</b>?</p>\r\n--x\r\nContent-Type: message/rfc822\r\nContent-Language: el, en\r\n\r\n\
    Subject: within\r\nFrom: maria@sparta.test\r\n\r\nHello within\r\n--x\r\nContent-Type: image/png; name=a.png\r\n\
    Content-Disposition: attachment; filename=\"a.png\"\r\nContent-ID: <c@x>\r\n\r\nxyz\r\n--x--\r\n";

/// The four texts of each address, groups as IMAP shows them.
fn shown(entries: &[crate::address::Entry]) -> Vec<[Option<String>; 4]> {
    use crate::address::Entry;
    let one = |m: &crate::address::Mailbox| {
        [m.name.clone().or(m.comment.clone()), m.route.clone(), Some(m.local.clone()), Some(m.domain.clone())]
    };
    let mut out = Vec::new();
    for entry in entries {
        match entry {
            Entry::Mailbox(mailbox) => out.push(one(mailbox)),
            Entry::Group { name, members } => {
                out.push([None, None, Some(name.clone()), None]);
                out.extend(members.iter().map(one));
                out.push([const { None }; 4]);
            }
        }
    }
    out
}

fn agree(kept: &Envelope<'_>, read: &view::Envelope) {
    let texts = [(kept.date, &read.date), (kept.subject, &read.subject), (kept.message_id, &read.message_id)];
    for (kept, read) in texts {
        assert_eq!(kept, read.as_deref());
    }
    assert_eq!(kept.in_reply_to, read.in_reply_to.as_deref());
    let lists = [
        (&kept.from, &read.from),
        (&kept.sender, &read.sender),
        (&kept.reply_to, &read.reply_to),
        (&kept.to, &read.to),
        (&kept.cc, &read.cc),
        (&kept.bcc, &read.bcc),
    ];
    for (kept, read) in lists {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let kept: Vec<_> = kept.iter().map(|a| [text(a.name), text(a.route), text(a.mailbox), text(a.host)]).collect();
        assert_eq!(kept, shown(read));
    }
}

fn agree_on_body(kept: &Body<'_>, read: &view::BodyStructure<'_>) {
    assert_eq!((kept.kind, kept.subtype, kept.octets), (read.kind, read.subtype, read.octets as u64));
    assert_eq!(kept.parameters.len(), read.parameters.iter().count());
    assert_eq!(kept.encoding, read.content.encoding.as_str());
    assert_eq!(kept.id, read.content.id.as_deref());
    assert_eq!(kept.languages, read.content.language);
    assert_eq!(kept.disposition.as_ref().map(|d| d.0), read.content.disposition.as_ref().map(|d| d.kind.as_str()));
    match (&kept.shape, &read.shape) {
        (Shape::Basic, view::Shape::Basic) => {}
        (Shape::Text { lines }, view::Shape::Text { lines: read }) => assert_eq!(*lines, *read as u64),
        (Shape::Message { envelope, body, lines }, view::Shape::Message { envelope: e, body: b, lines: l }) => {
            assert_eq!(*lines, *l as u64);
            assert_eq!(envelope.is_some(), e.is_some());
            if let (Some(kept), Some(read)) = (envelope, e) {
                agree(kept, read);
            }
            agree_on_body(body, b);
        }
        (Shape::Multipart(parts), view::Shape::Multipart(read)) => {
            assert_eq!(parts.len(), read.len());
            parts.iter().zip(read).for_each(|(kept, read)| agree_on_body(kept, read));
        }
        other => panic!("{other:?}"),
    }
}

fn check(message: &[u8]) -> Digest {
    let digest = Digest::of(message);
    assert_eq!(Digest::read(digest.record().to_vec()).as_ref(), Some(&digest));
    let structure = Structure::parse(message);
    if let Some(envelope) = digest.envelope() {
        agree(&envelope, &view::Envelope::of(&Header::parse(message)));
    }
    if let Some(body) = digest.body() {
        agree_on_body(&body, &structure.body_structure().unwrap());
    }
    digest
}

#[test]
fn it_says_what_the_message_says() {
    let digest = check(LETTER.as_bytes());
    assert!(digest.envelope().is_some() && digest.body().is_some());
    assert_eq!(digest.body().unwrap().parameters[1], ("name*", "utf-8''%C3%A9"));
    assert_eq!((digest.base_subject(), digest.is_reply()), ("Café tomorrow", true));
    assert_eq!(digest.preview(), "Café at five?");
    let sent = digest.sent().unwrap();
    assert_eq!((sent.at.seconds(), sent.offset_minutes), (1_795_428_000, 120));
    assert!(digest.answers(["Subject", "FROM", "references"]) && !digest.answers(["from", "received"]));
    let names: Vec<_> = digest.fields().fields().map(|field| field.name().to_owned()).collect();
    assert!(names.iter().any(|name| name == "References") && !names.iter().any(|name| name == "X-Other"));
    assert_eq!(
        digest.fields().get("subject").unwrap().whole(),
        b"Subject: Re: [list] =?utf-8?q?Caf=C3=A9?=\r\n tomorrow\r\n"
    );
}

#[test]
fn odd_messages() {
    for message in
        [&b""[..], b"\r\n", b"no header at all", b"Subject: x", b"\xff\xfe: \xff\r\n\r\n\xff", b"From:\r\n\r\n"]
    {
        assert!(check(message).answers(["subject"]));
    }
    let mut long = b"To: ".to_vec();
    for n in 0..3000 {
        long.extend_from_slice(format!("user{n}@example.test,\r\n ").as_bytes());
    }
    long.extend_from_slice(b"\r\nSubject: x\r\n\r\ntext\r\n");
    let digest = check(&long);
    assert!(digest.envelope().is_none() && !digest.answers(["subject"]) && digest.body().is_some());
    assert!(digest.record().len() <= crate::limits::DIGEST_OCTETS_MAX);
    let mut deep = Vec::new();
    for n in 0..60 {
        deep.extend_from_slice(format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n").as_bytes());
    }
    assert!(check(&deep).body().is_some());
}

#[test]
fn the_beginning_says_as_much_as_it_can() {
    let structure = Structure::parse(LETTER.as_bytes());
    let whole = Digest::of(LETTER.as_bytes());
    let header = LETTER.find("preamble").unwrap();
    let of_header = Digest::of_start(&LETTER.as_bytes()[..header], &structure);
    assert_eq!(of_header.envelope(), whole.envelope());
    assert_eq!(of_header.body(), whole.body());
    assert_eq!(of_header.preview(), "");
    let of_less = Digest::of_start(&LETTER.as_bytes()[..40], &structure);
    assert!(of_less.envelope().is_none() && !of_less.answers(["from"]));
}

#[test]
fn what_is_damaged_says_nothing() {
    let record = Digest::of(LETTER.as_bytes()).into_record();
    for at in 0..record.len() {
        let mut damaged = record.clone();
        damaged[at] ^= 0x10;
        assert!(Digest::read(damaged).is_none(), "octet {at}");
        assert!(Digest::read(record[..at].to_vec()).is_none());
    }
}

#[test]
fn previews() {
    for (message, wanted) in [
        ("\r\n> quoted\r\nHello,\r\n\r\n  world \t!\r\n-- \r\nAnna\r\n", "Hello, world !"),
        ("\r\n> only\r\n> quotes\r\n", "> only > quotes"),
        ("Content-Type: text/plain; charset=iso-8859-7\r\nContent-Transfer-Encoding: base64\r\n\r\nxeU=\r\n", "Εε"),
        ("Content-Type: image/png\r\n\r\nxyz\r\n", ""),
        ("\r\na\u{202e}b\u{200b}c\r\n", "abc"),
    ] {
        assert_eq!(Digest::of(message.as_bytes()).preview(), wanted, "{message:?}");
    }
    let long = format!("\r\n{}\r\n", "κόσμε ".repeat(5000));
    let preview = Digest::of(long.as_bytes()).preview().to_owned();
    assert!(preview.starts_with("κόσμε κόσμε") && (190..=200).contains(&preview.chars().count()), "{preview}");
}
