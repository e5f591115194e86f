//! Dates in all their forms.

use super::*;
use proptest::prelude::*;

fn shown(text: &str) -> Option<String> {
    parse(text.as_bytes()).map(|date| date.to_rfc5322())
}

#[test]
fn table() {
    for (text, wanted) in [
        ("Tue, 1 Jul 2003 10:52:37 +0200", "Tue, 1 Jul 2003 10:52:37 +0200"),
        ("1 Jul 2003 10:52 -0530", "Tue, 1 Jul 2003 10:52:00 -0530"),
        ("Fri, 21 Nov 97 09(comment):55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"),
        ("Fri, 21 Nov 97 09:55:06 EST (Eastern)", "Fri, 21 Nov 1997 09:55:06 -0500"),
        ("Thu,\r\n 13\r\n  Feb\r\n 1969 23:32 -0330 (Newfoundland (Time))", "Thu, 13 Feb 1969 23:32:00 -0330"),
        ("21 Nov 103 09:55:06 GMT", "Fri, 21 Nov 2003 09:55:06 +0000"),
        ("21 Nov 49 09:55:06 A", "Sun, 21 Nov 2049 09:55:06 -0000"),
        ("Fri Nov 21 09:55:06 1997", "Fri, 21 Nov 1997 09:55:06 -0000"),
        ("Fri Nov 21 09:55:06 PST 1997", "Fri, 21 Nov 1997 09:55:06 -0800"),
        ("Friday, 21-Nov-97 09:55:06 GMT", "Fri, 21 Nov 1997 09:55:06 +0000"),
        (" 1-Jul-2003 10:52:37 +0200", "Tue, 1 Jul 2003 10:52:37 +0200"),
        ("Mon, 01 Jan 2024 1:02:03 GMT+0200", "Mon, 1 Jan 2024 01:02:03 +0200"),
        ("Sat, 31 Dec 2016 23:59:60 +0000", "Sun, 1 Jan 2017 00:00:00 +0000"),
        ("Thu, 29 Feb 2024 00:00:00 -0000", "Thu, 29 Feb 2024 00:00:00 -0000"),
        ("Tue, 1 Jul 2003 10:52:37 PM +0000", "Tue, 1 Jul 2003 22:52:37 +0000"),
    ] {
        assert_eq!(shown(text).as_deref(), Some(wanted), "{text:?}");
    }
    for bad in
        ["", "x", "31 Feb 2003 10:00:00 +0000", "1 Jul 2003", "10:00:00", "1 Jul 2003 25:00:00", "29 Feb 2023 0:0"]
    {
        assert_eq!(shown(bad), None, "{bad:?}");
    }
    let date = parse(b"Tue, 1 Jul 2003 10:52:37 +0200").unwrap();
    assert_eq!(date.at, Timestamp(1_057_049_557_000));
    assert_eq!(date.to_internal(), " 1-Jul-2003 10:52:37 +0200");
    assert_eq!((date.local().year, date.local().month, date.local().day), (2003, 7, 1));
}

#[test]
fn internal_dates_are_strict() {
    for good in [" 1-Jul-2003 10:52:37 +0200", "01-Jul-2003 10:52:37 +0200", "1-Jul-2003 10:52:37 +0200"] {
        assert_eq!(parse_internal(good).unwrap().to_internal(), " 1-Jul-2003 10:52:37 +0200");
    }
    for bad in [
        "",
        "32-Jul-2003 10:52:37 +0200",
        "1 Jul 2003 10:52:37 +0200",
        " 1-Jul-2003 10:52:37",
        "é-Jul-2003 10:52:37 +0200",
    ] {
        assert_eq!(parse_internal(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(seconds in -62_167_000_000i64..253_402_000_000, offset in -1440i16..=1440) {
        // Years below 1000 are written with four digits, so they come back as they are.
        let date = DateTime { at: Timestamp::from_seconds(seconds), offset_minutes: offset, offset_unknown: false };
        prop_assert_eq!(parse(date.to_rfc5322().as_bytes()), Some(date));
        prop_assert_eq!(parse_internal(&date.to_internal()), Some(date));
    }

    #[test]
    fn anything(value: Vec<u8>, near in "[0-9A-Za-z:, +()-]{0,60}") {
        for date in [parse(&value), parse(near.as_bytes())].into_iter().flatten() {
            prop_assert!(date.local().exists());
        }
        let _ = parse_internal(&near);
    }
}
