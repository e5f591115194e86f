//! Bodies: chunks of BDAT, sizes, smuggling, and that no way of cutting the wire changes anything.

use super::*;
use proptest::prelude::*;

const TO_ANNA: &[u8] = b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<anna@b>\r\n";

fn small(octets: u64) -> Config {
    Config { message_octets_max: octets, ..plain() }
}

fn ready(config: Config) -> Door {
    let mut door = Door::open(config);
    door.say(TO_ANNA);
    door.heard();
    door.seen.clear();
    door
}

#[test]
fn chunks() {
    let mut door = ready(plain());
    door.say(b"BDAT 6\r\nab\r\n.\r");
    assert_eq!(door.heard(), "250 2.0.0 6 octets\r\n");
    door.say(b"BDAT 3\r\n\n\r\nBDAT 1 LAST\r\n");
    assert_eq!(door.heard(), "250 2.0.0 3 octets\r\n");
    door.say(b"x");
    assert_eq!(door.heard(), "250 2.0.0 taken\r\n");
    assert_eq!(door.body, b"ab\r\n.\r\n\r\nx");
}

#[test]
fn chunks_and_pipelining() {
    let mut door = ready(plain());
    door.say(b"BDAT 7\r\nhello\r\nBDAT 5 LAST\r\n.\r\n\r\nMAIL FROM:<c@d>\r\n");
    assert_eq!(door.heard(), "250 2.0.0 7 octets\r\n250 2.0.0 taken\r\n250 2.1.0 sender ok\r\n");
    assert_eq!(door.seen, ["data", "body \"hello\\r\\n.\\r\\n\\r\\n\"", "mail <c@d> None SevenBit"]);
}

#[test]
fn chunks_out_of_order() {
    let mut door = Door::open(plain());
    door.heard();
    // Octets of a refused chunk are no commands.
    door.say(b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nRSET\r\nNOOP\r\n");
    assert_eq!(door.heard(), "503 5.5.1 MAIL first\r\n503 5.5.1 MAIL first\r\n250 2.0.0 ok\r\n");
    let mut door = ready(plain());
    door.say(b"BDAT 3\r\nabcDATA\r\nRCPT TO:<x@b>\r\nRSET\r\nDATA\r\n");
    let answers = door.heard();
    let codes: Vec<&str> = answers.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "503", "503", "250", "503"]);
    let mut door = ready(plain());
    door.say(b"BDAT x\r\nMAIL FROM:<>\r\n");
    assert!(door.closed && door.heard().starts_with("501 5.5.4"));
}

#[test]
fn binary_mime_goes_by_chunks_only() {
    let mut door = Door::open(plain());
    door.say(b"EHLO a\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<a@b>\r\nDATA\r\n");
    assert!(door.heard().ends_with("503 5.5.1 BINARYMIME wants BDAT\r\n"));
    door.say(b"BDAT 5 LAST\r\na\nb\rc");
    assert_eq!(door.heard(), "250 2.0.0 taken\r\n");
    assert_eq!(door.body, b"a\nb\rc");
    // Without it, line ends are CRLF in chunks too, and across them.
    for chunks in ["BDAT 2\r\na\nBDAT 0 LAST\r\n", "BDAT 1\r\n\rBDAT 1 LAST\r\nx", "BDAT 1 LAST\r\n\r"] {
        let mut door = ready(plain());
        door.say(chunks.as_bytes());
        assert!(door.heard().contains("554 5.6.0"), "{chunks:?}");
        assert!(door.seen.contains(&"body refused".to_owned()), "{chunks:?}");
    }
}

#[test]
fn too_long_by_announcement() {
    let mut door = Door::open(small(100));
    door.say(b"EHLO a\r\nMAIL FROM:<> SIZE=101\r\nMAIL FROM:<> SIZE=99999999999999999999\r\nMAIL FROM:<> SIZE=100\r\n");
    let answers = door.heard();
    let codes: Vec<&str> = answers.lines().rev().take(3).map(|line| &line[..9]).collect();
    assert_eq!(codes, ["250 2.1.0", "552 5.3.4", "552 5.3.4"]);
}

