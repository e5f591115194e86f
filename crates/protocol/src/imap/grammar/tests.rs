//! Commands as clients write them, commands that nobody should write, and `decode(encode(x)) = x`.

use proptest::prelude::*;

use super::*;
use crate::imap::command::{
    Append, Date, Fetch, FetchItem, Flag, List, Mailbox, MailboxError, Partial, Pattern, Search, SearchKey, Section,
    SectionText, Select, SeqNumber, SequenceSet, StatusItem, Store, StoreAction, Transfer,
};
use crate::imap::encode;
use crate::sasl::Secret;
use envelope::Timestamp;

fn parse(text: &str) -> Result<Command> {
    command(format!("a1 {text}").as_bytes())
}

fn name(name: &str) -> Mailbox {
    Mailbox::new(name).unwrap()
}

fn set(ranges: &[(u32, u32)]) -> SequenceSet {
    let number = |n: u32| if n == 0 { SeqNumber::Last } else { SeqNumber::Number(n) };
    SequenceSet(ranges.iter().map(|(a, b)| (number(*a), number(*b))).collect())
}

fn selected(mailbox: &str, read_only: bool) -> Result<Command> {
    Ok(Command::Select(Select { mailbox: name(mailbox), read_only }))
}

#[test]
fn plain_commands() {
    assert_eq!(parse("capability"), Ok(Command::Capability));
    assert_eq!(parse("LOGIN anna {5}\r\nx y\"z"), parse("login \"anna\" \"x y\\\"z\""));
    assert_eq!(parse("SELECT inbox"), selected("INBOX", false));
    assert_eq!(parse("SELECT Inbox/Work"), selected("INBOX/Work", false));
    assert_eq!(parse("EXAMINE \"Entw&APw-rfe\""), selected("Entwürfe", true));
    assert_eq!(parse("CREATE {3+}\r\na]b"), Ok(Command::Create(name("a]b"))));
    assert_eq!(parse("SELECT a]b"), selected("a]b", false));
    assert_eq!(parse("RENAME a \"b c\""), Ok(Command::Rename { from: name("a"), to: name("b c") }));
    assert_eq!(
        parse("list \"\" %"),
        Ok(Command::List(List { reference: String::new(), patterns: vec![Pattern("%".into())] }))
    );
    assert_eq!(
        parse("STATUS a (uidnext MESSAGES)"),
        Ok(Command::Status { mailbox: name("a"), items: vec![StatusItem::UidNext, StatusItem::Messages] })
    );
    assert_eq!(parse("ID NIL"), Ok(Command::Id(None)));
    assert_eq!(
        parse("ID (\"name\" \"x\" \"os\" NIL)"),
        Ok(Command::Id(Some(vec![("name".into(), Some("x".into())), ("os".into(), None)])))
    );
    assert_eq!(
        parse("AUTHENTICATE PLAIN ="),
        Ok(Command::Authenticate { mechanism: "PLAIN".into(), initial: Some(b"=".to_vec()) })
    );
    assert_eq!(parse("ENABLE utf8=accept"), Ok(Command::Enable(vec!["UTF8=ACCEPT".into()])));
    assert_eq!(parse("UID EXPUNGE 4:*"), Ok(Command::Expunge { uids: Some(set(&[(4, 0)])) }));
    assert_eq!(
        parse("MOVE 1,3 Trash"),
        Ok(Command::Move(Transfer { uid: false, set: set(&[(1, 1), (3, 3)]), mailbox: name("Trash") }))
    );
}

