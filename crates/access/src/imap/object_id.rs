//! Ids of mailboxes and messages that never change (OBJECTID, RFC 8474).

use envelope::MailboxId;
use mailstore::{Account, Message};

/// `MAILBOXID`: kept over a RENAME, never given again.
pub(super) fn mailbox_id(account: &Account, mailbox: MailboxId) -> String {
    format!("F{:x}-{:x}", account.id().0, mailbox.0)
}

/// `THREADID`; `None` where no thread is known.
pub(super) fn thread_id(message: &Message) -> Option<String> {
    message.thread.map(|thread| format!("T{thread:x}"))
}

/// `EMAILID`: copies share their bytes, and so their id.
pub(super) fn email_id(message: &Message) -> String {
    format!("M{:x}", message.body.0)
}
