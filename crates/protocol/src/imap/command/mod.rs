//! What a client can ask, as types: commands, data items, search keys, sequence sets, flags, mailbox names.
//!
//! Made by [`super::grammar`] and, for a client, turned back into bytes by [`super::encode::command`]. One file a family.

mod fetch;
mod flag;
mod mailbox;
mod search;
mod sequence;

pub use fetch::{Fetch, FetchItem, Partial, Section, SectionText};
pub use flag::{Flag, Store, StoreAction};
pub use mailbox::{Append, List, Mailbox, MailboxError, Pattern, Select, StatusItem};
pub use search::{Date, Search, SearchKey};
pub use sequence::{SeqNumber, SequenceSet, Transfer};

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
    Create(Mailbox),
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
    /// `FETCH`, `UID FETCH`.
    Fetch(Fetch),
    /// `STORE`, `UID STORE`.
    Store(Store),
    /// `COPY`, `UID COPY`.
    Copy(Transfer),
    /// `MOVE`, `UID MOVE` (RFC 6851).
    Move(Transfer),
}
