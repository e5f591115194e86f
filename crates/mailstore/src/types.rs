//! What the Message Store hands out: mailboxes, messages, views, changes.

use std::sync::Arc;

use envelope::{AccountId, MailId, MailboxId, Timestamp};
use message::digest::Digest;
use storage::BodyId;

use crate::{Entries, FlagBits, Keywords, UidSet};

/// What a mailbox is for (RFC 6154).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `\Drafts`
    Drafts,
    /// `\Sent`
    Sent,
    /// `\Junk`
    Junk,
    /// `\Trash`
    Trash,
    /// `\Archive`
    Archive,
}

/// One line of LIST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Its key.
    pub id: MailboxId,
    /// UTF-8, levels parted by `/`. INBOX is always written `INBOX`.
    pub name: String,
    /// False for a name that only holds children (`\Noselect`).
    pub selectable: bool,
    /// Whether mailboxes stand below it (`\HasChildren`).
    pub has_children: bool,
    /// Whether the reader subscribed to it.
    pub subscribed: bool,
    /// What it is for.
    pub role: Option<Role>,
}

/// What STATUS tells (RFC 3501 section 6.3.10, RFC 8438 SIZE). Kept as counters: no scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its key.
    pub id: MailboxId,
    /// Messages in it.
    pub messages: u32,
    /// Messages that no session has claimed as `\Recent` yet.
    pub recent: u32,
    /// Messages without `\Seen`.
    pub unseen: u32,
    /// Octets of all messages.
    pub octets: u64,
    /// The next UID.
    pub uid_next: u32,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// Highest MODSEQ (RFC 7162).
    pub modseq: u64,
}

/// One message of a [`View`]: what FLAGS, UID and MODSEQ need and nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// UID.
    pub uid: u32,
    /// MODSEQ.
    pub modseq: u64,
    /// Flags.
    pub flags: FlagBits,
}

/// A mailbox at one moment: message n stands at place n - 1. Shared, so a clone costs nothing.
#[derive(Debug, Clone)]
pub struct View {
    /// Which mailbox.
    pub mailbox: MailboxId,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// The next UID.
    pub uid_next: u32,
    /// Highest MODSEQ: where [`crate::Account::changes`] goes on.
    pub modseq: u64,
    /// The names behind the flag bits.
    pub keywords: Keywords,
    /// In the order of their UIDs.
    pub entries: Entries,
}

/// What SELECT finds.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The messages.
    pub view: View,
    /// Messages from this UID on, and below `recent_until`, are `\Recent` in this session and in no other.
    pub recent_from: u32,
    /// Where the claim ends.
    pub recent_until: u32,
}

/// A message row: what a body needs to be fetched, and INTERNALDATE and RFC822.SIZE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// UID.
    pub uid: u32,
    /// MODSEQ.
    pub modseq: u64,
    /// Flags.
    pub flags: FlagBits,
    /// INTERNALDATE.
    pub internal_date: Timestamp,
    /// RFC822.SIZE.
    pub octets: u64,
    /// Its bytes. Copies share them, and a rebuild brings them back under the same name, so it also serves as EMAILID (RFC
    /// 8474).
    pub body: BodyId,
    /// The letter that it was delivered as; none for what a reader appended.
    pub mail: Option<MailId>,
    /// When it came into this mailbox (SAVEDATE, RFC 8514); none for what came before that was kept.
    pub saved: Option<Timestamp>,
    /// The letters that it belongs to have the same (THREADID, RFC 8474). None: nobody has asked yet
    /// ([`crate::Account::find_threads`]), or its body cannot be read.
    pub thread: Option<i64>,
}

/// A message row, and what lists show of the message.
#[derive(Debug)]
pub struct Summary {
    /// The row.
    pub message: Message,
    /// The digest, or why its body cannot be read.
    pub digest: Result<Digest, crate::Error>,
}

/// A letter to be put into a mailbox, in the transaction that accepts it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Whose.
    pub account: AccountId,
    /// Into which mailbox; INBOX when `None`, and when there is none of that name.
    pub mailbox: Option<String>,
    /// The mailbox was named by a stranger (`anna+Trash`): one that has a role is none for him, and it goes into INBOX.
    pub named_by_sender: bool,
    /// The letter's id: delivering it again to the same mailbox changes nothing.
    pub mail: MailId,
    /// Its bytes; the transaction has kept them with one reference for this delivery.
    pub body: BodyId,
    /// How many.
    pub octets: u64,
    /// INTERNALDATE: when it arrived.
    pub internal_date: Timestamp,
    /// System flags to start with, mostly none.
    pub flags: u64,
    /// Of its bytes, where it is known ([`crate::digest_of`]); otherwise it is made when it is first asked for.
    pub digest: Option<Arc<Digest>>,
}

/// Where a letter stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Whose.
    pub account: AccountId,
    /// In which mailbox.
    pub mailbox: MailboxId,
    /// Its name.
    pub name: String,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UID.
    pub uid: u32,
    /// MODSEQ.
    pub modseq: u64,
    /// It stood there before: this delivery was a repetition, and nobody hears of it again.
    pub duplicate: bool,
}

/// What APPEND brings.
#[derive(Debug, Clone)]
pub struct Append {
    /// From [`crate::Account::stage`].
    pub body: storage::StagedBody,
    /// Octets of it.
    pub octets: u64,
    /// INTERNALDATE; now when `None`.
    pub internal_date: Option<Timestamp>,
    /// Flags to start with.
    pub flags: crate::Flags,
    /// As in [`Delivery::digest`].
    pub digest: Option<Arc<Digest>>,
}

/// What COPY or MOVE did (COPYUID, RFC 4315).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The target.
    pub mailbox: MailboxId,
    /// UIDVALIDITY of the target.
    pub uid_validity: u32,
    /// (UID there before, UID in the target), ascending.
    pub uids: Vec<(u32, u32)>,
    /// After a MOVE: the source's MODSEQ. After a COPY: none.
    pub source_modseq: Option<u64>,
}

/// What STORE did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The mailbox's MODSEQ now.
    pub modseq: u64,
    /// Messages whose flags changed, with what they are now.
    pub changed: Vec<Entry>,
    /// Messages left alone since they had changed after `unchanged_since` (RFC 7162 section 3.1.3).
    pub modified: UidSet,
    /// The names behind the bits.
    pub keywords: Keywords,
}

/// What EXPUNGE did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expunged {
    /// The mailbox's MODSEQ now.
    pub modseq: u64,
    /// What is gone.
    pub uids: UidSet,
}

/// What is gone since a MODSEQ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vanished {
    /// These UIDs; some may never have been seen by the asker.
    Uids(UidSet),
    /// Too long ago to tell: everything that is not in the mailbox now. Take a new [`View`].
    Unknown,
}

/// What happened in a mailbox since a MODSEQ.
#[derive(Debug, Clone)]
pub struct Changes {
    /// Up to here.
    pub modseq: u64,
    /// The next UID.
    pub uid_next: u32,
    /// New messages and messages with new flags, in the order of their UIDs.
    pub changed: Vec<Entry>,
    /// Expunged messages.
    pub vanished: Vanished,
    /// The names behind the bits.
    pub keywords: Keywords,
}
