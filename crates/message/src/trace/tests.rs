//! Trace fields, written and read.

use std::net::IpAddr;

use envelope::{Address, Domain, ReversePath, Timestamp};

use super::*;
use crate::header::Header;

fn received<'a>(by: &'a Domain, recipient: &'a Address) -> Received<'a> {
    Received {
        helo: "mail.athens.test",
        peer: Some("192.0.2.1".parse::<IpAddr>().unwrap()),
        peer_name: None,
        by,
        with: With { extended: true, tls: true, ..With::default() },
        tls: Some(("TLSv1.3", "TLS_AES_256_GCM_SHA384")),
        id: "01abc",
        recipient: Some(recipient),
        at: Timestamp(1_057_049_557_000),
    }
}

#[test]
fn a_received_field() {
    let by = Domain::parse("mx.patras.test").unwrap();
    let recipient = Address::parse("kostas@patras.test").unwrap();
    let field = received(&by, &recipient).field();
    assert_eq!(
        field,
        "Received: from mail.athens.test ([192.0.2.1])\r\n\tby mx.patras.test with ESMTPS (TLSv1.3 \
         TLS_AES_256_GCM_SHA384)\r\n\tid 01abc\r\n\tfor <kostas@patras.test>;\r\n\tTue, 1 Jul 2003 08:52:37 +0000\r\n"
    );
    let header = Header::parse(field.as_bytes());
    assert_eq!(hops(&header), 1);
    let hop = Hop::parse(header.get("received").unwrap().raw());
    assert_eq!(hop.from.as_deref(), Some("mail.athens.test ([192.0.2.1])"));
    assert_eq!(hop.by.as_deref(), Some("mx.patras.test"));
    assert_eq!(hop.id.as_deref(), Some("01abc"));
    assert_eq!(hop.recipient.as_deref(), Some("<kostas@patras.test>"));
    assert_eq!(hop.at.unwrap().at, Timestamp(1_057_049_557_000));
}

#[test]
fn a_client_cannot_write_fields() {
    let by = Domain::parse("mx.patras.test").unwrap();
    let recipient = Address::parse("κώστας@patras.test").unwrap();
    let hostile = Received { helo: "a\r\nX-Evil: 1 (<", peer_name: Some(&by), ..received(&by, &recipient) };
    let field = hostile.field();
    assert!(field.starts_with("Received: from aX-Evil:1 (mx.patras.test [192.0.2.1])\r\n\tby"), "{field}");
    assert_eq!(Header::parse(field.as_bytes()).fields().count(), 1);
    assert!(field.is_ascii());
    let with = With { smtputf8: true, ..hostile.with };
    assert!(Received { with, ..hostile }.field().contains("with UTF8SMTPS (TLSv1.3"));
    assert!(Received { helo: "", ..hostile }.field().contains("from unknown ("));
}

#[test]
fn protocol_names() {
    let none = With::default();
    for (with, name) in [
        (none, "SMTP"),
        (With { extended: true, ..none }, "ESMTP"),
        (With { extended: true, signed_in: true, ..none }, "ESMTPA"),
        (With { extended: true, tls: true, signed_in: true, ..none }, "ESMTPSA"),
        (With { extended: true, tls: true, signed_in: true, smtputf8: true, ..none }, "UTF8SMTPSA"),
        (With { lmtp: true, extended: true, ..none }, "LMTP"),
    ] {
        assert_eq!(with.name(), name);
    }
}

#[test]
fn other_peoples_fields() {
    let hop = Hop::parse(
        b" from x.y.test (x.y.test [192.0.2.9] (may be by forged))\r\n by example.net via TCP\r\n with ESMTP\r\n id ABC\
          \r\n for <mary@example.net>;  21 Nov 1997 10:05:43 -0600",
    );
    assert_eq!(hop.from.as_deref(), Some("x.y.test (x.y.test [192.0.2.9] (may be by forged))"));
    assert_eq!((hop.via.as_deref(), hop.with.as_deref()), (Some("TCP"), Some("ESMTP")));
    assert_eq!(hop.at.unwrap().to_rfc5322(), "Fri, 21 Nov 1997 10:05:43 -0600");
    assert_eq!(Hop::parse(b"(qmail 123 invoked by uid 0); 1 Jul 2003"), Hop::default());
}

#[test]
fn what_a_letter_may_lack() {
    let domain = Domain::parse("athens.test").unwrap();
    assert_eq!(message_id("01a b", &domain), "<01a-b@athens.test>");
    assert!(is_message_id(message_id("01ab", &domain).as_bytes()));
    for bad in ["", "<>", "a@b", "<a b@c>", "<a@b> <c@d>"] {
        assert!(!is_message_id(bad.as_bytes()), "{bad}");
    }
    assert_eq!(date_field(Timestamp(0)), "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n");
    assert_eq!(message_ids(b"<a@b>\r\n junk <c@ d>, <e"), ["a@b", "c@d"]);
    assert_eq!(message_ids(b"a@b c@d"), ["a@b", "c@d"]);
    assert_eq!(return_path_field(&ReversePath::Null), "Return-Path: <>\r\n");
    let anna = ReversePath::Address(Address::parse("anna@athens.test").unwrap());
    assert_eq!(return_path_field(&anna), "Return-Path: <anna@athens.test>\r\n");
}

#[test]
fn who_sent_it_on() {
    let anna = Address::parse("anna@athens.test").unwrap();
    let letter = format!(
        "{}Delivered-To: <Kostas@patras.test>\r\nDelivered-To: nobody in particular\r\ndelivered-to:\r\n \
         \"a b\"@x.test \r\nDelivered-To:\r\n\r\nDelivered-To: in@the.text\r\n",
        delivered_to_field(&anna)
    );
    let found: Vec<String> = delivered_to(&Header::parse(letter.as_bytes())).iter().map(Address::to_string).collect();
    assert_eq!(found, ["anna@athens.test", "Kostas@patras.test", "\"a b\"@x.test"]);
}
