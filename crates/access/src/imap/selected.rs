//! The selected mailbox as the client knows it.
//!
//! Place n - 1 of `entries` is what the client calls message n; it changes only together with the response that tells
//! so. What others expunge stays in its place, marked in `gone`, until an EXPUNGE response may be sent
//! (RFC 3501 section 7.4.1). The truth is the store's: [`Selected::catch_up`] asks for what happened since our MODSEQ.

use std::collections::BTreeSet;
use std::sync::Arc;

use envelope::MailboxId;
use mailstore::{
    ANSWERED, Account, Changes, DELETED, DRAFT, Entry, FLAGGED, FlagBits, Keywords, SEEN, Stored, UidSet, Vanished,
};
use protocol::imap::encode::{Code, FetchLine, Untagged};
use protocol::imap::{Flag, SequenceSet};

use super::trouble::Trouble;
use crate::limits::SHARED_ENTRIES_MIN;

/// The selected mailbox.
pub(super) struct Selected {
    pub(super) mailbox: MailboxId,
    /// Opened by EXAMINE.
    pub(super) read_only: bool,
    pub(super) uid_validity: u32,
    uid_next: u32,
    modseq: u64,
    keywords: Keywords,
    entries: Arc<Vec<Entry>>,
    /// Expunged, and the client has not been told.
    gone: UidSet,
    /// UIDs of messages whose flags somebody else has changed, and the client has not been told.
    untold: BTreeSet<u32>,
    /// Messages from this UID on are `\Recent` here.
    recent_from: u32,
    /// Up to this UID, nobody else will call them so; what came later is claimed when we leave.
    claimed_until: u32,
}

/// Messages that a command names: their places, ascending.
pub(super) struct Named {
    /// Half-open ranges of places.
    ranges: Vec<(usize, usize)>,
    /// Some of them are expunged, and were named by sequence numbers.
    pub(super) some_gone: bool,
}

impl Selected {
    pub(super) fn new(found: mailstore::Selected, read_only: bool) -> Self {
        Self {
            mailbox: found.view.mailbox,
            read_only,
            uid_validity: found.view.uid_validity,
            uid_next: found.view.uid_next,
            modseq: found.view.modseq,
            keywords: found.view.keywords,
            entries: found.view.entries,
            gone: UidSet::EMPTY,
            untold: BTreeSet::new(),
            recent_from: found.recent_from,
            claimed_until: found.recent_until,
        }
    }

    /// What SELECT tells (RFC 3501 section 6.3.1).
    pub(super) fn introduce(&self, out: &mut Vec<u8>) {
        let flags = self.all_flags();
        Untagged::Flags(&flags).encode(out);
        let permanent = if self.read_only { &[][..] } else { &flags };
        let code = Code::PermanentFlags { flags: permanent, new_keywords: !self.read_only };
        Untagged::Ok(Some(code), "Flags that last").encode(out);
        self.count(out);
        if let Some(first) = self.entries.iter().position(|entry| !entry.flags.has(SEEN)) {
            Untagged::Ok(Some(Code::Unseen(sequence(first))), "First unseen").encode(out);
        }
        Untagged::Ok(Some(Code::UidValidity(self.uid_validity)), "UIDs are valid").encode(out);
        Untagged::Ok(Some(Code::UidNext(self.uid_next)), "Next UID").encode(out);
    }

    fn count(&self, out: &mut Vec<u8>) {
        Untagged::Exists(sequence(self.entries.len()).saturating_sub(1)).encode(out);
        let recent = self.entries.len() - self.entries.partition_point(|entry| entry.uid < self.recent_from);
        Untagged::Recent(sequence(recent).saturating_sub(1)).encode(out);
    }

    fn all_flags(&self) -> Vec<Flag> {
        let mut flags = vec![Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];
        flags.extend(self.keywords.iter().map(|name| Flag::Keyword(name.to_owned())));
        flags
    }

    /// The flags of a message, as they go over the wire.
    pub(super) fn flags(&self, uid: u32, bits: &FlagBits) -> Vec<Flag> {
        let mut flags = Vec::with_capacity(2);
        for (bit, flag) in [
            (ANSWERED, Flag::Answered),
            (FLAGGED, Flag::Flagged),
            (DELETED, Flag::Deleted),
            (SEEN, Flag::Seen),
            (DRAFT, Flag::Draft),
        ] {
            if bits.has(bit) {
                flags.push(flag);
            }
        }
        flags.extend(bits.keywords(&self.keywords).map(|name| Flag::Keyword(name.to_owned())));
        if self.is_recent(uid) {
            flags.push(Flag::Recent);
        }
        flags
    }

    /// Whether the message is `\Recent` in this session.
    pub(super) fn is_recent(&self, uid: u32) -> bool {
        uid >= self.recent_from
    }

