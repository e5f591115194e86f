//! STATUS (RFC 3501 section 6.3.10): from counters, no message is looked at but for DELETED and
//! DELETED-STORAGE.

use mailstore::DELETED;
use protocol::imap::encode::{StatusValue, Untagged};
use protocol::imap::{Mailbox, StatusItem};

use super::object_id::mailbox_id;
use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    pub(super) async fn status(&mut self, mailbox: &Mailbox, items: &[StatusItem]) -> Result<(), Trouble> {
        self.show_status(mailbox.as_str(), items).await?;
        self.done(true, "STATUS").await
    }

    /// One STATUS response; for LIST too (RFC 5819).
    pub(super) async fn show_status(&mut self, mailbox: &str, items: &[StatusItem]) -> Result<(), Trouble> {
        let account = self.account()?;
        let status = account.status(mailbox).await?;
        let id = mailbox_id(&account, status.id);
        let mut deleted = 0;
        if items.contains(&StatusItem::Deleted) {
            let view = account.view(status.id).await?;
            deleted = view.entries.iter().filter(|entry| entry.flags.has(DELETED)).count() as u64;
        }
        let mut deleted_octets = 0;
        if items.contains(&StatusItem::DeletedStorage) {
            deleted_octets = account.deleted_octets(status.id).await?;
        }
        let value = |item: &StatusItem| match item {
            StatusItem::Messages => StatusValue::Number(status.messages.into()),
            StatusItem::Recent => StatusValue::Number(status.recent.into()),
            StatusItem::UidNext => StatusValue::Number(status.uid_next.into()),
            StatusItem::UidValidity => StatusValue::Number(status.uid_validity.into()),
            StatusItem::Unseen => StatusValue::Number(status.unseen.into()),
            StatusItem::HighestModSeq => StatusValue::Number(status.modseq),
            StatusItem::Size => StatusValue::Number(status.octets),
            StatusItem::Deleted => StatusValue::Number(deleted),
            StatusItem::DeletedStorage => StatusValue::Number(deleted_octets),
            StatusItem::AppendLimit => StatusValue::Number(self.context.settings.message_octets_max),
            StatusItem::MailboxId => StatusValue::Id(&id),
        };
        let items: Vec<(StatusItem, StatusValue<'_>)> = items.iter().map(|item| (*item, value(item))).collect();
        self.line.session().untagged(&Untagged::Status { mailbox, items: &items });
        Ok(())
    }
}
