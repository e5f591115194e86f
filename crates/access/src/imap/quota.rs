//! QUOTA (RFC 9208): what the account holds, and may hold. There is one quota root, the account, with an empty name; none
//! where there is no limit. Limits are the operator's: SETQUOTA is nobody's.

use directory::Quota;
use mailstore::Usage;
use protocol::imap::Mailbox;
use protocol::imap::encode::{Code, QuotaResource, Untagged};

use super::talk::Talk;
use super::trouble::Trouble;

/// The account's quota root.
const ROOT: &str = "";

/// Octets in one unit of STORAGE (RFC 9208 section 5.1).
const UNIT: u64 = 1024;

impl Talk {
    pub(super) async fn get_quota(&mut self, root: &[u8]) -> Result<(), Trouble> {
        let (usage, quota) = self.account()?.usage().await?;
        let resources = resources(usage, quota);
        if root != ROOT.as_bytes() || resources.is_empty() {
            self.line.session().no(Some(&Code::Word("NONEXISTENT")), "There is no such quota root");
            return Ok(());
        }
        self.line.session().untagged(&Untagged::Quota { root: ROOT, resources: &resources });
        self.done(true, "GETQUOTA").await
    }

    /// The mailbox need not exist: it tells what would hold for it.
    pub(super) async fn get_quota_root(&mut self, mailbox: &Mailbox) -> Result<(), Trouble> {
        let (usage, quota) = self.account()?.usage().await?;
        let resources = resources(usage, quota);
        let session = self.line.session();
        let root = (!resources.is_empty()).then_some(ROOT);
        session.untagged(&Untagged::QuotaRoot { mailbox: mailbox.as_str(), root });
        if root.is_some() {
            session.untagged(&Untagged::Quota { root: ROOT, resources: &resources });
        }
        self.done(true, "GETQUOTAROOT").await
    }

    pub(super) fn set_quota(&mut self) {
        self.line.session().no(Some(&Code::Word("NOPERM")), "Limits are set by the operator");
    }
}

/// Those that have a limit. What is begun of a unit counts whole; of a limit, what is whole.
fn resources(usage: Usage, quota: Quota) -> Vec<QuotaResource> {
    let storage = quota.octets.map(|most| QuotaResource {
        name: "STORAGE",
        usage: usage.octets.div_ceil(UNIT),
        limit: most / UNIT,
    });
    let messages = quota.messages.map(|limit| QuotaResource { name: "MESSAGE", usage: usage.messages, limit });
    storage.into_iter().chain(messages).collect()
}
