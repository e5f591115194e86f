//! Untagged responses (RFC 3501 sections 7.1 to 7.4; RFC 6154).

use super::code::{Code, condition};
use super::{list, mailbox, number, string};
use crate::imap::command::{Flag, StatusItem};

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
    /// It cannot have children.
    NoInferiors,
    /// It has children (RFC 3348).
    HasChildren,
    /// It has none (RFC 3348).
    HasNoChildren,
    /// RFC 6154.
    All,
    /// RFC 6154.
    Archive,
    /// RFC 6154.
    Drafts,
    /// RFC 6154.
    Flagged,
    /// RFC 6154.
    Junk,
    /// RFC 6154.
    Sent,
    /// RFC 6154.
    Trash,
}

impl Attribute {
    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSelect => "\\Noselect",
            Self::NoInferiors => "\\Noinferiors",
            Self::HasChildren => "\\HasChildren",
            Self::HasNoChildren => "\\HasNoChildren",
            Self::All => "\\All",
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Flagged => "\\Flagged",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
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
    /// `* SEARCH n n n`
    Search(&'a [u32]),
    /// `* STATUS name (…)`
    Status {
        /// In UTF-8.
        mailbox: &'a str,
        /// What was asked for.
        items: &'a [(StatusItem, u64)],
    },
    /// `* NAMESPACE (("" "/")) NIL NIL`: one personal namespace, nothing shared (RFC 2342).
    Namespace,
}

impl Untagged<'_> {
    /// The whole line.
    pub fn encode(&self, out: &mut Vec<u8>) {
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
            Self::List(listed) => mailbox_line(out, "LIST ", listed),
            Self::Lsub(listed) => mailbox_line(out, "LSUB ", listed),
            Self::Search(numbers) => {
                out.extend_from_slice(b"SEARCH");
                for value in *numbers {
                    out.push(b' ');
                    number(out, (*value).into());
                }
            }
            Self::Status { mailbox: name, items } => {
                out.extend_from_slice(b"STATUS ");
                mailbox(out, name);
                out.push(b' ');
                list(out, *items, |out, (item, value)| {
                    out.extend_from_slice(status_name(*item).as_bytes());
                    out.push(b' ');
                    number(out, *value);
                });
            }
            Self::Namespace => out.extend_from_slice(b"NAMESPACE ((\"\" \"/\")) NIL NIL"),
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn counted(out: &mut Vec<u8>, count: u32, word: &str) {
    number(out, count.into());
    out.extend_from_slice(word.as_bytes());
}

fn mailbox_line(out: &mut Vec<u8>, word: &str, listed: &Listed<'_>) {
    out.extend_from_slice(word.as_bytes());
    list(out, listed.attributes, |out, attribute| out.extend_from_slice(attribute.name().as_bytes()));
    out.extend_from_slice(b" \"/\" ");
    if listed.name.is_empty() { string(out, b"") } else { mailbox(out, listed.name) }
}

/// A STATUS item's name on the wire.
pub(super) fn status_name(item: StatusItem) -> &'static str {
    match item {
        StatusItem::Messages => "MESSAGES",
        StatusItem::Recent => "RECENT",
        StatusItem::UidNext => "UIDNEXT",
        StatusItem::UidValidity => "UIDVALIDITY",
        StatusItem::Unseen => "UNSEEN",
    }
}