#[test]
fn too_long_by_data() {
    let mut door = ready(small(100));
    door.say(b"DATA\r\n");
    assert!(door.heard().starts_with("354"));
    for _ in 0..1000 {
        door.say(&[b'x'; 1000]);
        assert_eq!(door.heard(), "");
    }
    assert_eq!(door.seen, ["data", "body refused"]);
    assert!(door.body.len() <= 100);
    door.say(b"\r\n.\r\nMAIL FROM:<c@d>\r\n");
    assert_eq!(door.heard(), "552 5.3.4 the letter is larger than 100 octets\r\n250 2.1.0 sender ok\r\n");
}

#[test]
fn too_long_by_chunk() {
    let mut door = ready(small(10));
    door.say(b"BDAT 12 LAST\r\n0123456789abNOOP\r\n");
    assert_eq!(door.heard(), "552 5.3.4 the letter is larger than 10 octets\r\n250 2.0.0 ok\r\n");
    let mut door = ready(small(10));
    door.say(b"BDAT 6\r\n012345BDAT 6\r\n012345BDAT 6 LAST\r\n012345NOOP\r\n");
    let answers = door.heard();
    let codes: Vec<&str> = answers.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "552", "503", "250"]);
    assert_eq!(door.seen, ["data", "body refused"]);
}

/// What an attacker puts into a letter so that another server, or ours, sees its end there. Behind it he has the
/// commands of a second letter.
const SMUGGLED_ENDS: [&str; 18] = [
    "\n.\n",
    "\n.\r\n",
    "\r.\r\n",
    "\r\n.\n",
    "\r\n.\r",
    "\r.\r",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\n\n.\n\n",
    "\r\r.\r\r",
    "\r\n.\r\r\n",
    "\n.\r",
    "\r.\n",
    "\r\r\n.\n",
    "\n\r.\r\n",
    "\r\n\r.\r\n",
    "\u{85}.\u{85}",
    "\r\n.\x0b\r\n",
];

#[test]
fn no_second_letter_is_smuggled() {
    for end in SMUGGLED_ENDS {
        let letter = format!("a{end}MAIL FROM:<evil@b>\r\nRCPT TO:<anna@b>\r\nDATA\r\nevil\r\n.\r\n");
        for cut in 0..letter.len() {
            let mut door = ready(plain());
            door.say(b"DATA\r\n");
            door.say(&letter.as_bytes()[..cut]);
            door.say(&letter.as_bytes()[cut..]);
            let answers = door.heard();
            let codes: Vec<&str> = answers.lines().map(|line| &line[..3]).collect();
            let bare = end.replace("\r\n", "").contains(['\r', '\n']);
            assert_eq!(codes, ["354", if bare { "554" } else { "250" }], "{end:?} cut at {cut}");
            assert!(!door.seen.iter().any(|seen| seen.contains("mail")), "{end:?} cut at {cut}");
        }
    }
}

#[test]
fn bare_line_ends_are_refused() {
    for body in ["a\nb\r\n", "a\rb\r\n", "\n", "\r", "a\r\r\n"] {
        let mut door = ready(plain());
        door.say(b"DATA\r\n");
        door.say(format!("{body}\r\n.\r\nNOOP\r\n").as_bytes());
        let answers = door.heard();
        let codes: Vec<&str> = answers.lines().map(|line| &line[..9]).collect();
        assert_eq!(codes[1..], ["554 5.6.0", "250 2.0.0"], "{body:?}");
    }
}

/// A door that makes bare line ends right.
fn lenient() -> Config {
    Config { bare_line_ends: BareLineEnds::Normalise, ..plain() }
}

