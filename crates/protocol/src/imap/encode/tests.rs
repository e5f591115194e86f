//! Answers and their bytes.

use super::code::condition;
use super::*;
use crate::imap::command::{Flag, PartialRange, Section, SectionText, SpecialUse, StatusItem};
use crate::imap::structure::{Address, BodyStructure, Detail, Envelope, Extension, Multipart, Single};
use ::envelope::Timestamp;

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn strings() {
    for (raw, wire) in [
        (&b""[..], "\"\""),
        (b"a b", "\"a b\""),
        (b"a\"\\", "\"a\\\"\\\\\""),
        (b"a\r\nb", "{4}\r\na\r\nb"),
        ("ü".as_bytes(), "{2}\r\nü"),
        (b"a\0b", "\"ab\""),
    ] {
        assert_eq!(text(|out| string(out, raw)), wire);
    }
    assert_eq!(text(|out| string(out, &[b'x'; 1001])), format!("{{1001}}\r\n{}", "x".repeat(1001)));
    assert_eq!(text(|out| astring(out, b"From")), "From");
    assert_eq!(text(|out| astring(out, b"nil")), "\"nil\"");
    assert_eq!(text(|out| mailbox(out, "Entwürfe & mehr")), "\"Entw&APw-rfe &- mehr\"");
    assert_eq!(text(|out| mailbox(out, "INBOX")), "INBOX");
    for value in [0, 7, 10, 4_294_967_295, u64::MAX] {
        assert_eq!(text(|out| number(out, value)), value.to_string());
    }
    assert_eq!(text(|out| number_set(out, &[1, 2, 3, 5, 7, 8, u32::MAX])), "1:3,5,7:8,4294967295");
}

#[test]
fn untagged_responses() {
    use StatusValue::{Id, Number};
    use Untagged::{Exists, Expunge, Flags, List, Lsub, Namespace, Recent, Status, Vanished};
    let flags = [Flag::Seen, Flag::Keyword("$x".into())];
    let code = Code::PermanentFlags { flags: &flags, new_keywords: true };
    let attributes = [Attribute::HasNoChildren, Attribute::Use(SpecialUse::Sent)];
    for (response, wire) in [
        (Exists(3), "* 3 EXISTS"),
        (Recent(0), "* 0 RECENT"),
        (Expunge(2), "* 2 EXPUNGE"),
        (Flags(&flags), "* FLAGS (\\Seen $x)"),
        (Vanished { earlier: false, uids: &[(4, 4), (7, 9)] }, "* VANISHED 4,7:9"),
        (Vanished { earlier: true, uids: &[(1, u32::MAX)] }, "* VANISHED (EARLIER) 1:4294967295"),
        (
            List(Listed { attributes: &attributes, name: "Sent", subscribed_below: false }),
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"",
        ),
        (
            List(Listed { attributes: &[Attribute::NoSelect], name: "", subscribed_below: false }),
            "* LIST (\\Noselect) \"/\" \"\"",
        ),
        (Lsub(Listed { attributes: &[], name: "INBOX", subscribed_below: false }), "* LSUB () \"/\" INBOX"),
        (
            List(Listed { attributes: &[Attribute::NonExistent], name: "a", subscribed_below: true }),
            "* LIST (\\NonExistent) \"/\" \"a\" (\"CHILDINFO\" (\"SUBSCRIBED\"))",
        ),
        (
            Status {
                mailbox: "a",
                items: &[
                    (StatusItem::Messages, Number(3)),
                    (StatusItem::HighestModSeq, Number(u64::MAX)),
                    (StatusItem::MailboxId, Id("F1-2")),
                ],
            },
            "* STATUS \"a\" (MESSAGES 3 HIGHESTMODSEQ 18446744073709551615 MAILBOXID (F1-2))",
        ),
        (Namespace, "* NAMESPACE ((\"\" \"/\")) NIL NIL"),
        (Untagged::Ok(Some(code), "Limited"), "* OK [PERMANENTFLAGS (\\Seen $x \\*)] Limited"),
    ] {
        assert_eq!(text(|out| response.encode(out)), format!("{wire}\r\n"));
    }
}

