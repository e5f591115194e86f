//! Records, reports both ways, and the files that they come in.

use envelope::{Address, Domain, Timestamp};
use message::header::Header;
use proptest::prelude::*;

use super::*;
use crate::tlspolicy::RecordError;

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

#[test]
fn records() {
    let mail = |text: &str| Place::Mail(Address::parse(text).unwrap());
    let web = |host: &str, port, path: &str| Place::Web { host: domain(host), port, path: path.to_owned() };
    for (record, places) in [
        ("v=TLSRPTv1;rua=mailto:reports@example.com", vec![mail("reports@example.com")]),
        (
            "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt",
            vec![web("reporting.example.com", 443, "/v1/tlsrpt")],
        ),
        (
            "v=TLSRPTv1; rua=mailto:a@b.test , https://c.test:8443?x=1#y ;",
            vec![mail("a@b.test"), web("c.test", 8443, "/?x=1")],
        ),
        ("v=TLSRPTv1; new=thing; rua=MAILTO:a%2Bb@c.test?subject=x", vec![mail("a+b@c.test")]),
        ("v=TLSRPTv1; rua=ftp://x.test,mailto:a@b.test; rua=mailto:c@d.test", vec![mail("a@b.test")]),
        (
            "v=TLSRPTv1; rua=https://[::1]/,https://192.0.2.1/,https://u@h.test/,https://h.test:0/,mailto:a@b.test",
            vec![mail("a@b.test")],
        ),
    ] {
        assert_eq!(Record::parse(record.as_bytes()), Ok(Record { places }), "{record}");
    }
    for record in [
        "v=TLSRPTv1;",
        "v=TLSRPTv1 ; rua=mailto:a@b.test",
        "v=TLSRPTv2; rua=mailto:a@b.test",
        "v=TLSRPTv1; rua=",
        "v=TLSRPTv1; rua=a@b.test",
        "v=TLSRPTv1; rua=http://b.test/",
        "v=TLSRPTv1; rua=mailto:a%0d%0ab@c.test",
        "v=TLSRPTv1; rua=mailto:a%zz@c.test",
        "v=TLSRPTv1; rua=https://b.test/\u{e4}",
    ] {
        assert!(matches!(Record::parse(record.as_bytes()), Err(RecordError::Malformed(_))), "{record}");
    }
    let two = ["v=TLSRPTv1; rua=mailto:a@b.test", "v=TLSRPTv1; rua=mailto:a@b.test"];
    assert_eq!(Record::choose(&two), Err(RecordError::Several("v=TLSRPTv1")));
    assert_eq!(Record::choose(&["v=spf1 -all"]), Err(RecordError::Missing("v=TLSRPTv1")));
}

/// The report of RFC 8460 appendix B, in our own words, with what others do differently.
const FOREIGN: &str = r#"{
  "organization-name": "Company-X",
  "date-range": { "start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z" },
  "contact-info": "sts-reporting@company-x.example",
  "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
  "new-thing": [1, 2],
  "policies": [{
    "policy": {
      "policy-type": "sts",
      "policy-string": ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"],
      "policy-domain": "company-y.example",
      "mx-host": "*.mail.company-y.example"
    },
    "summary": { "total-successful-session-count": 5326, "total-failure-session-count": "303" },
    "failure-details": [
      { "result-type": "certificate-expired", "sending-mta-ip": "2001:db8:abcd:0012::1",
        "receiving-mx-hostname": "mx1.mail.company-y.example", "failed-session-count": 100 },
      { "result-type": "something-new", "failed-session-count": null,
        "additional-information": "https://reports.company-x.example/report_info?id=5065427c" }
    ]
  }, { "policy": { "policy-type": "no-policy-found" } }]
}"#;

