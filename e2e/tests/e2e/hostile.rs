//! Hostile peers: each is refused with its proper code, and the server's memory stays where it was.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::raw::{Raw, imap, inbox, smtp};
use crate::server::{PASSWORD, Server, USER};

const MIB: u64 = 1024 * 1024;

/// Allocators keep some of what they had; what grows with the attack is far above this.
const SLACK: u64 = 24 * MIB;

/// Sockets of this test. The server raises its own limit.
fn allow_sockets(count: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain system calls on a local value.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max.min(count + 200);
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
    assert!(limit.rlim_cur > count, "this machine allows {} open files", limit.rlim_cur);
}

const SILENT: usize = 5_000;
const PLACES: usize = 4_000;

/// What a silent connection may cost: ten KiB, and as much again for a build without optimisation and for what the
/// allocator keeps. A TLS session would cost more, but nobody gets that far in silence.
const SILENT_OCTETS_MAX: u64 = 24 * 1024;

/// Opens [`SILENT`] connections to a door; `welcome` and `busy` are the beginnings of its two answers.
fn sit_in_silence(server: &Server, door: SocketAddr, welcome: &str, busy: &str) {
    let before = server.memory();
    let mut silent: Vec<TcpStream> = (0..SILENT).map(|_| TcpStream::connect(door).unwrap()).collect();
    let mut refused = 0;
    for stream in &mut silent {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).expect("neither greeted nor refused");
        let answer = std::str::from_utf8(&answer).unwrap();
        assert!(answer == welcome || answer == busy, "{answer:?}");
        refused += usize::from(answer == busy);
    }
    // As many as there are places are inside; the others were told so.
    assert_eq!(refused, SILENT - PLACES);
    let grown = server.memory().saturating_sub(before);
    let each = grown / PLACES as u64;
    assert!(each < SILENT_OCTETS_MAX, "{busy:?}: {each} octets for each silent connection, {grown} in all");
}

#[test]
fn five_thousand_who_say_nothing() {
    let server = Server::start(&format!("limits.connections = {PLACES}\n"));
    allow_sockets(SILENT as u64);
    sit_in_silence(&server, server.smtp, "220 ", "421 ");
    crate::tool::until("the door is open again", || smtp(server.smtp).ok());
    sit_in_silence(&server, server.pop3, "+OK ", "-ERR");
    sit_in_silence(&server, server.imap, "* OK", "* BY");
    crate::tool::until("the door is open again", || {
        Raw::open(server.imap).ok()?.line().ok().filter(|l| l.starts_with("* OK"))
    });
    assert!(inbox(server.imap, USER, PASSWORD).is_empty());
}

#[test]
fn a_flood_at_one_door_leaves_the_others_open() {
    let server = Server::start("limits.connections = 50\n");
    let silent: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(server.smtp).unwrap()).collect();
    let refused = crate::tool::until("the door is full", || smtp(server.smtp).err());
    assert!(refused.to_string().starts_with("421 "), "{refused}");
    assert!(inbox(server.imap, USER, PASSWORD).is_empty());
    drop(silent);
    crate::tool::until("the door is open again", || smtp(server.smtp).ok());
}

/// Says `count` octets without a line end, and hears what the server makes of it.
fn endless(place: SocketAddr, first: &str, count: u64) -> String {
    let raw = Raw::open(place).unwrap();
    let (mut read, mut write) = raw.split().unwrap();
    let first = first.to_owned();
    let writer = std::thread::spawn(move || {
        let chunk = vec![b'a'; 1 << 16];
        let mut left = count;
        let mut outcome = write.write_all(first.as_bytes());
        while left > 0 && outcome.is_ok() {
            outcome = write.write_all(&chunk);
            left = left.saturating_sub(chunk.len() as u64);
        }
        let _ = write.write_all(b"\r\n");
    });
    let mut heard = String::new();
    let mut line = Vec::new();
    // The greeting, then the refusal; then the server may close.
    while heard.lines().count() < 2 && read.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        heard.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    drop(read);
    writer.join().unwrap();
    heard
}

#[test]
fn a_line_without_end() {
    let server = Server::start("");
    let count = 300 * MIB;
    let before = server.memory();
    let heard = endless(server.smtp, "EHLO ", count);
    assert!(heard.lines().nth(1).is_some_and(|line| line.starts_with("500 ") || line.starts_with("421 ")), "{heard}");
    let heard = endless(server.pop3, "USER ", count);
    assert!(heard.lines().nth(1).is_some_and(|line| line.starts_with("-ERR")), "{heard}");
    let heard = endless(server.imap, "a LOGIN ", count);
    let second = heard.lines().nth(1).unwrap_or_default();
    assert!(second.starts_with("* BYE") || second.starts_with("a BAD") || second.starts_with("* BAD"), "{heard}");
    let grown = server.memory().saturating_sub(before);
    assert!(grown < SLACK, "{grown} octets after lines of {count}");
}

