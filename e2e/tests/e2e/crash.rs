//! `kill -9` under load: every letter that was answered with 250 is there afterwards, once and whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::raw::{inbox, send_until_the_end};
use crate::server::{PASSWORD, Server, USER};

const SENDERS: usize = 8;
const ROUNDS: usize = 30;

#[test]
fn every_letter_answered_with_250_is_there_once_and_whole() {
    let mut server = Server::start("");
    let answered = Arc::new(Mutex::new(Vec::new()));
    for round in 0..ROUNDS {
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (answered, stop, place) = (Arc::clone(&answered), Arc::clone(&stop), server.smtp);
                let name = format!("r{round}.s{sender}");
                let letter = |number: usize, id: &str| {
                    let filler = "0123456789abcdef\r\n".repeat(10 + number % 500);
                    (USER.to_owned(), format!("Subject: load\r\n\r\n{filler}end of {id}\r\n"))
                };
                std::thread::spawn(move || send_until_the_end(place, &name, letter, &answered, &stop))
            })
            .collect();
        // Different moments of the store's life: in the first group, in the middle of many.
        std::thread::sleep(Duration::from_millis(40 + (round as u64 * 97) % 500));
        server.process.as_mut().unwrap().kill();
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().unwrap();
        }
        server.up();
    }
    // Every checksum of every letter and row.
    server.command(&["verify"], b"");
    let answered = answered.lock().unwrap().clone();
    assert!(answered.len() > ROUNDS * 10, "only {} letters were taken", answered.len());
    let mut there: BTreeMap<String, usize> = BTreeMap::new();
    for letter in inbox(server.imap, USER, PASSWORD) {
        let id = letter.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap_or_default().to_owned();
        assert!(letter.ends_with(&format!("end of {id}\r\n")), "half a letter:\n{letter}");
        *there.entry(id).or_default() += 1;
    }
    let lost: BTreeSet<&String> = answered.iter().filter(|id| !there.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), answered.len());
    let doubled: Vec<_> = there.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "doubled: {doubled:?}");
}