#[test]
fn fetch_items() {
    let fetch = |items: &str| match parse(&format!("FETCH 1 {items}")) {
        Ok(Command::Fetch(Fetch { items, .. })) => items,
        other => panic!("{items}: {other:?}"),
    };
    assert_eq!(fetch("fast"), [FetchItem::Flags, FetchItem::InternalDate, FetchItem::Rfc822Size]);
    assert_eq!(fetch("(UID BODY BODYSTRUCTURE)"), [FetchItem::Uid, FetchItem::Body, FetchItem::BodyStructure]);
    let body = |part: &[u32], text, peek, partial| {
        [FetchItem::Section { section: Section { part: part.to_vec(), text }, peek, partial }]
    };
    assert_eq!(fetch("BODY[]"), body(&[], SectionText::Whole, false, None));
    assert_eq!(fetch("body.peek[1.2]"), body(&[1, 2], SectionText::Whole, true, None));
    assert_eq!(fetch("BODY[TEXT]<5.10>"), body(&[], SectionText::Text, false, Some(Partial { offset: 5, octets: 10 })));
    assert_eq!(fetch("BODY[1.MIME]"), body(&[1], SectionText::Mime, false, None));
    let fields =
        |not, names: &[&str]| SectionText::HeaderFields { not, names: names.iter().map(|n| (*n).into()).collect() };
    assert_eq!(fetch("BODY.PEEK[HEADER.FIELDS (From \"to\")]"), body(&[], fields(false, &["From", "to"]), true, None));
    assert_eq!(fetch("BODY[3.HEADER.FIELDS.NOT (x)]"), body(&[3], fields(true, &["x"]), false, None));
}

#[test]
fn search_keys() {
    let search = |keys: &str| match parse(&format!("SEARCH {keys}")) {
        Ok(Command::Search(Search { key, charset, .. })) => (charset, key),
        other => panic!("{keys}: {other:?}"),
    };
    assert_eq!(search("ALL"), (None, SearchKey::all()));
    assert_eq!(search("1:3,7"), (None, SearchKey::Sequence(set(&[(1, 3), (7, 7)]))));
    assert_eq!(
        search("CHARSET utf-8 SUBJECT {2}\r\nx) UNSEEN"),
        (
            Some("UTF-8".into()),
            SearchKey::And(vec![SearchKey::Header("subject".into(), b"x)".to_vec()), SearchKey::without(Flag::Seen)])
        )
    );
    assert_eq!(
        search("OR (FROM a TO b) NOT SINCE 1-Feb-2024"),
        (
            None,
            SearchKey::Or(
                Box::new(SearchKey::And(vec![
                    SearchKey::Header("from".into(), b"a".to_vec()),
                    SearchKey::Header("to".into(), b"b".to_vec())
                ])),
                Box::new(SearchKey::Not(Box::new(SearchKey::Since(Date { year: 2024, month: 2, day: 1 }))))
            )
        )
    );
    assert_eq!(search("HEADER X-Y \"\""), (None, SearchKey::Header("x-y".into(), Vec::new())));
    assert_eq!(search("UNKEYWORD $Junk"), (None, SearchKey::without(Flag::Keyword("$Junk".into()))));
}

#[test]
fn store_and_flags() {
    let store = |text: &str| parse(&format!("STORE 1 {text}"));
    let made = |action, silent, flags: &[Flag]| {
        Ok(Command::Store(Store { uid: false, set: set(&[(1, 1)]), action, silent, flags: flags.to_vec() }))
    };
    assert_eq!(
        store("+flags.silent (\\seen $x)"),
        made(StoreAction::Add, true, &[Flag::Seen, Flag::Keyword("$x".into())])
    );
    assert_eq!(store("FLAGS \\Deleted \\Draft"), made(StoreAction::Set, false, &[Flag::Deleted, Flag::Draft]));
    assert_eq!(store("-FLAGS ()"), made(StoreAction::Remove, false, &[]));
}

