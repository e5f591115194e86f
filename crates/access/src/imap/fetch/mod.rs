//! FETCH and UID FETCH (RFC 3501 section 6.4.5): one message at a time, never the mailbox at once.
//!
//! What is known of the mailbox anyway (UID, FLAGS) costs no query, INTERNALDATE and RFC822.SIZE cost rows in batches,
//! what lists show (envelope, structure, their header fields) the digests beside the rows, and only what needs a body
//! opens one. A literal goes out piece by piece, as fast as the client reads.

mod binary;
mod item;
mod listed;
pub(super) mod section;

use std::sync::Arc;

use mailstore::{Account, Entry, Message, SEEN, StoreMode, UidSet};
use message::digest::Digest;
use protocol::imap::encode::{Code, Untagged};
use protocol::imap::{Fetch, FetchItem, Flag, SectionText, SequenceSet};
use storage::Body;

use super::letter::Letter;
use super::selected::Named;
use super::talk::Talk;
use super::trouble::Trouble;
use crate::limits::{BODIES_AT_ONCE_MAX, BODIES_OCTETS_MAX, ROWS_BATCH};

/// What a FETCH has to look at.
pub(super) struct Plan<'a> {
    items: &'a [FetchItem],
    /// UID FETCH answers with the UID, asked for or not.
    uid: bool,
    /// MODSEQ was asked for, or goes with what was.
    modseq: bool,
    needs_row: bool,
    needs_body: bool,
    /// Digests answer all that rows do not.
    needs_digest: bool,
    marks_seen: bool,
}

impl<'a> Plan<'a> {
    fn of(items: &'a [FetchItem], uid: bool) -> Self {
        let row = |item: &FetchItem| !matches!(item, FetchItem::Uid | FetchItem::Flags | FetchItem::ModSeq);
        let of_row = |item: &FetchItem| {
            let of_ids = matches!(item, FetchItem::EmailId | FetchItem::ThreadId);
            of_ids || matches!(item, FetchItem::InternalDate | FetchItem::Rfc822Size | FetchItem::SaveDate)
        };
        let body = |item: &FetchItem| row(item) && !of_row(item);
        let needs_body = items.iter().any(body);
        let listed = needs_body && items.iter().filter(|item| body(item)).all(listed::is_listed);
        let seen = |item: &FetchItem| match item {
            FetchItem::Rfc822 | FetchItem::Rfc822Text => true,
            FetchItem::Section { peek, .. } | FetchItem::Binary { peek, .. } => !peek,
            _ => false,
        };
        Self {
            items,
            uid: uid || items.contains(&FetchItem::Uid),
            modseq: items.contains(&FetchItem::ModSeq),
            needs_row: items.iter().any(row),
            needs_body: needs_body && !listed,
            needs_digest: listed,
            marks_seen: items.iter().any(seen),
        }
    }

    fn wants_flags(&self) -> bool {
        self.items.contains(&FetchItem::Flags)
    }

    /// Whether any item needs the tree of parts.
    fn needs_structure(&self) -> bool {
        self.items.iter().any(|item| match item {
            FetchItem::Body | FetchItem::BodyStructure => true,
            FetchItem::Binary { part, .. } | FetchItem::BinarySize(part) => !part.is_empty(),
            FetchItem::Section { section, .. } => !section.part.is_empty() || section.text == SectionText::Mime,
            _ => false,
        })
    }
}

/// One message of the answer.
struct Wanted {
    seq: u32,
    uid: u32,
    flags: Vec<Flag>,
    modseq: u64,
    /// `\Seen` was set by this very command.
    seen_now: bool,
}

impl Talk {
    pub(super) async fn fetch(&mut self, fetch: &Fetch) -> Result<(), Trouble> {
        let uid = fetch.uid;
        if let (Some(limit), Some(page)) = (self.context.settings.message_limit, fetch.page)
            && page.first.abs_diff(page.last) >= limit
        {
            self.too_much(limit, None);
            return Ok(());
        }
        // UIDFETCH leads with the UID (RFC 9586 section 3.3).
        let mut plan = Plan::of(&fetch.items, uid && !self.line.session().enabled().uidonly);
        plan.modseq |= fetch.changed_since.is_some();
        if plan.wants_flags() || plan.marks_seen {
            self.learn(false, false).await?;
        } else {
            self.catch_up(false, false).await?;
        }
        let account = self.account()?;
        let selected = self.selected()?;
        let mut named = selected.named(&fetch.set, uid)?;
        if let Some(modseq) = fetch.changed_since {
            named = self.only_changed(fetch, &account, &named, modseq).await?;
        }
        let selected = self.selected()?;
        if let Some(page) = fetch.page {
            named = selected.page(&named, page);
        }
        named = self.limited(named)?;
        let selected = self.selected()?;
        let mut some_gone = named.some_gone;
        let newly_seen = if plan.marks_seen && !selected.read_only {
            self.mark_seen(&account, &named).await?
        } else {
            UidSet::EMPTY
        };
        let (mut unreadable, mut unknown_encoding) = (false, false);
        if plan.needs_row {
            let outcome = self.fetch_rows(&account, &named, &plan, &newly_seen).await?;
            some_gone |= outcome.gone && !uid;
            (unreadable, unknown_encoding) = (outcome.unreadable, outcome.unknown_encoding);
        } else {
            self.fetch_entries(&named, &plan).await?;
        }
        if unknown_encoding {
            self.catch_up(uid, false).await?;
            self.line.session().no(Some(&Code::Word("UNKNOWN-CTE")), "A part is in an encoding that is not known");
            return Ok(());
        }
        if unreadable {
            self.catch_up(uid, false).await?;
            self.line.session().no(Some(&Code::Word("CORRUPTION")), "Some messages could not be read");
            return Ok(());
        }
        if some_gone {
            return self.some_gone().await;
        }
        self.done(uid, "FETCH").await
    }

