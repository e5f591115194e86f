//! STATUS (RFC 3501 section 6.3.10): from counters, no message is looked at.

use protocol::imap::encode::Untagged;
use protocol::imap::{Mailbox, StatusItem};

use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    pub(super) async fn status(&mut self, mailbox: &Mailbox, items: &[StatusItem]) -> Result<(), Trouble> {
        let status = self.account()?.status(mailbox.as_str()).await?;
        let value = |item: &StatusItem| match item {
            StatusItem::Messages => status.messages,
            StatusItem::Recent => status.recent,
            StatusItem::UidNext => status.uid_next,
            StatusItem::UidValidity => status.uid_validity,
            StatusItem::Unseen => status.unseen,
        };
        let items: Vec<(StatusItem, u64)> = items.iter().map(|item| (*item, value(item).into())).collect();
        self.line.session().untagged(&Untagged::Status { mailbox: mailbox.as_str(), items: &items });
        self.done(true, "STATUS").await
    }
}
