//! Notifications, whole, against goldens and read back.

use envelope::{Address, BodyType, Domain, EnhancedStatus, Reply, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::golden;
use crate::mime::Structure;

struct Case {
    host: Domain,
    from: Address,
    anna: Address,
    kostas: Address,
    reply: Reply,
}

impl Case {
    fn new() -> Self {
        Self {
            host: Domain::parse("mx.athens.test").unwrap(),
            from: Address::parse("mailer-daemon@athens.test").unwrap(),
            anna: Address::parse("anna@athens.test").unwrap(),
            kostas: Address::parse("kostas@patras.test").unwrap(),
            reply: Reply::new(550, (5, 1, 1), "no such user here\n--=_dsn_seed--"),
        }
    }

    fn recipient(&self, action: Action) -> RecipientReport<'_> {
        RecipientReport {
            address: &self.kostas,
            original: Some("rfc822;kos+2Btas@patras.test"),
            action,
            status: EnhancedStatus::new(5, 1, 1),
            said: Some(Said { host: "mx.patras.test", reply: &self.reply }),
            found: None,
            last_attempt: Some(Timestamp(1_000_000)),
            will_retry_until: Some(Timestamp(400_000_000)),
        }
    }

    fn report<'a>(&'a self, recipients: &'a [RecipientReport<'a>]) -> Report<'a> {
        Report {
            reporting_mta: &self.host,
            from: &self.from,
            to: &self.anna,
            message_id: "dsn1@mx.athens.test",
            at: Timestamp(2_000_000),
            seed: "seed",
            envelope_id: Some("QQ+3D314159"),
            arrival: Some(Timestamp(0)),
            subject: Some("Kalimera"),
            original_id: Some("1@athens.test"),
            reader: Reader::Sender,
            recipients,
            returned: Returned::Full,
            body: BodyType::SevenBit,
            smtputf8: false,
        }
    }
}

const LETTER: &[u8] = b"Subject: Kalimera\r\n\r\nhello\r\n";

#[test]
fn a_failure() {
    let case = Case::new();
    let recipients = [case.recipient(Action::Failed)];
    let whole = case.report(&recipients).build().around(LETTER);
    golden::check("dsn/failed.golden", &whole);

    let structure = Structure::parse(&whole);
    let kinds: Vec<String> = structure.parts().iter().map(|p| p.content.content_type.to_string()).collect();
    assert_eq!(kinds, ["multipart/report", "text/plain", "message/delivery-status", "message/rfc822", "text/plain"]);
    let letter = structure.part(structure.by_numbers(&[3]).unwrap()).unwrap();
    assert_eq!(letter.body.of(&whole), LETTER);
    let status = structure.part(structure.by_numbers(&[2]).unwrap()).unwrap();
    let status = DeliveryStatus::parse(status.body.of(&whole));
    assert_eq!(status.message.get("reporting-mta"), Some("dns; mx.athens.test"));
    assert_eq!(status.message.get("original-envelope-id"), Some("QQ=314159"));
    assert_eq!(status.recipients.len(), 1);
    assert_eq!(status.recipients[0].final_recipient(), Some("kostas@patras.test"));
    assert_eq!(status.recipients[0].original_recipient(), Some("kos+tas@patras.test"));
    assert_eq!(status.recipients[0].status(), Some(EnhancedStatus::new(5, 1, 1)));
    assert_eq!(status.recipients[0].get("will-retry-until"), None);
}

#[test]
fn a_delay_with_the_header_only() {
    let case = Case::new();
    let late = RecipientReport {
        status: EnhancedStatus::new(4, 4, 1),
        said: None,
        found: Some("no connection to mx.patras.test: refused"),
        ..case.recipient(Action::Delayed)
    };
    let recipients = [late];
    let report = Report { returned: Returned::Headers, ..case.report(&recipients) };
    let whole = String::from_utf8(report.build().around(b"Subject: Kalimera\r\n")).unwrap();
    assert!(whole.contains("Subject: Your message is delayed\r\n"));
    assert!(whole.contains("Will-Retry-Until: Mon, 5 Jan 1970 15:06:40 +0000\r\n"));
    assert!(whole.contains("We keep trying until Mon, 5 Jan 1970 15:06:40 UTC."));
    assert!(whole.contains("Content-Type: text/rfc822-headers\r\n"));
    // What we found out ourselves is put into nobody's mouth.
    let unfolded = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unfolded.contains("We found: no connection to mx.patras.test: refused"), "{whole}");
    assert!(unfolded.contains("Diagnostic-Code: X-Angelia; no connection to mx.patras.test: refused"), "{whole}");
    assert!(!whole.contains("Remote-MTA") && !whole.contains("said:") && !whole.contains("smtp;"), "{whole}");
    let nothing = Report { returned: Returned::Nothing, ..report }.build().around(b"");
    assert_eq!(Structure::parse(&nothing).parts().len(), 3);
}