    /// CHANGEDSINCE leaves the messages whose MODSEQ is higher; VANISHED tells first of those that are gone (RFC 7162
    /// sections 3.1.4.1 and 3.2.6).
    async fn only_changed(
        &mut self,
        fetch: &Fetch,
        account: &Account,
        named: &Named,
        modseq: u64,
    ) -> Result<Named, Trouble> {
        let selected = self.selected()?;
        if fetch.vanished {
            let missed = account.changes(selected.mailbox, modseq).await?;
            let asked = match &fetch.set {
                SequenceSet::Saved => selected.saved.clone(),
                set => UidSet::from_ranges(set.ranges(selected.entries().last().map_or(0, |entry| entry.uid))),
            };
            let gone = selected.vanished(&missed, &asked);
            if !gone.is_empty() {
                self.line.session().untagged(&Untagged::Vanished { earlier: true, uids: gone.ranges() });
            }
        }
        Ok(self.selected()?.changed_since(named, modseq))
    }

    /// Sets `\Seen` before anything is shown: one transaction for all of them. Answers on whom it was new.
    async fn mark_seen(&mut self, account: &Account, named: &Named) -> Result<UidSet, Trouble> {
        let selected = self.selected()?;
        let unseen = |entry: &Entry| !entry.flags.has(SEEN) && !selected.is_gone(entry.uid);
        let uids: UidSet = selected.iter(named).map(|(_, entry)| entry).filter(unseen).map(|entry| entry.uid).collect();
        if uids.is_empty() {
            return Ok(uids);
        }
        let flags = mailstore::Flags::system(SEEN);
        let stored = account.store_flags(selected.mailbox, &uids, StoreMode::Add, &flags, None).await?;
        let selected = self.selected.as_mut().ok_or(mailstore::Error::NoMailbox)?;
        selected.absorb(&stored, self.line.session().output());
        Ok(stored.changed.iter().map(|entry| entry.uid).collect())
    }

    /// FLAGS and UID: nothing is asked of the store.
    async fn fetch_entries(&mut self, named: &Named, plan: &Plan<'_>) -> Result<(), Trouble> {
        let Some(selected) = &mut self.selected else { return Ok(()) };
        if plan.wants_flags() && selected.has_untold() {
            let shown: Vec<u32> = selected.iter(named).map(|(_, entry)| entry.uid).collect();
            shown.into_iter().for_each(|uid| selected.told(uid));
        }
        for (seq, entry) in selected.iter(named).filter(|(_, entry)| !selected.is_gone(entry.uid)) {
            let out = self.line.session().output();
            let mut line = selected.line(seq, entry.uid, out);
            if plan.uid {
                line.uid(out, entry.uid);
            }
            if plan.wants_flags() {
                line.flags(out, &selected.flags(entry.uid, &entry.flags));
            }
            if plan.modseq {
                line.modseq(out, entry.modseq);
            }
            line.end(out);
            if out.len() >= crate::limits::OUTPUT_OCTETS_MAX {
                self.line.flush().await?;
            }
        }
        Ok(())
    }

