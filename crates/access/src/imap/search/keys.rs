//! The keys of one SEARCH, made ready once, and their answers: yes, no, or "I must know more".

use envelope::Timestamp;
use mailstore::{ANSWERED, Candidates, DELETED, DRAFT, Entry, FLAGGED, Message, SEEN};
use message::date::DateTime;
use message::digest::{self, Digest};
use message::encoding::charset;
use message::header::Header;
use message::text::fold;
use protocol::imap::{Date, Flag, SearchKey};

use super::super::object_id::{email_id, thread_id};
use super::super::selected::{Named, Selected};
use super::super::trouble::Trouble;
use super::Hit;
use super::fuzzy::Loose;
use crate::limits::SEARCH_TEXTS_ASKED_MAX;

/// A key, ready to be asked.
pub(super) enum Key {
    And(Vec<Key>),
    Or(Box<Key>, Box<Key>),
    Not(Box<Key>),
    /// Half-open ranges would do, but a set of UIDs serves both.
    Uids(mailstore::UidSet),
    System(u64),
    Recent,
    Keyword(String),
    Before(Date),
    On(Date),
    Since(Date),
    SentBefore(Date),
    SentOn(Date),
    SentSince(Date),
    Larger(u64),
    Smaller(u64),
    ModSeq(u64),
    /// Internal date up to then.
    Until(Timestamp),
    /// Internal date from then on.
    From(Timestamp),
    EmailId(String),
    ThreadId(String),
    UidAfter(u32),
    UidBefore(u32),
    SavedBefore(Date),
    SavedOn(Date),
    SavedSince(Date),
    /// Name, and text with its case folded; its place in [`Question::texts`].
    Header(String, String, usize),
    /// Place in [`Question::words`]; whether the header counts, too.
    Text(usize, bool),
    Fuzzy(Loose),
}

impl Key {
    /// Whether something is asked that neither the session nor a digest knows.
    fn needs_row(&self) -> bool {
        match self {
            Self::And(keys) => keys.iter().any(Self::needs_row),
            Self::Or(a, b) => a.needs_row() || b.needs_row(),
            Self::Not(key) => key.needs_row(),
            Self::Before(_) | Self::On(_) | Self::Since(_) | Self::Larger(_) | Self::Smaller(_) => true,
            Self::Until(_) | Self::From(_) | Self::EmailId(_) | Self::ThreadId(_) => true,
            Self::SavedBefore(_) | Self::SavedOn(_) | Self::SavedSince(_) => true,
            Self::Uids(_) | Self::UidAfter(_) | Self::UidBefore(_) => false,
            Self::System(_) | Self::Recent | Self::Keyword(_) | Self::ModSeq(_) => false,
            Self::SentBefore(_) | Self::SentOn(_) | Self::SentSince(_) => false,
            Self::Header(..) | Self::Text(..) | Self::Fuzzy(_) => false,
        }
    }
}

/// All keys of a SEARCH.
pub(super) struct Question<'a> {
    key: Key,
    /// What BODY and TEXT look for, case folded.
    words: Vec<String>,
    /// Header fields that are looked into, in lower case.
    names: Vec<String>,
    /// What is looked for in them, case folded.
    texts: Vec<String>,
    /// Something is asked that stands in the row alone.
    needs_row: bool,
    /// For each word, and then for each text, which messages may hold it.
    narrowed: Vec<Option<Candidates>>,
    /// `None`: the client named none, and gets the benefit of the doubt.
    charset: Option<&'a str>,
    now: Timestamp,
    asks_threads: bool,
    /// Within FUZZY, while the keys are made ready.
    pub(super) fuzzy: bool,
}

/// What is known of a message so far.
pub(super) struct Facts<'a> {
    pub(super) entry: &'a Entry,
    pub(super) row: Option<&'a Message>,
    pub(super) header: Option<&'a HeaderText>,
    pub(super) texts: Option<&'a Words>,
}

/// A header as SEARCH compares it: decoded, case folded.
pub(super) struct HeaderText {
    fields: Vec<(String, String)>,
    sent: Option<Date>,
}