#[test]
fn given_up_after_an_answer() {
    let case = Case::new();
    let reply = Reply::new(452, (4, 2, 2), "mailbox full\u{202e}");
    let recipient = RecipientReport {
        status: EnhancedStatus::new(5, 4, 7),
        said: Some(Said { host: "mx.patras.test", reply: &reply }),
        found: Some("it could not be delivered in 5 days"),
        ..case.recipient(Action::Failed)
    };
    let whole = String::from_utf8(case.report(&[recipient]).build().around(LETTER)).unwrap();
    for line in [
        "Status: 5.4.7",
        "Remote-MTA: dns; mx.patras.test",
        "Diagnostic-Code: smtp; 452 4.2.2 mailbox full",
        "    The server mx.patras.test said:",
        "        452 4.2.2 mailbox full",
        "        it could not be delivered in 5 days",
    ] {
        assert!(whole.contains(&format!("{line}\r\n")) || whole.contains(&format!("{line} \r\n")), "{line}\n{whole}");
    }
    assert!(!whole.contains('\u{202e}') && !whole.contains("X-Angelia"), "{whole}");
}

#[test]
fn a_notice_that_came_back() {
    let case = Case::new();
    let recipients = [case.recipient(Action::Failed)];
    let about: Vec<String> = (0..30).map(|n| format!("failed for <a{n}@corinth.test>: 5.1.1")).collect();
    let report = Report {
        reader: Reader::Postmaster { about: &about },
        subject: Some("Your message could not be delivered"),
        ..case.report(&recipients)
    };
    let whole = report.build().around(LETTER);
    golden::check("dsn/postmaster.golden", &whole);
    assert_eq!(Structure::parse(&whole).parts().len(), 5);
}

#[test]
fn our_own_trouble_is_ours() {
    let case = Case::new();
    let ours = |said| RecipientReport {
        status: EnhancedStatus::new(4, 3, 2),
        said,
        found: Some("mail for patras.test waits for the operator"),
        ..case.recipient(Action::Delayed)
    };
    let text = |said| String::from_utf8(case.report(&[ours(said)]).build().around(LETTER)).unwrap();
    assert!(text(None).contains("Our own mail system does not send it at present."));
    let said = Some(Said { host: "mx.patras.test", reply: &case.reply });
    let theirs = text(said).replace("\r\n", " ");
    assert!(theirs.contains("The mail system of the other side takes no"), "{theirs}");
}

#[test]
fn addresses_in_utf8() {
    let case = Case::new();
    let address = Address::parse("κώστας@patras.test").unwrap();
    let recipients = [RecipientReport {
        address: &address,
        original: Some("utf-8;\\x{3BA}@patras.test"),
        ..case.recipient(Action::Failed)
    }];
    let report = Report { smtputf8: true, body: BodyType::EightBitMime, ..case.report(&recipients) };
    let whole = String::from_utf8(report.build().around(LETTER)).unwrap();
    for line in [
        "Content-Type: message/global-delivery-status",
        "Content-Type: message/global",
        "Final-Recipient: utf-8; κώστας@patras.test",
        "Original-Recipient: utf-8; κ@patras.test",
    ] {
        assert!(whole.contains(&format!("{line}\r\n")), "{line}\n{whole}");
    }
}

#[test]
fn hostile_replies_stay_inside() {
    let case = Case::new();
    let reply = Reply::plain(
        550,
        format!("{}\r\n\r\n--=_dsn_seed\r\nX-Evil: 1\u{1b}[2J {}", "é".repeat(900), "a".repeat(5_000)),
    );
    let recipients =
        [RecipientReport { said: Some(Said { host: "a\r\nb", reply: &reply }), ..case.recipient(Action::Failed) }];
    let report = Report { subject: Some("x\r\n--=_dsn_seed--\r\n"), ..case.report(&recipients) };
    let whole = report.build().around(LETTER);
    assert_eq!(Structure::parse(&whole).parts().len(), 5);
    assert!(whole.split(|b| *b == b'\n').all(|line| line.len() <= 999));
    assert!(!whole.contains(&0x1b) && whole.is_ascii());
}

#[test]
fn xtext_table() {
    for (wire, plain) in [("", ""), ("abc", "abc"), ("a+2Bb+3D+20", "a+b= "), ("+e2+82+AC", "€")] {
        assert_eq!(xtext::decode(wire).unwrap(), plain.as_bytes(), "{wire}");
    }
    for bad in ["+", "+2", "+GG", "a b", "a=b", "é"] {
        assert!(xtext::decode(bad).is_err(), "{bad}");
    }
    assert_eq!(xtext::decode_unitext("\\x{3BA}a\\x{110000}\\x{D800}\\x{"), "κa\\x{110000}\\x{D800}\\x{");
    assert_eq!(OriginalRecipient::parse("RFC822;a+2Bb@c").unwrap().to_string(), "rfc822; a+b@c");
    for bad in ["", "rfc822", ";a", "r c;a", "rfc822;+"] {
        assert!(OriginalRecipient::parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn xtext_round_trip(octets: Vec<u8>, any in "\\PC{0,40}") {
        let coded = xtext::encode(&octets);
        prop_assert!(coded.bytes().all(|b| b.is_ascii_graphic()));
        prop_assert_eq!(xtext::decode(&coded).unwrap(), octets);
        let _ = OriginalRecipient::parse(&any);
        xtext::decode_unitext(&any);
    }

    #[test]
    fn any_status_part(body: Vec<u8>, text in "[A-Za-z: .;\r\n-]{0,200}") {
        for body in [&body[..], text.as_bytes()] {
            let status = DeliveryStatus::parse(body);
            status.recipients.iter().for_each(|group| { group.status(); group.final_recipient(); });
        }
    }
}