#[test]
fn a_message_over_size() {
    let server = Server::start("limits.message_size = \"1 MiB\"\n");
    let mut raw = smtp(server.smtp).unwrap();
    let reply = raw.ask("MAIL FROM:<anna@athens.test> SIZE=1048577").unwrap();
    assert!(reply.starts_with("552 5.3.4"), "declared: {reply}");
    let before = server.memory();
    // Not declared: 200 MiB of it.
    assert!(raw.ask("MAIL FROM:<anna@athens.test>").unwrap().starts_with("250"));
    assert!(raw.ask(&format!("RCPT TO:<{USER}>")).unwrap().starts_with("250"));
    assert!(raw.ask("DATA").unwrap().starts_with("354"));
    let line = [&[b'x'; 998][..], b"\r\n"].concat();
    let chunk = line.repeat(64);
    let mut sent = 0;
    while sent < 200 * MIB {
        if raw.send(&chunk).is_err() {
            break;
        }
        sent += chunk.len() as u64;
    }
    let _ = raw.send(".\r\n");
    let reply = raw.reply().unwrap_or_default();
    assert!(reply.starts_with("552 5.3.4") || reply.starts_with("421"), "{reply}");
    let grown = server.memory().saturating_sub(before);
    assert!(grown < SLACK, "{grown} octets for a message of {sent}");
    assert!(inbox(server.imap, USER, PASSWORD).is_empty());
    let mut again = smtp(server.smtp).unwrap();
    assert!(again.ask("MAIL FROM:<anna@athens.test> SIZE=1000").unwrap().starts_with("250"));
}

#[test]
fn a_hundred_thousand_recipients() {
    const COUNT: usize = 100_000;
    let server = Server::start("");
    let mut raw = smtp(server.smtp).unwrap();
    assert!(raw.ask("MAIL FROM:<anna@athens.test>").unwrap().starts_with("250"));
    let before = server.memory();
    let (read, mut write) = raw.split().unwrap();
    let writer = std::thread::spawn(move || {
        // Plus-addresses, so that every one of them exists.
        for number in 0..COUNT {
            if write.write_all(format!("RCPT TO:<kostas+{number}@patras.test>\r\n").as_bytes()).is_err() {
                return;
            }
        }
    });
    let mut taken = 0;
    let mut refused = 0;
    for line in read.lines().take(COUNT) {
        let Ok(line) = line else { break };
        match line.get(..4) {
            Some("250 ") => taken += 1,
            Some("452 ") => refused += 1,
            Some("421 ") => break,
            _ => panic!("neither taken nor refused: {line}"),
        }
    }
    writer.join().unwrap();
    assert_eq!(taken, 1000, "limits.recipients");
    assert!(refused > 0);
    let grown = server.memory().saturating_sub(before);
    assert!(grown < SLACK, "{grown} octets");
}

#[test]
fn a_mailbox_name_of_a_megabyte() {
    let server = Server::start("");
    // A sign-in costs memory by design (argon2), and the store's caches fill once.
    assert!(inbox(server.imap, USER, PASSWORD).is_empty());
    let before = server.memory();
    // As a literal.
    let mut raw = imap(server.imap, USER, PASSWORD);
    raw.send("a CREATE {1000000}\r\n").unwrap();
    let line = raw.line().unwrap();
    if line.starts_with('+') {
        raw.send(vec![b'n'; 1_000_000]).unwrap();
        raw.send("\r\n").unwrap();
        let answer = raw.tagged("a").unwrap();
        assert!(
            answer.last().unwrap().starts_with("a NO") || answer.last().unwrap().starts_with("a BAD"),
            "{answer:?}"
        );
    } else {
        assert!(line.starts_with("a BAD") || line.starts_with("a NO") || line.starts_with("* BYE"), "{line}");
    }
    // As a quoted string.
    let mut raw = imap(server.imap, USER, PASSWORD);
    let _ = raw.send(format!("b CREATE \"{}\"\r\n", "n".repeat(1_000_000)));
    let line = raw.line().unwrap();
    assert!(line.starts_with("b BAD") || line.starts_with("b NO") || line.starts_with("* B"), "{line}");
    let grown = server.memory().saturating_sub(before);
    assert!(grown < SLACK, "{grown} octets");
}
