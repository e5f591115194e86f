//! The verbs on mailboxes as a client writes them.

use super::super::response::status_name;
use super::super::{list as listed, number, sequence_set, string};
use super::{named, word};
use crate::imap::command::{Create, List, Select, SetQuota, StatusItem};
use crate::imap::utf7;

/// `SELECT …`, `EXAMINE …`
pub(super) fn select(out: &mut Vec<u8>, select: &Select) {
    named(out, if select.read_only { "EXAMINE " } else { "SELECT " }, &select.mailbox);
    if !select.condstore && select.qresync.is_none() {
        return;
    }
    word(out, if select.condstore { " (CONDSTORE" } else { " (" });
    if let Some(known) = &select.qresync {
        word(out, if select.condstore { " QRESYNC (" } else { "QRESYNC (" });
        number(out, known.uid_validity.into());
        out.push(b' ');
        number(out, known.modseq);
        if let Some(uids) = &known.known_uids {
            out.push(b' ');
            sequence_set(out, uids);
        }
        if let Some((numbers, uids)) = &known.matches {
            word(out, " (");
            sequence_set(out, numbers);
            out.push(b' ');
            sequence_set(out, uids);
            out.push(b')');
        }
        out.push(b')');
    }
    out.push(b')');
}

/// `CREATE …`
pub(super) fn create(out: &mut Vec<u8>, create: &Create) {
    named(out, "CREATE ", &create.mailbox);
    if !create.uses.is_empty() {
        word(out, " (USE ");
        listed(out, &create.uses, |out, one| word(out, one.name()));
        word(out, ")");
    }
}

/// `SETQUOTA …`
pub(super) fn set_quota(out: &mut Vec<u8>, quota: &SetQuota) {
    word(out, "SETQUOTA ");
    string(out, &quota.root);
    out.push(b' ');
    listed(out, &quota.limits, |out, (name, limit)| {
        word(out, name);
        out.push(b' ');
        number(out, *limit);
    });
}

fn pattern(out: &mut Vec<u8>, pattern: &str) {
    string(out, utf7::encode(pattern).as_bytes());
}

/// `LSUB …`, which has one pattern only.
pub(super) fn lsub(out: &mut Vec<u8>, query: &List) {
    word(out, "LSUB ");
    pattern(out, &query.reference);
    out.push(b' ');
    pattern(out, query.patterns.first().map_or("", |pattern| pattern.0.as_str()));
}

/// `LIST …`
pub(super) fn list(out: &mut Vec<u8>, query: &List) {
    word(out, "LIST ");
    if query.extended {
        let options = [
            ("SUBSCRIBED", query.select.subscribed),
            ("REMOTE", query.select.remote),
            ("RECURSIVEMATCH", query.select.recursive),
            ("SPECIAL-USE", query.select.special_use),
        ];
        listed(out, options.iter().filter(|(_, asked)| *asked), |out, (name, _)| word(out, name));
        out.push(b' ');
    }
    pattern(out, &query.reference);
    out.push(b' ');
    match query.patterns.as_slice() {
        [one] => pattern(out, &one.0),
        several => listed(out, several, |out, one| pattern(out, &one.0)),
    }
    if query.extended {
        returns(out, query);
    }
}

fn returns(out: &mut Vec<u8>, query: &List) {
    let asked = &query.returns;
    let mut options: Vec<(&str, &[StatusItem])> = Vec::new();
    for (name, asked) in
        [("SUBSCRIBED", asked.subscribed), ("CHILDREN", asked.children), ("SPECIAL-USE", asked.special_use)]
    {
        options.extend(asked.then_some((name, &[][..])));
    }
    if !asked.status.is_empty() {
        options.push(("STATUS ", &asked.status));
    }
    word(out, " RETURN ");
    listed(out, options, |out, (name, items)| {
        word(out, name);
        if !items.is_empty() {
            listed(out, items, |out, item| word(out, status_name(*item)));
        }
    });
}
