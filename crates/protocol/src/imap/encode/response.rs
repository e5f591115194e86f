//! Untagged responses (RFC 3501 sections 7.1 to 7.4; RFC 6154).

use super::code::{Code, condition};
use super::quota::{self, QuotaResource};
use super::{list, mailbox, mailbox_in_utf8, number, number_set, ranges, string};
use crate::imap::command::{Flag, PartialRange, SpecialUse, StatusItem};

/// `flag-list`
pub fn flags(out: &mut Vec<u8>, flags: &[Flag]) {
    list(out, flags, |out, flag| {
        out.extend_from_slice(match flag {
            Flag::Answered => b"\\Answered",
            Flag::Flagged => b"\\Flagged",
            Flag::Deleted => b"\\Deleted",
            Flag::Seen => b"\\Seen",
            Flag::Draft => b"\\Draft",
            Flag::Recent => b"\\Recent",
            Flag::Keyword(keyword) => keyword.as_bytes(),
        });
    });
}

/// Attributes of a LIST or LSUB response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// It cannot be opened.
    NoSelect,
    /// There is no such mailbox (RFC 5258).
    NonExistent,
    /// It is subscribed to (RFC 5258).
    Subscribed,
    /// It cannot have children.
    NoInferiors,
    /// It has children (RFC 3348).
    HasChildren,
    /// It has none (RFC 3348).
    HasNoChildren,
    /// What it is for (RFC 6154).
    Use(SpecialUse),
}

impl Attribute {
    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSelect => "\\Noselect",
            Self::NonExistent => "\\NonExistent",
            Self::Subscribed => "\\Subscribed",
            Self::NoInferiors => "\\Noinferiors",
            Self::HasChildren => "\\HasChildren",
            Self::HasNoChildren => "\\HasNoChildren",
            Self::Use(one) => one.name(),
        }
    }
}

/// One line of LIST or LSUB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<'a> {
    /// In the order of writing.
    pub attributes: &'a [Attribute],
    /// In UTF-8. Empty for the answer that only tells the delimiter.
    pub name: &'a str,
    /// `("CHILDINFO" ("SUBSCRIBED"))`: something below it is subscribed to (RFC 5258 section 3.5).
    pub subscribed_below: bool,
}

