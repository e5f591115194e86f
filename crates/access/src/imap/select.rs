//! SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 sections 6.3.1, 6.3.2, 6.4.2; RFC 3691).

use protocol::imap::Select;
use protocol::imap::encode::Code;

use super::selected::Selected;
use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    /// The mailbox selected before is lost, even when this one cannot be opened.
    pub(super) async fn select(&mut self, select: &Select) -> Result<(), Trouble> {
        let account = self.account()?;
        let read_only = select.read_only;
        self.deselect().await;
        // Listening begins before the first look, so that nothing falls between.
        self.feed.get_or_insert_with(|| account.feed());
        self.stale = false;
        let found = account.select(select.mailbox.as_str(), !read_only).await?;
        let selected = Selected::new(found, read_only);
        let session = self.line.session();
        selected.introduce(session.output());
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
        if let Some(selected) = self.selected.take()
            && let Some(account) = &self.account
        {
            selected.leave(account).await;
        }
    }

    /// Removes what has `\Deleted` without a word about it.
    pub(super) async fn close(&mut self) -> Result<(), Trouble> {
        let account = self.account()?;
        let selected = self.selected()?;
        if !selected.read_only {
            let mailbox = selected.mailbox;
            match account.expunge(mailbox, None).await {
                // The mailbox itself is gone, and its messages with it.
                Ok(_) | Err(mailstore::Error::NoMailbox) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.deselect().await;
        self.line.session().ok(None, "CLOSE done");
        Ok(())
    }

    /// Leaves everything as it is.
    pub(super) async fn unselect(&mut self) -> Result<(), Trouble> {
        self.deselect().await;
        self.line.session().ok(None, "UNSELECT done");
        Ok(())
    }
}