impl HeaderText {
    /// Out of a digest that answers the question: the fields that it asks for.
    pub(super) fn of_digest(digest: &Digest, question: &Question<'_>) -> Option<Self> {
        if !digest.answers(question.names.iter().map(String::as_str)) {
            return None;
        }
        let sent = digest.sent().map(day_of);
        let header = digest.fields();
        let asked = header.fields().filter_map(|field| {
            let name = question.names.iter().find(|name| field.is(name))?;
            Some((name.clone(), fold(&field.text())))
        });
        Some(Self { fields: asked.collect(), sent })
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        let header = Header::parse(bytes);
        let sent = header.get("date").and_then(|field| message::date::parse(field.raw())).map(day_of);
        let fields = header.fields().map(|f| (f.name().to_ascii_lowercase(), fold(&f.text()))).collect();
        Self { fields, sent }
    }
}

/// The day on the sender's wall.
fn day_of(date: DateTime) -> Date {
    let civil = date.local();
    Date { year: civil.year.into(), month: civil.month, day: civil.day }
}

/// Which of the words were found in the text of a message.
pub(super) struct Words {
    words: Vec<String>,
    found: Vec<bool>,
}

impl Words {
    pub(super) fn of(question: &Question<'_>) -> Self {
        // The empty text is in every message.
        let found = question.words.iter().map(String::is_empty).collect();
        Self { words: question.words.clone(), found }
    }

    /// Whether there is nothing left to look for.
    pub(super) fn is_done(&self) -> bool {
        self.found.iter().all(|found| *found)
    }

    /// The longest word: what a look from piece to piece has to overlap by.
    pub(super) fn octets_max(&self) -> usize {
        self.words.iter().map(String::len).max().unwrap_or(0)
    }

    /// Looks into a piece of text, case folded.
    pub(super) fn look(&mut self, text: &str) {
        for (word, found) in self.words.iter().zip(&mut self.found) {
            *found = *found || memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        }
    }
}

impl<'a> Question<'a> {
    /// `now` is what OLDER and YOUNGER count from.
    pub(super) fn new(
        key: &SearchKey,
        selected: &Selected,
        charset: Option<&'a str>,
        now: Timestamp,
    ) -> Result<Self, Trouble> {
        let (words, names, texts, narrowed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (nothing, needs_row, asks_threads, fuzzy) = (Key::And(Vec::new()), false, false, false);
        let mut question =
            Self { key: nothing, words, names, texts, needs_row, narrowed, charset, now, asks_threads, fuzzy };
        question.key = question.prepare(key, selected)?;
        question.needs_row = question.key.needs_row();
        Ok(question)
    }

    /// Whether THREADID is asked for.
    pub(super) fn asks_threads(&self) -> bool {
        self.asks_threads
    }

    /// What the index of texts is to be asked for: what BODY and TEXT look for, and the first texts that header fields are
    /// asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.words.iter().chain(self.texts.iter().take(SEARCH_TEXTS_ASKED_MAX)).cloned().collect()
    }

    /// What the index of texts knows of each of [`Self::asked`].
    pub(super) fn narrow(&mut self, narrowed: Vec<Option<Candidates>>) {
        self.narrowed = narrowed;
    }

    /// Whether digests know all that rows do not: nothing but kept header fields and the date is looked into.
    pub(super) fn is_listed(&self) -> bool {
        self.words.is_empty() && self.names.iter().all(|name| digest::is_kept(name))
    }

    /// Whether digests alone are enough: no row is needed either.
    pub(super) fn is_digested(&self) -> bool {
        self.is_listed() && !self.needs_row
    }

