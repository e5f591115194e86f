//! Tables of what is read and what is refused.

use std::time::Duration;

use envelope::Domain;
use proptest::prelude::*;

use super::{Mode, Policy, PolicyError, Record};
use crate::limits::{POLICY_OCTETS_MAX, POLICY_PATTERNS_MAX};
use crate::tlspolicy::RecordError;

fn host(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

#[test]
fn records_that_are_read() {
    for (record, id) in [
        ("v=STSv1; id=20160831085700Z;", "20160831085700Z"),
        ("v=STSv1;id=1", "1"),
        ("v=STSv1; \t id=abc ; foo=bar", "abc"),
        ("v=STSv1; foo=bar; id=abc;", "abc"),
        ("v=STSv1; id=first; id=second;", "first"),
        ("v=STSv1; id=12345678901234567890123456789012", "12345678901234567890123456789012"),
        ("v=STSv1; x-y.z_1=a:b; id=9; ", "9"),
    ] {
        assert_eq!(Record::parse(record.as_bytes()).map(|record| record.id), Ok(id.to_owned()), "{record}");
    }
}

#[test]
fn records_that_are_void() {
    for record in [
        "v=STSv1",
        "v=STSv1;",
        "v=STSv1 ; id=1",
        "V=STSv1; id=1",
        "v=STSv1; id=",
        "v=STSv1; id=12 34",
        "v=STSv1; id=1-2",
        "v=STSv1; id=123456789012345678901234567890123",
        "v=STSv1; id",
        "v=STSv1;; id=1",
        "v=STSv1; ID=1",
        "v=STSv1; id=1; _x=y",
        "v=STSv1; id=1; x=\u{e4}",
    ] {
        assert!(matches!(Record::parse(record.as_bytes()), Err(RecordError::Malformed(_))), "{record}");
    }
}

#[test]
fn the_one_record_among_others() {
    let some = |records: &[&str]| Record::choose(records).map(|record| record.id);
    assert_eq!(some(&["v=spf1 -all", "v=STSv1; id=a;", "v=STSv2; id=b"]), Ok("a".to_owned()));
    assert_eq!(some(&[]), Err(RecordError::Missing("v=STSv1")));
    assert_eq!(some(&["v=STSv10; id=a"]), Err(RecordError::Missing("v=STSv1")));
    assert_eq!(some(&["v=STSv1; id=a", "v=STSv1; id=a"]), Err(RecordError::Several("v=STSv1")));
}

const EXAMPLE: &str = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n\
                       mx: backupmx.example.com\r\nmax_age: 604800\r\n";

#[test]
fn the_example_of_the_rfc() {
    let policy = Policy::parse(EXAMPLE.as_bytes()).unwrap();
    assert_eq!((policy.mode, policy.max_age), (Mode::Enforce, Duration::from_secs(604_800)));
    for (name, named) in [
        ("mail.example.com", true),
        ("MAIL.EXAMPLE.COM", true),
        ("backupmx.example.com", true),
        ("a.example.net", true),
        ("example.net", false),
        ("a.b.example.net", false),
        ("example.com", false),
        ("x.mail.example.com", false),
        ("aexample.net", false),
    ] {
        assert_eq!(policy.names(&host(name)), named, "{name}");
    }
    assert_eq!(policy.lines().join("\r\n") + "\r\n", EXAMPLE);
}

#[test]
fn policies_that_are_read() {
    for (file, mode, hosts, seconds) in [
        ("version: STSv1\nmode: testing\nmx: a.test\nmax_age: 1", Mode::Testing, 1, 1),
        ("version:STSv1\nmode:\t enforce \nmx:a.test\nmax_age:86400\n", Mode::Enforce, 1, 86_400),
        ("max_age: 0\nmx: *.a.test\nmode: enforce\nversion: STSv1\n", Mode::Enforce, 1, 0),
        ("version: STSv1\nmode: none\nmax_age: 86400\n", Mode::None, 0, 86_400),
        ("version: STSv1\nmode: none\nmode: enforce\nmax_age: 5\nmax_age: 6\n", Mode::None, 0, 5),
        ("version: STSv1\nnew-key: words: more\nmode: none\nmax_age: 5\n", Mode::None, 0, 5),
        ("version: STSv1\r\n\r\nmode: none\n \t\nmax_age: 7\n\n", Mode::None, 0, 7),
        ("version: STSv1\nmode: none\nmax_age: 9999999999\n", Mode::None, 0, 31_557_600),
        ("version: STSv1\nmode: enforce\nmx: \u{e4}rger.test\nmax_age: 5\n", Mode::Enforce, 1, 5),
    ] {
        let policy = Policy::parse(file.as_bytes()).unwrap_or_else(|error| panic!("{error}: {file}"));
        assert_eq!((policy.mode, policy.mx.len(), policy.max_age.as_secs()), (mode, hosts, seconds), "{file}");
    }
}

#[test]
fn policies_that_are_void() {
    let missing = PolicyError::Missing;
    let value = |line, key, value: &str| PolicyError::Value { line, key, value: value.to_owned() };
    for (file, error) in [
        ("", missing("version")),
        ("<html></html>", PolicyError::Line { line: 1 }),
        ("mode: enforce\nmx: a.test\nmax_age: 1\n", missing("version")),
        ("version: STSv1\nmx: a.test\nmax_age: 1\n", missing("mode")),
        ("version: STSv1\nmode: enforce\nmx: a.test\n", missing("max_age")),
        ("version: STSv1\nmode: enforce\nmax_age: 1\n", missing("mx")),
        ("version: STSv2\nmode: enforce\nmx: a.test\nmax_age: 1\n", value(1, "version", "STSv2")),
        ("version: STSv1\nmode: Enforce\nmx: a.test\nmax_age: 1\n", value(2, "mode", "Enforce")),
        ("version: STSv1\nmode: none\nmax_age: -1\n", value(3, "max_age", "-1")),
        ("version: STSv1\nmode: none\nmax_age: 12345678901\n", value(3, "max_age", "12345678901")),
        ("version: STSv1\nmode: none\nmax_age: 1d\n", value(3, "max_age", "1d")),
        ("version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", value(3, "mx", "*")),
        ("version: STSv1\nmode: enforce\nmx: *.*.a.test\nmax_age: 1\n", value(3, "mx", "*.*.a.test")),
        ("version: STSv1\nmode: enforce\nmx: a*.a.test\nmax_age: 1\n", value(3, "mx", "a*.a.test")),
        ("version: STSv1\nmode: enforce\nmx: .a.test\nmax_age: 1\n", value(3, "mx", ".a.test")),
        ("version: STSv1\nmode none\nmax_age: 1\n", PolicyError::Line { line: 2 }),
        ("version: STSv1\n mode: none\nmax_age: 1\n", PolicyError::Line { line: 2 }),
    ] {
        assert_eq!(Policy::parse(file.as_bytes()), Err(error), "{file}");
    }
    assert_eq!(Policy::parse(b"version: STSv1\nmode: \xff\n"), Err(PolicyError::NotText));
    assert_eq!(Policy::parse(&vec![b'a'; POLICY_OCTETS_MAX + 1]), Err(PolicyError::TooLong));
    let many = format!("version: STSv1\n{}", "mx: a.test\n".repeat(POLICY_PATTERNS_MAX + 1));
    assert_eq!(Policy::parse(many.as_bytes()), Err(PolicyError::TooManyHosts));
}

proptest! {
    #[test]
    fn whatever_is_read_is_read_again(file in "(version: STSv1\n)?(mode: (enforce|testing|none)\n|mx: (\\*\\.)?[a-z.]{1,9}\n|\
                                               max_age: [0-9]{1,10}\r?\n|[a-z:]{0,6}\n){0,8}") {
        if let Ok(policy) = Policy::parse(file.as_bytes()) {
            let again = Policy::parse(policy.lines().join("\n").as_bytes());
            prop_assert_eq!(again, Ok(policy));
        }
    }

    #[test]
    fn any_octets_are_taken_calmly(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Policy::parse(&octets);
        let record = [b"v=STSv1;", octets.as_slice()].concat();
        if let Ok(record) = Record::parse(&record) {
            prop_assert!((1..=32).contains(&record.id.len()));
        }
    }
}
