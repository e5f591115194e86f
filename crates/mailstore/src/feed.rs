//! The feed of changes: one broadcast per account, for IDLE, the webmail and push.
//!
//! A hint says where to look, never what happened; the truth is MODSEQ. Hints may be lost (a slow listener, another
//! process): then [`Hint::LookAgain`] comes, at the latest with the next poll. So memory is bounded whatever happens.

use envelope::MailboxId;

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Messages or flags of this mailbox changed.
    Mailbox(MailboxId),
    /// Mailboxes came, went or changed their names.
    List,
    /// Something changed somewhere in the account.
    LookAgain,
}

/// A subscription to one account's changes. It ends when dropped.
pub struct Feed {}

impl Feed {
    /// Waits for the next hint. Cancel-safe.
    pub async fn next(&mut self) -> Hint {
        std::future::pending().await
    }
}