#[test]
fn a_foreign_report_is_read_with_patience() {
    let report = unpack(FOREIGN.as_bytes()).unwrap();
    assert_eq!(report.organization_name, "Company-X");
    assert_eq!(report.date_range.end_datetime.to_string(), "2016-04-01T23:59:59Z");
    let [first, second] = &report.policies[..] else { panic!() };
    assert_eq!(first.policy.policy_type, PolicyKind::Sts);
    assert_eq!(first.policy.mx_host, ["*.mail.company-y.example"]);
    let summary = Summary { total_successful_session_count: 5326, total_failure_session_count: 303 };
    assert_eq!(first.summary, summary);
    assert_eq!(first.failure_details[0].result_type, ResultType::CertificateExpired);
    assert_eq!(first.failure_details[1].result_type, ResultType::Other("something-new".to_owned()));
    assert_eq!(second.policy.policy_type, PolicyKind::NoPolicyFound);
    assert_eq!(second.summary, Summary::default());
}

#[test]
fn a_report_comes_back_from_every_wrapping() {
    let report = unpack(FOREIGN.as_bytes()).unwrap();
    let json = serde_json::to_vec(&report).unwrap();
    assert_eq!(unpack(&json).unwrap(), report);
    assert_eq!(unpack(&[b"\xef\xbb\xbf \n", json.as_slice()].concat()).unwrap(), report);
    assert_eq!(unpack(&pack(&report).unwrap()).unwrap(), report);
    let (from, to) = (Address::parse("tls@athens.test").unwrap(), Address::parse("rua@patras.test").unwrap());
    let letter = ReportLetter {
        report: &report,
        domain: &domain("patras.test"),
        submitter: &domain("athens.test"),
        from: &from,
        to: &to,
        message_id: "1@athens.test",
        at: Timestamp(0),
        seed: "seed",
    };
    let letter = letter.write().unwrap();
    assert_eq!(unpack(&letter).unwrap(), report);
    let header = Header::parse(&letter);
    let field = |name: &str| header.get(name).map(|field| field.text()).unwrap_or_default();
    assert_eq!(field("TLS-Report-Domain"), "patras.test");
    assert_eq!(field("TLS-Report-Submitter"), "athens.test");
    assert_eq!(field("TLS-Required"), "No");
    assert_eq!(
        field("Subject"),
        "Report Domain: patras.test Submitter: athens.test Report-ID: <5065427c-23d3-47ca-b6e0-946ea0e8c4be>"
    );
    let kind = field("Content-Type");
    assert!(kind.starts_with("multipart/report") && kind.contains("report-type=tlsrpt"), "{kind}");
    let structure = message::mime::Structure::parse(&letter);
    let [_, text, packed] = structure.parts() else { panic!("{structure:?}") };
    assert!(text.text(&letter).contains("5326 sessions as they should be, 303 failed."));
    assert_eq!(packed.content.content_type.to_string(), MEDIA_TYPE_GZIP);
    let name = "athens.test!patras.test!1459468800!1459555199!5065427c23d347cab6e0946ea0e8c4be.json.gz";
    assert_eq!(packed.content.file_name().as_deref(), Some(name));
}

#[test]
fn what_is_no_report_says_why() {
    for (octets, words) in [
        (&b"{}"[..], "no report"),
        (b"{\"date-range\": {\"start-datetime\": \"yesterday\"}}", "no date"),
        (b"\x1f\x8bxxxxxxxxxxxxxxxx", "unpacked"),
        (b"Subject: x\r\n\r\nhello\r\n", "no part"),
        (b"", "no part"),
        (b"Content-Type: application/tlsrpt+json\r\n\r\nhello\r\n", "no report"),
    ] {
        let error = unpack(octets).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_bomb_does_not_go_off() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let blank = vec![b' '; 1 << 20];
    for _ in 0..=crate::limits::REPORT_JSON_OCTETS_MAX >> 20 {
        encoder.write_all(&blank).unwrap();
    }
    assert!(matches!(unpack(&encoder.finish().unwrap()), Err(FileError::TooLarge)));
}

proptest! {
    #[test]
    fn any_octets_are_taken_calmly(octets in proptest::collection::vec(any::<u8>(), 0..300), text in ".{0,100}") {
        let _ = unpack(&octets);
        let _ = Record::parse(&[b"v=TLSRPTv1;", octets.as_slice()].concat());
        let _ = Record::parse(format!("v=TLSRPTv1; rua={text}").as_bytes());
        let _ = unpack(format!("{{\"date-range\": \"{text}\"}}").as_bytes());
    }
}
