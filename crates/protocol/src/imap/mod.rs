//! IMAP4rev1 (RFC 3501), the server's side, as a sans-IO session.
//!
//! [`grammar`] turns one command's bytes into a [`Command`], [`encode`] turns typed answers into bytes, [`reader`]
//! finds where a command ends without ever holding more than its limit, and [`server`] is the session. The
//! extensions on board: LITERAL+ (RFC 7888), IDLE (2177), NAMESPACE (2342), ID (2971), UIDPLUS (4315),
//! CHILDREN (3348), UNSELECT (3691), SASL-IR (4959), ENABLE (5161), MOVE (6851), SPECIAL-USE (6154).
//!
//! The grammar knows no mailbox and no message; what a command means is the business of `access::imap`.

pub mod command;
pub mod encode;
pub mod grammar;
pub mod limits;
pub mod reader;
pub mod server;
pub mod structure;
pub mod utf7;

pub use command::{
    Append, Command, Date, Fetch, FetchItem, Flag, List, Mailbox, Partial, Pattern, Search, SearchKey, Section,
    SectionText, Select, SeqNumber, SequenceSet, StatusItem, Store, StoreAction, Transfer,
};
pub use server::{Config, Event, Server};