#[test]
fn what_a_search_says() {
    use Untagged::{ESearch, Search};
    for (response, wire) in [
        (Search(&[], None), "* SEARCH"),
        (Search(&[], Some(5)), "* SEARCH"),
        (Search(&[2, 84], None), "* SEARCH 2 84"),
        (Search(&[2, 5], Some(917_162_500)), "* SEARCH 2 5 (MODSEQ 917162500)"),
        (ESearch(super::ESearch { tag: "a\"", ..super::ESearch::default() }), "* ESEARCH (TAG \"a\\\"\")"),
        (
            ESearch(super::ESearch {
                mailbox: None,
                relevancy: None,
                tag: "a",
                uid: true,
                min: Some(2),
                max: Some(9),
                count: Some(4),
                all: Some(&[2, 3, 4, 9]),
                partial: None,
                modseq: Some(7),
            }),
            "* ESEARCH (TAG \"a\") UID MIN 2 MAX 9 COUNT 4 ALL 2:4,9 MODSEQ 7",
        ),
        (
            ESearch(super::ESearch {
                tag: "a",
                partial: Some((PartialRange { first: 1, last: 5, from_end: true }, &[2, 3, 9])),
                ..super::ESearch::default()
            }),
            "* ESEARCH (TAG \"a\") PARTIAL (-1:-5 2:3,9)",
        ),
        (
            ESearch(super::ESearch {
                tag: "a",
                partial: Some((PartialRange { first: 7, last: 5, from_end: false }, &[])),
                ..super::ESearch::default()
            }),
            "* ESEARCH (TAG \"a\") PARTIAL (7:5 NIL)",
        ),
    ] {
        assert_eq!(text(|out| response.encode(out)), format!("{wire}\r\n"));
    }
}

#[test]
fn codes() {
    for (code, wire) in [
        (Code::UidNext(4), "UIDNEXT 4"),
        (Code::AppendUid { validity: 7, uids: &[9] }, "APPENDUID 7 9"),
        (Code::CopyUid { validity: 7, from: &[1, 2, 4], to: &[9, 10, 11] }, "COPYUID 7 1:2,4 9:11"),
        (Code::BadCharset(&["US-ASCII", "UTF-8"]), "BADCHARSET (US-ASCII UTF-8)"),
        (Code::PermanentFlags { flags: &[], new_keywords: true }, "PERMANENTFLAGS (\\*)"),
        (Code::PermanentFlags { flags: &[], new_keywords: false }, "PERMANENTFLAGS ()"),
        (Code::HighestModSeq(9_223_372_036_854_775_807), "HIGHESTMODSEQ 9223372036854775807"),
        (Code::Modified(&[7, 9, 10]), "MODIFIED 7,9:10"),
        (Code::MailboxId("F1-2"), "MAILBOXID (F1-2)"),
        (Code::Word("TOOBIG"), "TOOBIG"),
    ] {
        assert_eq!(text(|out| code.encode(out)), wire);
    }
    // No text of anybody ends the line or leaves US-ASCII.
    assert_eq!(text(|out| condition(out, "NO", None, "a\r\n* BYE ü")), "NO a* BYE ?");
    assert_eq!(text(|out| condition(out, "NO", None, "")), "NO -");
}

#[test]
fn what_a_search_of_several_mailboxes_says() {
    let found = ESearch {
        tag: "t1",
        mailbox: Some(("Entwürfe", 7)),
        uid: true,
        all: Some(&[1, 2, 9]),
        relevancy: Some(&[4, 99, 42]),
        ..ESearch::default()
    };
    let wire = "* ESEARCH (TAG \"t1\" MAILBOX \"Entw&APw-rfe\" UIDVALIDITY 7) UID ALL 1:2,9 RELEVANCY (4 99 42)\r\n";
    assert_eq!(text(|out| Untagged::ESearch(found).encode(out)), wire);
    let update = SearchUpdate {
        tag: "B01",
        uid: false,
        removed: &[(0, vec![3])],
        added: &[(1, vec![7]), (4, vec![8, 9])],
        ..SearchUpdate::default()
    };
    let wire = "* ESEARCH (TAG \"B01\") REMOVEFROM (0 3) ADDTO (1 7 4 8:9)\r\n";
    assert_eq!(text(|out| Untagged::Update(update).encode(out)), wire);
    assert_eq!(text(|out| Code::NoUpdate("B02").encode(out)), "NOUPDATE \"B02\"");
}

