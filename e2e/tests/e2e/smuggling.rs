//! SMTP smuggling over the wire: no end of DATA but CRLF "." CRLF, and no command that came with another letter's body.

use crate::raw::{inbox, smtp};
use crate::server::{PASSWORD, Server, USER};

/// What stands where the end of a letter might be seen by a server that is not strict.
const FALSE_ENDS: [&[u8]; 12] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\n\r.\r\n",
    b"\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
];

/// The smuggled letter, as it would stand behind a false end.
const SMUGGLED: &str =
    "MAIL FROM:<zeus@patras.test>\r\nRCPT TO:<kostas@patras.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx";

#[test]
fn nothing_is_smuggled() {
    let server = Server::start("");
    for (number, false_end) in FALSE_ENDS.iter().enumerate() {
        let mut raw = smtp(server.smtp).unwrap();
        assert!(raw.ask("MAIL FROM:<anna@athens.test>").unwrap().starts_with("250"));
        assert!(raw.ask(&format!("RCPT TO:<{USER}>")).unwrap().starts_with("250"));
        assert!(raw.ask("DATA").unwrap().starts_with("354"));
        let mut body = format!("Subject: outer {number}\r\n\r\nbefore").into_bytes();
        body.extend_from_slice(false_end);
        body.extend_from_slice(SMUGGLED.as_bytes());
        body.extend_from_slice(b"\r\n.\r\n");
        raw.send(&body).unwrap();
        let reply = raw.reply().unwrap();
        // One reply for one letter: taken as it is, or refused for its line ends. Never a second one.
        assert!(reply.starts_with("250") || reply.starts_with('5'), "{false_end:?}: {reply}");
        let next = raw.ask("NOOP").unwrap();
        assert!(next.starts_with("250 2.0.0") || next.is_empty() || next.starts_with("421"), "{false_end:?}: {next}");
    }
    let letters = inbox(server.imap, USER, PASSWORD);
    for letter in &letters {
        assert!(letter.contains("Subject: outer "), "smuggled:\n{letter}");
        assert!(!letter.starts_with("Subject: smuggled"), "{letter}");
    }
    assert!(letters.len() <= FALSE_ENDS.len());
}

#[test]
fn no_bare_line_end_ends_a_command() {
    let server = Server::start("");
    for separator in ["\n", "\r"] {
        let mut raw = smtp(server.smtp).unwrap();
        raw.send(format!("NOOP{separator}MAIL FROM:<anna@athens.test>\r\n")).unwrap();
        let reply = raw.reply().unwrap();
        assert!(reply.starts_with('5') || reply.starts_with("421"), "{separator:?}: {reply}");
        let next = raw.ask(&format!("RCPT TO:<{USER}>")).unwrap_or_default();
        assert!(!next.starts_with("250"), "the hidden MAIL was taken: {next}");
    }
}

#[test]
fn what_comes_with_starttls_is_thrown_away() {
    let server = Server::start("");
    let mut raw = smtp(server.smtp).unwrap();
    raw.send("STARTTLS\r\nMAIL FROM:<anna@athens.test>\r\n").unwrap();
    let reply = raw.reply().unwrap();
    if reply.starts_with("220") {
        // A reply to the second command would be plain text before the handshake.
        raw.send("\x16\x03\x01\x00\x01\x00").unwrap();
        raw.say_no_more().unwrap();
        let rest = raw.line().unwrap_or_default();
        assert!(!rest.starts_with("250"), "a command in the clear was carried over STARTTLS: {rest}");
    }
}