    /// As deep as the grammar lets it be.
    fn prepare(&mut self, key: &SearchKey, selected: &Selected) -> Result<Key, Trouble> {
        Ok(match key {
            SearchKey::And(keys) => {
                Key::And(keys.iter().map(|key| self.prepare(key, selected)).collect::<Result<_, _>>()?)
            }
            SearchKey::Or(a, b) => Key::Or(Box::new(self.prepare(a, selected)?), Box::new(self.prepare(b, selected)?)),
            SearchKey::Not(key) => Key::Not(Box::new(self.prepare(key, selected)?)),
            SearchKey::Fuzzy(key) => {
                let outside = std::mem::replace(&mut self.fuzzy, true);
                let key = self.prepare(key, selected)?;
                self.fuzzy = outside;
                key
            }
            SearchKey::Sequence(set) => named(selected, selected.searched(set)),
            SearchKey::Uid(set) => named(selected, selected.named(set, true)?),
            SearchKey::Flag(flag) => match flag {
                Flag::Seen => Key::System(SEEN),
                Flag::Answered => Key::System(ANSWERED),
                Flag::Flagged => Key::System(FLAGGED),
                Flag::Deleted => Key::System(DELETED),
                Flag::Draft => Key::System(DRAFT),
                Flag::Recent => Key::Recent,
                Flag::Keyword(name) => Key::Keyword(name.clone()),
            },
            SearchKey::Header(name, text) => {
                let text = self.folded(text)?;
                self.names.push(name.to_ascii_lowercase());
                self.perhaps_loose(text, &|question, text| question.in_header(name, text))
            }
            SearchKey::Body(text) => {
                let text = self.folded(text)?;
                self.perhaps_loose(text, &|question, word| question.word(word, false))
            }
            SearchKey::Text(text) => {
                let text = self.folded(text)?;
                self.perhaps_loose(text, &|question, word| question.word(word, true))
            }
            SearchKey::Before(day) => Key::Before(*day),
            SearchKey::On(day) => Key::On(*day),
            SearchKey::Since(day) => Key::Since(*day),
            SearchKey::SentBefore(day) => Key::SentBefore(*day),
            SearchKey::SentOn(day) => Key::SentOn(*day),
            SearchKey::SentSince(day) => Key::SentSince(*day),
            SearchKey::Larger(octets) => Key::Larger((*octets).into()),
            SearchKey::Smaller(octets) => Key::Smaller((*octets).into()),
            SearchKey::ModSeq(modseq) => Key::ModSeq(*modseq),
            SearchKey::Older(seconds) => Key::Until(self.ago(*seconds)),
            SearchKey::Younger(seconds) => Key::From(self.ago(*seconds)),
            SearchKey::UidAfter(uid) => Key::UidAfter(*uid),
            SearchKey::UidBefore(uid) => Key::UidBefore(*uid),
            SearchKey::EmailId(id) => Key::EmailId(id.clone()),
            SearchKey::SavedBefore(day) => Key::SavedBefore(*day),
            SearchKey::SavedOn(day) => Key::SavedOn(*day),
            SearchKey::SavedSince(day) => Key::SavedSince(*day),
            // Every mailbox keeps the date (RFC 8514 section 4.3).
            SearchKey::SaveDateSupported => Key::And(Vec::new()),
            SearchKey::ThreadId(id) => {
                self.asks_threads = true;
                Key::ThreadId(id.clone())
            }
        })
    }

    fn ago(&self, seconds: u32) -> Timestamp {
        Timestamp::from_seconds(self.now.seconds() - i64::from(seconds))
    }

    fn folded(&self, text: &[u8]) -> Result<String, Trouble> {
        let utf8 = self.charset.is_some_and(|name| ["UTF-8", "US-ASCII"].contains(&name));
        if utf8 && std::str::from_utf8(text).is_err() {
            return Err(Trouble::Charset);
        }
        Ok(fold(&charset::decode(self.charset.unwrap_or("UTF-8"), text)))
    }

    fn in_header(&mut self, name: &str, text: String) -> Key {
        let place = self.texts.iter().position(|known| *known == text).unwrap_or_else(|| {
            self.texts.push(text.clone());
            self.texts.len() - 1
        });
        Key::Header(name.to_ascii_lowercase(), text, place)
    }

    fn word(&mut self, word: String, with_header: bool) -> Key {
        let place = self.words.iter().position(|known| *known == word).unwrap_or_else(|| {
            self.words.push(word);
            self.words.len() - 1
        });
        Key::Text(place, with_header)
    }

    /// Whether the message is one that the search is about: those that sets of numbers and UIDs leave out, where nothing
    /// else could bring them in, do not count as searched (RFC 9738 section 3.1).
    pub(super) fn is_about(&self, uid: u32) -> bool {
        fn is_about(key: &Key, uid: u32) -> bool {
            match key {
                Key::And(keys) => keys.iter().all(|key| is_about(key, uid)),
                Key::Uids(uids) => uids.contains(uid),
                Key::UidAfter(after) => uid > *after,
                Key::UidBefore(before) => uid < *before,
                _ => true,
            }
        }
        is_about(&self.key, uid)
    }

    /// `None`: more has to be known.
    pub(super) fn answer(&self, selected: &Selected, facts: &Facts<'_>) -> Option<bool> {
        self.ask(&self.key, selected, facts)
    }

    /// A message that the answer is yes for.
    pub(super) fn hit(&self, seq: u32, selected: &Selected, facts: &Facts<'_>) -> Hit {
        Hit { seq, uid: facts.entry.uid, score: self.score(&self.key, selected, facts).unwrap_or(100) }
    }

