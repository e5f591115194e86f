//! The dialogues of `e2e/talks/`, each with a lab of its own.

use std::path::Path;

use crate::lab::Lab;
use crate::raw::Raw;

/// Says the lines of a talk, and checks what comes.
fn hold(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("talks").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let lab = Lab::start();
    let mut raw = None;
    for (index, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", index + 1);
        let (head, rest) = line.split_at(line.len().min(2));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        match head {
            "" | "--" => {}
            "do" => raw = Some(open(&lab, line.trim_start_matches("door: "))),
            "C:" => raw.as_mut().unwrap().send(format!("{rest}\r\n")).unwrap(),
            "S:" => hear(raw.as_mut().unwrap(), rest, &place),
            _ => panic!("{place}: neither C: nor S:"),
        }
    }
}

fn open(lab: &Lab, door: &str) -> Raw {
    let (office, service) = door.split_once(' ').unwrap();
    let office = if office == "athens" { lab.athens() } else { lab.patras() };
    Raw::open(office.place(service)).unwrap()
}

fn hear(raw: &mut Raw, wanted: &str, place: &str) {
    if let Some(prefix) = wanted.strip_prefix("(until ").and_then(|rest| rest.strip_suffix(')')) {
        loop {
            let line = raw.line().unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(!line.is_empty(), "{place}: the connection ended");
            if line.starts_with(prefix) {
                return;
            }
        }
    }
    let line = raw.line().unwrap_or_else(|error| panic!("{place}: {error}"));
    let wanted = if wanted == "(closed)" { "" } else { wanted };
    assert!(fits(&line, wanted), "{place}: wanted {wanted:?}, heard {line:?}");
}

/// `*` stands for any characters, but not at the very beginning, where IMAP has it.
fn fits(line: &str, wanted: &str) -> bool {
    let first = wanted.char_indices().skip(1).find(|(_, c)| *c == '*').map_or(wanted.len(), |(at, _)| at);
    let (head, tail) = wanted.split_at(first);
    let Some(mut rest) = line.strip_prefix(head) else { return false };
    let Some(tail) = tail.strip_prefix('*') else { return rest.is_empty() };
    let mut parts = tail.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[test]
fn patterns() {
    assert!(fits("250 2.0.0 ok", "250 2.0.0 *") && fits("* OK ready", "* OK *") && fits("a", "a"));
    assert!(fits("* 1 FETCH (UID 1 RFC822.SIZE 24 x)", "* 1 FETCH (*RFC822.SIZE 24*"));
    assert!(!fits("250 2.0.0", "251*") && !fits("ab", "a") && !fits("+ OK", "* OK"));
}

#[test]
fn smtp_whole() {
    hold("smtp-whole.talk");
}

#[test]
fn smtp_chunks() {
    hold("smtp-chunks.talk");
}

#[test]
fn submission_asks() {
    hold("submission-asks.talk");
}

#[test]
fn pop3_whole() {
    hold("pop3-whole.talk");
}

#[test]
fn imap_whole() {
    hold("imap-whole.talk");
}
