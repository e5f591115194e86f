//! Commands as bytes: a client's side of [`crate::imap::grammar`], and what proves that the grammar reads what it
//! should (`decode(encode(x)) = x`).
//!
//! Literals are announced as synchronising: a client sends up to each announcement and waits.

use super::fetch::{date_time, section};
use super::response::status_name;
use super::{astring, flags, list, mailbox, nstring, number, sequence_set, string};
use crate::imap::command::{
    Append, Command, Date, FetchItem, Flag, List, Mailbox, SearchKey, SequenceSet, StoreAction,
};
use crate::imap::grammar::MONTHS;
use crate::imap::utf7;

/// `command`, with its last CRLF.
pub fn command(out: &mut Vec<u8>, tag: &str, command: &Command) {
    out.extend_from_slice(tag.as_bytes());
    out.push(b' ');
    match command {
        Command::Capability => word(out, "CAPABILITY"),
        Command::Noop => word(out, "NOOP"),
        Command::Logout => word(out, "LOGOUT"),
        Command::StartTls => word(out, "STARTTLS"),
        Command::Namespace => word(out, "NAMESPACE"),
        Command::Idle => word(out, "IDLE"),
        Command::Check => word(out, "CHECK"),
        Command::Close => word(out, "CLOSE"),
        Command::Unselect => word(out, "UNSELECT"),
        Command::Authenticate { mechanism, initial } => authenticate(out, mechanism, initial.as_deref()),
        Command::Login { user, password } => {
            word(out, "LOGIN ");
            string(out, user);
            out.push(b' ');
            string(out, password.expose());
        }
        Command::Id(pairs) => id(out, pairs.as_deref()),
        Command::Enable(names) => {
            word(out, "ENABLE");
            names.iter().for_each(|name| {
                out.push(b' ');
                word(out, name);
            });
        }
        Command::Select(name) => named(out, "SELECT ", name),
        Command::Examine(name) => named(out, "EXAMINE ", name),
        Command::Create(name) => named(out, "CREATE ", name),
        Command::Delete(name) => named(out, "DELETE ", name),
        Command::Subscribe(name) => named(out, "SUBSCRIBE ", name),
        Command::Unsubscribe(name) => named(out, "UNSUBSCRIBE ", name),
        Command::Rename { from, to } => {
            named(out, "RENAME ", from);
            named(out, " ", to);
        }
        Command::List(query) => listing(out, "LIST ", query),
        Command::Lsub(query) => listing(out, "LSUB ", query),
        Command::Status { mailbox, items } => {
            named(out, "STATUS ", mailbox);
            out.push(b' ');
            list(out, items, |out, item| word(out, status_name(*item)));
        }
        with_set => with_sequence_set(out, with_set),
    }
    out.extend_from_slice(b"\r\n");
}

/// The commands that name messages.
fn with_sequence_set(out: &mut Vec<u8>, command: &Command) {
    match command {
        Command::Expunge { uids: None } => word(out, "EXPUNGE"),
        Command::Expunge { uids: Some(set) } => numbered(out, true, "EXPUNGE ", set),
        Command::Search { uid, charset, key } => {
            word(out, if *uid { "UID SEARCH" } else { "SEARCH" });
            if let Some(charset) = charset {
                word(out, " CHARSET ");
                astring(out, charset.as_bytes());
            }
            out.push(b' ');
            search_key(out, key);
        }
        Command::Fetch { uid, set, items } => {
            numbered(out, *uid, "FETCH ", set);
            out.push(b' ');
            list(out, items, fetch_item);
        }
        Command::Store { uid, set, action, silent, flags: all } => {
            numbered(out, *uid, "STORE ", set);
            word(
                out,
                match action {
                    StoreAction::Set => " FLAGS",
                    StoreAction::Add => " +FLAGS",
                    StoreAction::Remove => " -FLAGS",
                },
            );
            word(out, if *silent { ".SILENT " } else { " " });
            flags(out, all);
        }
        Command::Copy { uid, set, mailbox } => {
            numbered(out, *uid, "COPY ", set);
            named(out, " ", mailbox);
        }
        Command::Move { uid, set, mailbox } => {
            numbered(out, *uid, "MOVE ", set);
            named(out, " ", mailbox);
        }
        _ => {}
    }
}

/// `APPEND …` up to and with the announcement of its literal, without CRLF.
pub fn append(out: &mut Vec<u8>, tag: &str, append: &Append) {
    out.extend_from_slice(tag.as_bytes());
    named(out, " APPEND ", &append.mailbox);
    out.push(b' ');
    flags(out, &append.flags);
    if let Some(date) = append.date {
        out.push(b' ');
        date_time(out, date);
    }
    word(out, " {");
    number(out, append.octets);
    word(out, "}");
}

fn word(out: &mut Vec<u8>, word: &str) {
    out.extend_from_slice(word.as_bytes());
}

fn named(out: &mut Vec<u8>, verb: &str, name: &Mailbox) {
    word(out, verb);
    mailbox(out, name.as_str());
}

