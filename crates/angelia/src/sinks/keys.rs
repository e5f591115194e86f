//! By what an entry is found: its letter, its connection, every address in it, the Message-ID.

use std::fmt::{self, Write};

use envelope::{Address, MailId, SessionId};
use journal::{Entry, Event};

/// What a row can be found by, as a number of 64 bits. Two names may share one: whoever reads a row checks that it really
/// has the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) i64);

impl Key {
    pub(super) fn session(session: SessionId) -> Self {
        Self::of(b's', session)
    }

    pub(super) fn mail(mail: MailId) -> Self {
        Self::of(b'm', mail)
    }

    /// An address, or what somebody claimed to be one; case does not count.
    pub(super) fn address(text: impl fmt::Display) -> Self {
        Self::of(b'a', text)
    }

    /// With or without angle brackets.
    pub(super) fn message_id(text: &str) -> Self {
        Self::of(b'i', text.trim_start_matches('<').trim_end_matches('>'))
    }

    fn of(kind: u8, name: impl fmt::Display) -> Self {
        let mut hash = Hash { value: 0xcbf2_9ce4_8422_2325, folds: kind == b'a' };
        hash.mix(kind);
        // The hash takes whatever it is given.
        let _ = write!(hash, "{name}");
        Self(hash.value.cast_signed())
    }
}

/// FNV-1a of 64 bits: it only has to spread.
struct Hash {
    value: u64,
    /// In lower case.
    folds: bool,
}

impl Hash {
    fn mix(&mut self, byte: u8) {
        self.value = (self.value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !self.folds {
            text.bytes().for_each(|byte| self.mix(byte));
        } else if text.is_ascii() {
            text.bytes().for_each(|byte| self.mix(byte.to_ascii_lowercase()));
        } else {
            let mut utf8 = [0; 4];
            for letter in text.chars().flat_map(char::to_lowercase) {
                letter.encode_utf8(&mut utf8).bytes().for_each(|byte| self.mix(byte));
            }
        }
        Ok(())
    }
}

/// Every key of an entry, some of them perhaps twice.
pub(super) fn each(entry: &Entry, add: &mut impl FnMut(Key)) {
    entry.session.map(Key::session).into_iter().for_each(&mut *add);
    entry.mail.map(Key::mail).into_iter().for_each(&mut *add);
    match &entry.event {
        Event::Accepted { reverse_path, recipients, message_id, .. } => {
            addresses(reverse_path.address().into_iter().chain(recipients), add);
            if !message_id.is_empty() {
                add(Key::message_id(message_id));
            }
        }
        Event::Delivered { recipient, account, .. } => addresses([recipient, account], add),
        Event::Queued { recipient, .. } | Event::Attempt { recipient, .. } | Event::Circle { recipient } => {
            addresses([recipient], add);
        }
        Event::SentOn { by, recipient, reverse_path, letter, carried_as } => {
            addresses([by, recipient].into_iter().chain(reverse_path.address()), add);
            [*letter, *carried_as].map(Key::mail).into_iter().for_each(add);
        }
        Event::Notified { to, about, .. } => addresses(to.address().into_iter().chain(about), add),
        Event::SignedIn { account, .. } => addresses([account], add),
        Event::Operator { action: _, recipient } => addresses(recipient, add),
        Event::SignInRefused { user, .. } => add(Key::address(user)),
        Event::Rejected { subject, .. } => {
            add(Key::address(subject.trim_start_matches('<').trim_end_matches('>')));
        }
        _ => {}
    }
}

fn addresses<'a>(addresses: impl IntoIterator<Item = &'a Address>, add: &mut impl FnMut(Key)) {
    addresses.into_iter().map(Key::address).for_each(add);
}

/// Whether an entry has this key.
pub(super) fn has(entry: &Entry, key: Key) -> bool {
    let mut found = false;
    each(entry, &mut |other| found |= other == key);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_counts_only_where_it_should() {
        assert_eq!(Key::address("Anna@Athens.TEST"), Key::address("anna@athens.test"));
        assert_eq!(Key::address("ΆΝΝΑ@athens.test"), Key::address("άννα@athens.test"));
        assert_ne!(Key::message_id("<A@b>"), Key::message_id("a@b"));
        assert_eq!(Key::message_id("<A@b>"), Key::message_id("A@b"));
        assert_ne!(Key::message_id("a@b"), Key::address("a@b"));
    }
}
