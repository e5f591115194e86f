//! UIDBATCHES (RFC 10022).

/// `UIDBATCHES`: how the mailbox is cut into pieces of so many messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UidBatches {
    /// Messages of one batch.
    pub size: u32,
    /// From which batch to which, both included; the first one, of the newest messages, is 1. `None`: all.
    pub range: Option<(u32, u32)>,
}
