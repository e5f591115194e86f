//! Header sections, whole and in chunks.

use super::*;

fn names(text: &str) -> Vec<String> {
    Header::parse(text.as_bytes()).fields().map(|f| f.name().to_owned()).collect()
}

#[test]
fn fields_are_byte_ranges() {
    let text = "Subject: one\r\n two\r\nFrom :\ta@b\r\n\r\nbody";
    let header = Header::parse(text.as_bytes());
    let subject = header.get("subject").unwrap();
    assert_eq!(subject.whole(), b"Subject: one\r\n two\r\n");
    assert_eq!(subject.raw(), b" one\r\n two");
    assert_eq!(&*subject.value(), b"one two");
    assert_eq!(header.get("FROM").unwrap().plain(), "a@b");
    assert_eq!(header.bytes(), b"Subject: one\r\n two\r\nFrom :\ta@b\r\n\r\n");
    assert!(header.is_complete());
}

#[test]
fn tolerant_but_not_fooled() {
    assert_eq!(names("A: 1\nB: 2\n\nC: 3"), ["A", "B"]);
    assert_eq!(names("From me Tue\nA: 1\n"), ["A"]);
    assert_eq!(names("Fr om: x@y\r\nFrom: z@y\r\n\r\n"), ["From"]);
    assert_eq!(names("junk\r\n of two lines\r\nA: 1\r\n"), ["A"]);
    assert_eq!(names(": x\r\nÄ: 1\r\nA:\r\n"), ["A"]);
    assert_eq!(names("\r\nA: 1"), Vec::<String>::new());
    assert_eq!(names(""), Vec::<String>::new());
    let header = Header::parse(b"A: 1\r\n \t \r\n x\r\nA: 2");
    assert_eq!(header.get_all("a").map(|f| f.text()).collect::<Vec<_>>(), ["1 \t  x".replace('\t', " "), "2".into()]);
    assert!(!header.is_complete());
    let raw = Header::parse(b"S: caf\xe9\r\n").get("s").unwrap().text();
    assert_eq!(raw, "café");
}

#[test]
fn a_collector_stops_at_the_body() {
    for text in ["A: 1\r\nB: 2\r\n\r\nbody\r\n\r\n", "A: 1\nB: 2\n\nbody", "\r\nbody", "\nb", "A: \r\n\r\r\n\n"] {
        let whole = Header::parse(text.as_bytes());
        for step in 1..=text.len() {
            let mut collector = HeaderCollector::default();
            let mut taken = 0;
            for chunk in text.as_bytes().chunks(step) {
                match collector.push(chunk) {
                    Progress::More => taken += chunk.len(),
                    Progress::Done { taken: last } => {
                        taken += last;
                        break;
                    }
                    Progress::TooLong => panic!("short enough"),
                }
            }
            assert_eq!((taken, collector.bytes()), (whole.span().end, whole.bytes()), "{text:?} by {step}");
            assert!(collector.is_complete());
        }
    }
}

#[test]
fn a_collector_is_bounded() {
    let mut collector = HeaderCollector::new(10);
    assert_eq!(collector.push(b"A: 123"), Progress::More);
    assert_eq!(collector.push(b"456789\r\n"), Progress::TooLong);
    assert_eq!(collector.push(b"\r\n"), Progress::TooLong);
    assert_eq!(collector.bytes(), b"A: 1234567");
}
