//! Finds what the journal knows: of a letter, of an address.

use std::collections::{BTreeSet, HashMap};

use envelope::{MailId, SessionId};
use journal::Entry;
use storage::{Error, Query, Store};

use super::keys::Name;
use super::store::entries_of;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Letters, the oldest first.
    pub(crate) letters: Vec<Letter>,
    /// What concerns the subject but no accepted letter: refusals, sign-ins.
    pub(crate) others: Vec<Entry>,
    /// Letters that were found and left out, the oldest.
    pub(crate) more: usize,
}

/// One letter's life.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) mail: MailId,
    /// In order of time, with what happened on the connections that it came and went by.
    pub(crate) entries: Vec<Entry>,
}

/// Looks for a message id, an address, a mail id (queue id), or a session id.
pub(crate) async fn search(store: &Store, subject: &str, letters_max: usize) -> Result<Found, Error> {
    let subject = subject.trim().to_owned();
    store.read(move |query| find(query, &subject, letters_max)).await
}

fn find(query: &dyn Query, subject: &str, letters_max: usize) -> Result<Found, Error> {
    let mut hits = Vec::new();
    for name in names_of(subject) {
        hits.extend(entries_of(query, &name)?);
    }
    hits.sort_by_key(|entry| entry.at);
    let mut mails: Vec<MailId> = Vec::new();
    for mail in hits.iter().filter_map(|entry| entry.mail) {
        if !mails.contains(&mail) {
            mails.push(mail);
        }
    }
    let more = mails.len().saturating_sub(letters_max);
    let mut connections = Connections { query, known: HashMap::new() };
    let mut letters = Vec::new();
    for mail in mails.into_iter().skip(more) {
        letters.push(connections.letter(mail)?);
    }
    let is_told = |entry: &Entry| letters.iter().any(|letter| letter.entries.contains(entry));
    let others = hits.into_iter().filter(|entry| entry.mail.is_none() && !is_told(entry)).collect();
    Ok(Found { letters, others, more })
}

/// A subject may be several things; whoever it is not finds nothing.
fn names_of(subject: &str) -> Vec<Name> {
    let mut names = Vec::new();
    names.extend(subject.parse().ok().map(Name::mail));
    names.extend(subject.parse().ok().map(Name::session));
    names.push(Name::message_id(subject));
    names.push(Name::address(subject));
    names
}

/// Reads letters, and each connection once.
struct Connections<'a> {
    query: &'a dyn Query,
    known: HashMap<SessionId, Vec<Entry>>,
}

impl Connections<'_> {
    fn letter(&mut self, mail: MailId) -> Result<Letter, Error> {
        let mut entries = entries_of(self.query, &Name::mail(mail))?;
        let sessions: BTreeSet<SessionId> = entries.iter().filter_map(|entry| entry.session).collect();
        for session in sessions {
            if !self.known.contains_key(&session) {
                let mut words = entries_of(self.query, &Name::session(session))?;
                words.retain(|entry| entry.mail.is_none());
                self.known.insert(session, words);
            }
            entries.extend(self.known.get(&session).into_iter().flatten().cloned());
        }
        entries.sort_by_key(|entry| entry.at);
        Ok(Letter { mail, entries })
    }
}
