//! Dialogues: what a client says, what it hears, and what the service was asked.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::sasl::client::{Client, Scram};
use crate::sasl::{Refusal, Request, ScramKeys, Secret, decode_base64, encode_base64};

const MESSAGES: [&str; 3] =
    ["Subject: one\r\n\r\n1\r\n.2\r\n3\r\n", "Subject: two\r\n\r\ntwo\r\n", "Subject: three\r\n\r\n.\r\n"];

fn config() -> Config {
    Config { hostname: "mx.athens.test".to_owned(), cleartext_allowed: true, stls: true }
}

/// A service with one user (anna, "open sesame"), and a driver without a network.
struct Desk {
    server: Server,
    now: Instant,
    keys: ScramKeys,
    messages: Vec<String>,
    deleted: Vec<u32>,
    refuse: Option<Refusal>,
    failures: Vec<String>,
    heard: String,
    tls_began: bool,
    closed: bool,
    piece_octets_max: usize,
}

impl Desk {
    fn new(config: Config) -> Self {
        let now = Instant::now();
        let mut desk = Self {
            server: Server::new(Arc::new(config), now),
            now,
            keys: ScramKeys::derive(b"open sesame", b"salt", 4096),
            messages: MESSAGES.map(str::to_owned).to_vec(),
            deleted: Vec::new(),
            refuse: None,
            failures: Vec::new(),
            heard: String::new(),
            tls_began: false,
            closed: false,
            piece_octets_max: 0,
        };
        desk.drive();
        desk
    }

    /// One that is signed in, its greeting forgotten.
    fn open() -> Self {
        let mut desk = Self::new(config());
        desk.say("USER anna\r\nPASS open sesame\r\n");
        desk.heard.clear();
        desk
    }

    /// Says something, and returns all that is heard since.
    fn say(&mut self, text: &str) -> String {
        self.server.receive(self.now, text.as_bytes());
        self.drive();
        std::mem::take(&mut self.heard)
    }

    fn drive(&mut self) {
        loop {
            match self.server.next() {
                Step::NeedInput => return,
                Step::Send(bytes) => {
                    self.piece_octets_max = self.piece_octets_max.max(bytes.len());
                    self.heard.push_str(&String::from_utf8(bytes).unwrap());
                }
                Step::StartTls => {
                    self.tls_began = true;
                    return;
                }
                Step::Close => {
                    self.closed = true;
                    return;
                }
                Step::Event(event) => self.serve(event),
            }
        }
    }

    fn serve(&mut self, event: Event) {
        match event {
            Event::Authenticate(request) => self.authenticate(&request),
            Event::SignInFailed { user, mechanism, reason } => {
                self.failures.push(format!("{user} {mechanism}: {reason}"));
                self.server.sign_in_refused(Refusal::Credentials);
            }
            Event::Retrieve { number, uid, octets } => {
                let message = self.messages[number as usize - 1].clone();
                assert_eq!((uid, octets), (number * 10, message.len() as u64));
                if message.is_empty() {
                    return self.server.message_refused(None);
                }
                self.server.message_begin(octets);
                for chunk in message.as_bytes().chunks(7) {
                    if !self.server.message_chunk(chunk) {
                        break;
                    }
                }
                self.server.message_end(self.now);
            }
            Event::Update { deleted } => {
                self.deleted = deleted;
                match self.refuse {
                    Some(_) => self.server.update_failed(),
                    None => self.server.update_done(),
                }
            }
        }
    }

    fn authenticate(&mut self, request: &Request) {
        match request {
            Request::ScramKeys { user } => {
                let keys = (user == "anna").then(|| self.keys.clone());
                return self.server.scram_keys(keys);
            }
            Request::Password { user, password, .. } if user != "anna" || password.expose() != b"open sesame" => {
                return self.server.sign_in_refused(Refusal::Credentials);
            }
            _ => {}
        }
        if let Some(refusal) = self.refuse {
            return self.server.sign_in_refused(refusal);
        }
        let messages = (1u32..).zip(&self.messages);
        let messages = messages.map(|(n, text)| Message { uid: n * 10, octets: text.len() as u64 }).collect();
        self.server.sign_in_accepted(Maildrop { uid_validity: 7, messages });
    }
}