const BROKEN: &[&str] = &[
    "",
    " ",
    "NOSUCH",
    "NOOP ",
    "NOOP x",
    "LOGIN",
    "LOGIN a",
    "LOGIN a b c",
    "LOGIN \"a",
    "LOGIN \"a\\x\" b",
    "LOGIN {3}\r\nab",
    "LOGIN {3}ab",
    "LOGIN {1}\r\n\0 b",
    "SELECT",
    "SELECT ",
    "SELECT (",
    "SELECT a b",
    "SELECT a*",
    "LIST \"\"",
    "STATUS a",
    "STATUS a ()",
    "STATUS a (X)",
    "STATUS a (MESSAGES",
    "FETCH",
    "FETCH 1",
    "FETCH 0 FLAGS",
    "FETCH 1: FLAGS",
    "FETCH 1,,2 FLAGS",
    "FETCH 4294967296 FLAGS",
    "FETCH 1 ()",
    "FETCH 1 (ALL)",
    "FETCH 1 X",
    "FETCH 1 BODY[",
    "FETCH 1 BODY[MIME]",
    "FETCH 1 BODY[0]",
    "FETCH 1 BODY[1.]",
    "FETCH 1 BODY[HEADER.FIELDS]",
    "FETCH 1 BODY[HEADER.FIELDS ()]",
    "FETCH 1 BODY[]<0.0>",
    "FETCH 1 BODY[]<1>",
    "FETCH 1 BODY[HEADER.FIELDS (\"a b\")]",
    "STORE 1 FLAGS",
    "STORE 1 FLAGS (\\Nope)",
    "STORE 1 FLAGZ (\\Seen)",
    "STORE 1 FLAGS (\\)",
    "STORE 1 FLAGS (a",
    "SEARCH",
    "SEARCH X",
    "SEARCH ()",
    "SEARCH (ALL",
    "SEARCH NOT",
    "SEARCH OR ALL",
    "SEARCH SINCE 31-Feb-2024",
    "SEARCH ON 1-Foo-2024",
    "SEARCH ON 1-Jan-24",
    "SEARCH LARGER -1",
    "SEARCH LARGER 4294967296",
    "UID NOOP",
    "UID",
    "UID EXPUNGE",
    "EXPUNGE 1",
    "ID",
    "ID (\"a\")",
    "ENABLE",
    "APPEND INBOX \"x\"",
    "COPY 1",
    "MOVE * ",
    "AUTHENTICATE",
    "AUTHENTICATE PLAIN !",
];

