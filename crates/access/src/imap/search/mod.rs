//! SEARCH and UID SEARCH (RFC 3501 section 6.4.4).
//!
//! A key is asked with no more knowledge than it needs: first what the session knows (flags, numbers), then the row
//! (date, size), then the header, which for most keys is in the digest, then the text. A message that flags decide is
//! never opened.

mod answer;
mod fuzzy;
mod keys;
mod several;
mod text;
mod watch;

use envelope::MailboxId;
use mailstore::{Account, Entry, Message, UidSet};
use message::encoding::charset;
use net::clock;
use protocol::imap::encode::Code;
use protocol::imap::{Search, SearchKey};
use storage::Body;

use super::letter::{self, Letter};
use super::talk::Talk;
use super::trouble::Trouble;
use crate::limits::ROWS_BATCH;
pub(super) use answer::Told;
use keys::{Facts, HeaderText, Question, Words};
pub(super) use message::text::fold;
pub(super) use watch::{Found, Watch};

/// A message found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub(super) seq: u32,
    pub(super) uid: u32,
    /// How well it matches, from 1 to 100 (RFC 6203).
    pub(super) score: u8,
}

impl Hit {
    /// As the answer names it.
    pub(super) fn number(&self, uid: bool) -> u32 {
        if uid { self.uid } else { self.seq }
    }
}

/// Rows, and the headers that digests know when they are enough.
async fn known(
    account: &Account,
    mailbox: MailboxId,
    uids: &UidSet,
    question: &Question<'_>,
) -> Result<Vec<(Message, Option<HeaderText>)>, Trouble> {
    if !question.is_listed() {
        let rows = account.messages(mailbox, uids, ROWS_BATCH).await?;
        return Ok(rows.into_iter().map(|row| (row, None)).collect());
    }
    let found = account.summaries(mailbox, uids, ROWS_BATCH).await?;
    let header = |digest: &_| HeaderText::of_digest(digest, question);
    Ok(found.into_iter().map(|one| (one.message, one.digest.as_ref().ok().and_then(header))).collect())
}

impl Talk {
    pub(super) async fn search(&mut self, search: Search) -> Result<(), Trouble> {
        if self.is_watched(search.returns) {
            return Ok(());
        }
        let saves = search.returns.is_some_and(|returns| returns.save);
        let outcome = self.search_and_answer(&search).await;
        if saves
            && !matches!(outcome, Ok(true))
            && let Some(selected) = &mut self.selected
        {
            // RFC 5182 section 2.1: a SEARCH that fails leaves nothing behind.
            selected.saved = UidSet::EMPTY;
        }
        match outcome? {
            true => self.done(search.uid, "SEARCH").await,
            false => Ok(()),
        }
    }

    /// Answers whether it came to its end; otherwise the client was told why not.
    async fn search_and_answer(&mut self, search: &Search) -> Result<bool, Trouble> {
        let Some(found) = self.find(&search.key, search.charset.as_deref()).await? else { return Ok(false) };
        self.answer_search(search, &found)?;
        if search.returns.is_some_and(|returns| returns.update) {
            self.watch_search(search, None, &found)?;
        }
        Ok(true)
    }

    /// What is found, ascending. `None`: the charset is not known, and the client was
    /// told.
    pub(super) async fn find(
        &mut self,
        key: &SearchKey,
        charset_name: Option<&str>,
    ) -> Result<Option<Vec<Hit>>, Trouble> {
        self.catch_up(false, false).await?;
        if self.is_unknown(charset_name) {
            return Ok(None);
        }
        self.find_in(key, charset_name, None).await.map(Some)
    }

    /// Whether a charset is not known; the client was told.
    fn is_unknown(&mut self, charset_name: Option<&str>) -> bool {
        let is_unknown = !charset_name.is_none_or(charset::is_known);
        if is_unknown {
            let code = Code::BadCharset(&["US-ASCII", "UTF-8"]);
            self.line.session().no(Some(&code), "Unknown charset");
        }
        is_unknown
    }

    /// What is found in the selected mailbox as the client knows it; `among`: only of these messages.
    async fn find_in(
        &mut self,
        key: &SearchKey,
        charset_name: Option<&str>,
        among: Option<&UidSet>,
    ) -> Result<Vec<Hit>, Trouble> {
        let account = self.account()?;
        let selected = self.selected()?;
        let mailbox = selected.mailbox;
        let mut question = Question::new(key, selected, charset_name, clock::now())?;
        let asked = question.asked();
        if !asked.is_empty() {
            question.narrow(account.candidates(mailbox, &asked).await?);
        }
        let lowest = match among {
            Some(_) => 0,
            None => {
                self.cut_at = self.lowest_searched(&question)?;
                self.cut_at.unwrap_or(0)
            }
        };
        let selected = self.selected()?;
        let mut found = Vec::new();
        let mut open = Vec::new();
        let mut consider = |seq: u32, entry: Entry| {
            let facts = Facts { entry: &entry, row: None, header: None, texts: None };
            match question.answer(selected, &facts) {
                _ if selected.is_gone(entry.uid) => {}
                Some(true) => found.push(question.hit(seq, selected, &facts)),
                Some(false) => {}
                None => open.push((seq, entry.uid)),
            }
        };
        match among {
            Some(uids) => uids.iter().for_each(|uid| {
                if let Some((seq, entry)) = selected.numbered(uid) {
                    consider(seq, entry);
                }
            }),
            None => {
                let entries = selected.entries();
                let entries = (1u32..).zip(entries.iter()).filter(|(_, entry)| entry.uid >= lowest);
                entries.for_each(|(seq, entry)| consider(seq, entry));
            }
        }
        if !open.is_empty() {
            found.extend(self.search_rows(&account, &question, &open).await?);
            found.sort_unstable();
        }
        Ok(found)
    }

