//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 sections 6.3.3 to 6.3.7).

use protocol::imap::Mailbox;

use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    pub(super) async fn create(&mut self, mailbox: &Mailbox) -> Result<(), Trouble> {
        self.account()?.create(mailbox.as_str()).await?;
        self.done(true, "CREATE").await
    }

    /// Deleting the selected mailbox leaves it first.
    pub(super) async fn delete(&mut self, mailbox: &Mailbox) -> Result<(), Trouble> {
        let account = self.account()?;
        let doomed = account.status(mailbox.as_str()).await.ok().map(|status| status.id);
        account.delete(mailbox.as_str()).await?;
        if doomed.is_some() && self.selected.as_ref().map(|selected| selected.mailbox) == doomed {
            self.selected = None;
            self.deselect().await;
        }
        self.done(true, "DELETE").await
    }

    /// A selected mailbox stays selected under its new name.
    pub(super) async fn rename(&mut self, from: &Mailbox, to: &Mailbox) -> Result<(), Trouble> {
        self.account()?.rename(from.as_str(), to.as_str()).await?;
        self.done(true, "RENAME").await
    }

    pub(super) async fn subscribe(&mut self, mailbox: &Mailbox) -> Result<(), Trouble> {
        self.account()?.subscribe(mailbox.as_str()).await?;
        self.done(true, "SUBSCRIBE").await
    }

    pub(super) async fn unsubscribe(&mut self, mailbox: &Mailbox) -> Result<(), Trouble> {
        self.account()?.unsubscribe(mailbox.as_str()).await?;
        self.done(true, "UNSUBSCRIBE").await
    }
}