#[test]
fn broken_commands() {
    for text in BROKEN {
        assert!(parse(text).is_err(), "{text:?}");
    }
    assert_eq!(command(b""), Err(ParseError::Expected("a tag")));
    assert_eq!(command(b"+ NOOP"), Err(ParseError::Expected("a tag")));
    assert_eq!(parse("SELECT R&D"), Err(ParseError::Mailbox(MailboxError::Encoding)));
    assert_eq!(parse(&format!("SELECT {}", "x".repeat(1025))), Err(ParseError::Mailbox(MailboxError::Length)));
    let deep = |depth| format!("SEARCH {}ALL{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&deep(32)).is_ok());
    assert_eq!(parse(&deep(33)), Err(ParseError::Limit("search depth")));
    assert_eq!(parse(&format!("SEARCH {}ALL", "NOT ".repeat(30_000))), Err(ParseError::Limit("search depth")));
    assert_eq!(parse(&format!("SEARCH ALL{}", " ALL".repeat(600))), Err(ParseError::Limit("search keys")));
}

#[test]
fn append_starts() {
    let message = |flags: &[Flag], date: Option<i64>| {
        let date = date.map(Timestamp::from_seconds);
        Ok(AppendStart::Message(Append { mailbox: name("Sent"), flags: flags.to_vec(), date, octets: 12 }))
    };
    assert_eq!(append(b"a append Sent {12}"), message(&[], None));
    assert_eq!(append(b"a APPEND \"Sent\" (\\Seen \\Draft) {12+}"), message(&[Flag::Seen, Flag::Draft], None));
    assert_eq!(append(b"a APPEND {4}\r\nSent () \" 1-Jan-1970 01:00:01 +0100\" {12}"), message(&[], Some(1)));
    assert_eq!(append(b"a APPEND Sent \"31-Dec-1969 18:59:59 -0500\" {12}"), message(&[], Some(-1)));
    assert_eq!(append(b"a APPEND {4}"), Ok(AppendStart::Collect));
    assert_eq!(append(b"a LOGIN {4}"), Ok(AppendStart::Collect));
    for broken in
        ["a APPEND Sent (\\Seen {12}", "a APPEND Sent \"x\" {12}", "a APPEND Sent () () {12}", "a {12}", "{12}"]
    {
        assert!(append(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn sets_become_ranges() {
    for (ranges, last, expected) in [
        (vec![(1, 3), (2, 5)], 9, vec![(1, 5)]),
        (vec![(5, 1)], 9, vec![(1, 5)]),
        (vec![(7, 0)], 9, vec![(7, 9)]),
        (vec![(12, 0)], 9, vec![(9, 12)]),
        (vec![(0, 0)], 0, vec![]),
        (vec![(3, 3), (1, 1), (2, 2)], 9, vec![(1, 3)]),
        (vec![(1, 1), (3, 3)], 9, vec![(1, 1), (3, 3)]),
        (vec![(u32::MAX, u32::MAX), (1, u32::MAX)], 9, vec![(1, u32::MAX)]),
    ] {
        assert_eq!(set(&ranges).ranges(last), expected, "{ranges:?}");
    }
}

#[test]
fn days_and_dates() {
    for (days, year, month, day) in [
        (0, 1970, 1, 1),
        (-1, 1969, 12, 31),
        (19_782, 2024, 2, 29),
        (19_783, 2024, 3, 1),
        (11_016, 2000, 2, 29),
        (-25_567, 1900, 1, 1),
        (2_932_896, 9999, 12, 31),
    ] {
        assert_eq!(Date::of(Timestamp::from_seconds(days * 86_400)), Date { year, month, day });
    }
}

fn any_mailbox() -> impl Strategy<Value = Mailbox> {
    "[a-zA-Z0-9 /&%*\"\\\\äΩ台📮{}()\\]]{1,20}".prop_map(|text| Mailbox::new(&text).unwrap())
}

fn any_set() -> impl Strategy<Value = SequenceSet> {
    let number = prop_oneof![(1u32..).prop_map(SeqNumber::Number), Just(SeqNumber::Last)];
    proptest::collection::vec((number.clone(), number), 1..5).prop_map(SequenceSet)
}

fn any_flag() -> impl Strategy<Value = Flag> {
    prop_oneof![
        Just(Flag::Answered),
        Just(Flag::Flagged),
        Just(Flag::Deleted),
        Just(Flag::Seen),
        Just(Flag::Draft),
        "[$a-zA-Z0-9_-]{1,20}".prop_map(Flag::Keyword),
    ]
}

fn any_item() -> impl Strategy<Value = FetchItem> {
    let names = proptest::collection::vec("[A-Za-z-]{1,12}", 1..4);
    let text = prop_oneof![
        Just(SectionText::Whole),
        Just(SectionText::Header),
        Just(SectionText::Text),
        (any::<bool>(), names).prop_map(|(not, names)| SectionText::HeaderFields { not, names }),
    ];
    let partial = proptest::option::of((any::<u32>(), 1u32..).prop_map(|(offset, octets)| Partial { offset, octets }));
    let section = (proptest::collection::vec(1u32.., 0..4), text, any::<bool>(), partial);
    prop_oneof![
        Just(FetchItem::Envelope),
        Just(FetchItem::Flags),
        Just(FetchItem::InternalDate),
        Just(FetchItem::Rfc822),
        Just(FetchItem::Rfc822Header),
        Just(FetchItem::Rfc822Size),
        Just(FetchItem::Rfc822Text),
        Just(FetchItem::Body),
        Just(FetchItem::BodyStructure),
        Just(FetchItem::Uid),
        section.prop_map(|(part, text, peek, partial)| FetchItem::Section {
            section: Section { part, text },
            peek,
            partial
        }),
    ]
}

fn any_key() -> impl Strategy<Value = SearchKey> {
    let text = || proptest::collection::vec(1u8.., 0..12);
    let date = || (0i64..30_000).prop_map(|days| Date::of(Timestamp::from_seconds(days * 86_400)));
    let leaf = prop_oneof![
        Just(SearchKey::all()),
        any_set().prop_map(SearchKey::Sequence),
        any_set().prop_map(SearchKey::Uid),
        any_flag().prop_map(SearchKey::Flag),
        ("[a-z-]{1,9}", text()).prop_map(|(n, t)| SearchKey::Header(n, t)),
        text().prop_map(SearchKey::Body),
        text().prop_map(SearchKey::Text),
        date().prop_map(SearchKey::Before),
        date().prop_map(SearchKey::On),
        date().prop_map(SearchKey::Since),
        date().prop_map(SearchKey::SentBefore),
        date().prop_map(SearchKey::SentOn),
        date().prop_map(SearchKey::SentSince),
        any::<u32>().prop_map(SearchKey::Larger),
        any::<u32>().prop_map(SearchKey::Smaller),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(SearchKey::And),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| SearchKey::Or(Box::new(a), Box::new(b))),
            inner.prop_map(|a| SearchKey::Not(Box::new(a))),
        ]
    })
}

fn any_command() -> impl Strategy<Value = Command> {
    let bytes = || proptest::collection::vec(1u8.., 0..20);
    let action = prop_oneof![Just(StoreAction::Set), Just(StoreAction::Add), Just(StoreAction::Remove)];
    let charset = proptest::option::of(Just("UTF-8".to_owned()));
    prop_oneof![
        (any_mailbox(), any::<bool>()).prop_map(|(mailbox, read_only)| Command::Select(Select { mailbox, read_only })),
        any_mailbox().prop_map(Command::Delete),
        (any_mailbox(), any_mailbox()).prop_map(|(from, to)| Command::Rename { from, to }),
        (bytes(), bytes()).prop_map(|(user, p)| Command::Login { user, password: Secret::new(p) }),
        (any::<bool>(), any_set(), any_mailbox()).prop_map(|(uid, set, mailbox)| Command::Copy(Transfer {
            uid,
            set,
            mailbox
        })),
        (any::<bool>(), any_set(), proptest::collection::vec(any_item(), 1..6))
            .prop_map(|(uid, set, items)| Command::Fetch(Fetch { uid, set, items })),
        (any::<bool>(), any_set(), action, any::<bool>(), proptest::collection::vec(any_flag(), 0..6))
            .prop_map(|(uid, set, action, silent, flags)| Command::Store(Store { uid, set, action, silent, flags })),
        (any::<bool>(), charset, any_key()).prop_map(|(uid, charset, key)| Command::Search(Search {
            uid,
            charset,
            key
        })),
        (any_mailbox(), any_mailbox()).prop_map(|(reference, pattern)| Command::List(List {
            reference: reference.as_str().to_owned(),
            patterns: vec![Pattern(pattern.as_str().to_owned())],
        })),
    ]
}

proptest! {
    #[test]
    fn what_was_written_is_read(wanted in any_command()) {
        let mut bytes = Vec::new();
        encode::command::command(&mut bytes, "A1", &wanted);
        let read = command(bytes.strip_suffix(b"\r\n").unwrap());
        prop_assert_eq!(read, Ok(wanted));
    }

    #[test]
    fn appends_are_read(mailbox in any_mailbox(), flags in proptest::collection::vec(any_flag(), 0..4),
                        date in proptest::option::of(-62_135_596_800i64..253_402_300_799), octets in 0u64..1 << 60) {
        let wanted = Append { mailbox, flags, date: date.map(Timestamp::from_seconds), octets };
        let mut bytes = Vec::new();
        encode::command::append(&mut bytes, "A1", &wanted);
        prop_assert_eq!(append(&bytes), Ok(AppendStart::Message(wanted)));
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = command(&bytes);
        let _ = append(&bytes);
    }

    #[test]
    fn nothing_near_a_command_panics(verb in "(UID )?(FETCH|SEARCH|STORE|APPEND|LIST|STATUS|ID|LOGIN)", rest in "[ -~\\r\\n]{0,60}") {
        let text = format!("a {verb} {rest}");
        let _ = command(text.as_bytes());
        let _ = append(text.as_bytes());
    }
}
