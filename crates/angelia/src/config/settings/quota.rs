//! What accounts may hold.

use directory::Quota;
use mhs::mda::Full;

use super::reader::Reader;

/// Limits of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaSettings {
    /// Where the operator says nothing else of an account.
    pub rule: Quota,
    /// What senders hear.
    pub full: Full,
}

impl Reader<'_> {
    pub(super) fn quota(&mut self) -> QuotaSettings {
        // Neither can be nothing: that is what is read where nothing is said.
        let octets = Some(self.size("quota.storage")).filter(|octets| *octets > 0);
        let messages = u64::try_from(self.number("quota.messages")).ok().filter(|messages| *messages > 0);
        let full = if self.choice("quota.full") == Some("refuse") { Full::Refuse } else { Full::Later };
        QuotaSettings { rule: Quota { octets, messages }, full }
    }
}
