//! SEARCH as a client writes it.

use super::super::response::partial_range;
use super::super::{astring, list, mailbox, number, sequence_set, string};
use super::word;
use crate::imap::command::{
    Date, Flag, Mailbox, MailboxSource, MultiSearch, Search, SearchKey, SearchReturn, Sort, SortBy, Thread,
    ThreadAlgorithm,
};
use crate::imap::grammar::MONTHS;

/// `SEARCH …`
pub(super) fn search(out: &mut Vec<u8>, search: &Search) {
    word(out, if search.uid { "UID SEARCH" } else { "SEARCH" });
    program(out, search);
}

/// `ESEARCH …`
pub(super) fn multi_search(out: &mut Vec<u8>, order: &MultiSearch) {
    word(out, "ESEARCH");
    if !order.sources.is_empty() {
        word(out, " IN ");
        list(out, &order.sources, |out, source| match source {
            MailboxSource::Selected => word(out, "selected"),
            MailboxSource::Inboxes => word(out, "inboxes"),
            MailboxSource::Personal => word(out, "personal"),
            MailboxSource::Subscribed => word(out, "subscribed"),
            MailboxSource::Subtree(names) => mailboxes(out, "subtree ", names),
            MailboxSource::SubtreeOne(names) => mailboxes(out, "subtree-one ", names),
            MailboxSource::Mailboxes(names) => mailboxes(out, "mailboxes ", names),
        });
    }
    program(out, &order.search);
}

fn mailboxes(out: &mut Vec<u8>, kind: &str, names: &[Mailbox]) {
    word(out, kind);
    match names {
        [one] => mailbox(out, one.as_str()),
        several => list(out, several, |out, one| mailbox(out, one.as_str())),
    }
}

fn program(out: &mut Vec<u8>, search: &Search) {
    returns(out, search.returns.as_ref());
    if let Some(charset) = &search.charset {
        word(out, " CHARSET ");
        astring(out, charset.as_bytes());
    }
    out.push(b' ');
    search_key(out, &search.key);
}

fn returns(out: &mut Vec<u8>, returns: Option<&SearchReturn>) {
    let Some(returns) = returns else { return };
    word(out, " RETURN ");
    let options = [
        ("MIN", returns.min),
        ("MAX", returns.max),
        ("ALL", returns.all),
        ("COUNT", returns.count),
        ("SAVE", returns.save),
        ("RELEVANCY", returns.relevancy),
        ("UPDATE", returns.update),
        ("CONTEXT", returns.context),
    ];
    list(out, options.iter().filter(|(_, asked)| *asked), |out, (name, _)| word(out, name));
    if let Some(range) = returns.partial {
        out.pop();
        word(out, if out.ends_with(b"(") { "PARTIAL " } else { " PARTIAL " });
        partial_range(out, range);
        out.push(b')');
    }
}

/// `SORT …`
pub(super) fn sort(out: &mut Vec<u8>, sort: &Sort) {
    word(out, if sort.uid { "UID SORT" } else { "SORT" });
    returns(out, sort.returns.as_ref());
    out.push(b' ');
    list(out, &sort.criteria, |out, criterion| {
        word(out, if criterion.reverse { "REVERSE " } else { "" });
        word(
            out,
            match criterion.by {
                SortBy::Arrival => "ARRIVAL",
                SortBy::Cc => "CC",
                SortBy::Date => "DATE",
                SortBy::From => "FROM",
                SortBy::Size => "SIZE",
                SortBy::Subject => "SUBJECT",
                SortBy::To => "TO",
                SortBy::DisplayFrom => "DISPLAYFROM",
                SortBy::DisplayTo => "DISPLAYTO",
                SortBy::Relevancy => "RELEVANCY",
            },
        );
    });
    in_charset(out, &sort.charset, &sort.key);
}

/// `THREAD …`
pub(super) fn thread(out: &mut Vec<u8>, thread: &Thread) {
    word(out, if thread.uid { "UID THREAD " } else { "THREAD " });
    word(
        out,
        match thread.algorithm {
            ThreadAlgorithm::OrderedSubject => "ORDEREDSUBJECT",
            ThreadAlgorithm::References => "REFERENCES",
        },
    );
    in_charset(out, &thread.charset, &thread.key);
}

fn in_charset(out: &mut Vec<u8>, charset: &str, key: &SearchKey) {
    out.push(b' ');
    astring(out, charset.as_bytes());
    out.push(b' ');
    search_key(out, key);
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
        SearchKey::Fuzzy(key) => {
            word(out, "FUZZY ");
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
        SearchKey::ModSeq(modseq) => {
            word(out, "MODSEQ ");
            number(out, *modseq);
        }
        SearchKey::SavedBefore(day) => date_key(out, "SAVEDBEFORE ", *day),
        SearchKey::SavedOn(day) => date_key(out, "SAVEDON ", *day),
        SearchKey::SavedSince(day) => date_key(out, "SAVEDSINCE ", *day),
        SearchKey::SaveDateSupported => word(out, "SAVEDATESUPPORTED"),
        SearchKey::Older(seconds) => size_key(out, "OLDER ", *seconds),
        SearchKey::Younger(seconds) => size_key(out, "YOUNGER ", *seconds),
        SearchKey::EmailId(id) => word(out, &format!("EMAILID {id}")),
        SearchKey::UidAfter(uid) => size_key(out, "UIDAFTER ", *uid),
        SearchKey::UidBefore(uid) => size_key(out, "UIDBEFORE ", *uid),
        SearchKey::ThreadId(id) => word(out, &format!("THREADID {id}")),
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
