//! Sign-in, APPEND, STORE, COPY, MOVE, EXPUNGE by one session alone.

use std::time::Duration;

use directory::SignInGuard;
use protocol::sasl::client::{Client as _, Scram};
use protocol::sasl::{Secret, decode_base64, encode_base64};

use crate::support::{Client, House};

#[tokio::test]
async fn signing_in() {
    let house = House::new().await;
    let mut client = Client::connect(house.address).await;
    assert_eq!(client.ask("LOGIN anna wrong").await, "NO [AUTHENTICATIONFAILED] Wrong name or password\n");
    assert_eq!(client.ask("LOGIN nobody secret").await, "NO [AUTHENTICATIONFAILED] Wrong name or password\n");
    assert_eq!(client.ask("SELECT INBOX").await, "BAD Sign in first\n");
    // anna NUL secret
    assert!(client.ask("AUTHENTICATE PLAIN AGFubmEAc2VjcmV0").await.starts_with("OK [CAPABILITY "));
    assert!(client.ask("SELECT INBOX").await.ends_with("OK [READ-WRITE] SELECT done\n"));
    assert_eq!(client.ask("LOGOUT").await, "* BYE Good-bye\nOK LOGOUT done\n");
    assert_eq!(client.line().await, "");
}

/// What is refused must not say whether it was right, and the directory is not asked.
#[tokio::test]
async fn after_too_many_guesses_even_the_right_password_waits() {
    let house = House::with(|settings| settings.sign_ins = SignInGuard::with(2, Duration::ZERO)).await;
    let mut client = Client::connect(house.address).await;
    assert!(client.ask("LOGIN anna secret").await.starts_with("OK "), "the right one costs nothing");
    let mut client = Client::connect(house.address).await;
    let scram = |password: &str| Scram::new("anna", &Secret::new(password.into()), None, false).unwrap();
    let first = encode_base64(&scram("secret").initial().unwrap());
    assert_eq!(client.ask("LOGIN anna wrong").await, "NO [AUTHENTICATIONFAILED] Wrong name or password\n");
    assert_eq!(client.ask("LOGIN nobody wrong").await, "NO [AUTHENTICATIONFAILED] Wrong name or password\n");
    for guess in ["LOGIN anna wrong", "LOGIN anna secret"] {
        assert_eq!(client.ask(guess).await, "NO [UNAVAILABLE] Temporary failure, try again later\n");
    }
    let answer = client.ask(&format!("AUTHENTICATE SCRAM-SHA-256 {first}")).await;
    assert!(answer.starts_with("NO [UNAVAILABLE] "), "{answer}");
    let events = house.journal.take();
    assert_eq!(events.iter().filter(|event| event.name() == "limited").count(), 1);
    let limited = |event: &&journal::Event| matches!(event, journal::Event::SignInRefused { reason, .. } if reason == "too many failed sign-ins from there");
    assert_eq!(events.iter().filter(limited).count(), 3);
}

const KEEPING: &[(&str, &str)] = &[
    (
        "STORE 1:2 +FLAGS (\\Seen $x)",
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $x)\n\
         * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $x \\*)] Flags that last\n\
         * 1 FETCH (FLAGS (\\Seen $x \\Recent))\n* 2 FETCH (FLAGS (\\Seen $x \\Recent))\nOK STORE done\n",
    ),
    ("UID STORE 2 FLAGS (\\Deleted \\Recent)", "* 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent))\nOK STORE done\n"),
    ("STORE 1 -FLAGS.SILENT ($X)", "OK STORE done\n"),
    ("FETCH 1:2 FLAGS", "* 1 FETCH (FLAGS (\\Seen \\Recent))\n* 2 FETCH (FLAGS (\\Deleted \\Recent))\nOK FETCH done\n"),
    ("STORE 1 FLAGS (\\Nope)", "BAD syntax error: a known system flag expected\n"),
    ("STORE 4 FLAGS ()", "BAD No such sequence number\n"),
    ("UID STORE 9 FLAGS ()", "OK STORE done\n"),
    ("COPY 1:2 Nowhere", "NO [TRYCREATE] There is no mailbox of that name\n"),
    ("EXPUNGE", "* 2 EXPUNGE\nOK EXPUNGE done\n"),
    ("FETCH 1:* UID", "* 1 FETCH (UID 1)\n* 2 FETCH (UID 3)\nOK FETCH done\n"),
    ("STORE 1:2 +FLAGS.SILENT \\Deleted", "OK STORE done\n"),
    ("UID EXPUNGE 3:9", "* 2 EXPUNGE\nOK EXPUNGE done\n"),
    ("UID EXPUNGE 3", "OK EXPUNGE done\n"),
    ("CHECK", "OK CHECK done\n"),
    ("NOOP", "OK NOOP done\n"),
];

#[tokio::test]
async fn keeping_flags() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.fill(&["one", "two", "three"]).await;
    client.talks(KEEPING).await;
}

