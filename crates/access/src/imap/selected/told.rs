//! What the client is told of its mailbox, and what it has yet to be told.

use mailstore::{Account, Changes, Entry, Keywords, SEEN, Stored, UidSet, Vanished};
use protocol::imap::QResync;
use protocol::imap::encode::{Code, FetchLine, Untagged};

use super::Selected;
use super::named::sequence;
use crate::limits::SHARED_ENTRIES_MIN;

impl Selected {
    /// What SELECT tells (RFC 3501 section 6.3.1).
    pub(in crate::imap) fn introduce(&self, out: &mut Vec<u8>) {
        let flags = self.all_flags();
        Untagged::Flags(&flags).encode(out);
        let permanent = if self.read_only { &[][..] } else { &flags };
        let code = Code::PermanentFlags { flags: permanent, new_keywords: !self.read_only };
        Untagged::Ok(Some(code), "Flags that last").encode(out);
        self.count(out);
        // IMAP4rev2 has none (RFC 9051 appendix E).
        if !self.enabled.rev2
            && !self.enabled.uidonly
            && let Some(first) = self.entries.iter().position(|entry| !entry.flags.has(SEEN))
        {
            Untagged::Ok(Some(Code::Unseen(sequence(first))), "First unseen").encode(out);
        }
        Untagged::Ok(Some(Code::UidValidity(self.uid_validity)), "UIDs are valid").encode(out);
        Untagged::Ok(Some(Code::UidNext(self.uid_next)), "Next UID").encode(out);
        Untagged::Ok(Some(Code::HighestModSeq(self.modseq)), "Highest MODSEQ").encode(out);
    }

    fn count(&self, out: &mut Vec<u8>) {
        Untagged::Exists(sequence(self.entries.len()).saturating_sub(1)).encode(out);
        if self.enabled.rev2 {
            return;
        }
        let recent = self.entries.len() - self.entries.before(self.recent_from);
        Untagged::Recent(sequence(recent).saturating_sub(1)).encode(out);
    }

    /// Whether flags wait to be told of.
    pub(in crate::imap) fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// The flags of this message are being told.
    pub(in crate::imap) fn told(&mut self, uid: u32) {
        self.untold.remove(&uid);
    }

