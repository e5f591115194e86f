//! IMAP's view of a message.

use super::*;
use crate::mime::Structure;

/// Roughly IMAP's own notation, to be read in a test.
fn shown(structure: &BodyStructure<'_>) -> String {
    let name = format!("{}/{}", structure.kind, structure.subtype);
    match &structure.shape {
        Shape::Multipart(parts) => format!("{name}({})", parts.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Shape::Message { envelope, body, lines } => {
            let subject = envelope.and_then(|e| e.subject.as_deref()).unwrap_or("-");
            format!("{name}[{subject} {} {lines}]", shown(body))
        }
        Shape::Text { lines } => format!("{name}[{} {lines}]", structure.octets),
        Shape::Basic => format!("{name}[{}]", structure.octets),
    }
}

#[test]
fn forms() {
    for (message, wanted) in [
        ("\r\na\r\nb\r\n", "text/plain[6 2]"),
        ("Content-Type: image/png\r\n\r\nabc", "image/png[3]"),
        (
            "Content-Type: multipart/mixed; boundary=x\n\n--x\n\n1\n--x\nContent-Type: message/rfc822\n\nSubject: s\n\nt\n\n--x--",
            "multipart/mixed(text/plain[1 0] message/rfc822[s text/plain[2 1] 3])",
        ),
        ("Content-Type: multipart/mixed\n\nt\n", "text/plain[2 1]"),
        ("Content-Type: multipart/mixed\nContent-Transfer-Encoding: base64\n\nt\n", "application/octet-stream[2]"),
        (
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nt\n",
            "message/rfc822[- text/plain[2 1] 1]",
        ),
        ("Content-Type: message/partial\n\nt\n", "message/partial[2]"),
    ] {
        let structure = Structure::parse(message.as_bytes());
        assert_eq!(shown(&structure.body_structure().unwrap()), wanted, "{message:?}");
    }
}

#[test]
fn the_one_part_of_a_message_not_looked_into() {
    let structure = Structure::parse(b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nt\n");
    assert_eq!(structure.by_numbers(&[1, 1]), structure.by_numbers(&[1]));
    assert!(structure.by_numbers(&[1]).is_some());
    for none in [&[1, 2][..], &[1, 1, 1], &[2]] {
        assert_eq!(structure.by_numbers(none), None, "{none:?}");
    }
}

#[test]
fn an_envelope() {
    let header = crate::header::Header::parse(
        b"From: Anna <a@b>\r\nFROM: other@x\r\nTo: c@d\r\nTo: g: e@f;\r\nSender:\r\nSubject: =?utf-8?q?x?=\r\n y\r\n\
          Date: today\r\nMessage-ID: <1@b>\r\nSubject: second\r\n\r\n",
    );
    let envelope = Envelope::of(&header);
    assert_eq!(envelope.from.len(), 1);
    assert_eq!(envelope.sender, envelope.from);
    assert_eq!(envelope.reply_to, envelope.from);
    assert_eq!(envelope.to.len(), 2);
    assert_eq!(envelope.subject.as_deref(), Some("=?utf-8?q?x?= y"));
    assert_eq!((envelope.date.as_deref(), envelope.message_id.as_deref()), (Some("today"), Some("<1@b>")));
    assert!(envelope.cc.is_empty() && envelope.in_reply_to.is_none());
}