/// Lines of a table: `C:` is said, `S:` must be heard, all of it and in order.
fn talk(desk: &mut Desk, script: &str) {
    let mut heard = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(said) = line.strip_prefix("C: ") {
            assert_eq!(heard, "", "before {line:?}");
            heard = desk.say(&format!("{said}\r\n"));
        } else {
            let expected = format!("{}\r\n", line.strip_prefix("S:").unwrap().trim_start());
            heard = match heard.strip_prefix(&expected) {
                Some(rest) => rest.to_owned(),
                None => panic!("expected {expected:?}, heard {heard:?}"),
            };
        }
    }
    assert_eq!(heard, "", "at the end");
}

#[test]
fn a_session_as_in_the_rfc() {
    let mut desk = Desk::new(config());
    assert_eq!(std::mem::take(&mut desk.heard), "+OK mx.athens.test POP3 server ready\r\n");
    talk(
        &mut desk,
        "C: USER anna
         S: +OK send the password
         C: PASS open sesame
         S: +OK 3 messages
         C: STAT
         S: +OK 3 68
         C: LIST
         S: +OK 3 messages (68 octets)
         S: 1 26
         S: 2 21
         S: 3 21
         S: .
         C: LIST 2
         S: +OK 2 21
         C: UIDL
         S: +OK 3 messages (68 octets)
         S: 1 7.10
         S: 2 7.20
         S: 3 7.30
         S: .
         C: UIDL 3
         S: +OK 3 7.30
         C: RETR 1
         S: +OK 26 octets
         S: Subject: one
         S:
         S: 1
         S: ..2
         S: 3
         S: .
         C: TOP 1 1
         S: +OK the top of the message
         S: Subject: one
         S:
         S: 1
         S: .
         C: NOOP
         S: +OK still here
         C: QUIT
         S: +OK goodbye",
    );
    assert!(desk.closed);
    assert!(desk.deleted.is_empty(), "download and keep");
}

#[test]
fn deleting() {
    let mut desk = Desk::open();
    talk(
        &mut desk,
        "C: DELE 2
         S: +OK marked, and deleted at QUIT
         C: DELE 2
         S: -ERR that message is marked as deleted
         C: RETR 2
         S: -ERR that message is marked as deleted
         C: TOP 2 0
         S: -ERR that message is marked as deleted
         C: LIST 2
         S: -ERR that message is marked as deleted
         C: UIDL 2
         S: -ERR that message is marked as deleted
         C: STAT
         S: +OK 2 47
         C: LIST
         S: +OK 2 messages (47 octets)
         S: 1 26
         S: 3 21
         S: .
         C: RSET
         S: +OK 3 messages (68 octets)
         C: STAT
         S: +OK 3 68
         C: DELE 3
         S: +OK marked, and deleted at QUIT
         C: DELE 1
         S: +OK marked, and deleted at QUIT
         C: QUIT
         S: +OK deleted, goodbye",
    );
    assert!(desk.closed);
    assert_eq!(desk.deleted, [10, 30]);
}

#[test]
fn what_is_marked_stays_unless_the_session_ends_in_order() {
    let mut gone = Desk::open();
    gone.say("DELE 1\r\n");
    gone.server.end_of_input();
    gone.drive();
    assert!(gone.closed && gone.deleted.is_empty());

    let mut idle = Desk::open();
    idle.say("DELE 1\r\n");
    idle.server.timeout(idle.now + Duration::from_secs(601));
    idle.drive();
    assert!(idle.closed && idle.deleted.is_empty());
    assert_eq!(idle.heard, "", "a timeout has no words");

    let mut drained = Desk::open();
    drained.say("DELE 1\r\n");
    drained.server.close("shutting down");
    drained.drive();
    assert!(drained.closed && drained.deleted.is_empty());
    assert_eq!(drained.heard, "-ERR [SYS/TEMP] shutting down\r\n");

    let mut failing = Desk::open();
    failing.refuse = Some(Refusal::Temporary);
    talk(
        &mut failing,
        "C: DELE 1
         S: +OK marked, and deleted at QUIT
         C: QUIT
         S: -ERR [SYS/TEMP] the messages were not deleted, try again later",
    );
    assert!(failing.closed);
}

#[test]
fn what_is_not_there() {
    let mut desk = Desk::open();
    desk.messages[1].clear();
    talk(
        &mut desk,
        "C: RETR 0
         S: -ERR there is no such message
         C: RETR 4
         S: -ERR there is no such message
         C: DELE 4294967295
         S: -ERR there is no such message
         C: LIST 99999999999999999999
         S: -ERR there is no such message
         C: TOP 4 1
         S: -ERR there is no such message
         C: RETR x
         S: -ERR the arguments do not fit the command
         C: XYZZY
         S: -ERR unknown command
         C: USER anna
         S: -ERR you have signed in already
         C: STLS
         S: -ERR you have signed in already
         C: AUTH PLAIN
         S: -ERR you have signed in already",
    );
}

