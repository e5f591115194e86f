//! SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 sections 6.3.1, 6.3.2, 6.4.2; RFC 3691), and what a client that comes back
//! has missed (QRESYNC, RFC 7162 section 3.2.5).

use protocol::imap::Select;
use protocol::imap::encode::{Code, Untagged};

use super::object_id::mailbox_id;
use super::selected::Selected;
use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    /// The mailbox selected before is lost, even when this one cannot be opened.
    pub(super) async fn select(&mut self, select: &Select) -> Result<(), Trouble> {
        let account = self.account()?;
        let read_only = select.read_only;
        if self.selected.is_some() {
            // RFC 7162 section 3.2.11: from here on, what is told is told of the other mailbox.
            self.line.session().untagged(&Untagged::Ok(Some(Code::Closed), "The former mailbox was left"));
        }
        self.deselect().await;
        // Listening begins before the first look, so that nothing falls between.
        self.feed.get_or_insert_with(|| account.feed());
        self.stale = false;
        let found = account.select(select.mailbox.as_str(), !read_only).await?;
        let missed = match &select.qresync {
            // Of another incarnation of the mailbox, nothing is known here.
            Some(known) if known.uid_validity == found.view.uid_validity => {
                Some((account.changes(found.view.mailbox, known.modseq).await?, known))
            }
            _ => None,
        };
        let enabled = self.line.session().enabled();
        if enabled.rev2 {
            self.show_listed(select.mailbox.as_str()).await?;
        }
        let session = self.line.session();
        let selected = Selected::new(found, read_only, enabled);
        selected.introduce(session.output());
        let id = mailbox_id(&account, selected.mailbox);
        session.untagged(&Untagged::Ok(Some(Code::MailboxId(&id)), "The mailbox's id"));
        if let Some((missed, known)) = missed {
            selected.resync(&missed, known, session.output());
        }
        session.set_selected(true);
        let code = if read_only { Code::ReadOnly } else { Code::ReadWrite };
        session.ok(Some(&code), if read_only { "EXAMINE done" } else { "SELECT done" });
        self.selected = Some(selected);
        Ok(())
    }

    /// Leaves the selected mailbox, if there is one.
    pub(super) async fn deselect(&mut self) {
        self.line.session().set_selected(false);
        self.last_structure = None;
        self.watches = Vec::new();
        if let Some(selected) = self.selected.take()
            && let Some(account) = &self.account
        {
            selected.leave(account).await;
        }
    }

    /// Removes what has `\Deleted` without a word about it.
    pub(super) async fn close(&mut self) -> Result<(), Trouble> {
        let account = self.account()?;
        let mut highest = None;
        if !self.selected()?.read_only {
            // What others have expunged is told; what we expunge here is not.
            self.catch_up(true, true).await?;
            let Ok(selected) = self.selected() else { return Ok(()) };
            let (mailbox, before, qresync) = (selected.mailbox, selected.modseq(), selected.enabled.qresync);
            match account.expunge(mailbox, None).await {
                // Only where nobody else came between: what the client did not hear of it must still find.
                Ok(gone) if qresync && gone.modseq == before + 1 => highest = Some(Code::HighestModSeq(gone.modseq)),
                // The mailbox itself is gone, and its messages with it.
                Ok(_) | Err(mailstore::Error::NoMailbox) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.deselect().await;
        self.line.session().ok(highest.as_ref(), "CLOSE done");
        Ok(())
    }

    /// Leaves everything as it is.
    pub(super) async fn unselect(&mut self) -> Result<(), Trouble> {
        self.deselect().await;
        self.line.session().ok(None, "UNSELECT done");
        Ok(())
    }
}
