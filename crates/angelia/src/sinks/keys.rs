//! By what an entry is found: its letter, its connection, every address in it, the Message-ID.

use std::fmt::{self, Write};

use envelope::{Address, MailId, SessionId};
use journal::{Entry, Event};

/// What a row can be found by, as a number of 64 bits. Two names may share one, and a stranger can make one up that does:
/// whoever reads a row checks by [`has`] that it really has the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) i64);

/// Whose name it is. Names of different kinds are different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Session,
    Mail,
    /// An address, or what somebody claimed to be one; case does not count.
    Address,
    MessageId,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Session => b's',
            Self::Mail => b'm',
            Self::Address => b'a',
            Self::MessageId => b'i',
        }
    }
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    kind: Kind,
    text: String,
}

impl Name {
    pub(super) fn session(session: SessionId) -> Self {
        Self::of(Kind::Session, &session)
    }

    pub(super) fn mail(mail: MailId) -> Self {
        Self::of(Kind::Mail, &mail)
    }

    /// An address, or what somebody claimed to be one; case does not count.
    pub(super) fn address(text: &str) -> Self {
        Self::of(Kind::Address, &text)
    }

    /// With or without angle brackets.
    pub(super) fn message_id(text: &str) -> Self {
        Self::of(Kind::MessageId, &bare(text))
    }

    fn of(kind: Kind, name: &dyn fmt::Display) -> Self {
        let text = name.to_string();
        Self { kind, text: if kind == Kind::Address { folded(&text) } else { text } }
    }

    /// By what its rows are found.
    pub(super) fn key(&self) -> Key {
        Key::of(self.kind, &self.text)
    }
}

/// As [`Hash`] folds.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn bare(text: &str) -> &str {
    text.trim_start_matches('<').trim_end_matches('>')
}

impl Key {
    fn of(kind: Kind, name: &dyn fmt::Display) -> Self {
        let mut hash = Hash { value: 0xcbf2_9ce4_8422_2325, folds: kind == Kind::Address };
        hash.mix(kind.byte());
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
    names(entry, &mut |kind, name| add(Key::of(kind, name)));
}

/// Whether an entry has this name.
pub(super) fn has(entry: &Entry, name: &Name) -> bool {
    let mut found = false;
    names(entry, &mut |kind, other| found |= kind == name.kind && Name::of(kind, other) == *name);
    found
}

fn names(entry: &Entry, add: &mut dyn FnMut(Kind, &dyn fmt::Display)) {
    entry.session.iter().for_each(|session| add(Kind::Session, session));
    entry.mail.iter().for_each(|mail| add(Kind::Mail, mail));
    match &entry.event {
        Event::Accepted { reverse_path, recipients, message_id, .. } => {
            addresses(reverse_path.address().into_iter().chain(recipients), add);
            if !message_id.is_empty() {
                add(Kind::MessageId, &bare(message_id));
            }
        }
        Event::Delivered { recipient, account, .. } => addresses([recipient, account], add),
        Event::Queued { recipient, .. } | Event::Attempt { recipient, .. } | Event::Circle { recipient } => {
            addresses([recipient], add);
        }
        Event::SentOn { by, recipient, reverse_path, letter, carried_as } => {
            addresses([by, recipient].into_iter().chain(reverse_path.address()), add);
            [letter, carried_as].into_iter().for_each(|mail| add(Kind::Mail, mail));
        }
        Event::Notified { to, about, .. } => addresses(to.address().into_iter().chain(about), add),
        Event::SignedIn { account, .. } => addresses([account], add),
        Event::Operator { action: _, recipient } => addresses(recipient, add),
        Event::SignInRefused { user, .. } => add(Kind::Address, user),
        Event::Rejected { subject, .. } => {
            add(Kind::Address, &bare(subject));
        }
        _ => {}
    }
}

fn addresses<'a>(addresses: impl IntoIterator<Item = &'a Address>, add: &mut dyn FnMut(Kind, &dyn fmt::Display)) {
    addresses.into_iter().for_each(|address| add(Kind::Address, address));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_counts_only_where_it_should() {
        let key = |name: Name| name.key();
        assert_eq!(Name::address("Anna@Athens.TEST"), Name::address("anna@athens.test"));
        assert_eq!(key(Name::address("ΆΝΝΑ@athens.test")), key(Name::address("άννα@athens.test")));
        assert_ne!(key(Name::message_id("<A@b>")), key(Name::message_id("a@b")));
        assert_eq!(Name::message_id("<A@b>"), Name::message_id("A@b"));
        assert_ne!(key(Name::message_id("a@b")), key(Name::address("a@b")));
        assert_ne!(Name::message_id("a@b"), Name::address("a@b"));
        let user = Event::SignInRefused {
            service: journal::Service::Imap,
            user: "Άννα@Athens.TEST".to_owned(),
            mechanism: String::new(),
            reason: String::new(),
            peer: None,
        };
        let entry = Entry { at: envelope::Timestamp(0), session: None, mail: None, event: user };
        let name = Name::address("ΆΝΝΑ@athens.test");
        let mut keys = Vec::new();
        each(&entry, &mut |key| keys.push(key));
        assert!(has(&entry, &name) && keys == [name.key()]);
        assert!(!has(&entry, &Name::message_id("Άννα@Athens.TEST")));
    }
}