#[test]
fn a_message_that_another_program_deleted() {
    let mut desk = Desk::new(config());
    desk.messages[1].clear();
    desk.say("USER anna\r\nPASS open sesame\r\n");
    talk(
        &mut desk,
        "C: RETR 2
         S: -ERR the message was deleted by another program
         C: RETR 3
         S: +OK 21 octets
         S: Subject: three
         S:
         S: ..
         S: .",
    );
}

#[test]
fn a_message_that_breaks_off_closes_the_connection() {
    let mut desk = Desk::open();
    desk.server.receive(desk.now, b"RETR 1\r\nNOOP\r\n");
    let Step::Event(Event::Retrieve { .. }) = desk.server.next() else { panic!("no event") };
    desk.server.message_begin(26);
    assert!(desk.server.message_chunk(b"Subject: o"));
    desk.server.message_refused(Some(Code::SysPerm));
    desk.drive();
    assert!(desk.closed);
    assert_eq!(desk.heard, "+OK 26 octets\r\nSubject: o", "no end of message, no answer to NOOP");
}

#[test]
fn nothing_but_sign_in_before_sign_in() {
    for command in ["STAT", "LIST", "LIST 1", "UIDL", "RETR 1", "TOP 1 0", "DELE 1", "RSET", "NOOP"] {
        let mut desk = Desk::new(config());
        desk.heard.clear();
        assert_eq!(desk.say(&format!("{command}\r\n")), "-ERR sign in first\r\n", "{command}");
    }
}

#[test]
fn passwords() {
    let mut desk = Desk::new(config());
    desk.heard.clear();
    talk(
        &mut desk,
        "C: PASS open sesame
         S: -ERR say USER first
         C: USER nobody
         S: +OK send the password
         C: PASS open sesame
         S: -ERR [AUTH] wrong name or password
         C: PASS open sesame
         S: -ERR say USER first
         C: USER anna
         S: +OK send the password
         C: PASS open  sesame
         S: -ERR [AUTH] wrong name or password
         C: APOP anna c4c9334bac560ecc979e58001b3e22fb
         S: -ERR APOP is not offered, use AUTH SCRAM-SHA-256
         C: USER anna
         S: +OK send the password",
    );
    assert_eq!(desk.say("PASS open sesame \r\n"), "-ERR [AUTH] wrong name or password\r\n", "a space belongs to it");
}

#[test]
fn who_guesses_has_to_connect_again() {
    let mut desk = Desk::new(config());
    for _ in 0..3 {
        assert!(!desk.closed);
        desk.say("USER anna\r\nPASS guess\r\n");
    }
    assert!(desk.closed);

    let mut babbling = Desk::new(config());
    babbling.heard.clear();
    let heard = babbling.say(&"GET / HTTP/1.1\r\n".repeat(1000));
    assert!(babbling.closed);
    assert_eq!(heard.lines().count(), 10);
}

#[test]
fn refusals_have_their_codes() {
    for (refusal, answer) in [
        (Refusal::Temporary, "-ERR [SYS/TEMP] sign-in is not possible at the moment, try again later\r\n"),
        (Refusal::NotAuthorized, "-ERR [AUTH] this account may not act as the named one\r\n"),
    ] {
        let mut desk = Desk::new(config());
        desk.refuse = Some(refusal);
        desk.say("USER anna\r\n");
        assert_eq!(desk.say("PASS open sesame\r\n"), answer);
    }
}

#[test]
fn auth_plain() {
    let response = encode_base64(b"\0anna\0open sesame");
    let wrong = encode_base64(b"\0anna\0wrong");
    let mut desk = Desk::new(config());
    desk.heard.clear();
    assert_eq!(desk.say("AUTH PLAIN\r\n"), "+ \r\n");
    assert_eq!(desk.say("*\r\n"), "-ERR cancelled\r\n");
    assert_eq!(desk.say("AUTH PLAIN\r\n"), "+ \r\n");
    assert_eq!(desk.say("not base64\r\n"), "-ERR that is not base64\r\n");
    assert_eq!(desk.say(&format!("AUTH PLAIN {wrong}\r\n")), "-ERR [AUTH] wrong name or password\r\n");
    assert_eq!(desk.say("AUTH PLAIN =\r\n"), "-ERR the message breaks the mechanism's grammar\r\n");
    assert_eq!(desk.say("AUTH DIGEST-MD5\r\n"), "-ERR unknown mechanism\r\n");
    assert_eq!(desk.say("AUTH\r\n"), "+OK mechanisms\r\nSCRAM-SHA-256\r\nPLAIN\r\nLOGIN\r\n.\r\n");
    assert_eq!(desk.say(&format!("AUTH PLAIN\r\n{response}\r\n")), "+ \r\n+OK 3 messages\r\n");

    let mut desk = Desk::new(config());
    desk.heard.clear();
    assert_eq!(desk.say(&format!("AUTH plain {response}\r\n")), "+OK 3 messages\r\n");
}

