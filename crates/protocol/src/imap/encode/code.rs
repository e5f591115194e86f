//! Response codes, and the lines that carry them (RFC 3501 section 7.1; RFC 4315, 5530, 7162, 8474).

use super::{flags, list, number, number_set, string};
use crate::imap::command::Flag;

/// A response code, in brackets behind OK, NO, BAD, BYE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code<'a> {
    /// RFC 3501 section 7.1: a person should read the text.
    Alert,
    /// The charset of SEARCH is not spoken; these are.
    BadCharset(&'a [&'a str]),
    /// Capabilities, so that the client need not ask.
    Capability(&'a str),
    /// Flags that can be changed for good; `*` (new keywords) when `new_keywords`.
    PermanentFlags {
        /// Flags that there are.
        flags: &'a [Flag],
        /// Whether the client may invent more.
        new_keywords: bool,
    },
    /// The mailbox was opened for reading.
    ReadOnly,
    /// The mailbox was opened for writing.
    ReadWrite,
    /// The target does not exist, CREATE would help.
    TryCreate,
    /// The next UID.
    UidNext(u32),
    /// The mailbox's incarnation.
    UidValidity(u32),
    /// The first unseen message's sequence number.
    Unseen(u32),
    /// RFC 4315: where an appended message stands.
    AppendUid {
        /// The mailbox's incarnation.
        validity: u32,
        /// Its UIDs.
        uids: &'a [u32],
    },
    /// RFC 4315: which went where, in the same order.
    CopyUid {
        /// The target's incarnation.
        validity: u32,
        /// UIDs in the source.
        from: &'a [u32],
        /// UIDs in the target.
        to: &'a [u32],
    },
    /// RFC 7162 section 3.1.2.1: the highest MODSEQ of the mailbox.
    HighestModSeq(u64),
    /// RFC 7162 section 3.1.3: messages that a conditional STORE left alone, by the numbers that it named them by.
    Modified(&'a [u32]),
    /// RFC 8474 section 4: the mailbox's id.
    MailboxId(&'a str),
    /// RFC 6851 and 7162: the mailbox was closed.
    Closed,
    /// RFC 4469 section 4.1: the URL that made CATENATE fail. What the code may not hold is left out.
    BadUrl(&'a str),
    /// RFC 9738 section 3.1: a command was carried out on so many messages only, or on none.
    MessageLimit {
        /// The limit.
        max: u32,
        /// The lowest UID that the limit left in.
        lowest: Option<u32>,
    },
    /// RFC 5267 section 4.3.1: the search with this tag is not kept up to date.
    NoUpdate(&'a str),
    /// RFC 9585: a command goes on.
    InProgress {
        /// Whose tag it is.
        tag: &'a str,
        /// How many messages are done.
        done: Option<u32>,
        /// Of how many; only where it is known how many are done.
        goal: Option<u32>,
    },
    /// RFC 5530 and others: a word that stands for itself.
    Word(&'static str),
}

impl Code<'_> {
    /// The code without its brackets.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Alert => out.extend_from_slice(b"ALERT"),
            Self::BadCharset(charsets) => {
                out.extend_from_slice(b"BADCHARSET ");
                list(out, *charsets, |out, name| out.extend_from_slice(name.as_bytes()));
            }
            Self::Capability(list) => {
                out.extend_from_slice(b"CAPABILITY ");
                out.extend_from_slice(list.as_bytes());
            }
            Self::PermanentFlags { flags, new_keywords } => permanent_flags(out, flags, *new_keywords),
            Self::ReadOnly => out.extend_from_slice(b"READ-ONLY"),
            Self::ReadWrite => out.extend_from_slice(b"READ-WRITE"),
            Self::TryCreate => out.extend_from_slice(b"TRYCREATE"),
            Self::UidNext(uid) => numbered(out, "UIDNEXT ", *uid),
            Self::UidValidity(validity) => numbered(out, "UIDVALIDITY ", *validity),
            Self::Unseen(seq) => numbered(out, "UNSEEN ", *seq),
            Self::AppendUid { validity, uids } => {
                numbered(out, "APPENDUID ", *validity);
                out.push(b' ');
                number_set(out, uids);
            }
            Self::CopyUid { validity, from, to } => {
                numbered(out, "COPYUID ", *validity);
                out.push(b' ');
                number_set(out, from);
                out.push(b' ');
                number_set(out, to);
            }
            Self::HighestModSeq(modseq) => {
                out.extend_from_slice(b"HIGHESTMODSEQ ");
                number(out, *modseq);
            }
            Self::Modified(numbers) => {
                out.extend_from_slice(b"MODIFIED ");
                number_set(out, numbers);
            }
            Self::MailboxId(id) => {
                out.extend_from_slice(b"MAILBOXID (");
                out.extend_from_slice(id.as_bytes());
                out.push(b')');
            }
            Self::BadUrl(url) => {
                out.extend_from_slice(b"BADURL ");
                out.extend(url.bytes().filter(|octet| (0x20..0x7f).contains(octet) && *octet != b']'));
            }
            Self::MessageLimit { max, lowest } => {
                numbered(out, "MESSAGELIMIT ", *max);
                if let Some(lowest) = lowest {
                    numbered(out, " ", *lowest);
                }
            }
            Self::NoUpdate(tag) => {
                out.extend_from_slice(b"NOUPDATE ");
                string(out, tag.as_bytes());
            }
            Self::InProgress { tag, done, goal } => in_progress(out, tag, *done, *goal),
            Self::Closed => out.extend_from_slice(b"CLOSED"),
            Self::Word(word) => out.extend_from_slice(word.as_bytes()),
        }
    }
}

/// `"INPROGRESS" SP "(" (quoted / "NIL") SP (number / "NIL") SP (nz-number / "NIL") ")"` (RFC 9585 section 5)
fn in_progress(out: &mut Vec<u8>, tag: &str, done: Option<u32>, goal: Option<u32>) {
    out.extend_from_slice(b"INPROGRESS (");
    // The text of a code ends at `]`, whatever is quoted.
    if tag.is_empty() || tag.contains(']') {
        out.extend_from_slice(b"NIL")
    } else {
        string(out, tag.as_bytes())
    }
    let goal = goal.filter(|goal| done.is_some_and(|done| *goal > 0 && done <= *goal));
    for value in [done, goal] {
        match value {
            Some(value) => numbered(out, " ", value),
            None => out.extend_from_slice(b" NIL"),
        }
    }
    out.push(b')');
}

fn numbered(out: &mut Vec<u8>, name: &str, value: u32) {
    out.extend_from_slice(name.as_bytes());
    number(out, value.into());
}

fn permanent_flags(out: &mut Vec<u8>, all: &[Flag], new_keywords: bool) {
    out.extend_from_slice(b"PERMANENTFLAGS ");
    flags(out, all);
    if new_keywords {
        out.pop();
        if !all.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(b"\\*)");
    }
}

/// `OK [code] text`, without tag and line end. The text may come from anywhere: what would end the line is left out,
/// and what is not US-ASCII becomes `?`.
pub(crate) fn condition(out: &mut Vec<u8>, word: &str, code: Option<&Code<'_>>, text: &str) {
    out.extend_from_slice(word.as_bytes());
    out.push(b' ');
    if let Some(code) = code {
        out.push(b'[');
        code.encode(out);
        out.extend_from_slice(b"] ");
    }
    let before = out.len();
    out.extend(
        text.chars()
            .filter(|c| !c.is_control())
            .map(|c| u8::try_from(c).unwrap_or(b'?'))
            .map(|b| if b.is_ascii() { b } else { b'?' }),
    );
    if out.len() == before {
        out.push(b'-');
    }
}
