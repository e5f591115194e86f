//! Peers that mean no good: memory stays flat, and each learns why.

use super::*;
use crate::smtp::limits::{COMMAND_OCTETS_MAX, IDLE_COMMANDS_MAX};

fn greeted(config: Config) -> Door {
    let mut door = Door::open(config);
    door.say(b"HELO a\r\n");
    door.heard();
    door
}

#[test]
fn an_endless_line_costs_nothing() {
    let mut door = greeted(plain());
    for _ in 0..2 {
        door.say(&[b'x'; 32 * 1024]);
        assert!(door.server.input.rest().len() <= 1);
    }
    door.say(b"\r\nNOOP\r\n");
    assert_eq!(door.heard(), "500 5.5.2 line too long\r\n250 2.0.0 ok\r\n");
    let mut endless = greeted(plain());
    for _ in 0..3 {
        endless.say(&[b'x'; 32 * 1024]);
    }
    assert_eq!(endless.heard(), "421 4.5.2 the line does not end\r\n");
    assert!(endless.closed);
    let long = format!("VRFY {}\r\n", "x".repeat(COMMAND_OCTETS_MAX - 6));
    door.say(long.as_bytes());
    assert!(door.heard().starts_with("500 5.5.2 line too long"));
}

#[test]
fn a_hundred_thousand_recipients() {
    let mut door = greeted(Config { recipients_max: 100, ..plain() });
    door.say(b"MAIL FROM:<a@b>\r\n");
    door.heard();
    let group: String = (0..1000).map(|n| format!("RCPT TO:<user{n}@b>\r\n")).collect();
    for round in 0..100 {
        door.say(group.as_bytes());
        let answers = door.heard();
        let taken = answers.lines().filter(|line| line.starts_with("250 2.1.5")).count();
        let put_off = answers.lines().filter(|line| line.starts_with("452 4.5.3")).count();
        assert_eq!((taken, put_off), if round == 0 { (100, 900) } else { (0, 1000) });
    }
    assert!(!door.closed);
    door.say(b"DATA\r\n.\r\n");
    assert!(door.heard().ends_with("250 2.0.0 taken\r\n"));
}

#[test]
fn pipelined_replies_leave_in_bounded_pieces() {
    let mut server = Server::new(plain().shared(), Instant::now());
    let mut largest = 0;
    let mut group = b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n".to_vec();
    group.extend(b"RCPT TO:<a@b>\r\n".repeat(3000));
    server.receive(Instant::now(), &group);
    loop {
        match server.next() {
            Step::Event(Event::Connect) => server.accept_connection(),
            Step::Event(Event::Hello(_)) => server.accept_hello(),
            Step::Event(Event::Mail(_)) => server.accept_mail(),
            Step::Event(Event::Recipient(_)) => server.accept_recipient(),
            Step::Send(bytes) => largest = largest.max(bytes.len()),
            Step::NeedInput => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(largest < OUT_OCTETS_MAX + 1024, "{largest}");
}

#[test]
fn too_many_errors() {
    let mut door = greeted(plain());
    door.say(&b"XYZZY\r\n".repeat(ERRORS_MAX as usize + 10));
    assert!(door.closed);
    let answers = door.heard();
    assert_eq!(answers.lines().count(), ERRORS_MAX as usize + 1);
    assert!(answers.ends_with("421 4.7.0 too many errors\r\n"));
}

#[test]
fn too_many_idle_commands() {
    let mut door = greeted(plain());
    door.say(&b"NOOP\r\n".repeat(IDLE_COMMANDS_MAX as usize + 10));
    assert!(door.closed && door.heard().ends_with("421 4.7.0 too many commands without a letter\r\n"));
    // A letter in between starts the count anew.
    let mut door = greeted(plain());
    for _ in 0..5 {
        door.say(&b"NOOP\r\n".repeat(60));
        door.say(b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n.\r\n");
    }
    assert!(!door.closed);
}

#[test]
fn enough_letters() {
    let mut door = greeted(Config { mails_max: 2, ..plain() });
    door.say(&b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n.\r\n".repeat(3));
    assert!(door.closed);
    let answers = door.heard();
    assert_eq!(answers.lines().filter(|line| line.ends_with("taken")).count(), 2);
    assert!(answers.ends_with("421 4.7.0 enough letters on this connection, open another\r\n"));
}

#[test]
fn commands_with_bare_line_ends() {
    for command in ["NOOP\nRSET\r\n", "NOOP\rRSET\r\n", "MAIL FROM:<a@b>\n\r\n"] {
        let mut door = greeted(plain());
        door.say(command.as_bytes());
        assert_eq!(door.heard(), "521 5.5.2 bare CR or LF; lines end with CRLF\r\n", "{command:?}");
        assert!(door.closed && door.seen == ["hello a"]);
    }
    let mut door = greeted(plain());
    door.say(b"NOOP \0\r\nVRFY \xff\r\n");
    assert_eq!(door.heard().matches("500 5.5.2 command holds").count(), 2);
}

#[test]
fn browsers_are_sent_away() {
    for verb in ["GET / HTTP/1.1", "POST /x HTTP/1.0", "CONNECT a:25 HTTP/1.1"] {
        let mut door = Door::open(plain());
        door.heard();
        door.say(format!("{verb}\r\nHost: x\r\n\r\nMAIL FROM:<a@b>\r\n").as_bytes());
        assert!(door.closed);
        assert_eq!(door.heard(), "421 4.7.0 this is no web server\r\n");
    }
}

#[test]
fn nothing_is_kept_across_starttls() {
    let mut door = Door::open(Config { starttls: true, ..plain() });
    door.say(b"EHLO a\r\nMAIL FROM:<a@b>\r\nSTARTTLS\r\nRCPT TO:<evil@b>\r\nNOOP\r\n");
    let answers = door.heard();
    assert!(answers.ends_with("220 2.0.0 go on\r\n"), "{answers}");
    assert_eq!(door.seen, ["hello a", "mail <a@b> None SevenBit", "reset", "tls"]);
    // The name is forgotten too, and TLS is not offered twice.
    door.say(b"MAIL FROM:<a@b>\r\nEHLO a\r\nSTARTTLS\r\n");
    let answers = door.heard();
    assert!(answers.starts_with("503") && answers.ends_with("503 5.5.1 TLS is on already\r\n"));
    assert!(!answers.contains("STARTTLS"));
}

/// What came in the clear so far cannot be promised to stay secret (RFC 8689 section 2).
#[test]
fn requiretls_only_under_tls() {
    let mut door = Door::open(Config { starttls: true, ..plain() });
    door.say(b"EHLO a\r\nMAIL FROM:<a@b> REQUIRETLS\r\n");
    let answers = door.heard();
    assert!(!answers.contains("REQUIRETLS") && answers.contains("\r\n555 5.5.4 "), "{answers}");
    door.say(b"STARTTLS\r\n");
    door.heard();
    door.say(b"EHLO a\r\nMAIL FROM:<a@b> REQUIRETLS\r\n");
    let answers = door.heard();
    assert!(answers.contains("250-REQUIRETLS\r\n") && answers.lines().last().unwrap().starts_with("250 "), "{answers}");
}