fn scram(desk: &mut Desk, user: &str, tls: Option<&Tls>) -> String {
    let mut client = Scram::new(user, &Secret::new(b"open sesame".to_vec()), tls, tls.is_some()).unwrap();
    let initial = encode_base64(&client.initial().unwrap());
    let mut heard = desk.say(&format!("AUTH {} {initial}\r\n", client.mechanism()));
    while let Some(challenge) = heard.strip_prefix("+ ") {
        let challenge = decode_base64(challenge.trim_end().as_bytes()).unwrap();
        heard = desk.say(&format!("{}\r\n", encode_base64(&client.respond(&challenge).unwrap())));
    }
    assert_eq!(heard.starts_with("+OK"), client.is_satisfied());
    heard
}

#[test]
fn auth_scram() {
    let mut desk = Desk::new(config());
    desk.heard.clear();
    assert_eq!(scram(&mut desk, "nobody", None), "-ERR [AUTH] wrong name or password\r\n");
    assert_eq!(desk.failures, ["nobody SCRAM-SHA-256: wrong name or password"]);
    assert_eq!(scram(&mut desk, "anna", None), "+OK 3 messages\r\n");
}

#[test]
fn stls() {
    let tls = Tls { exporter: Some(vec![1; 32]), ..Tls::default() };
    let mut desk = Desk::new(Config { cleartext_allowed: false, ..config() });
    desk.heard.clear();
    let needs_tls = "-ERR a password needs TLS: say STLS first, or use the port for TLS\r\n";
    assert_eq!(desk.say("USER anna\r\n"), needs_tls);
    assert_eq!(desk.say("PASS open sesame\r\n"), needs_tls);
    assert!(desk.say("AUTH PLAIN\r\n").starts_with("-ERR this mechanism needs TLS"));
    let capa = desk.say("CAPA\r\n");
    assert!(capa.contains("\r\nSTLS\r\n") && capa.contains("\r\nSASL SCRAM-SHA-256\r\n"), "{capa}");
    assert!(!capa.contains("\r\nUSER\r\n"), "{capa}");
    assert_eq!(desk.say("UTF8\r\n"), "+OK UTF-8 it is\r\n");

    // Whatever was said in clear behind STLS is forgotten.
    assert_eq!(desk.say("STLS\r\nUSER eve\r\n"), "+OK begin TLS\r\n");
    assert!(desk.tls_began);
    assert_eq!(desk.say("PASS x\r\n"), "");
    assert_eq!(desk.server.deadline(), None);
    desk.server.tls_started(tls.clone());
    assert!(!desk.server.wants_utf8());
    assert_eq!(desk.say("PASS x\r\n"), "-ERR say USER first\r\n");
    let capa = desk.say("CAPA\r\n");
    assert!(!capa.contains("STLS") && capa.contains("\r\nUSER\r\n"), "{capa}");
    assert!(capa.contains("\r\nSASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n"), "{capa}");
    assert_eq!(desk.say("STLS\r\n"), "-ERR TLS stands already\r\n");
    assert_eq!(scram(&mut desk, "anna", Some(&tls)), "+OK 3 messages\r\n");
}

#[test]
fn capabilities() {
    let mut desk = Desk::new(config());
    desk.heard.clear();
    let common =
        "PIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nUTF8 USER\r\nEXPIRE NEVER\r\nIMPLEMENTATION Angelia\r\n.\r\n";
    let before = "+OK what can be said\r\nTOP\r\nUIDL\r\nUSER\r\nSASL SCRAM-SHA-256 PLAIN LOGIN\r\nSTLS\r\n";
    assert_eq!(desk.say("CAPA\r\n"), format!("{before}{common}"));
    assert_eq!(desk.say("UTF8\r\n"), "+OK UTF-8 it is\r\n");
    assert!(desk.server.wants_utf8());
    desk.say("USER anna\r\nPASS open sesame\r\n");
    assert_eq!(desk.say("CAPA\r\n"), format!("+OK what can be said\r\nTOP\r\nUIDL\r\n{common}"));
    assert_eq!(desk.say("UTF8\r\n"), "-ERR you have signed in already\r\n");

    let mut without = Desk::new(Config { stls: false, ..config() });
    without.heard.clear();
    assert!(!without.say("CAPA\r\n").contains("STLS"));
    assert_eq!(without.say("STLS\r\n"), "-ERR TLS is not offered here\r\n");
}