#[test]
fn limits_progress_and_batches() {
    let code = |code: Code<'_>| text(|out| code.encode(out));
    assert_eq!(code(Code::MessageLimit { max: 1000, lowest: Some(23221) }), "MESSAGELIMIT 1000 23221");
    assert_eq!(code(Code::MessageLimit { max: 1000, lowest: None }), "MESSAGELIMIT 1000");
    for (tag, done, goal, wanted) in [
        ("A1", Some(175), Some(1000), "INPROGRESS (\"A1\" 175 1000)"),
        ("A1", Some(175), None, "INPROGRESS (\"A1\" 175 NIL)"),
        ("A1", None, Some(9), "INPROGRESS (\"A1\" NIL NIL)"),
        ("A1", Some(0), Some(0), "INPROGRESS (\"A1\" 0 NIL)"),
        ("a]b", None, None, "INPROGRESS (NIL NIL NIL)"),
    ] {
        assert_eq!(code(Code::InProgress { tag, done, goal }), wanted);
    }
    let batches = |batches: &[(u32, u32)]| text(|out| Untagged::UidBatches { tag: "A1", batches }.encode(out));
    assert_eq!(batches(&[]), "* UIDBATCHES (TAG \"A1\")\r\n");
    assert_eq!(batches(&[(9, 5), (4, 4)]), "* UIDBATCHES (TAG \"A1\") 9:5,4:4\r\n");
    let line = text(|out| {
        let mut line = FetchLine::begin_by_uid(out, 7);
        line.flags(out, &[]);
        line.end(out);
    });
    assert_eq!(line, "* 7 UIDFETCH (FLAGS ())\r\n");
}

#[test]
fn a_fetch_response() {
    let line = text(|out| {
        let mut line = FetchLine::begin(out, 12);
        line.uid(out, 30);
        line.flags(out, &[Flag::Seen]);
        line.modseq(out, 12_121_231_000);
        line.email_id(out, "M1f");
        line.thread_id(out, None);
        line.internal_date(out, Timestamp::from_seconds(837_596_665));
        line.size(out, 4286);
        let section = Section {
            part: vec![1, 2],
            text: SectionText::HeaderFields { not: true, names: vec!["To".into(), "a(b".into()] },
        };
        line.section(out, &section, Some(7), 3);
        out.extend_from_slice(b"abc");
        line.preview(out, "a \"b\"");
        line.preview(out, "");
        line.save_date(out, Some(Timestamp::from_seconds(0)));
        line.save_date(out, None);
        line.binary(out, &[1, 2], Some(3), 2);
        out.extend_from_slice(b"\0x");
        line.binary_nil(out, &[7], None);
        line.binary_size(out, &[], 8);
        line.section_nil(out, &Section { part: vec![9], text: SectionText::Whole }, None);
        line.end(out);
    });
    assert_eq!(
        line,
        "* 12 FETCH (UID 30 FLAGS (\\Seen) MODSEQ (12121231000) EMAILID (M1f) THREADID NIL INTERNALDATE \"17-Jul-1996 09:44:25 +0000\" RFC822.SIZE 4286 \
         BODY[1.2.HEADER.FIELDS.NOT (To \"a(b\")]<7> {3}\r\nabc PREVIEW \"a \\\"b\\\"\" PREVIEW \"\" SAVEDATE \" 1-Jan-1970 00:00:00 +0000\" SAVEDATE NIL BINARY[1.2]<3> ~{2}\r\n\0x BINARY[7] NIL BINARY.SIZE[] 8 BODY[9] NIL)\r\n"
    );
}

