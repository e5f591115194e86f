//! What a client can ask, as types: commands, data items, search keys, sequence sets, flags, mailbox names.
//!
//! Made by [`super::grammar`] and, for a client, turned back into bytes by [`super::encode::command`]. One file a family.

mod append;
mod batches;
mod fetch;
mod flag;
mod mailbox;
mod multi_search;
mod quota;
mod search;
mod sequence;
mod sort;

pub use append::{Append, AppendMessage, AppendStep, MessageUrl, Replaced};
pub use batches::UidBatches;
pub use fetch::{Fetch, FetchItem, Partial, Section, SectionText};
pub use flag::{Flag, Store, StoreAction};
pub use mailbox::{
    Create, List, ListReturn, ListSelect, Mailbox, MailboxError, Pattern, QResync, Select, SpecialUse, StatusItem,
};
pub use multi_search::{MailboxSource, MultiSearch};
pub use quota::SetQuota;
pub use search::{Date, PartialRange, Search, SearchKey, SearchReturn};
pub use sequence::{SeqNumber, SequenceSet, Transfer};
pub use sort::{Sort, SortBy, SortCriterion, Thread, ThreadAlgorithm};

use crate::sasl::Secret;

/// One command without its tag (RFC 3501 section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `CAPABILITY`.
    Capability,
    /// `NOOP`.
    Noop,
    /// `LOGOUT`.
    Logout,
    /// `STARTTLS`.
    StartTls,
    /// `AUTHENTICATE`, with the initial response of SASL-IR (RFC 4959) still in base 64.
    Authenticate {
        /// As the client wrote it, in upper case.
        mechanism: String,
        /// Base 64, or `=` for an empty one.
        initial: Option<Vec<u8>>,
    },
    /// `LOGIN`.
    Login {
        /// The user's name, bytes as sent.
        user: Vec<u8>,
        /// The password.
        password: Secret,
    },
    /// `ID` (RFC 2971); `None` is NIL.
    Id(Option<Vec<(String, Option<String>)>>),
    /// `ENABLE` (RFC 5161), names in upper case.
    Enable(Vec<String>),
    /// `NAMESPACE` (RFC 2342).
    Namespace,
    /// `SELECT`, `EXAMINE`.
    Select(Select),
    /// `CREATE`.
    Create(Create),
    /// `DELETE`.
    Delete(Mailbox),
    /// `RENAME`.
    Rename {
        /// The name it has.
        from: Mailbox,
        /// The name it shall have.
        to: Mailbox,
    },
    /// `SUBSCRIBE`.
    Subscribe(Mailbox),
    /// `UNSUBSCRIBE`.
    Unsubscribe(Mailbox),
    /// `LIST`.
    List(List),
    /// `LSUB`.
    Lsub(List),
    /// `STATUS`.
    Status {
        /// Which mailbox.
        mailbox: Mailbox,
        /// What about it.
        items: Vec<StatusItem>,
    },
    /// `GETQUOTA` (RFC 9208 section 4.1.2): a quota root's name.
    GetQuota(Vec<u8>),
    /// `GETQUOTAROOT` (RFC 9208 section 4.1.3).
    GetQuotaRoot(Mailbox),
    /// `SETQUOTA` (RFC 9208 section 4.1.1).
    SetQuota(SetQuota),
    /// `UNAUTHENTICATE` (RFC 8437).
    Unauthenticate,
    /// `COMPRESS DEFLATE` (RFC 4978).
    Compress,
    /// `IDLE` (RFC 2177).
    Idle,
    /// `CHECK`.
    Check,
    /// `CLOSE`.
    Close,
    /// `UNSELECT` (RFC 3691).
    Unselect,
    /// `EXPUNGE`, or `UID EXPUNGE` (RFC 4315) with a set.
    Expunge {
        /// Only these UIDs.
        uids: Option<SequenceSet>,
    },
    /// `SEARCH`, `UID SEARCH`.
    Search(Search),
    /// `ESEARCH` (RFC 7377).
    MultiSearch(MultiSearch),
    /// `CANCELUPDATE`: these searches are not kept up to date any more (RFC 5267 section 4.3.5).
    CancelUpdate(Vec<String>),
    /// `UIDBATCHES` (RFC 10022).
    UidBatches(UidBatches),
    /// `SORT`, `UID SORT` (RFC 5256).
    Sort(Sort),
    /// `THREAD`, `UID THREAD` (RFC 5256).
    Thread(Thread),
    /// `FETCH`, `UID FETCH`.
    Fetch(Fetch),
    /// `STORE`, `UID STORE`.
    Store(Store),
    /// `COPY`, `UID COPY`.
    Copy(Transfer),
    /// `MOVE`, `UID MOVE` (RFC 6851).
    Move(Transfer),
}

impl Command {
    /// Whether it tells that the client knows of MODSEQ (RFC 7162 section 3.1).
    pub fn enables_condstore(&self) -> bool {
        match self {
            Self::Select(select) => select.condstore || select.qresync.is_some(),
            Self::Status { items, .. } => items.contains(&StatusItem::HighestModSeq),
            Self::Fetch(fetch) => fetch.changed_since.is_some() || fetch.items.contains(&FetchItem::ModSeq),
            Self::Store(store) => store.unchanged_since.is_some(),
            Self::Search(search) => search.key.mentions_modseq(),
            Self::MultiSearch(order) => order.search.key.mentions_modseq(),
            Self::Sort(sort) => sort.key.mentions_modseq(),
            _ => false,
        }
    }

    /// Whether message sequence numbers stand in it, or would stand in its answer: what UIDONLY forbids (RFC 9586 section
    /// 3).
    pub fn uses_numbers(&self) -> bool {
        match self {
            Self::Select(select) => select.qresync.as_ref().is_some_and(|known| known.matches.is_some()),
            Self::Search(search) => !search.uid || search.key.mentions_numbers(),
            Self::MultiSearch(order) => order.search.key.mentions_numbers(),
            Self::Sort(sort) => !sort.uid || sort.key.mentions_numbers(),
            Self::Thread(thread) => !thread.uid || thread.key.mentions_numbers(),
            Self::Fetch(fetch) => !fetch.uid,
            Self::Store(store) => !store.uid,
            Self::Copy(transfer) | Self::Move(transfer) => !transfer.uid,
            _ => false,
        }
    }

    /// Whether it may only be sent after ENABLE QRESYNC (RFC 7162 sections 3.2.5 and 3.2.6).
    pub fn needs_qresync(&self) -> bool {
        match self {
            Self::Select(select) => select.qresync.is_some(),
            Self::Fetch(fetch) => fetch.vanished,
            _ => false,
        }
    }
}