    /// Whether the message has this keyword.
    pub(super) fn has_keyword(&self, bits: &FlagBits, name: &str) -> bool {
        bits.keywords(&self.keywords).any(|keyword| keyword.eq_ignore_ascii_case(name))
    }

    /// All messages, in their places.
    pub(super) fn entries(&self) -> Arc<Vec<Entry>> {
        Arc::clone(&self.entries)
    }

    /// Whether the client has yet to be told of an EXPUNGE.
    pub(super) fn has_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// Whether the message was expunged behind the client's back.
    pub(super) fn is_gone(&self, uid: u32) -> bool {
        self.gone.contains(uid)
    }

    /// The messages that a set names. A sequence number that there is none of is an error; a UID that there is none of
    /// is not (RFC 3501 section 6.4.8). In an empty mailbox no number is an error: clients ask for `1:*` wherever they
    /// are, and other servers let them.
    pub(super) fn named(&self, set: &SequenceSet, uid: bool) -> Result<Named, Trouble> {
        let count = sequence(self.entries.len()).saturating_sub(1);
        let mut ranges = Vec::new();
        if uid {
            for (low, high) in set.ranges(self.entries.last().map_or(0, |entry| entry.uid)) {
                let start = self.entries.partition_point(|entry| entry.uid < low);
                let end = self.entries.partition_point(|entry| entry.uid <= high);
                ranges.push((start, end));
            }
        } else {
            let named = set.ranges(count);
            let none = named.is_empty() && count > 0;
            if none || count > 0 && named.iter().any(|(low, high)| *low == 0 || *high > count) {
                return Err(Trouble::Sequence);
            }
            ranges.extend(named.iter().filter(|_| count > 0).map(|(low, high)| (place(*low), place(*high) + 1)));
        }
        ranges.retain(|(start, end)| start < end);
        let mut named = Named { ranges, some_gone: false };
        named.some_gone = !uid && !self.gone.is_empty() && self.iter(&named).any(|(_, e)| self.is_gone(e.uid));
        Ok(named)
    }

