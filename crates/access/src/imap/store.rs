//! STORE and UID STORE (RFC 3501 section 6.4.6).

use mailstore::{ANSWERED, DELETED, DRAFT, FLAGGED, Flags, SEEN, StoreMode};
use protocol::imap::encode::Code;
use protocol::imap::{Flag, Store, StoreAction};

use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    pub(super) async fn store(&mut self, store: &Store) -> Result<(), Trouble> {
        let uid = store.uid;
        self.learn(false, false).await?;
        let account = self.account()?;
        let selected = self.selected()?;
        let named = selected.named(&store.set, uid)?;
        if selected.read_only {
            self.catch_up(false, false).await?;
            self.line.session().no(Some(&Code::Word("CANNOT")), "The mailbox was opened by EXAMINE");
            return Ok(());
        }
        let mode = match store.action {
            StoreAction::Set => StoreMode::Replace,
            StoreAction::Add => StoreMode::Add,
            StoreAction::Remove => StoreMode::Remove,
        };
        let (mailbox, uids) = (selected.mailbox, selected.uids(&named));
        if !uids.is_empty() {
            let stored = account.store_flags(mailbox, &uids, mode, &flags_of(&store.flags), None).await?;
            let selected = self.selected.as_mut().ok_or(mailstore::Error::NoMailbox)?;
            selected.absorb(&stored, self.line.session().output());
        }
        if !store.silent {
            self.show_named(&named, uid).await?;
        }
        if named.some_gone {
            return self.some_gone().await;
        }
        self.done(uid, "STORE").await
    }

    /// The flags of all messages named, changed or not: the client asked to hear.
    async fn show_named(&mut self, named: &super::selected::Named, uid: bool) -> Result<(), Trouble> {
        let Some(selected) = &mut self.selected else { return Ok(()) };
        if selected.has_untold() {
            let shown: Vec<u32> = selected.iter(named).map(|(_, entry)| entry.uid).collect();
            shown.into_iter().for_each(|uid| selected.told(uid));
        }
        let shown = selected.iter(named).filter(|(_, entry)| !selected.is_gone(entry.uid));
        for (seq, entry) in shown {
            selected.show_flags(seq, entry, uid, self.line.session().output());
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
