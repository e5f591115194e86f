//! FETCH: what of which messages.

use super::search::PartialRange;
use super::sequence::SequenceSet;

/// One data item of FETCH (RFC 3501 section 6.4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    /// `ENVELOPE`.
    Envelope,
    /// `FLAGS`.
    Flags,
    /// `INTERNALDATE`.
    InternalDate,
    /// `RFC822`: `BODY[]` by its old name.
    Rfc822,
    /// `RFC822.HEADER`: `BODY.PEEK[HEADER]`.
    Rfc822Header,
    /// `RFC822.SIZE`.
    Rfc822Size,
    /// `RFC822.TEXT`: `BODY[TEXT]`.
    Rfc822Text,
    /// `BODY`: the structure without extension data.
    Body,
    /// `BODYSTRUCTURE`.
    BodyStructure,
    /// `UID`.
    Uid,
    /// `MODSEQ` (RFC 7162 section 3.1.5).
    ModSeq,
    /// `PREVIEW` (RFC 8970); `LAZY`, which nothing here needs, is passed over.
    Preview,
    /// `SAVEDATE` (RFC 8514).
    SaveDate,
    /// `BINARY[part]<partial>`: a part's content, decoded (RFC 3516 section 4.2).
    Binary {
        /// Part numbers from 1, outermost first; none for the message.
        part: Vec<u32>,
        /// `BINARY.PEEK`: does not set `\Seen`.
        peek: bool,
        /// Which octets of it.
        partial: Option<Partial>,
    },
    /// `BINARY.SIZE[part]`: how many octets that is.
    BinarySize(Vec<u32>),
    /// `EMAILID` (RFC 8474 section 5.1).
    EmailId,
    /// `THREADID` (RFC 8474 section 5.2).
    ThreadId,
    /// `BODY[section]<partial>`.
    Section {
        /// Which part.
        section: Section,
        /// `BODY.PEEK`: does not set `\Seen`.
        peek: bool,
        /// Which octets of it.
        partial: Option<Partial>,
    },
}

/// `[1.2.MIME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Part numbers from 1, outermost first.
    pub part: Vec<u32>,
    /// What of the part.
    pub text: SectionText,
}

/// What of a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SectionText {
    /// All of it.
    #[default]
    Whole,
    /// `HEADER`.
    Header,
    /// `HEADER.FIELDS (…)`, or `HEADER.FIELDS.NOT (…)`.
    HeaderFields {
        /// All but these.
        not: bool,
        /// Names as the client wrote them.
        names: Vec<String>,
    },
    /// `TEXT`.
    Text,
    /// `MIME`.
    Mime,
}

/// `<offset.octets>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// From 0.
    pub offset: u32,
    /// At least 1.
    pub octets: u32,
}

/// `FETCH` and `UID FETCH` (RFC 3501 section 6.4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The set is of UIDs.
    pub uid: bool,
    /// Which messages.
    pub set: SequenceSet,
    /// What of them; macros are written out.
    pub items: Vec<FetchItem>,
    /// `CHANGEDSINCE`: only messages whose MODSEQ is higher (RFC 7162 section 3.1.4.1).
    pub changed_since: Option<u64>,
    /// `VANISHED`: and those of the set that are gone since (RFC 7162 section 3.2.6).
    pub vanished: bool,
    /// `PARTIAL`: only these of the messages that there are (RFC 9394 section 3.2).
    pub page: Option<PartialRange>,
}