    /// The messages named, with their sequence numbers.
    pub(super) fn iter<'a>(&'a self, named: &'a Named) -> impl Iterator<Item = (u32, &'a Entry)> + 'a {
        named.ranges.iter().flat_map(|(start, end)| {
            let entries = self.entries.get(*start..*end).unwrap_or_default();
            (sequence(*start)..).zip(entries)
        })
    }

    /// The UIDs named, without those that are gone.
    pub(super) fn uids(&self, named: &Named) -> UidSet {
        let mut ranges: Vec<(u32, u32)> = Vec::with_capacity(named.ranges.len());
        for (start, end) in &named.ranges {
            let first = self.entries.get(*start).map(|entry| entry.uid);
            let last = self.entries.get(end.saturating_sub(1)).map(|entry| entry.uid);
            // No other message stands between them now, and a new one stands behind them all.
            ranges.extend(first.zip(last));
        }
        UidSet::from_ranges(ranges)
    }

    /// Whether flags wait to be told of.
    pub(super) fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// The flags of this message are being told.
    pub(super) fn told(&mut self, uid: u32) {
        self.untold.remove(&uid);
    }

    /// Takes in what our own STORE did, without a word.
    pub(super) fn absorb(&mut self, stored: &Stored, out: &mut Vec<u8>) {
        let (changed, keywords) = (&stored.changed, &stored.keywords);
        // Somebody else was here since we last looked: what the client makes of its own STORE may not be the truth.
        // (A new keyword takes numbers of its own.)
        let alone = stored.modseq <= self.modseq.saturating_add(1) || keywords.len() > self.keywords.len();
        self.take_keywords(keywords, out);
        if changed.is_empty() {
            return;
        }
        if !alone {
            self.untold.extend(changed.iter().map(|entry| entry.uid));
        }
        let entries = Arc::make_mut(&mut self.entries);
        for new in changed {
            if let Ok(at) = entries.binary_search_by_key(&new.uid, |entry| entry.uid)
                && let Some(entry) = entries.get_mut(at)
            {
                *entry = new.clone();
            }
        }
    }

    fn take_keywords(&mut self, keywords: &Keywords, out: &mut Vec<u8>) {
        if keywords.len() > self.keywords.len() {
            self.keywords = keywords.clone();
            let flags = self.all_flags();
            Untagged::Flags(&flags).encode(out);
            let code = Code::PermanentFlags { flags: &flags, new_keywords: true };
            if !self.read_only {
                Untagged::Ok(Some(code), "Flags that last").encode(out);
            }
        }
    }

    /// Learns what happened and tells of new messages, and, where `expunge` allows it, of what is gone. New flags wait
    /// for [`Self::tell_flags`], so that a command that is about to change or to show them tells them once, and as they
    /// are then.
    pub(super) async fn catch_up(
        &mut self,
        account: &Account,
        expunge: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), mailstore::Error> {
        let changes = account.changes(self.mailbox, self.modseq).await?;
        let changes = match changes.vanished {
            Vanished::Uids(_) => changes,
            Vanished::Unknown => self.compare(account).await?,
        };
        self.take_keywords(&changes.keywords, out);
        self.modseq = changes.modseq;
        self.uid_next = self.uid_next.max(changes.uid_next);
        if let Vanished::Uids(uids) = &changes.vanished
            && !uids.is_empty()
        {
            let known = self.entries.iter().map(|entry| entry.uid).filter(|uid| uids.contains(*uid));
            self.gone = self.gone.union(&known.collect());
        }
        if expunge {
            self.expunge(out);
        }
        self.show(changes.changed, out);
        Ok(())
    }

    /// Before a long wait: many sessions on one large mailbox need the list of its messages only once.
    pub(super) async fn share(&mut self, account: &Account) -> Result<(), mailstore::Error> {
        if self.entries.len() < SHARED_ENTRIES_MIN || !self.gone.is_empty() || Arc::strong_count(&self.entries) > 1 {
            return Ok(());
        }
        let view = account.view(self.mailbox).await?;
        if view.modseq == self.modseq && view.entries.len() == self.entries.len() {
            self.entries = view.entries;
        }
        Ok(())
    }

    /// The store has forgotten what went when: what is not there now is gone.
    async fn compare(&self, account: &Account) -> Result<Changes, mailstore::Error> {
        let view = account.view(self.mailbox).await?;
        let there = |uid: u32| view.entries.binary_search_by_key(&uid, |entry| entry.uid).is_ok();
        let vanished = self.entries.iter().map(|entry| entry.uid).filter(|uid| !there(*uid)).collect();
        let changed = view.entries.iter().filter(|entry| entry.modseq > self.modseq).cloned().collect();
        Ok(Changes {
            modseq: view.modseq,
            uid_next: view.uid_next,
            changed,
            vanished: Vanished::Uids(vanished),
            keywords: view.keywords.clone(),
        })
    }

    /// `* n EXPUNGE` for each that is gone; each makes the numbers behind it smaller.
    fn expunge(&mut self, out: &mut Vec<u8>) {
        if self.gone.is_empty() {
            return;
        }
        let gone = std::mem::take(&mut self.gone);
        let mut removed = 0;
        let mut at = 0;
        Arc::make_mut(&mut self.entries).retain(|entry| {
            let kept = !gone.contains(entry.uid);
            if !kept {
                Untagged::Expunge(sequence(at - removed)).encode(out);
                removed += 1;
            }
            at += 1;
            kept
        });
    }

    /// New messages and new flags.
    fn show(&mut self, changed: Vec<Entry>, out: &mut Vec<u8>) {
        if changed.is_empty() {
            return;
        }
        let last = self.entries.last().map_or(0, |entry| entry.uid);
        let entries = Arc::make_mut(&mut self.entries);
        let before = entries.len();
        for new in changed {
            if new.uid > last {
                entries.push(new);
            } else if let Ok(at) = entries.binary_search_by_key(&new.uid, |entry| entry.uid)
                && let Some(entry) = entries.get_mut(at)
            {
                if entry.flags != new.flags && !self.gone.contains(new.uid) {
                    self.untold.insert(new.uid);
                }
                *entry = new;
            }
        }
        if self.entries.len() > before {
            self.count(out);
        }
    }

    /// Tells of the flags that others have changed.
    pub(super) fn tell_flags(&mut self, out: &mut Vec<u8>) {
        for uid in std::mem::take(&mut self.untold) {
            if let Ok(at) = self.entries.binary_search_by_key(&uid, |entry| entry.uid)
                && let Some(entry) = self.entries.get(at).filter(|_| !self.gone.contains(uid))
            {
                self.show_flags(sequence(at), entry, true, out);
            }
        }
    }

    /// `* n FETCH (UID u FLAGS (…))`
    pub(super) fn show_flags(&self, seq: u32, entry: &Entry, uid: bool, out: &mut Vec<u8>) {
        let mut line = FetchLine::begin(out, seq);
        if uid {
            line.uid(out, entry.uid);
        }
        line.flags(out, &self.flags(entry.uid, &entry.flags));
        line.end(out);
    }

    /// Leaves the mailbox: what this session was the first to see is nobody else's `\Recent`.
    pub(super) async fn leave(&self, account: &Account) {
        if self.read_only || self.entries.last().is_none_or(|entry| entry.uid < self.claimed_until) {
            return;
        }
        if let Err(error) = account.claim_recent(self.mailbox).await {
            tracing::debug!(%error, "recent messages were not claimed");
        }
    }
}

/// The sequence number of a place.
fn sequence(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1)
}

/// The place of a sequence number.
fn place(sequence: u32) -> usize {
    usize::try_from(sequence).unwrap_or(usize::MAX).saturating_sub(1)
}