/// An untagged response with data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untagged<'a> {
    /// `* OK [code] text`
    Ok(Option<Code<'a>>, &'a str),
    /// `* NO [code] text`: a warning.
    No(Option<Code<'a>>, &'a str),
    /// `* n EXISTS`
    Exists(u32),
    /// `* n RECENT`
    Recent(u32),
    /// `* n EXPUNGE`
    Expunge(u32),
    /// `* FLAGS (…)`
    Flags(&'a [Flag]),
    /// `* LIST (…) "/" name`
    List(Listed<'a>),
    /// `* LSUB (…) "/" name`
    Lsub(Listed<'a>),
    /// `* SEARCH n n n`, and `(MODSEQ n)` behind it (RFC 7162 section 3.1.6).
    Search(&'a [u32], Option<u64>),
    /// `* SORT n n n` (RFC 5256 section 4)
    Sort(&'a [u32]),
    /// `* ESEARCH …`
    ESearch(ESearch<'a>),
    /// `* ESEARCH …` with what has come to a result and what has left it (RFC 5267 section 4.3).
    Update(SearchUpdate<'a>),
    /// `* VANISHED uids` (RFC 7162 section 3.2.10)
    Vanished {
        /// `(EARLIER)`: not just now, and none of them counts in EXISTS.
        earlier: bool,
        /// Ascending, both ends included.
        uids: &'a [(u32, u32)],
    },
    /// `* UIDBATCHES (TAG "…") n:n,n:n` (RFC 10022): each from the higher UID to the lower one.
    UidBatches {
        /// Of the command.
        tag: &'a str,
        /// Descending.
        batches: &'a [(u32, u32)],
    },
    /// `* STATUS name (…)`
    Status {
        /// In UTF-8.
        mailbox: &'a str,
        /// What was asked for.
        items: &'a [(StatusItem, StatusValue<'a>)],
    },
    /// `* QUOTA root (…)` (RFC 9208 section 4.2.1)
    Quota {
        /// The quota root's name.
        root: &'a str,
        /// One at least.
        resources: &'a [QuotaResource],
    },
    /// `* QUOTAROOT name root` (RFC 9208 section 4.2.2)
    QuotaRoot {
        /// In UTF-8.
        mailbox: &'a str,
        /// The quota root that holds for it, if there is one.
        root: Option<&'a str>,
    },
    /// `* NAMESPACE (("" "/")) NIL NIL`: one personal namespace, nothing shared (RFC 2342).
    Namespace,
}

impl Untagged<'_> {
    /// The whole line, mailbox names in modified UTF-7.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_with(out, false);
    }

    /// The whole line; with `utf8`, mailbox names are in UTF-8.
    pub fn encode_with(&self, out: &mut Vec<u8>, utf8: bool) {
        out.extend_from_slice(b"* ");
        match self {
            Self::Ok(code, text) => condition(out, "OK", code.as_ref(), text),
            Self::No(code, text) => condition(out, "NO", code.as_ref(), text),
            Self::Exists(count) => counted(out, *count, " EXISTS"),
            Self::Recent(count) => counted(out, *count, " RECENT"),
            Self::Expunge(seq) => counted(out, *seq, " EXPUNGE"),
            Self::Flags(all) => {
                out.extend_from_slice(b"FLAGS ");
                flags(out, all);
            }
            Self::List(listed) => mailbox_line(out, "LIST ", listed, utf8),
            Self::Lsub(listed) => mailbox_line(out, "LSUB ", listed, utf8),
            Self::Search(numbers, modseq) => search(out, numbers, *modseq),
            Self::Sort(numbers) => {
                out.extend_from_slice(b"SORT");
                for value in *numbers {
                    out.push(b' ');
                    number(out, (*value).into());
                }
            }
            Self::ESearch(found) => found.encode(out, utf8),
            Self::Update(update) => update.encode(out, utf8),
            Self::Vanished { earlier, uids } => {
                out.extend_from_slice(if *earlier { b"VANISHED (EARLIER) " } else { b"VANISHED " });
                ranges(out, uids);
            }
            Self::UidBatches { tag, batches } => {
                out.extend_from_slice(b"UIDBATCHES (TAG ");
                string(out, tag.as_bytes());
                out.push(b')');
                for (index, (high, low)) in batches.iter().enumerate() {
                    out.push(if index == 0 { b' ' } else { b',' });
                    number(out, (*high).into());
                    out.push(b':');
                    number(out, (*low).into());
                }
            }
            Self::Status { mailbox: name, items } => {
                out.extend_from_slice(b"STATUS ");
                name_of(out, name, utf8);
                out.push(b' ');
                list(out, *items, |out, (item, value)| {
                    out.extend_from_slice(status_name(*item).as_bytes());
                    out.push(b' ');
                    value.encode(out);
                });
            }
            Self::Quota { root, resources } => quota::quota(out, root, resources),
            Self::QuotaRoot { mailbox, root } => quota::quota_root(out, mailbox, *root, utf8),
            Self::Namespace => out.extend_from_slice(b"NAMESPACE ((\"\" \"/\")) NIL NIL"),
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// `SEARCH *(SP number) [SP "(" "MODSEQ" SP n ")"]`; nothing found has no MODSEQ.
fn search(out: &mut Vec<u8>, numbers: &[u32], modseq: Option<u64>) {
    out.extend_from_slice(b"SEARCH");
    for value in numbers {
        out.push(b' ');
        number(out, (*value).into());
    }
    if let Some(modseq) = modseq.filter(|_| !numbers.is_empty()) {
        out.extend_from_slice(b" (MODSEQ ");
        number(out, modseq);
        out.push(b')');
    }
}

/// The value of a STATUS item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusValue<'a> {
    /// A number.
    Number(u64),
    /// An object id, in parentheses on the wire (RFC 8474 section 4.3).
    Id(&'a str),
}

impl StatusValue<'_> {
    fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Number(value) => number(out, value),
            Self::Id(id) => {
                out.push(b'(');
                out.extend_from_slice(id.as_bytes());
                out.push(b')');
            }
        }
    }
}

/// The answer to a SEARCH with RETURN (RFC 4731 section 3.1). What is `None` is not told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ESearch<'a> {
    /// Of the command.
    pub tag: &'a str,
    /// Which mailbox, and its UIDVALIDITY: for an ESEARCH command (RFC 7377 section 2.1).
    pub mailbox: Option<(&'a str, u32)>,
    /// The numbers are UIDs.
    pub uid: bool,
    /// The lowest.
    pub min: Option<u32>,
    /// The highest.
    pub max: Option<u32>,
    /// How many.
    pub count: Option<u32>,
    /// All, ascending. An empty list is not told.
    pub all: Option<&'a [u32]>,
    /// A page of them, in order (RFC 9394 section 3.1).
    pub partial: Option<(PartialRange, &'a [u32])>,
    /// How well each of those told matches (RFC 6203 section 4).
    pub relevancy: Option<&'a [u8]>,
    /// RFC 7162 section 3.1.10.
    pub modseq: Option<u64>,
}

/// How a result has changed (RFC 5267 section 4.3.2). Pairs of a position, 0 where only the mailbox's own order counts, and
/// numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchUpdate<'a> {
    /// Of the searching command.
    pub tag: &'a str,
    /// As in [`ESearch`].
    pub mailbox: Option<(&'a str, u32)>,
    /// The numbers are UIDs.
    pub uid: bool,
    /// What has left it, told first.
    pub removed: &'a [(u32, Vec<u32>)],
    /// What has come.
    pub added: &'a [(u32, Vec<u32>)],
}

impl SearchUpdate<'_> {
    fn encode(&self, out: &mut Vec<u8>, utf8: bool) {
        correlators(out, self.tag, self.mailbox, self.uid, utf8);
        for (name, pairs) in [(" REMOVEFROM ", self.removed), (" ADDTO ", self.added)] {
            if pairs.is_empty() {
                continue;
            }
            out.extend_from_slice(name.as_bytes());
            list(out, pairs, |out, (position, numbers)| {
                number(out, (*position).into());
                out.push(b' ');
                number_set(out, numbers);
            });
        }
    }
}

/// `"ESEARCH" search-correlator [SP "UID"]` (RFC 7377 section 4)
fn correlators(out: &mut Vec<u8>, tag: &str, mailbox: Option<(&str, u32)>, uid: bool, utf8: bool) {
    out.extend_from_slice(b"ESEARCH (TAG ");
    string(out, tag.as_bytes());
    if let Some((name, uid_validity)) = mailbox {
        out.extend_from_slice(b" MAILBOX ");
        name_of(out, name, utf8);
        out.extend_from_slice(b" UIDVALIDITY ");
        number(out, uid_validity.into());
    }
    out.extend_from_slice(if uid { b") UID" } else { b")" });
}

impl ESearch<'_> {
    fn encode(&self, out: &mut Vec<u8>, utf8: bool) {
        correlators(out, self.tag, self.mailbox, self.uid, utf8);
        let mut told = |name: &str, value: Option<u64>| {
            if let Some(value) = value {
                out.extend_from_slice(name.as_bytes());
                number(out, value);
            }
        };
        told(" MIN ", self.min.map(u64::from));
        told(" MAX ", self.max.map(u64::from));
        told(" COUNT ", self.count.map(u64::from));
        if let Some(all) = self.all.filter(|all| !all.is_empty()) {
            out.extend_from_slice(b" ALL ");
            number_set(out, all);
        }
        if let Some((range, page)) = self.partial {
            out.extend_from_slice(b" PARTIAL (");
            partial_range(out, range);
            out.push(b' ');
            if page.is_empty() {
                out.extend_from_slice(b"NIL")
            } else {
                number_set(out, page)
            }
            out.push(b')');
        }
        if let Some(scores) = self.relevancy {
            out.extend_from_slice(b" RELEVANCY ");
            list(out, scores, |out, score| number(out, (*score).into()));
        }
        if let Some(modseq) = self.modseq {
            out.extend_from_slice(b" MODSEQ ");
            number(out, modseq);
        }
    }
}

/// `partial-range`
pub(super) fn partial_range(out: &mut Vec<u8>, range: PartialRange) {
    let sign = if range.from_end { "-" } else { "" };
    out.extend_from_slice(format!("{sign}{}:{sign}{}", range.first, range.last).as_bytes());
}

fn counted(out: &mut Vec<u8>, count: u32, word: &str) {
    number(out, count.into());
    out.extend_from_slice(word.as_bytes());
}

fn name_of(out: &mut Vec<u8>, name: &str, utf8: bool) {
    if utf8 { mailbox_in_utf8(out, name) } else { mailbox(out, name) }
}

fn mailbox_line(out: &mut Vec<u8>, word: &str, listed: &Listed<'_>, utf8: bool) {
    out.extend_from_slice(word.as_bytes());
    list(out, listed.attributes, |out, attribute| out.extend_from_slice(attribute.name().as_bytes()));
    out.extend_from_slice(b" \"/\" ");
    if listed.name.is_empty() {
        string(out, b"")
    } else {
        name_of(out, listed.name, utf8)
    }
    if listed.subscribed_below {
        out.extend_from_slice(b" (\"CHILDINFO\" (\"SUBSCRIBED\"))");
    }
}

/// A STATUS item's name on the wire.
pub(super) fn status_name(item: StatusItem) -> &'static str {
    match item {
        StatusItem::Messages => "MESSAGES",
        StatusItem::Recent => "RECENT",
        StatusItem::UidNext => "UIDNEXT",
        StatusItem::UidValidity => "UIDVALIDITY",
        StatusItem::Unseen => "UNSEEN",
        StatusItem::HighestModSeq => "HIGHESTMODSEQ",
        StatusItem::Size => "SIZE",
        StatusItem::Deleted => "DELETED",
        StatusItem::DeletedStorage => "DELETED-STORAGE",
        StatusItem::AppendLimit => "APPENDLIMIT",
        StatusItem::MailboxId => "MAILBOXID",
    }
}