    async fn fetch_rows(
        &mut self,
        account: &Account,
        named: &Named,
        plan: &Plan<'_>,
        newly_seen: &UidSet,
    ) -> Result<Outcome, Trouble> {
        let mut outcome = Outcome::default();
        let selected = self.selected()?;
        let mailbox = selected.mailbox;
        // The client's numbers do not change while this command runs.
        let all: Vec<(u32, u32)> = selected
            .iter(named)
            .filter(|(_, entry)| !selected.is_gone(entry.uid))
            .map(|(seq, entry)| (seq, entry.uid))
            .collect();
        for (number, batch) in all.chunks(ROWS_BATCH).enumerate() {
            self.in_progress(number * ROWS_BATCH, all.len()).await?;
            let uids: UidSet = batch.iter().map(|(_, uid)| *uid).collect();
            if plan.items.contains(&FetchItem::ThreadId) {
                account.find_threads(mailbox, &uids).await?;
            }
            if plan.needs_digest {
                self.fetch_listed(account, batch, &uids, plan, &mut outcome).await?;
                continue;
            }
            if plan.needs_body {
                self.fetch_letters(account, batch, uids, newly_seen, plan, &mut outcome).await?;
                continue;
            }
            let rows = account.messages(mailbox, &uids, batch.len()).await?;
            outcome.gone |= rows.len() < batch.len();
            for row in &rows {
                let Some(wanted) = self.wanted(batch, row, newly_seen) else { continue };
                self.fetch_one(row, None, wanted, plan, &mut outcome).await?;
            }
        }
        Ok(outcome)
    }

    /// A batch whose bodies are needed: rows and bodies by one look, as many as fit.
    async fn fetch_letters(
        &mut self,
        account: &Account,
        batch: &[(u32, u32)],
        mut left: UidSet,
        newly_seen: &UidSet,
        plan: &Plan<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let mailbox = self.selected()?.mailbox;
        let mut found = 0;
        while !left.is_empty() {
            let letters = account.letters(mailbox, &left, BODIES_AT_ONCE_MAX, BODIES_OCTETS_MAX).await?;
            let Some((last, _)) = letters.last() else { break };
            left = left.above(last.uid);
            found += letters.len();
            for (row, body) in letters {
                let Some(wanted) = self.wanted(batch, &row, newly_seen) else { continue };
                self.fetch_one(&row, Some(body), wanted, plan, outcome).await?;
            }
        }
        outcome.gone |= found < batch.len();
        Ok(())
    }

    /// What is said of a row of the batch.
    fn wanted(&self, batch: &[(u32, u32)], row: &Message, newly_seen: &UidSet) -> Option<Wanted> {
        let at = batch.binary_search_by_key(&row.uid, |(_, uid)| *uid).ok()?;
        let (seq, uid) = *batch.get(at)?;
        let (flags, modseq) = self.flags_now(row);
        Some(Wanted { seq, uid, flags, modseq, seen_now: newly_seen.contains(uid) })
    }

    /// The flags and MODSEQ as the client was last told, or as this command has changed them.
    fn flags_now(&self, row: &Message) -> (Vec<Flag>, u64) {
        let Some(selected) = &self.selected else { return (Vec::new(), row.modseq) };
        let entry = selected.entry(row.uid);
        let flags = selected.flags(row.uid, entry.as_ref().map_or(&row.flags, |entry| &entry.flags));
        (flags, entry.map_or(row.modseq, |entry| entry.modseq))
    }

    async fn fetch_one(
        &mut self,
        row: &Message,
        body: Option<Result<Body, mailstore::Error>>,
        wanted: Wanted,
        plan: &Plan<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let mut source = Source::Row;
        if let Some(body) = body {
            match self.open(row, body, plan).await {
                Ok(mut opened) => {
                    if binary::is_unknown(&mut opened, plan.items).await? {
                        outcome.unknown_encoding = true;
                        return Ok(());
                    }
                    source = Source::Letter(Box::new(opened));
                }
                // It was expunged and swept in this very moment.
                Err(storage::Error::NoBody(_)) => {
                    outcome.gone = true;
                    return Ok(());
                }
                Err(error) => {
                    self.context.fault(self.visitor.session, "imap fetch", &error);
                    outcome.unreadable = true;
                    return Ok(());
                }
            }
        }
        self.show(row, wanted, &mut source, plan).await?;
        self.relieve().await
    }

    /// Reads of a body ahead whatever the answer needs to know before its first octet.
    async fn open(
        &mut self,
        row: &Message,
        body: Result<Body, mailstore::Error>,
        plan: &Plan<'_>,
    ) -> Result<Letter, storage::Error> {
        let body = body.map_err(|error| match error {
            mailstore::Error::Storage(error) => error,
            other => storage::Error::Refused(other.to_string()),
        })?;
        let mut letter = Letter::open(body).await?;
        if plan.needs_structure() {
            match &self.last_structure {
                Some((known, structure)) if *known == row.body => letter.set_structure(Arc::clone(structure)),
                _ => self.last_structure = Some((row.body, letter.structure().await?)),
            }
        }
        letter.header_end().await?;
        Ok(letter)
    }
}

/// What answers the items that the row does not.
enum Source {
    /// There are none.
    Row,
    /// All of them are what lists show.
    Digest(Box<Digest>),
    Letter(Box<Letter>),
}

/// What a FETCH met.
#[derive(Default)]
struct Outcome {
    /// Messages that are not there any more.
    gone: bool,
    /// Messages whose bytes cannot be had.
    unreadable: bool,
    /// Parts that cannot be decoded (RFC 3516 section 4.3).
    unknown_encoding: bool,
}
