//! A reader's account, open.

use envelope::{AccountId, MailboxId};
use storage::{Body, Stage};

use crate::{
    Append, Changes, Copied, Error, Expunged, Feed, Flags, Mailbox, Message, Placed, Selected, Status, StoreMode,
    Stored, UidSet, View,
};

/// A reader's account. Cheap to clone; holds no lock and no snapshot.
#[derive(Clone)]
pub struct Account {
    id: AccountId,
}

#[allow(unused_variables, clippy::unused_async, clippy::todo)]
impl Account {
    /// Whose.
    pub fn id(&self) -> AccountId {
        self.id
    }
    /// All mailboxes, in the order of their names, INBOX first.
    pub async fn list(&self) -> Result<Vec<Mailbox>, Error> {
        todo!()
    }
    /// Names subscribed to, whether or not such a mailbox stands (RFC 3501 section 6.3.9).
    pub async fn subscriptions(&self) -> Result<Vec<String>, Error> {
        todo!()
    }
    /// CREATE: makes missing parents too.
    pub async fn create(&self, name: &str) -> Result<MailboxId, Error> {
        todo!()
    }
    /// DELETE: the messages go; a mailbox with children stays as `\Noselect` (RFC 3501 section 6.3.4).
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        todo!()
    }
    /// RENAME: children follow; renaming INBOX moves its messages and leaves it empty (RFC 3501 section 6.3.5).
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        todo!()
    }
    /// SUBSCRIBE; the mailbox need not exist.
    pub async fn subscribe(&self, name: &str) -> Result<(), Error> {
        todo!()
    }
    /// UNSUBSCRIBE.
    pub async fn unsubscribe(&self, name: &str) -> Result<(), Error> {
        todo!()
    }
    /// STATUS, from counters.
    pub async fn status(&self, name: &str) -> Result<Status, Error> {
        todo!()
    }
    /// SELECT; with `claim_recent` (not EXAMINE) the session takes the new messages as its `\Recent`.
    pub async fn select(&self, name: &str, claim_recent: bool) -> Result<Selected, Error> {
        todo!()
    }
    /// The mailbox as it stands, by its key.
    pub async fn view(&self, mailbox: MailboxId) -> Result<View, Error> {
        todo!()
    }
    /// The first `count_max` messages of the set, in the order of their UIDs; go on with `uids.above(last)`.
    pub async fn messages(&self, mailbox: MailboxId, uids: &UidSet, count_max: usize) -> Result<Vec<Message>, Error> {
        todo!()
    }
    /// The bytes of a message.
    pub async fn body(&self, message: &Message) -> Result<Body, Error> {
        todo!()
    }
    /// Begins the body of an APPEND.
    pub fn stage(&self) -> Stage {
        todo!()
    }
    /// APPEND; several at once are all or nothing (RFC 3502).
    pub async fn append(&self, mailbox: &str, messages: Vec<Append>) -> Result<Vec<Placed>, Error> {
        todo!()
    }
    /// COPY: no bytes are copied. All or nothing.
    pub async fn copy(&self, from: MailboxId, uids: &UidSet, to: &str) -> Result<Copied, Error> {
        todo!()
    }
    /// MOVE (RFC 6851). All or nothing.
    pub async fn move_to(&self, from: MailboxId, uids: &UidSet, to: &str) -> Result<Copied, Error> {
        todo!()
    }
    /// STORE. With `unchanged_since`, messages whose MODSEQ is higher are left alone.
    pub async fn store_flags(
        &self,
        mailbox: MailboxId,
        uids: &UidSet,
        mode: StoreMode,
        flags: &Flags,
        unchanged_since: Option<u64>,
    ) -> Result<Stored, Error> {
        todo!()
    }
    /// EXPUNGE, or UID EXPUNGE with a set: removes what has `\Deleted`.
    pub async fn expunge(&self, mailbox: MailboxId, uids: Option<&UidSet>) -> Result<Expunged, Error> {
        todo!()
    }
    /// What POP3 QUIT and the webmail want: removes these, flagged or not.
    pub async fn remove(&self, mailbox: MailboxId, uids: &UidSet) -> Result<Expunged, Error> {
        todo!()
    }
    /// What happened since `modseq`.
    pub async fn changes(&self, mailbox: MailboxId, modseq: u64) -> Result<Changes, Error> {
        todo!()
    }
    /// Listens to changes of the account.
    pub fn feed(&self) -> Feed {
        todo!()
    }
}