#[test]
fn bare_line_ends_are_made_right_where_that_is_wanted() {
    for (wire, body) in [
        ("a\nb\r\n.\r\n", "a\r\nb\r\n"),
        ("a\rb\n\nc\r\n.\r\n", "a\r\nb\r\n\r\nc\r\n"),
        ("a\r\r\n.\r\n", "a\r\n\r\n"),
        ("a\r\n..b\n.c\r\n.\r\n", "a\r\n.b\r\n.c\r\n"),
        ("\n\r\n.\r\n", "\r\n\r\n"),
        // Nothing of this ends the body, nor begins a command.
        ("a\n.\nMAIL FROM:<x@y>\nb\r\n.\r\n", "a\r\n.\r\nMAIL FROM:<x@y>\r\nb\r\n"),
        ("a\r.\rMAIL FROM:<x@y>\r\n.\r\n", "a\r\n.\r\nMAIL FROM:<x@y>\r\n"),
        ("a\n.\r\nMAIL FROM:<x@y>\r\n.\r\n", "a\r\n.\r\nMAIL FROM:<x@y>\r\n"),
        ("a\n\n.\n\r\n.\r\n", "a\r\n\r\n.\r\n\r\n"),
    ] {
        for cut in 0..=wire.len() {
            let mut door = ready(lenient());
            door.say(b"DATA\r\n");
            door.say(&wire.as_bytes()[..cut]);
            door.say(&wire.as_bytes()[cut..]);
            let answers = door.heard();
            let codes: Vec<&str> = answers.lines().map(|line| &line[..3]).collect();
            assert_eq!(codes, ["354", "250"], "{wire:?} cut at {cut}");
            assert_eq!(String::from_utf8_lossy(&door.body), body, "{wire:?} cut at {cut}");
        }
    }
}

#[test]
fn bare_line_ends_of_chunks_are_made_right_across_cuts() {
    let mut door = ready(lenient());
    door.say(b"BDAT 3\r\na\n\rBDAT 3\r\n\nb\rBDAT 0 LAST\r\n");
    let answers = door.heard();
    assert!(answers.lines().all(|line| line.starts_with("250")), "{answers}");
    assert_eq!(String::from_utf8_lossy(&door.body), "a\r\n\r\nb\r\n");
}

#[test]
fn line_ends_that_are_made_right_count() {
    let mut door = ready(Config { message_octets_max: 15, ..lenient() });
    door.say(b"DATA\r\n\n\n\n\n\n\n\n\n\r\n.\r\n");
    assert!(door.heard().lines().nth(1).is_some_and(|line| line.starts_with("552 5.3.4")));
}

const SESSION: &str = "EHLO a\r\nMAIL FROM:<a@b> SIZE=20\r\nRCPT TO:<x@b>\r\nRCPT TO:<no@b>\r\nDATA\r\nSubject: x\r\n\r\n..\r\n.a\r\n\r\n.\r\n\
    MAIL FROM:<c@d>\r\nNO\r\nRCPT TO:<y@b>\r\nBDAT 7\r\nab\r\n.\r\nBDAT 3 LAST\r\n\n\r\nMAIL FROM:<>\r\nRCPT TO:<z@b>\r\nDATA\r\n\
    a\n.\nb\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<z@b>\r\nDATA\r\n.\r\nVRFY x\r\nQUIT\r\n";

proptest! {
    #[test]
    fn cutting_the_wire_changes_nothing(cuts in proptest::collection::vec(0..SESSION.len(), 0..40)) {
        let mut whole = Door::open(plain());
        whole.say(SESSION.as_bytes());
        let mut cut = Door::open(plain());
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut from = 0;
        for to in cuts.into_iter().chain([SESSION.len()]) {
            cut.say(&SESSION.as_bytes()[from..to]);
            from = to;
        }
        prop_assert!(whole.closed && cut.closed);
        prop_assert_eq!(&whole.seen, &cut.seen);
        prop_assert_eq!(whole.heard(), cut.heard());
    }

    #[test]
    fn a_body_comes_out_as_it_went_in(body in "([a-c.]{0,3}(\r\n)?){0,20}", piece in 1usize..9) {
        let mut wire = Vec::new();
        let mut stuffer = crate::smtp::encode::Stuffer::default();
        for part in body.as_bytes().chunks(piece) {
            stuffer.encode(part, &mut wire);
        }
        stuffer.finish(&mut wire);
        let mut door = ready(plain());
        door.say(b"DATA\r\n");
        for part in wire.chunks(piece + 2) {
            door.say(part);
        }
        let mut whole = body.clone();
        if !whole.is_empty() && !whole.ends_with("\r\n") {
            whole.push_str("\r\n");
        }
        prop_assert_eq!(String::from_utf8_lossy(&door.body), whole);
        prop_assert!(door.heard().ends_with("taken\r\n"));
    }

    #[test]
    fn nothing_panics(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..20)) {
        let mut door = Door::open(plain());
        for piece in pieces {
            door.say(&piece);
        }
    }
}