/// The message of RFC 3501 section 8.
#[test]
fn the_standards_own_envelope() {
    let terry = Address {
        name: Some(b"Terry Gray".to_vec()),
        route: None,
        mailbox: Some(b"gray".to_vec()),
        host: Some(b"cac.washington.edu".to_vec()),
    };
    let imap = Address {
        name: None,
        route: None,
        mailbox: Some(b"imap".to_vec()),
        host: Some(b"cac.washington.edu".to_vec()),
    };
    let envelope = Envelope {
        date: Some(b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)".to_vec()),
        subject: Some(b"IMAP4rev1 WG mtg summary and minutes".to_vec()),
        from: vec![terry.clone()],
        sender: vec![terry.clone()],
        reply_to: vec![terry],
        to: vec![imap.clone(), imap],
        message_id: Some(b"<B27397-0100000@cac.washington.edu>".to_vec()),
        ..Envelope::default()
    };
    let line = text(|out| {
        let mut line = FetchLine::begin(out, 1);
        line.envelope(out, &envelope);
        line.end(out);
    });
    let gray = "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\"))";
    let imap = "(NIL NIL \"imap\" \"cac.washington.edu\")";
    assert_eq!(
        line,
        format!(
            "* 1 FETCH (ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" \
             {gray} {gray} {gray} ({imap}{imap}) NIL NIL NIL \"<B27397-0100000@cac.washington.edu>\"))\r\n"
        )
    );
}

#[test]
fn body_structures() {
    let plain = |octets, lines| Single {
        media: b"TEXT".to_vec(),
        subtype: b"PLAIN".to_vec(),
        parameters: vec![(b"CHARSET".to_vec(), b"US-ASCII".to_vec())],
        encoding: b"7BIT".to_vec(),
        octets,
        detail: Detail::Text { lines },
        ..Single::default()
    };
    let message = Single {
        media: b"MESSAGE".to_vec(),
        subtype: b"RFC822".to_vec(),
        encoding: b"7BIT".to_vec(),
        octets: 9,
        detail: Detail::Message {
            envelope: Box::default(),
            body: BodyStructure::Single(Box::new(plain(1, 2))),
            lines: 3,
        },
        extension: Extension { languages: vec![b"de".to_vec(), b"el".to_vec()], ..Extension::default() },
        ..Single::default()
    };
    let multipart = BodyStructure::Multipart(Box::new(Multipart {
        parts: vec![BodyStructure::Single(Box::new(plain(3028, 92))), BodyStructure::Single(Box::new(message))],
        subtype: b"MIXED".to_vec(),
        parameters: vec![(b"BOUNDARY".to_vec(), b"x".to_vec())],
        extension: Extension { disposition: Some((b"inline".to_vec(), Vec::new())), ..Extension::default() },
    }));
    let fetch = |extended| text(|out| FetchLine::begin(&mut Vec::new(), 1).body_structure(out, &multipart, extended));
    let nil = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";
    let part = "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\"";
    assert_eq!(
        fetch(false),
        format!("BODY ({part} 3028 92)(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 9 {nil} {part} 1 2) 3) \"MIXED\")")
    );
    assert_eq!(
        fetch(true),
        format!(
            "BODYSTRUCTURE ({part} 3028 92 NIL NIL NIL NIL)(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 9 {nil} \
             {part} 1 2 NIL NIL NIL NIL) 3 NIL NIL (\"de\" \"el\") NIL) \"MIXED\" (\"BOUNDARY\" \"x\") \
             (\"inline\" NIL) NIL NIL)"
        )
    );
}

/// The examples of RFC 5256 section 4.
#[test]
fn threads() {
    let forest = |nodes: &[(u32, &[usize])], roots: &[usize]| Forest {
        nodes: nodes.iter().map(|(n, c)| Node { number: Some(*n).filter(|n| *n > 0), children: c.to_vec() }).collect(),
        roots: roots.to_vec(),
    };
    let encoded = |forest: Forest| text(|out| forest.encode(out));
    let nodes: &[(u32, &[usize])] =
        &[(2, &[]), (3, &[2]), (6, &[3, 5]), (4, &[4]), (23, &[]), (44, &[6]), (7, &[7]), (96, &[])];
    assert_eq!(encoded(forest(nodes, &[0, 1])), "* THREAD (2)(3 6 (4 23)(44 7 96))\r\n");
    assert_eq!(encoded(forest(&[(0, &[1, 2]), (3, &[]), (5, &[])], &[0])), "* THREAD ((3)(5))\r\n");
    assert_eq!(encoded(Forest::default()), "* THREAD\r\n");
    // As deep as it may be.
    let deep = |n: u32| Node { number: Some(n + 1), children: if n < 99_999 { vec![n as usize + 1] } else { vec![] } };
    let deep = Forest { nodes: (0..100_000).map(deep).collect(), roots: vec![0] };
    assert!(encoded(deep).ends_with(" 99999 100000)\r\n"));
}
