//! STORE and UID STORE (RFC 3501 section 6.4.6), on a condition or not (RFC 7162 section 3.1.3).

use mailstore::{ANSWERED, DELETED, DRAFT, Entry, FLAGGED, Flags, SEEN, StoreMode, UidSet};
use protocol::imap::encode::Code;
use protocol::imap::{Flag, Store, StoreAction};

use super::selected::Named;
use super::talk::Talk;
use super::trouble::Trouble;

/// What became of the messages named.
#[derive(Default)]
struct Outcome {
    /// Left alone: they had changed.
    modified: UidSet,
    /// They have other flags now.
    changed: UidSet,
}

impl Talk {
    pub(super) async fn store(&mut self, store: &Store) -> Result<(), Trouble> {
        let uid = store.uid;
        self.learn(false, false).await?;
        let account = self.account()?;
        let selected = self.selected()?;
        let named = selected.named(&store.set, uid)?;
        let read_only = selected.read_only;
        let named = self.limited(named)?;
        if read_only {
            self.catch_up(false, false).await?;
            self.line.session().no(Some(&Code::Word("CANNOT")), "The mailbox was opened by EXAMINE");
            return Ok(());
        }
        let mode = match store.action {
            StoreAction::Set => StoreMode::Replace,
            StoreAction::Add => StoreMode::Add,
            StoreAction::Remove => StoreMode::Remove,
        };
        let selected = self.selected()?;
        let (mailbox, uids) = (selected.mailbox, selected.uids(&named));
        let mut outcome = Outcome::default();
        if !uids.is_empty() {
            let since = store.unchanged_since;
            let flags = flags_of(&store.flags);
            let stored = self.patiently(account.store_flags(mailbox, &uids, mode, &flags, since)).await??;
            let selected = self.selected.as_mut().ok_or(mailstore::Error::NoMailbox)?;
            selected.absorb(&stored, self.line.session().output());
            outcome.modified = stored.modified;
            outcome.changed = stored.changed.iter().map(|entry| entry.uid).collect();
        }
        if !store.silent {
            self.show_named(&named, uid, &outcome).await?;
        } else if self.line.session().enabled().condstore {
            self.show_modseqs(&named, uid, store.unchanged_since.is_some(), &outcome).await?;
        }
        if !outcome.modified.is_empty() {
            return self.some_modified(&named, uid, &outcome).await;
        }
        if named.some_gone {
            return self.some_gone().await;
        }
        self.done(uid, "STORE").await
    }

    /// Messages that had changed meanwhile were left alone (RFC 7162 section 3.1.3).
    async fn some_modified(&mut self, named: &Named, uid: bool, outcome: &Outcome) -> Result<(), Trouble> {
        let selected = self.selected()?;
        let left_alone = selected.iter(named).filter(|(_, entry)| outcome.modified.contains(entry.uid));
        let numbers: Vec<u32> = left_alone.map(|(seq, entry)| if uid { entry.uid } else { seq }).collect();
        self.catch_up(uid, false).await?;
        let code = Code::Modified(&numbers);
        if named.some_gone {
            self.line.session().no(Some(&code), "Some of the messages had changed, and some are gone");
        } else {
            self.finish(Some(&code), "Some of the messages had changed");
        }
        Ok(())
    }

    /// What a silent STORE tells a client that keeps MODSEQs.
    async fn show_modseqs(&mut self, named: &Named, uid: bool, all: bool, outcome: &Outcome) -> Result<(), Trouble> {
        let Some(selected) = &mut self.selected else { return Ok(()) };
        let uid = uid || selected.enabled.qresync;
        for (seq, entry) in selected.iter(named) {
            let asked = all && !outcome.modified.contains(entry.uid) || outcome.changed.contains(entry.uid);
            if !asked || selected.is_gone(entry.uid) {
                continue;
            }
            let out = self.line.session().output();
            let mut line = selected.line(seq, entry.uid, out);
            if uid && !selected.enabled.uidonly {
                line.uid(out, entry.uid);
            }
            line.modseq(out, entry.modseq);
            line.end(out);
            if out.len() >= crate::limits::OUTPUT_OCTETS_MAX {
                self.line.flush().await?;
            }
        }
        Ok(())
    }

    /// The flags of all messages named, changed or not: the client asked to hear. Those that were left alone are told
    /// of as what others did.
    async fn show_named(&mut self, named: &Named, uid: bool, outcome: &Outcome) -> Result<(), Trouble> {
        let Some(selected) = &mut self.selected else { return Ok(()) };
        let uid = uid || selected.enabled.qresync;
        if selected.has_untold() {
            let shown = selected.iter(named).map(|(_, entry)| entry.uid);
            let shown: Vec<u32> = shown.filter(|uid| !outcome.modified.contains(*uid)).collect();
            shown.into_iter().for_each(|uid| selected.told(uid));
        }
        let shown = |entry: &Entry| !selected.is_gone(entry.uid) && !outcome.modified.contains(entry.uid);
        let shown = selected.iter(named).filter(|(_, entry)| shown(entry));
        for (seq, entry) in shown {
            selected.show_flags(seq, &entry, uid, self.line.session().output());
            if self.line.session().output().len() >= crate::limits::OUTPUT_OCTETS_MAX {
                self.line.flush().await?;
            }
        }
        Ok(())
    }

    /// A command by sequence numbers met messages that others have expunged (RFC 2180 section 4.2).
    pub(super) async fn some_gone(&mut self) -> Result<(), Trouble> {
        self.catch_up(false, false).await?;
        self.line.session().no(Some(&Code::Word("EXPUNGEISSUED")), "Some of the messages are gone");
        Ok(())
    }
}

/// As the Message Store names them. `\Recent` is not the client's to set.
pub(super) fn flags_of(flags: &[Flag]) -> Flags {
    let mut out = Flags::NONE;
    for flag in flags {
        match flag {
            Flag::Seen => out.system |= SEEN,
            Flag::Answered => out.system |= ANSWERED,
            Flag::Flagged => out.system |= FLAGGED,
            Flag::Deleted => out.system |= DELETED,
            Flag::Draft => out.system |= DRAFT,
            Flag::Recent => {}
            Flag::Keyword(name) => out.keywords.push(name.clone()),
        }
    }
    out
}
