//! SEARCH as a client writes it.

use super::super::{astring, list, number, sequence_set, string};
use super::word;
use crate::imap::command::{Date, Flag, Search, SearchKey};
use crate::imap::grammar::MONTHS;

/// `SEARCH …`
pub(super) fn search(out: &mut Vec<u8>, search: &Search) {
    word(out, if search.uid { "UID SEARCH" } else { "SEARCH" });
    if let Some(charset) = &search.charset {
        word(out, " CHARSET ");
        astring(out, charset.as_bytes());
    }
    out.push(b' ');
    search_key(out, &search.key);
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