fn numbered(out: &mut Vec<u8>, uid: bool, verb: &str, set: &SequenceSet) {
    word(out, if uid { "UID " } else { "" });
    word(out, verb);
    sequence_set(out, set);
}

fn authenticate(out: &mut Vec<u8>, mechanism: &str, initial: Option<&[u8]>) {
    word(out, "AUTHENTICATE ");
    word(out, mechanism);
    if let Some(initial) = initial {
        out.push(b' ');
        out.extend_from_slice(initial);
    }
}

fn id(out: &mut Vec<u8>, pairs: Option<&[(String, Option<String>)]>) {
    word(out, "ID ");
    match pairs {
        None => word(out, "NIL"),
        Some(pairs) => list(out, pairs, |out, (name, value)| {
            string(out, name.as_bytes());
            out.push(b' ');
            nstring(out, value.as_deref().map(str::as_bytes));
        }),
    }
}

fn listing(out: &mut Vec<u8>, verb: &str, query: &List) {
    word(out, verb);
    string(out, utf7::encode(&query.reference).as_bytes());
    // IMAP4rev1 has one pattern only.
    let pattern = query.patterns.first().map_or("", |pattern| pattern.0.as_str());
    out.push(b' ');
    string(out, utf7::encode(pattern).as_bytes());
}

fn fetch_item(out: &mut Vec<u8>, item: &FetchItem) {
    match item {
        FetchItem::Envelope => word(out, "ENVELOPE"),
        FetchItem::Flags => word(out, "FLAGS"),
        FetchItem::InternalDate => word(out, "INTERNALDATE"),
        FetchItem::Rfc822 => word(out, "RFC822"),
        FetchItem::Rfc822Header => word(out, "RFC822.HEADER"),
        FetchItem::Rfc822Size => word(out, "RFC822.SIZE"),
        FetchItem::Rfc822Text => word(out, "RFC822.TEXT"),
        FetchItem::Body => word(out, "BODY"),
        FetchItem::BodyStructure => word(out, "BODYSTRUCTURE"),
        FetchItem::Uid => word(out, "UID"),
        FetchItem::Section { section: which, peek, partial } => {
            word(out, if *peek { "BODY.PEEK" } else { "BODY" });
            section(out, which);
            if let Some(partial) = partial {
                out.push(b'<');
                number(out, partial.offset.into());
                out.push(b'.');
                number(out, partial.octets.into());
                out.push(b'>');
            }
        }
    }
}

fn search_key(out: &mut Vec<u8>, key: &SearchKey) {
    match key {
        SearchKey::And(keys) if keys.is_empty() => word(out, "ALL"),
        SearchKey::And(keys) => list(out, keys, search_key),
        SearchKey::Or(left, right) => {
            word(out, "OR ");
            search_key(out, left);
            out.push(b' ');
            search_key(out, right);
        }
        SearchKey::Not(key) => {
            word(out, "NOT ");
            search_key(out, key);
        }
        SearchKey::Sequence(set) => sequence_set(out, set),
        SearchKey::Uid(set) => {
            word(out, "UID ");
            sequence_set(out, set);
        }
        SearchKey::Flag(flag) => search_flag(out, flag),
        SearchKey::Header(name, text) => {
            word(out, "HEADER ");
            astring(out, name.as_bytes());
            out.push(b' ');
            string(out, text);
        }
        SearchKey::Body(text) => text_key(out, "BODY ", text),
        SearchKey::Text(text) => text_key(out, "TEXT ", text),
        SearchKey::Before(day) => date_key(out, "BEFORE ", *day),
        SearchKey::On(day) => date_key(out, "ON ", *day),
        SearchKey::Since(day) => date_key(out, "SINCE ", *day),
        SearchKey::SentBefore(day) => date_key(out, "SENTBEFORE ", *day),
        SearchKey::SentOn(day) => date_key(out, "SENTON ", *day),
        SearchKey::SentSince(day) => date_key(out, "SENTSINCE ", *day),
        SearchKey::Larger(octets) => size_key(out, "LARGER ", *octets),
        SearchKey::Smaller(octets) => size_key(out, "SMALLER ", *octets),
    }
}

fn search_flag(out: &mut Vec<u8>, flag: &Flag) {
    let name = match flag {
        Flag::Answered => "ANSWERED",
        Flag::Flagged => "FLAGGED",
        Flag::Deleted => "DELETED",
        Flag::Seen => "SEEN",
        Flag::Draft => "DRAFT",
        Flag::Recent => "RECENT",
        Flag::Keyword(keyword) => {
            word(out, "KEYWORD ");
            keyword
        }
    };
    word(out, name);
}

fn text_key(out: &mut Vec<u8>, name: &str, text: &[u8]) {
    word(out, name);
    string(out, text);
}

fn date_key(out: &mut Vec<u8>, name: &str, day: Date) {
    let month = MONTHS.get(usize::from(day.month).saturating_sub(1)).copied().unwrap_or("Jan");
    word(out, &format!("{name}{}-{month}-{:04}", day.day, day.year));
}

fn size_key(out: &mut Vec<u8>, name: &str, octets: u32) {
    word(out, name);
    number(out, octets.into());
}