    /// Takes in what our own STORE did, without a word.
    pub(in crate::imap) fn absorb(&mut self, stored: &Stored, out: &mut Vec<u8>) {
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
        for new in changed {
            self.entries.replace(new);
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

    /// Learns what happened: what is new or has new flags. Nothing is told yet but new keywords, and what is gone keeps its
    /// place.
    pub(in crate::imap) async fn hear(
        &mut self,
        account: &Account,
        out: &mut Vec<u8>,
    ) -> Result<Vec<Entry>, mailstore::Error> {
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
            let known = self.entries.uids().filter(|uid| uids.contains(*uid));
            self.gone = self.gone.union(&known.collect());
        }
        Ok(changes.changed)
    }

    /// Tells of what is gone, where `expunge` allows it, and of new messages. New flags wait for [`Self::tell_flags`], so
    /// that a command that is about to change or to show them tells them once, and as they are then.
    pub(in crate::imap) fn tell(&mut self, account: &Account, changed: Vec<Entry>, expunge: bool, out: &mut Vec<u8>) {
        if expunge {
            self.expunge(out);
        }
        self.show(changed, out);
        // Others have come as far: what we hold is what they hold, unless something of ours is still to be told.
        if self.gone.is_empty()
            && let Some(entries) = account.shared(self.mailbox, self.uid_validity, self.modseq)
            && entries.len() == self.entries.len()
        {
            self.entries = entries;
        }
    }

    /// Before a long wait: many sessions on one large mailbox need the list of its messages only once.
    pub(in crate::imap) async fn share(&mut self, account: &Account) -> Result<(), mailstore::Error> {
        if self.entries.len() < SHARED_ENTRIES_MIN || !self.gone.is_empty() || self.entries.is_shared() {
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
        let there = |uid: u32| view.entries.place_of(uid).is_some();
        let vanished = self.entries.uids().filter(|uid| !there(*uid)).collect();
        let changed = view.entries.iter().filter(|entry| entry.modseq > self.modseq).collect();
        Ok(Changes {
            modseq: view.modseq,
            uid_next: view.uid_next,
            changed,
            vanished: Vanished::Uids(vanished),
            keywords: view.keywords.clone(),
        })
    }

    /// `* n EXPUNGE` for each that is gone, where each makes the numbers behind it smaller; or one VANISHED
    /// (RFC 7162 section 3.2.10.2).
    fn expunge(&mut self, out: &mut Vec<u8>) {
        if self.gone.is_empty() {
            return;
        }
        let gone = std::mem::take(&mut self.gone);
        let vanished = self.enabled.qresync || self.enabled.uidonly;
        if vanished {
            Untagged::Vanished { earlier: false, uids: gone.ranges() }.encode(out);
        }
        let places = self.entries.remove(&gone);
        for (removed, place) in places.into_iter().enumerate().filter(|_| !vanished) {
            Untagged::Expunge(sequence(place - removed)).encode(out);
        }
    }

    /// New messages and new flags.
    fn show(&mut self, changed: Vec<Entry>, out: &mut Vec<u8>) {
        if changed.is_empty() {
            return;
        }
        let before = self.entries.len();
        for new in changed {
            match self.entries.replace(&new) {
                Some(old) if old != new.flags && !self.gone.contains(new.uid) => {
                    self.untold.insert(new.uid);
                }
                Some(_) => {}
                None => {
                    self.entries.push(&new);
                }
            }
        }
        if self.entries.len() > before {
            self.count(out);
        }
    }

    /// Tells of the flags that others have changed.
    pub(in crate::imap) fn tell_flags(&mut self, out: &mut Vec<u8>) {
        for uid in std::mem::take(&mut self.untold) {
            if let Some(at) = self.entries.place_of(uid)
                && let Some(entry) = self.entries.get(at).filter(|_| !self.gone.contains(uid))
            {
                self.show_flags(sequence(at), &entry, true, out);
            }
        }
    }

    /// A FETCH response, or a UIDFETCH response for a client that wants no numbers (RFC 9586).
    pub(in crate::imap) fn line(&self, seq: u32, uid: u32, out: &mut Vec<u8>) -> FetchLine {
        if self.enabled.uidonly { FetchLine::begin_by_uid(out, uid) } else { FetchLine::begin(out, seq) }
    }

    /// `* n FETCH (UID u FLAGS (…))`, with MODSEQ for a client that knows of it.
    pub(in crate::imap) fn show_flags(&self, seq: u32, entry: &Entry, uid: bool, out: &mut Vec<u8>) {
        let mut line = self.line(seq, entry.uid, out);
        if uid && !self.enabled.uidonly {
            line.uid(out, entry.uid);
        }
        line.flags(out, &self.flags(entry.uid, &entry.flags));
        if self.enabled.condstore {
            line.modseq(out, entry.modseq);
        }
        line.end(out);
    }

    /// What a client that comes back has missed: of the UIDs that it knows, those that are gone since, then flags that
    /// are new (RFC 7162 section 3.2.5).
    pub(in crate::imap) fn resync(&self, missed: &Changes, known: &QResync, out: &mut Vec<u8>) {
        let known_uids = match &known.known_uids {
            Some(set) => UidSet::from_ranges(set.ranges(0)),
            None => UidSet::all(),
        };
        let vanished = self.vanished(missed, &known_uids);
        if !vanished.is_empty() {
            Untagged::Vanished { earlier: true, uids: vanished.ranges() }.encode(out);
        }
        for (seq, entry) in (1u32..).zip(self.entries.iter()) {
            if entry.modseq > known.modseq && known_uids.contains(entry.uid) {
                self.show_flags(seq, &entry, true, out);
            }
        }
    }

    /// Of these UIDs, those that are gone. What still stands in its place here is told later, as an expunge.
    pub(in crate::imap) fn vanished(&self, missed: &Changes, of: &UidSet) -> UidSet {
        let there: UidSet = self.entries.uids().collect();
        let gone = match &missed.vanished {
            Vanished::Uids(uids) => uids.clone(),
            Vanished::Unknown => UidSet::from_ranges((self.uid_next > 1).then(|| (1, self.uid_next - 1))),
        };
        gone.intersection(of).without(&there)
    }
}