#[tokio::test]
async fn copying_and_moving() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.fill(&["one", "two", "three", "four"]).await;
    client.ask("STORE 2 +FLAGS (\\Flagged $x)").await;
    let copied = client.ask("COPY 2:3 Archive").await;
    assert!(copied.starts_with("OK [COPYUID ") && copied.ends_with(" 2:3 1:2] COPY done\n"), "{copied}");
    let moved = client.ask("UID MOVE 1,4 Archive").await;
    assert!(moved.starts_with("* OK [COPYUID "), "{moved}");
    assert!(moved.ends_with(" 1,4 3:4] Moved\n* 1 EXPUNGE\n* 3 EXPUNGE\nOK MOVE done\n"), "{moved}");
    assert_eq!(client.ask("UID MOVE 77 Archive").await, "OK MOVE done\n");
    assert_eq!(client.ask("UID COPY 77 Archive").await, "OK COPY done\n");
    client.ask("SELECT Archive").await;
    assert_eq!(
        client.ask("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])").await,
        "* 1 FETCH (FLAGS (\\Flagged $x \\Recent) BODY[HEADER.FIELDS (SUBJECT)] {16}\nSubject: two\n\n)\n\
         * 2 FETCH (FLAGS (\\Recent) BODY[HEADER.FIELDS (SUBJECT)] {18}\nSubject: three\n\n)\n\
         * 3 FETCH (FLAGS (\\Recent) BODY[HEADER.FIELDS (SUBJECT)] {16}\nSubject: one\n\n)\n\
         * 4 FETCH (FLAGS (\\Recent) BODY[HEADER.FIELDS (SUBJECT)] {17}\nSubject: four\n\n)\nOK FETCH done\n"
    );
}

#[tokio::test]
async fn appending() {
    let house = House::with(|settings| settings.message_octets_max = 1000).await;
    let mut client = house.reader().await;
    let answer = client.append("INBOX", "(\\Seen $y) \"17-Jul-1996 02:44:25 -0700\" ", "a: b\r\n\r\nhi\r\n").await;
    assert!(answer.contains("* 1 EXISTS\n* 1 RECENT\n"), "{answer}");
    assert!(answer.contains("OK [APPENDUID ") && answer.ends_with(" 1] APPEND done\n"), "{answer}");
    assert_eq!(
        client.ask("FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE BODY[])").await,
        "* 1 FETCH (FLAGS (\\Seen $y \\Recent) INTERNALDATE \"17-Jul-1996 09:44:25 +0000\" RFC822.SIZE 12 \
         BODY[] {12}\na: b\n\nhi\n)\nOK FETCH done\n"
    );
    assert_eq!(client.append("Nowhere", "", "x").await, "NO [TRYCREATE] There is no mailbox of that name\n");
    assert_eq!(client.append("INBOX", "", &"x".repeat(1001)).await, "NO [TOOBIG] Message is too large\n");
    // The connection is still in step.
    assert_eq!(client.ask("NOOP").await, "OK NOOP done\n");
    client.send("s APPEND INBOX {3}\r\n").await;
    assert_eq!(client.line().await, "+ OK\n");
    client.send("abc\r\n").await;
    assert_eq!(client.line().await, "* 2 EXISTS\n");
}

#[tokio::test]
async fn a_message_that_breaks_off_is_not_kept() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.send("a APPEND INBOX {100000+}\r\nSubject: half").await;
    drop(client);
    let mut client = house.reader().await;
    // Nothing is there, and asking for it is no mistake.
    for (question, answer) in [
        ("FETCH 1:* UID", "OK FETCH done\n"),
        ("STORE 1 +FLAGS (\\Seen)", "OK STORE done\n"),
        ("SEARCH 1", "* SEARCH\nOK SEARCH done\n"),
        ("UID SEARCH 1:*", "* SEARCH\nOK SEARCH done\n"),
    ] {
        assert_eq!(client.ask(question).await, answer);
    }
    assert_eq!(client.ask("UID FETCH 1:* UID").await, "OK FETCH done\n");
}

/// With and without the initial response, the right password and a wrong one.
#[tokio::test]
async fn signing_in_by_scram() {
    let house = House::new().await;
    for (password, initial, welcome) in [("secret", true, true), ("secret", false, true), ("wrong", true, false)] {
        let mut line = Client::connect(house.address).await;
        let secret = Secret::new(password.as_bytes().to_vec());
        let mut scram = Scram::new("anna@athens.test", &secret, None, false).unwrap();
        let first = encode_base64(&scram.initial().unwrap());
        if initial {
            line.send(format!("a AUTHENTICATE SCRAM-SHA-256 {first}\r\n")).await;
        } else {
            line.send("a AUTHENTICATE SCRAM-SHA-256\r\n").await;
            assert_eq!(line.line().await, "+ \n");
            line.send(format!("{first}\r\n")).await;
        }
        let mut answer = line.line().await;
        while let Some(challenge) = answer.strip_prefix("+ ") {
            let challenge = decode_base64(challenge.trim_end().as_bytes()).unwrap();
            let response = scram.respond(&challenge).unwrap();
            line.send(format!("{}\r\n", encode_base64(&response))).await;
            answer = line.line().await;
        }
        assert_eq!(answer.starts_with("a OK [CAPABILITY "), welcome, "{answer}");
        assert_eq!(scram.is_satisfied(), welcome);
    }
}
