//! Commands as bytes: a client's side of [`crate::imap::grammar`], and what proves that the grammar reads what it
//! should (`decode(encode(x)) = x`).
//!
//! Literals are announced as synchronising: a client sends up to each announcement and waits.

mod fetch;
mod mailbox;
mod search;

use super::fetch::date_time;
use super::response::status_name;
use super::{flags, list, nstring, number, sequence_set, string};
use crate::imap::command::{
    Append, AppendMessage, AppendStep, Command, Mailbox, Replaced, SequenceSet, Store, StoreAction, Transfer,
    UidBatches,
};

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
        Command::Unauthenticate => word(out, "UNAUTHENTICATE"),
        Command::Compress => word(out, "COMPRESS DEFLATE"),
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
        Command::Select(select) => mailbox::select(out, select),
        Command::Create(create) => mailbox::create(out, create),
        Command::Delete(name) => named(out, "DELETE ", name),
        Command::Subscribe(name) => named(out, "SUBSCRIBE ", name),
        Command::Unsubscribe(name) => named(out, "UNSUBSCRIBE ", name),
        Command::Rename { from, to } => {
            named(out, "RENAME ", from);
            named(out, " ", to);
        }
        Command::List(query) => mailbox::list(out, query),
        Command::Lsub(query) => mailbox::lsub(out, query),
        Command::GetQuota(root) => {
            word(out, "GETQUOTA ");
            string(out, root);
        }
        Command::GetQuotaRoot(name) => named(out, "GETQUOTAROOT ", name),
        Command::SetQuota(quota) => mailbox::set_quota(out, quota),
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
        Command::Search(search) => search::search(out, search),
        Command::MultiSearch(order) => search::multi_search(out, order),
        Command::CancelUpdate(tags) => {
            word(out, "CANCELUPDATE");
            for tag in tags {
                out.push(b' ');
                string(out, tag.as_bytes());
            }
        }
        Command::UidBatches(UidBatches { size, range }) => {
            word(out, "UIDBATCHES ");
            number(out, (*size).into());
            if let Some((first, last)) = range {
                word(out, &format!(" {first}:{last}"));
            }
        }
        Command::Sort(sort) => search::sort(out, sort),
        Command::Thread(thread) => search::thread(out, thread),
        Command::Fetch(fetch) => fetch::fetch(out, fetch),
        Command::Store(store) => self::store(out, store),
        Command::Copy(transfer) => self::transfer(out, "COPY ", transfer),
        Command::Move(transfer) => self::transfer(out, "MOVE ", transfer),
        _ => {}
    }
}

fn store(out: &mut Vec<u8>, store: &Store) {
    numbered(out, store.uid, "STORE ", &store.set);
    if let Some(modseq) = store.unchanged_since {
        word(out, " (UNCHANGEDSINCE ");
        number(out, modseq);
        word(out, ")");
    }
    word(
        out,
        match store.action {
            StoreAction::Set => " FLAGS",
            StoreAction::Add => " +FLAGS",
            StoreAction::Remove => " -FLAGS",
        },
    );
    word(out, if store.silent { ".SILENT " } else { " " });
    flags(out, &store.flags);
}

fn transfer(out: &mut Vec<u8>, verb: &str, transfer: &Transfer) {
    numbered(out, transfer.uid, verb, &transfer.set);
    named(out, " ", &transfer.mailbox);
}

/// `APPEND …` or `REPLACE …` up to and with the announcement of its literal, without CRLF. Of a message by CATENATE, up to
/// its parts, which [`append_step`] writes.
pub fn append(out: &mut Vec<u8>, tag: &str, append: &Append) {
    out.extend_from_slice(tag.as_bytes());
    match append.replaces {
        None => word(out, " APPEND "),
        Some(Replaced { uid, number }) => {
            word(out, if uid { " UID" } else { "" });
            word(out, " REPLACE ");
            sequence_set(out, &SequenceSet::Ranges(vec![(number, number)]));
            out.push(b' ');
        }
    }
    named(out, "", &append.mailbox);
    append_message(out, &append.message);
}

/// ` (flags) "date" {octets}`: of the first message, or of one behind another. A message before it that was in
/// `UTF8 (…)` or `CATENATE (…)` is closed by the caller.
pub fn append_message(out: &mut Vec<u8>, message: &AppendMessage) {
    out.push(b' ');
    flags(out, &message.flags);
    if let Some(date) = message.date {
        out.push(b' ');
        date_time(out, date);
    }
    if message.catenate {
        return word(out, " CATENATE (");
    }
    word(out, if message.utf8 { " UTF8 (" } else { " " });
    announced(out, message.octets, message.literal8);
}

/// What follows in an APPEND: a message, or a part of the one before (without the space between two parts).
pub fn append_step(out: &mut Vec<u8>, step: &AppendStep) {
    match step {
        AppendStep::Message(message) => append_message(out, message),
        AppendStep::Url(url) => {
            word(out, "URL ");
            string(out, url);
        }
        AppendStep::Text { octets, utf8 } => {
            word(out, if *utf8 { "UTF8 (" } else { "TEXT " });
            announced(out, *octets, *utf8);
        }
    }
}

fn announced(out: &mut Vec<u8>, octets: u64, literal8: bool) {
    word(out, if literal8 { "~{" } else { "{" });
    number(out, octets);
    word(out, "}");
}

fn word(out: &mut Vec<u8>, word: &str) {
    out.extend_from_slice(word.as_bytes());
}

fn named(out: &mut Vec<u8>, verb: &str, name: &Mailbox) {
    word(out, verb);
    super::mailbox(out, name.as_str());
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