    /// Where a search of more messages than one command may be about begins (RFC 9738).
    fn lowest_searched(&mut self, question: &Question<'_>) -> Result<Option<u32>, Trouble> {
        let Some(limit) = self.context.settings.message_limit else { return Ok(None) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let entries = self.selected()?.entries();
        let about: Vec<u32> = entries.uids().filter(|uid| question.is_about(*uid)).collect();
        Ok(about.len().checked_sub(limit).filter(|extra| *extra > 0).and_then(|extra| about.get(extra).copied()))
    }

    /// Where digests are enough, those that have one are decided by it. Answers which.
    async fn search_digests(
        &mut self,
        account: &Account,
        question: &Question<'_>,
        batch: &[(u32, u32)],
        found: &mut Vec<Hit>,
    ) -> Result<UidSet, Trouble> {
        if !question.is_digested() {
            return Ok(UidSet::EMPTY);
        }
        let selected = self.selected()?;
        let (mailbox, entries) = (selected.mailbox, selected.entries());
        let digests = account.digests(mailbox, &batch.iter().map(|(_, uid)| *uid).collect()).await?;
        let selected = self.selected()?;
        let mut decided = Vec::with_capacity(digests.len());
        let mut rest = batch.iter();
        for (uid, digest) in &digests {
            let Some((seq, _)) = rest.find(|(_, other)| other == uid) else { break };
            let Some(entry) = entries.find(*uid) else { continue };
            let header = HeaderText::of_digest(digest, question);
            let facts = Facts { entry: &entry, row: None, header: header.as_ref(), texts: None };
            if let Some(answer) = question.answer(selected, &facts) {
                found.extend(answer.then(|| question.hit(*seq, selected, &facts)));
                decided.push(*uid);
            }
        }
        Ok(decided.into_iter().collect())
    }

    /// The messages that what is known in the session does not decide.
    async fn search_rows(
        &mut self,
        account: &Account,
        question: &Question<'_>,
        open: &[(u32, u32)],
    ) -> Result<Vec<Hit>, Trouble> {
        let mut found = Vec::new();
        let selected = self.selected()?;
        let (mailbox, entries) = (selected.mailbox, selected.entries());
        let entry_of = |uid: u32| entries.find(uid);
        for (number, batch) in open.chunks(ROWS_BATCH).enumerate() {
            self.in_progress(number * ROWS_BATCH, open.len()).await?;
            let decided = self.search_digests(account, question, batch, &mut found).await?;
            let uids: UidSet = batch.iter().map(|(_, uid)| *uid).filter(|uid| !decided.contains(*uid)).collect();
            if uids.is_empty() {
                continue;
            }
            let seq_of = |uid: u32| batch.binary_search_by_key(&uid, |(_, uid)| *uid).ok().and_then(|at| batch.get(at));
            if question.asks_threads() {
                account.find_threads(mailbox, &uids).await?;
            }
            // What rows and digests decide is decided; the others are looked into.
            let mut known = known(account, mailbox, &uids, question).await?;
            let selected = self.selected()?;
            known.retain(|(row, header)| {
                let Some(entry) = entry_of(row.uid) else { return false };
                let facts = Facts { entry: &entry, row: Some(row), header: header.as_ref(), texts: None };
                let answer = question.answer(selected, &facts);
                let seq = seq_of(row.uid).filter(|_| answer == Some(true));
                found.extend(seq.map(|(seq, _)| question.hit(*seq, selected, &facts)));
                answer.is_none()
            });
            let rows: Vec<Message> = known.into_iter().map(|(row, _)| row).collect();
            let mut rest = rows.as_slice();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(letter::bunch(rest));
                rest = later;
                for (row, body) in now.iter().zip(account.bodies(now).await) {
                    let Some(entry) = entry_of(row.uid) else { continue };
                    let facts = Facts { entry: &entry, row: Some(row), header: None, texts: None };
                    let Some((seq, _)) = seq_of(row.uid) else { continue };
                    found.extend(self.look_into(question, *seq, body, facts).await?);
                }
                // Other connections of this thread have waited meanwhile.
                tokio::task::yield_now().await;
            }
        }
        Ok(found)
    }

    /// Header, then text. What cannot be read is not found.
    async fn look_into(
        &mut self,
        question: &Question<'_>,
        seq: u32,
        body: Result<Body, mailstore::Error>,
        mut facts: Facts<'_>,
    ) -> Result<Option<Hit>, Trouble> {
        let read = async {
            let mut letter = Letter::open(body?).await?;
            let header = letter.header().await?;
            Ok::<_, Trouble>((letter, header))
        };
        let (mut letter, header) = match read.await {
            Ok(read) => read,
            Err(trouble) => {
                self.unreadable(&trouble);
                return Ok(None);
            }
        };
        let header = keys::HeaderText::of(&header);
        facts.header = Some(&header);
        let selected = self.selected()?;
        if let Some(answer) = question.answer(selected, &facts) {
            return Ok(answer.then(|| question.hit(seq, selected, &facts)));
        }
        let mut words = Words::of(question);
        if let Err(error) = text::scan(&mut letter, &mut words).await {
            self.unreadable(&error.into());
            return Ok(None);
        }
        facts.texts = Some(&words);
        let selected = self.selected()?;
        let answer = question.answer(selected, &facts) == Some(true);
        Ok(answer.then(|| question.hit(seq, selected, &facts)))
    }

    fn unreadable(&mut self, trouble: &Trouble) {
        if !matches!(trouble, Trouble::Mailbox(mailstore::Error::Storage(storage::Error::NoBody(_)))) {
            self.context.fault(self.visitor.session, "imap search", trouble);
        }
    }
}
