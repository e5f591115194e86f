//! The maildrop as it was at sign-in, and the lists of it.

use crate::pop3::limits::OUT_OCTETS;

/// The messages, frozen at sign-in: their numbers do not change while the session lasts (RFC 1939 section 5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maildrop {
    /// First half of every unique-id.
    pub uid_validity: u32,
    /// In the order of their numbers.
    pub messages: Vec<Message>,
}

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Second half of its unique-id.
    pub uid: u32,
    /// Its size.
    pub octets: u64,
}

impl Maildrop {
    /// The message of a number, from 1.
    pub(super) fn get(&self, number: u32) -> Option<&Message> {
        self.messages.get(place(number)?)
    }
}

fn place(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

/// Which messages are marked: a bit each.
#[derive(Debug)]
pub(super) struct Deletions {
    bits: Vec<u64>,
    pub(super) count: u32,
    pub(super) octets: u64,
}

impl Deletions {
    pub(super) fn none(messages: usize) -> Self {
        Self { bits: vec![0; messages.div_ceil(64)], count: 0, octets: 0 }
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        let Some(place) = place(number) else { return false };
        self.bits.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// Marks a message that is not marked yet.
    pub(super) fn mark(&mut self, number: u32, octets: u64) {
        let Some(place) = place(number) else { return };
        if let Some(word) = self.bits.get_mut(place / 64) {
            *word |= 1 << (place % 64);
            self.count += 1;
            self.octets = self.octets.saturating_add(octets);
        }
    }
}

/// A list on its way: LIST or UIDL.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) unique_ids: bool,
    /// The next message's number.
    next: u32,
}

impl Listing {
    pub(super) fn new(unique_ids: bool) -> Self {
        Self { unique_ids, next: 1 }
    }

    /// Writes until the piece is large enough. False when the list is whole.
    pub(super) fn write(&mut self, maildrop: &Maildrop, deletions: &Deletions, out: &mut Vec<u8>) -> bool {
        while out.len() < OUT_OCTETS {
            let Some(message) = maildrop.get(self.next) else {
                out.extend_from_slice(b".\r\n");
                return false;
            };
            if !deletions.contains(self.next) {
                out.extend_from_slice(entry(maildrop, self.next, message, self.unique_ids).as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            self.next += 1;
        }
        true
    }
}

/// `1 120`, or `1 1700000000.17`: unique-ids are 1 to 70 characters from 0x21 to 0x7E, and never come back (RFC 1939
/// section 7).
pub(super) fn entry(maildrop: &Maildrop, number: u32, message: &Message, unique_ids: bool) -> String {
    if unique_ids {
        format!("{number} {}.{}", maildrop.uid_validity, message.uid)
    } else {
        format!("{number} {}", message.octets)
    }
}

/// `2 320`.
pub(super) fn stat(maildrop: &Maildrop, deletions: &Deletions) -> (usize, u64) {
    let octets = maildrop.messages.iter().fold(0u64, |sum, message| sum.saturating_add(message.octets));
    let count = maildrop.messages.len().saturating_sub(usize::try_from(deletions.count).unwrap_or(usize::MAX));
    (count, octets.saturating_sub(deletions.octets))
}