    pub(super) fn ask(&self, key: &Key, selected: &Selected, facts: &Facts<'_>) -> Option<bool> {
        let entry = facts.entry;
        let day = || facts.row.map(|row| Date::of(row.internal_date));
        // What came before the date was kept is taken by its internal date (RFC 8514 section 4.3).
        let saved = || facts.row.map(|row| Date::of(row.saved.unwrap_or(row.internal_date)));
        let sent = |holds: fn(&Date, &Date) -> bool, day: &Date| {
            facts.header.map(|header| header.sent.as_ref().is_some_and(|sent| holds(sent, day)))
        };
        match key {
            Key::And(keys) => all(keys.iter().map(|key| self.ask(key, selected, facts))),
            Key::Or(a, b) => match (self.ask(a, selected, facts), self.ask(b, selected, facts)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Key::Not(key) => self.ask(key, selected, facts).map(|answer| !answer),
            Key::Uids(uids) => Some(uids.contains(entry.uid)),
            Key::System(bit) => Some(entry.flags.has(*bit)),
            Key::Recent => Some(selected.is_recent(entry.uid)),
            Key::Keyword(name) => Some(selected.has_keyword(&entry.flags, name)),
            Key::Before(wanted) => day().map(|day| day < *wanted),
            Key::On(wanted) => day().map(|day| day == *wanted),
            Key::Since(wanted) => day().map(|day| day >= *wanted),
            Key::SentBefore(day) => sent(|sent, day| sent < day, day),
            Key::SentOn(day) => sent(|sent, day| sent == day, day),
            Key::SentSince(day) => sent(|sent, day| sent >= day, day),
            Key::Larger(octets) => facts.row.map(|row| row.octets > *octets),
            Key::Smaller(octets) => facts.row.map(|row| row.octets < *octets),
            Key::ModSeq(modseq) => Some(entry.modseq >= *modseq),
            Key::Until(then) => facts.row.map(|row| row.internal_date.seconds() <= then.seconds()),
            Key::From(then) => facts.row.map(|row| row.internal_date.seconds() >= then.seconds()),
            Key::UidAfter(uid) => Some(entry.uid > *uid),
            Key::UidBefore(uid) => Some(entry.uid < *uid),
            Key::EmailId(id) => facts.row.map(|row| email_id(row) == *id),
            Key::ThreadId(id) => facts.row.map(|row| thread_id(row).as_ref() == Some(id)),
            Key::SavedBefore(wanted) => saved().map(|day| day < *wanted),
            Key::SavedOn(wanted) => saved().map(|day| day == *wanted),
            Key::SavedSince(wanted) => saved().map(|day| day >= *wanted),
            // The index has looked at every field behind its name.
            Key::Header(_, _, place) if self.is_without(self.words.len() + place, entry.uid) => Some(false),
            Key::Header(name, text, _) => {
                let holds = |(known, value): &(String, String)| known == name && value.contains(text.as_str());
                facts.header.map(|header| header.fields.iter().any(holds))
            }
            Key::Fuzzy(loose) => self.ask_loose(loose, selected, facts),
            Key::Text(place, with_header) => self.ask_text(*place, *with_header, facts),
        }
    }

    /// Whether the index of texts says that the message does not hold what was asked for at this place.
    fn is_without(&self, place: usize, uid: u32) -> bool {
        self.narrowed.get(place).is_some_and(|found| found.as_ref().is_some_and(|may| !may.may_hold(uid)))
    }

    fn ask_text(&self, place: usize, with_header: bool, facts: &Facts<'_>) -> Option<bool> {
        let word = self.words.get(place)?;
        if self.is_without(place, facts.entry.uid) {
            return Some(false);
        }
        if with_header {
            let holds = |(name, value): &(String, String)| {
                value.contains(word.as_str()) || format!("{name}: {value}").contains(word.as_str())
            };
            if facts.header?.fields.iter().any(holds) {
                return Some(true);
            }
        }
        facts.texts?.found.get(place).copied()
    }
}

/// No if one says no, yes if all say yes.
fn all(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(true);
    for answer in answers {
        match answer {
            Some(false) => return Some(false),
            Some(true) => {}
            None => known = None,
        }
    }
    known
}

fn named(selected: &Selected, named: Named) -> Key {
    Key::Uids(selected.uids(&named))
}
