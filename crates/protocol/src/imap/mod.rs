//! IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051), the server's side, as a sans-IO session.
//!
//! [`grammar`] turns one command's bytes into a [`Command`], [`encode`] turns typed answers into bytes, [`reader`]
//! finds where a command ends without ever holding more than its limit, and [`server`] is the session. The
//! extensions on board: LITERAL+ (RFC 7888), IDLE (2177), NAMESPACE (2342), ID (2971), UIDPLUS (4315),
//! CHILDREN (3348), UNSELECT (3691), SASL-IR (4959), ENABLE (5161), MOVE (6851), SPECIAL-USE and CREATE-SPECIAL-USE (6154),
//! CONDSTORE and QRESYNC (7162), ESEARCH (4731), SEARCHRES (5182), WITHIN (5032), LIST-EXTENDED (5258), LIST-STATUS (5819),
//! STATUS=SIZE (8438), APPENDLIMIT (7889), OBJECTID (8474), UNAUTHENTICATE (8437), MULTIAPPEND (3502), BINARY
//! (3516), UTF8=ACCEPT (6855), COMPRESS=DEFLATE (4978), PREVIEW (8970), SAVEDATE
//! (8514), SORT and THREAD (5256), SORT=DISPLAY (5957), ESORT (5267), PARTIAL (9394), REPLACE (8508), CATENATE (4469), URL-PARTIAL (5550),
//! UIDONLY (9586), UIDBATCHES (10022), MESSAGELIMIT and SAVELIMIT (9738), INPROGRESS (9585), QUOTA (9208),
//! SEARCH=FUZZY (6203), MULTISEARCH (7377), CONTEXT=SEARCH and CONTEXT=SORT (5267).
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
    Append, AppendMessage, AppendStep, Command, Create, Date, Fetch, FetchItem, Flag, List, ListReturn, ListSelect,
    Mailbox, MailboxSource, MessageUrl, MultiSearch, Partial, PartialRange, Pattern, QResync, Replaced, Search,
    SearchKey, SearchReturn, Section, SectionText, Select, SeqNumber, SequenceSet, SetQuota, Sort, SortBy,
    SortCriterion, SpecialUse, StatusItem, Store, StoreAction, Thread, ThreadAlgorithm, Transfer, UidBatches,
};
pub use server::{Config, Enabled, Event, Server};