#[test]
fn patience() {
    let mut desk = Desk::new(config());
    let start = desk.now;
    assert_eq!(desk.server.deadline(), Some(start + SIGN_IN_PATIENCE));
    desk.now = start + Duration::from_secs(500);
    desk.say("NOOP\r\n");
    assert_eq!(desk.server.deadline(), Some(start + SIGN_IN_PATIENCE), "talking does not help before sign-in");
    desk.say("USER anna\r\nPASS open sesame\r\n");
    assert_eq!(desk.server.deadline(), Some(desk.now + PATIENCE));
    let said = desk.now;
    desk.now += Duration::from_secs(100);
    desk.say("NOO");
    assert_eq!(desk.server.deadline(), Some(said + PATIENCE), "half a command is none");
    desk.say("P\r\n");
    assert_eq!(desk.server.deadline(), Some(desk.now + PATIENCE));
}

#[test]
fn lines_that_are_none() {
    let mut desk = Desk::open();
    let bare = "-ERR a line ends with CR LF and holds neither alone\r\n";
    assert_eq!(desk.say("NOOP\nNOOP\r\n"), format!("{bare}+OK still here\r\n"));
    assert_eq!(desk.say("NO\rOP\r\n"), bare);
    let long = "x".repeat(LINE_OCTETS_MAX);
    assert_eq!(desk.say(&format!("NOOP {long}\r\nNOOP\r\n")), "-ERR the line is too long\r\n+OK still here\r\n");
}

#[test]
fn a_line_that_never_ends() {
    let mut desk = Desk::open();
    let mut said = String::new();
    for _ in 0..6 {
        said += &desk.say(&"x".repeat(16 * 1024));
    }
    assert_eq!(said, "-ERR the line does not end\r\n");
    assert_eq!(desk.say("\r\nNOOP\r\n"), "");
}

#[test]
fn a_large_maildrop_is_listed_in_pieces() {
    let mut desk = Desk::new(config());
    desk.messages = (0..50_000).map(|_| "A: b\r\n\r\n".to_owned()).collect();
    desk.say("USER anna\r\nPASS open sesame\r\nDELE 2\r\n");
    let list = desk.say("LIST\r\nNOOP\r\n");
    assert_eq!(list.lines().count(), 49_999 + 3);
    assert!(list.ends_with("50000 8\r\n.\r\n+OK still here\r\n") && !list.contains("\r\n2 8\r\n"));
    assert!(desk.piece_octets_max < OUT_OCTETS + 100, "{}", desk.piece_octets_max);
}

const PIPELINE: &str = "CAPA\r\nUSER anna\r\nPASS open sesame\r\nSTAT\r\nLIST\r\nRETR 1\r\nTOP 2 0\r\nDELE 1\r\nUIDL\r\n\
                        NOOP\nNOOP\r\nBOO\r\nQUIT\r\nSTAT\r\n";

proptest! {
    #[test]
    fn chunks_make_no_difference(cuts in prop::collection::vec(0..PIPELINE.len(), 0..12)) {
        let mut whole = Desk::new(config());
        let expected = whole.say(PIPELINE);
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut desk = Desk::new(config());
        let mut heard = String::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([PIPELINE.len()]) {
            heard.push_str(&desk.say(&PIPELINE[from..cut]));
            from = cut;
        }
        prop_assert_eq!(heard, expected);
        prop_assert!(desk.closed);
        prop_assert_eq!(desk.deleted, vec![10]);
    }

    #[test]
    fn no_bytes_break_it(chunks in prop::collection::vec("[A-Z0-9 =*+/\r\n\u{0}-\u{ff}]{0,40}", 0..8), open in any::<bool>()) {
        let mut desk = if open { Desk::open() } else { Desk::new(config()) };
        for chunk in chunks {
            desk.say(&chunk);
            desk.say("\r\n");
        }
    }
}
