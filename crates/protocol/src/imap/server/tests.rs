//! Dialogues as tables: what the client says, what the session says, what it asks. A small service stands behind it:
//! anna with the password `secret`, and every command answered OK.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Config, Event, Server};
use crate::imap::command::Command;
use crate::imap::encode::{Code, Untagged};
use crate::imap::limits;
use crate::sasl::{Refusal, Request};
use crate::{Session, Step, Tls};

/// A session, and what has come of it.
struct Talk {
    server: Server,
    said: String,
    /// What has come while nobody reads it as text.
    wire: Vec<u8>,
    message: Vec<u8>,
    /// Complete, and more of the same command may follow.
    complete: Vec<Vec<u8>>,
    messages: Vec<Vec<u8>>,
    closed: bool,
    tls: bool,
}

impl Talk {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new("mx.test");
        config.cleartext_sign_in = true;
        change(&mut config);
        let server = Server::new(config.shared(), None, Instant::now());
        let mut talk = Self {
            server,
            said: String::new(),
            wire: Vec::new(),
            message: Vec::new(),
            complete: Vec::new(),
            messages: Vec::new(),
            closed: false,
            tls: false,
        };
        talk.pump();
        talk
    }

    fn signed_in() -> Self {
        let mut talk = Self::new(|_| ());
        talk.says("l login anna secret\r\n");
        talk.said.clear();
        talk
    }

    /// The client says this; what came back.
    fn says(&mut self, text: &str) -> String {
        self.send(text.as_bytes());
        std::mem::take(&mut self.said)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.server.receive(Instant::now(), bytes);
        self.pump();
    }

    fn pump(&mut self) {
        loop {
            match self.server.next() {
                Step::NeedInput => return,
                Step::Send(bytes) => self.said.push_str(&String::from_utf8_lossy(&bytes)),
                Step::StartTls => {
                    self.tls = true;
                    self.server.tls_started(Tls::default());
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
            Event::Authenticate(Request::Password { user, password, .. })
                if user == "anna" && password.expose() == b"secret" =>
            {
                self.server.sign_in_accepted();
            }
            Event::Authenticate(Request::ScramKeys { .. }) => self.server.scram_keys(None),
            Event::Authenticate(_) | Event::SignInFailed { .. } => self.server.sign_in_refused(Refusal::Credentials),
            Event::Command(Command::Idle) => self.server.untagged(&Untagged::Exists(4)),
            Event::Command(command) => self.command(&command),
            Event::IdleEnd => self.server.ok(None, "IDLE done"),
            Event::Append(append) if append.mailbox.as_str() == "full" => self.server.no(None, "Full"),
            Event::Append(_) | Event::AppendText(_) => self.server.append_go(),
            Event::AppendUrl(url) if url == b"bad" => self.server.no(Some(&Code::BadUrl("bad")), "No such URL"),
            Event::AppendUrl(url) => {
                self.message.extend_from_slice(&url);
                self.server.append_go();
            }
            Event::AppendNext(next) => {
                self.complete.push(std::mem::take(&mut self.message));
                if next.flags == [crate::imap::Flag::Draft] {
                    self.complete.clear();
                    return self.server.no(None, "No drafts");
                }
                self.server.append_go();
            }
            Event::AppendChunk(chunk) => {
                self.message.extend_from_slice(&chunk);
                if self.message.starts_with(b"virus") {
                    self.message.clear();
                    self.server.no(None, "Virus");
                }
            }
            Event::AppendEnd => {
                self.messages.append(&mut self.complete);
                self.messages.push(std::mem::take(&mut self.message));
                self.server.ok(None, "APPEND done");
            }
            Event::AppendBroken => {
                self.message.clear();
                self.complete.clear();
            }
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Select(_) => self.server.set_selected(true),
            Command::Close => self.server.set_selected(false),
            Command::Unauthenticate => return self.server.unauthenticated(),
            _ => {}
        }
        self.server.ok(None, "done");
    }
}

/// What the client says, what it hears.
type Dialogue = &'static [(&'static str, &'static str)];

fn check(mut talk: Talk, dialogue: Dialogue) {
    talk.said.clear();
    for (client, server) in dialogue {
        assert_eq!(talk.says(&format!("{client}\r\n")), written_out(server), "after {client:?}");
    }
}

/// `{ALWAYS}` stands for what is offered in every state.
fn written_out(text: &str) -> String {
    text.replace("{ALWAYS}", &format!("{} APPENDLIMIT=52428800", super::capability::ALWAYS))
}

const BEFORE_SIGN_IN: Dialogue = &[
    ("a noop", "a OK NOOP done\r\n"),
    ("a capability", "* CAPABILITY {ALWAYS} AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN\r\na OK CAPABILITY done\r\n"),
    ("a select inbox", "a BAD Sign in first\r\n"),
    ("a fetch 1 flags", "a BAD Sign in first\r\n"),
    ("a append inbox {3}", "a BAD Sign in first\r\n"),
    ("a nonsense", "a BAD unknown command\r\n"),
    ("nonsense", "nonsense BAD syntax error: a space expected\r\n"),
    ("* x", "* BAD A tag is missing\r\n"),
    ("", ""),
    ("a login anna wrong", "a NO [AUTHENTICATIONFAILED] Wrong name or password\r\n"),
    ("a login {4}", "+ OK\r\n"),
    ("anna {6+}\r\nsecret", "a OK [CAPABILITY {ALWAYS} COMPRESS=DEFLATE] Signed in\r\n"),
    ("a login anna secret", "a BAD Already signed in\r\n"),
    ("a authenticate plain", "a BAD Already signed in\r\n"),
];

const SASL: Dialogue = &[
    ("a authenticate nosuch", "a NO [CANNOT] Unknown mechanism\r\n"),
    ("a authenticate scram-sha-256-plus", "a NO [PRIVACYREQUIRED] Mechanism is not offered here\r\n"),
    ("a authenticate plain", "+ \r\n"),
    ("*", "a BAD AUTHENTICATE cancelled\r\n"),
    ("a authenticate plain", "+ \r\n"),
    ("!!", "a BAD Response is not base 64\r\n"),
    ("a authenticate plain", "+ \r\n"),
    ("AGFubmEAd3Jvbmc=", "a NO [AUTHENTICATIONFAILED] Wrong name or password\r\n"),
    ("a authenticate plain =", "a BAD Response breaks the mechanism's grammar\r\n"),
    ("a authenticate login", "+ VXNlcm5hbWU6\r\n"),
    ("YW5uYQ==", "+ UGFzc3dvcmQ6\r\n"),
    ("eA==", "a NO [AUTHENTICATIONFAILED] Wrong name or password\r\n"),
];

const SIGNED_IN: Dialogue = &[
    ("a namespace", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\na OK NAMESPACE done\r\n"),
    ("a enable x-unknown", "* ENABLED\r\na OK ENABLE done\r\n"),
    ("a select inbox (qresync (1 1))", "a BAD ENABLE QRESYNC first\r\n"),
    ("a enable condstore x-unknown", "* ENABLED CONDSTORE\r\na OK ENABLE done\r\n"),
    ("a enable condstore qresync", "* ENABLED QRESYNC\r\na OK ENABLE done\r\n"),
    ("a enable qresync", "* ENABLED\r\na OK ENABLE done\r\n"),
    ("a select inbox (qresync (1 1))", "a OK done\r\n"),
    ("a close", "a OK done\r\n"),
    ("a create x (use (\\Nothing))", "a NO [USEATTR] no mailbox has such a use here\r\n"),
    ("a id nil", "* ID (\"name\" \"Angelia\" \"version\" \"0.1.0\")\r\na OK ID done\r\n"),
    ("a check", "a BAD Select a mailbox first\r\n"),
    ("a select inbox", "a OK done\r\n"),
    ("a check\r\nb fetch 1 flags", "a OK done\r\nb OK done\r\n"),
    ("a close", "a OK done\r\n"),
    ("a fetch 1 flags", "a BAD Select a mailbox first\r\n"),
    ("a select R&D", "a NO [CANNOT] mailbox name is not modified UTF-7\r\n"),
    ("a starttls", "a BAD STARTTLS is not offered now\r\n"),
    ("a idle", "+ idling\r\n* 4 EXISTS\r\n"),
    ("done\r\nb noop", "a OK IDLE done\r\nb OK done\r\n"),
    ("a idle\r\nb noop", "+ idling\r\n* 4 EXISTS\r\na BAD DONE expected\r\n"),
    ("a idle\r\nb x {3}", "+ idling\r\n* 4 EXISTS\r\na BAD DONE expected\r\n"),
    ("a idle\r\nb x {3+}\r\nxyz", "+ idling\r\n* 4 EXISTS\r\na BAD DONE expected\r\n"),
    ("a noop", "a OK done\r\n"),
    ("a logout", "* BYE Good-bye\r\na OK LOGOUT done\r\n"),
];

const APPENDS: Dialogue = &[
    ("a append inbox {5}", "+ OK\r\n"),
    ("hello", "a OK APPEND done\r\n"),
    ("a append {5+}\r\ninbox (\\Seen) {3+}\r\n\r\n.", "a OK APPEND done\r\n"),
    ("a append full {5}", "a NO Full\r\n"),
    ("a noop", "a OK done\r\n"),
    ("a append full {5+}\r\nhello\r\nb noop", "a NO Full\r\nb OK done\r\n"),
    ("a append inbox {0}", "a NO A message has one octet at least\r\n"),
    ("a append inbox {100000000}", "a NO [TOOBIG] Message is too large\r\n"),
    ("a append inbox {9}\r\nvirus 123\r\nb noop", "+ OK\r\na NO Virus\r\nb OK done\r\n"),
    (
        "a append inbox {5}\r\nhello more\r\nb noop",
        "+ OK\r\na BAD Nothing but another message may follow a message\r\nb OK done\r\n",
    ),
    (
        "a append inbox {5}\r\nhello {5}\r\nb noop",
        "+ OK\r\n+ OK\r\na BAD Nothing but another message may follow a message\r\n",
    ),
    ("a append inbox {5}\r\nhello {3+}\r\nxyz\r\nb noop", "+ OK\r\na OK APPEND done\r\nb OK done\r\n"),
    ("a append inbox (\\Seen {5}", "a BAD syntax error: a flag expected\r\n"),
    ("a append R&D {5}", "a NO [CANNOT] mailbox name is not modified UTF-7\r\n"),
    ("a select {1000000}", "a BAD [TOOBIG] Literal is too long\r\n"),
    ("a noop", "a OK done\r\n"),
];

const BY_UID_ONLY: Dialogue = &[
    ("a enable uidonly", "* ENABLED UIDONLY\r\na OK ENABLE done\r\n"),
    ("a enable qresync", "* ENABLED QRESYNC\r\na OK ENABLE done\r\n"),
    ("a select inbox (qresync (1 1 1 (1 1)))", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    ("a select inbox (qresync (1 1 1))", "a OK done\r\n"),
    ("a fetch 1 flags", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    ("a search all", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    ("a sort (date) utf-8 all", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    ("a thread references utf-8 all", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    ("a store 1 flags ()", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    ("a copy 1 x", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    ("a move 1 x", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    ("a uid search or seen not 1", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    ("a replace 1 inbox {3}", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    (
        "a replace 1 inbox {3+}\r\nxyz\r\nb noop",
        "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\nb OK done\r\n",
    ),
    ("a replace 1 inbox catenate (url x)", "a BAD [UIDREQUIRED] UIDONLY leaves no sequence numbers\r\n"),
    ("a uid search uid 1 $", "a OK done\r\n"),
    ("a uid fetch 1:* flags", "a OK done\r\n"),
    ("a expunge", "a OK done\r\n"),
    ("a uidbatches 500", "a OK done\r\n"),
];

#[test]
fn nothing_but_uids() {
    check(Talk::signed_in(), BY_UID_ONLY);
}

#[test]
fn limits_are_told() {
    let limits = |message_limit, save_limit| {
        let mut talk = Talk::new(|config| (config.message_limit, config.save_limit) = (message_limit, save_limit));
        talk.says("a capability\r\n")
    };
    let told = limits(Some(1000), Some(5000));
    assert!(told.contains(" MESSAGELIMIT=1000 ") && !told.contains("SAVELIMIT"), "{told}");
    let told = limits(None, Some(5000));
    assert!(told.contains(" SAVELIMIT=5000 ") && !told.contains("MESSAGELIMIT"), "{told}");
}

#[test]
fn before_sign_in() {
    check(Talk::new(|_| ()), BEFORE_SIGN_IN);
}

#[test]
fn sasl() {
    check(Talk::new(|_| ()), SASL);
}

#[test]
fn signed_in() {
    check(Talk::signed_in(), SIGNED_IN);
}

#[test]
fn somebody_else_on_the_same_connection() {
    let mut talk = Talk::signed_in();
    assert_eq!(talk.says("a fetch 1 modseq\r\n"), "a BAD Select a mailbox first\r\n");
    assert!(!talk.server.enabled().condstore);
    talk.says("a select inbox\r\na fetch 1 modseq\r\n");
    assert!(talk.server.enabled().condstore && !talk.server.enabled().qresync);
    assert_eq!(talk.says("a unauthenticate\r\n"), "a OK UNAUTHENTICATE done\r\n");
    assert_eq!(talk.server.enabled(), super::Enabled::default());
    assert!(!talk.server.is_signed_in() && !talk.server.is_selected());
    assert_eq!(talk.says("a unauthenticate\r\n"), "a BAD Sign in first\r\n");
    assert!(talk.says("a login anna secret\r\n").ends_with("] Signed in\r\n"));
}

#[test]
fn appends() {
    let mut talk = Talk::signed_in();
    for (client, server) in APPENDS {
        assert_eq!(talk.says(&format!("{client}\r\n")), *server, "after {client:?}");
    }
    assert_eq!(talk.messages, [&b"hello"[..], b"\r\n.", b"hello", b"xyz"]);
}

const SEVERAL_APPENDS: Dialogue = &[
    ("a append inbox {3}", "+ OK\r\n"),
    ("one (\\Seen) {3}", "+ OK\r\n"),
    ("two \" 1-Jan-2024 00:00:00 +0000\" ~{3+}\r\nm\0e {1+}\r\nx", "a OK APPEND done\r\n"),
    // What comes too late takes nothing back, but nothing of this one stays either.
    ("b append full {3}", "b NO Full\r\n"),
];

#[test]
fn several_messages_at_once() {
    let mut talk = Talk::signed_in();
    for (client, server) in SEVERAL_APPENDS {
        assert_eq!(talk.says(&format!("{client}\r\n")), *server, "after {client:?}");
    }
    assert_eq!(talk.messages, [&b"one"[..], b"two", b"m\0e", b"x"]);
    for (client, server) in [
        ("a append inbox {3+}\r\none {0}", "a NO A message has one octet at least\r\n"),
        ("a append inbox {3+}\r\none (\\Draft) {5+}\r\nhello\r\nb noop", "a NO No drafts\r\nb OK done\r\n"),
        ("a append inbox {3+}\r\none {100000000}", "a NO [TOOBIG] Message is too large\r\n"),
        (
            "a append inbox {3+}\r\none {70000000+}",
            "a NO [TOOBIG] Message is too large\r\n* BYE Too much that nobody can read\r\n",
        ),
    ] {
        assert_eq!(talk.says(&format!("{client}\r\n")), server, "after {client:?}");
        assert!(talk.complete.is_empty() && talk.messages.len() == 4, "{client}");
    }
    let mut talk = Talk::signed_in();
    talk.says("a append inbox {1}\r\n");
    for _ in 1..limits::APPEND_MESSAGES_MAX {
        assert_eq!(talk.says("x {1}\r\n"), "+ OK\r\n");
    }
    assert_eq!(talk.says("x {1}\r\n"), "a NO [LIMIT] Too many messages at once\r\n");
    assert_eq!(talk.says("a noop\r\n"), "a OK done\r\n");
}

const CATENATED: Dialogue = &[
    ("a append inbox catenate (text {5}", "+ OK\r\n"),
    ("hello url <1> text {3+}\r\nabc url {3}", "+ OK\r\n"),
    ("<2>) catenate (url <3>) {1}", "+ OK\r\n"),
    ("x", "a OK APPEND done\r\n"),
    ("a append inbox catenate (url x url \"y\")", "a OK APPEND done\r\n"),
    ("a append inbox catenate (url x text {0}", "+ OK\r\n"),
    (")", "a OK APPEND done\r\n"),
    ("a append inbox catenate (url bad text {3}", "a NO [BADURL bad] No such URL\r\n"),
    (
        "a append inbox catenate (text {3+}\r\nabc url bad text {3+}\r\nabc)\r\nb noop",
        "a NO [BADURL bad] No such URL\r\nb OK done\r\n",
    ),
    ("a append inbox catenate (url bad)\r\nb noop", "a NO [BADURL bad] No such URL\r\nb OK done\r\n"),
    ("a append inbox catenate (text {100000000}", "a NO [TOOBIG] Message is too large\r\n"),
    (
        "a append inbox catenate (text {3+}\r\nabc utf8 (~{3+}\r\nabc))\r\nb noop",
        "a BAD ENABLE UTF8=ACCEPT first\r\nb OK done\r\n",
    ),
    (
        "a append inbox catenate (text {3+}\r\nabc foo)\r\nb noop",
        "a BAD Nothing but another message may follow a message\r\nb OK done\r\n",
    ),
    ("a append inbox catenate (url x", "a BAD syntax error: a space expected\r\n"),
    ("a append inbox catenate (url {1000000}", "a BAD [TOOBIG] Literal is too long\r\n"),
    ("a append full catenate (url x)", "a NO Full\r\n"),
    ("a append R&D catenate (url x)", "a NO [CANNOT] mailbox name is not modified UTF-7\r\n"),
    ("a append inbox", "a BAD syntax error: a space expected\r\n"),
    ("a replace 1 inbox {3}", "a BAD Select a mailbox first\r\n"),
    ("a replace 1 inbox catenate (url x)", "a BAD Select a mailbox first\r\n"),
    ("a select inbox", "a OK done\r\n"),
    ("a uid replace 7 inbox (\\Seen) {3}", "+ OK\r\n"),
    ("new", "a OK APPEND done\r\n"),
    ("a replace 1 inbox catenate (url x text {3+}\r\nabc)", "a OK APPEND done\r\n"),
    ("a replace 1 inbox {3+}\r\nnew {3}", "a BAD Nothing but another message may follow a message\r\n"),
    ("a replace 1:2 inbox {3}", "a BAD syntax error: a space expected\r\n"),
];

#[test]
fn messages_put_together_and_replaced() {
    let mut talk = Talk::signed_in();
    for (client, server) in CATENATED {
        assert_eq!(talk.says(&format!("{client}\r\n")), *server, "after {client:?}");
        talk.complete.clear();
    }
    let messages: Vec<_> = talk.messages.iter().map(|message| String::from_utf8_lossy(message).into_owned()).collect();
    assert_eq!(messages, ["x", "xy", "x", "new", "xabc"]);
    let mut talk = Talk::signed_in();
    talk.says("a append inbox catenate (text {5}\r\n");
    talk.says("hello url <1> text {3+}\r\nabc url {3}\r\n");
    assert_eq!(talk.says("<2>) catenate (url <3>)\r\n"), "a OK APPEND done\r\n");
    assert_eq!(talk.messages, [&b"hello<1>abc<2>"[..], b"<3>"]);
    let mut talk = Talk::signed_in();
    talk.says("a append inbox catenate (text {1}\r\n");
    for _ in 1..limits::CATENATE_PARTS_MAX {
        assert_eq!(talk.says("x text {1}\r\n"), "+ OK\r\n");
    }
    assert_eq!(talk.says("x text {1}\r\n"), "a NO [LIMIT] Too many parts\r\n");
    assert_eq!(talk.says("a noop\r\n"), "a OK done\r\n");
    let mut stranger = Talk::new(|_| ());
    stranger.said.clear();
    assert_eq!(stranger.says("a append inbox catenate (url x)\r\n"), "a BAD Sign in first\r\n");
}

const UTF8: Dialogue = &[
    ("a append inbox utf8 (~{3+}\r\none)\r\nb noop", "a BAD ENABLE UTF8=ACCEPT first\r\nb OK done\r\n"),
    ("a select \"&\"", "a NO [CANNOT] mailbox name is not modified UTF-7\r\n"),
    ("a enable imap4rev2 utf8=accept", "* ENABLED IMAP4rev2 UTF8=ACCEPT\r\na OK ENABLE done\r\n"),
    ("a select \"&\"", "a OK done\r\n"),
    ("a search charset utf-8 all", "a BAD UTF8=ACCEPT leaves no choice of a charset\r\n"),
    ("a append inbox utf8 (~{3}", "+ OK\r\n"),
    ("one) utf8 (~{3}", "+ OK\r\n"),
    ("two)", "a OK APPEND done\r\n"),
    ("a append inbox utf8 (~{3}", "+ OK\r\n"),
    ("one", "a BAD Nothing but another message may follow a message\r\n"),
];

#[test]
fn names_and_messages_in_utf8() {
    check(Talk::signed_in(), UTF8);
    let mut talk = Talk::signed_in();
    talk.says("a enable imap4rev2\r\n");
    talk.server.untagged(&Untagged::Exists(1));
    let listed = crate::imap::encode::Listed { attributes: &[], name: "Entwürfe \\ &", subscribed_below: false };
    talk.server.untagged(&Untagged::List(listed));
    talk.pump();
    assert_eq!(talk.said, "* 1 EXISTS\r\n* LIST () \"/\" \"Entwürfe \\\\ &\"\r\n");
    assert_eq!(talk.says("a select \"\u{fc}\"\r\n").lines().last(), Some("a OK done"));
    talk.send(b"a select \"\xff\"\r\n");
    assert_eq!(talk.said, "a NO [CANNOT] mailbox name is not UTF-8\r\n");
}

/// What is deflated, and the deflated stream that it goes on with.
fn deflated(stream: &mut flate2::Compress, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    stream.compress_vec(text.as_bytes(), &mut out, flate2::FlushCompress::Sync).unwrap();
    out
}

#[test]
fn a_deflated_connection() {
    use flate2::{Compress, Compression, Decompress, FlushDecompress};
    let mut talk = Talk::signed_in();
    assert_eq!(talk.says("a compress deflate\r\n"), "a OK COMPRESS done\r\n");
    let (mut up, mut down) = (Compress::new(Compression::best(), false), Decompress::new(false));
    let mut asks = |talk: &mut Talk, text: &str| {
        for piece in deflated(&mut up, text).chunks(5) {
            talk.server.receive(Instant::now(), piece);
            loop {
                match talk.server.next() {
                    Step::Send(bytes) => talk.wire.extend(bytes),
                    Step::Event(event) => talk.serve(event),
                    Step::NeedInput | Step::StartTls | Step::Close => break,
                }
            }
        }
        let mut heard = Vec::with_capacity(1 << 16);
        down.decompress_vec(&std::mem::take(&mut talk.wire), &mut heard, FlushDecompress::Sync).unwrap();
        String::from_utf8(heard).unwrap()
    };
    assert_eq!(asks(&mut talk, "b noop\r\nc select {5+}\r\ninbox\r\n"), "b OK done\r\nc OK done\r\n");
    assert_eq!(asks(&mut talk, "d compress deflate\r\n"), "d NO [COMPRESSIONACTIVE] Deflated already\r\n");
    assert_eq!(asks(&mut talk, "d capability\r\n"), written_out("* CAPABILITY {ALWAYS}\r\nd OK CAPABILITY done\r\n"));
    let message = "0123456789abcdef".repeat(10_000);
    let command = format!("e append inbox {{{}+}}\r\n{message}\r\n", message.len());
    assert_eq!(asks(&mut talk, &command), "e OK APPEND done\r\n");
    assert!(talk.messages == [message.into_bytes()]);
    // What unpacks to a thousand times its size is a line too long, like any other.
    let bomb = asks(&mut talk, &format!("f select {}\r\n", "x".repeat(3_000_000)));
    assert_eq!(bomb, "* BYE Too much that nobody can read\r\n");
}

#[test]
fn rubbish_on_a_deflated_connection() {
    let mut talk = Talk::signed_in();
    talk.says("a compress deflate\r\n");
    talk.send(b"\xff\xff\xff");
    assert!(talk.closed);
}

#[test]
fn passwords_wait_for_tls() {
    let mut talk = Talk::new(|config| {
        config.cleartext_sign_in = false;
        config.starttls = true;
    });
    assert_eq!(
        std::mem::take(&mut talk.said),
        written_out("* OK [CAPABILITY {ALWAYS} STARTTLS LOGINDISABLED AUTH=SCRAM-SHA-256] mx.test IMAP4rev1 ready\r\n")
    );
    assert_eq!(talk.says("a login anna secret\r\n"), "a NO [PRIVACYREQUIRED] Use STARTTLS first\r\n");
    assert_eq!(
        talk.says("a authenticate plain AGFubmEAc2VjcmV0\r\n"),
        "a NO [PRIVACYREQUIRED] Mechanism is not offered here\r\n"
    );
    // What stands behind STARTTLS came in the clear and is not obeyed.
    assert_eq!(talk.says("a starttls\r\nb noop\r\n"), "a OK Begin TLS\r\n");
    assert!(talk.tls);
    assert!(talk.says("a authenticate plain AGFubmEAc2VjcmV0\r\n").starts_with("a OK [CAPABILITY "));
}

#[test]
fn a_large_message_is_never_held() {
    let mut talk = Talk::signed_in();
    talk.send(b"a append inbox {40000000}\r\n");
    for _ in 0..625 {
        talk.send(&[b'x'; 64_000]);
        assert!(talk.message.len() <= 64_000, "the session kept {}", talk.message.len());
        talk.message.clear();
    }
    assert_eq!(talk.says("\r\n"), "+ OK\r\na OK APPEND done\r\n");
}

#[test]
fn a_megabyte_of_mailbox_name() {
    let mut talk = Talk::signed_in();
    let long = "x".repeat(1_000_000);
    assert_eq!(talk.says(&format!("a select {long}\r\n")), "a BAD Command is too long\r\n");
    assert_eq!(talk.says(&format!("a select {{1000000+}}\r\n{long}\r\n")), "a BAD [TOOBIG] Literal is too long\r\n");
    assert_eq!(talk.says("a noop\r\n"), "a OK done\r\n");
}

/// A stranger may throw away less of our time than a reader.
#[test]
fn a_line_that_never_ends() {
    let kib = limits::COMMAND_OCTETS_MAX / 1024;
    for (mut talk, kib_max) in [(Talk::new(|_| ()), 64 + 9), (Talk::signed_in(), 1024 + kib + 1)] {
        talk.said.clear();
        let mut sent = 0;
        while !talk.closed && sent <= kib_max {
            talk.send(&[b'x'; 1024]);
            sent += 1;
        }
        assert!(talk.closed && sent > 64, "{sent} of {kib_max}");
        assert_eq!(talk.said, "* BYE Too much that nobody can read\r\n");
    }
}

#[test]
fn patience_with_floods_and_mistakes() {
    let mut talk = Talk::signed_in();
    assert_eq!(
        talk.says("a select {99999999999+}\r\n"),
        "a BAD [TOOBIG] Literal is too long\r\n* BYE Too much that nobody can read\r\n"
    );
    assert!(talk.closed);
    let mut talk = Talk::new(|_| ());
    for _ in 0..limits::ERRORS_BEFORE_SIGN_IN_MAX {
        talk.says("a what\r\n");
    }
    assert!(talk.closed);
    let mut talk = Talk::new(|_| ());
    for _ in 0..limits::SIGN_IN_REFUSALS_MAX {
        assert!(!talk.closed);
        talk.says("a login anna wrong\r\n");
    }
    assert!(talk.closed);
    let mut talk = Talk::new(|_| ());
    for _ in 0..=limits::COMMANDS_BEFORE_SIGN_IN_MAX {
        talk.says("a noop\r\n");
    }
    assert!(talk.closed);
    // Empty lines buy no time either.
    let mut talk = Talk::new(|_| ());
    talk.says(&"\r\n".repeat(51));
    assert!(talk.closed);
    let mut talk = Talk::signed_in();
    for _ in 0..limits::ERRORS_MAX {
        talk.says("a what\r\nb noop\r\n");
    }
    assert!(!talk.closed);
}

#[test]
fn time_runs_out() {
    let mut talk = Talk::new(|_| ());
    let first = talk.server.deadline().unwrap();
    talk.server.receive(Instant::now() + Duration::from_secs(100), b"a no");
    assert_eq!(talk.server.deadline(), Some(first), "single bytes gain no time");
    talk.server.timeout(first);
    talk.said.clear();
    talk.pump();
    assert_eq!((talk.said.as_str(), talk.closed), ("* BYE Idle for too long\r\n", true));
    let talk = Talk::signed_in();
    assert!(talk.server.deadline().unwrap() > Instant::now() + Duration::from_secs(29 * 60));
}

#[test]
fn the_end_of_input_is_an_end() {
    let mut talk = Talk::new(|_| ());
    talk.server.end_of_input();
    talk.says("a login anna secret\r\nb noop\r\nc idle\r\n");
    assert!(talk.closed);
    // A message cut short never ends.
    let mut talk = Talk::signed_in();
    talk.send(b"a append inbox {10+}\r\nhello");
    talk.server.end_of_input();
    talk.pump();
    assert!(talk.closed && talk.messages.is_empty());
}

proptest! {
    #[test]
    fn chunking_changes_nothing(
        lines in proptest::collection::vec(prop_oneof![
            Just("a noop\r\n"), Just("a select {5}\r\ninbox\r\n"), Just("a append inbox {7+}\r\na\r\nb\r\nc\r\n"),
            Just("a idle\r\nDONE\r\n"), Just("b append full {3+}\r\nxyz\r\n"), Just("c authenticate login\r\nYQ==\r\nYg==\r\n"),
            Just("d append inbox {3}\r\nxyz {3+}\r\nxyz\r\n"), Just("rubbish {3"), Just("}\r\n"), Just("l login anna secret\r\n"),
        ], 0..12),
        cut in 1usize..30,
    ) {
        let text = lines.concat();
        let mut whole = Talk::new(|_| ());
        let expected = whole.says(&text);
        let mut pieces = Talk::new(|_| ());
        pieces.said.clear();
        for piece in text.as_bytes().chunks(cut) {
            pieces.send(piece);
        }
        let greeting = "* OK [CAPABILITY {ALWAYS} AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN] mx.test IMAP4rev1 ready\r\n";
        prop_assert_eq!(expected.strip_prefix(&written_out(greeting)), Some(pieces.said.as_str()));
        prop_assert_eq!(whole.messages, pieces.messages);
    }
}
