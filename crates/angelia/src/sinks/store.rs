//! The journal's tables: rows of entries by day, and the keys that find them.
//!
//! Everything begins with the day (days since 1970, UTC), so that old days are deleted from one end and a search is one
//! look a day. A key is kept as a number of 64 bits; whoever reads a row checks that it really has the key.

use std::collections::BTreeSet;
use std::sync::Arc;

use envelope::{Address, MailId, SessionId, Timestamp};
use journal::{Entry, Event};
use storage::{Error, Migrations, Query, Transaction, Value};

use super::limits::{FOUND_ROWS_MAX, PRUNE_ROWS_MAX};

/// The tables of the area `journal`.
pub(crate) const MIGRATIONS: Migrations = Migrations {
    area: "journal",
    steps: &["CREATE TABLE journal_row (
            day BIGINT NOT NULL, row_id BYTEA NOT NULL, entries TEXT NOT NULL,
            PRIMARY KEY (day, row_id)
        ) /* clustered */;
        CREATE TABLE journal_key (
            day BIGINT NOT NULL, hash BIGINT NOT NULL, row_id BYTEA NOT NULL,
            PRIMARY KEY (day, hash, row_id)
        ) /* clustered */"],
};

/// One row to write: entries of one connection or of one letter, as a JSON array.
#[derive(Debug, Clone)]
pub(super) struct NewRow {
    pub(super) day: i64,
    pub(super) id: [u8; 16],
    pub(super) entries: String,
    pub(super) keys: BTreeSet<Key>,
}

/// What a row can be found by, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(i64);

impl Key {
    pub(super) fn session(session: SessionId) -> Self {
        Self::of(b's', &session.to_string())
    }

    pub(super) fn mail(mail: MailId) -> Self {
        Self::of(b'm', &mail.to_string())
    }

    /// An address, or what somebody claimed to be one; case does not count.
    pub(super) fn address(text: &str) -> Self {
        Self::of(b'a', &text.to_lowercase())
    }

    /// With or without angle brackets.
    pub(super) fn message_id(text: &str) -> Self {
        Self::of(b'i', text.trim_start_matches('<').trim_end_matches('>'))
    }

    /// FNV-1a of 64 bits: it only has to spread.
    fn of(kind: u8, text: &str) -> Self {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = std::iter::once(kind).chain(text.bytes()).fold(0xcbf2_9ce4_8422_2325, mix);
        Self(hash.cast_signed())
    }
}

/// Every key of an entry.
pub(super) fn keys(entry: &Entry) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    keys.extend(entry.session.map(Key::session));
    keys.extend(entry.mail.map(Key::mail));
    let mut add = |address: &Address| {
        keys.insert(Key::address(&address.to_string()));
    };
    match &entry.event {
        Event::Accepted { reverse_path, recipients, message_id, .. } => {
            reverse_path.address().into_iter().chain(recipients).for_each(&mut add);
            if !message_id.is_empty() {
                keys.insert(Key::message_id(message_id));
            }
        }
        Event::Delivered { recipient, account, .. } => [recipient, account].into_iter().for_each(&mut add),
        Event::Queued { recipient, .. } | Event::Attempt { recipient, .. } => add(recipient),
        Event::SentOn { by, recipient, reverse_path, letter, carried_as } => {
            [by, recipient].into_iter().chain(reverse_path.address()).for_each(&mut add);
            keys.extend([Key::mail(*letter), Key::mail(*carried_as)]);
        }
        Event::Circle { recipient } => add(recipient),
        Event::Notified { to, about, .. } => to.address().into_iter().chain(about).for_each(&mut add),
        Event::SignedIn { account, .. } => add(account),
        Event::Operator { recipient, .. } => recipient.iter().for_each(&mut add),
        Event::SignInRefused { user, .. } => {
            keys.insert(Key::address(user));
        }
        Event::Rejected { subject, .. } => {
            keys.insert(Key::address(subject.trim_start_matches('<').trim_end_matches('>')));
        }
        _ => {}
    }
    keys
}

/// The day of a moment.
pub(super) fn day(at: Timestamp) -> i64 {
    at.seconds().div_euclid(86_400)
}

/// Writes rows; may run again.
pub(super) fn insert(tx: &dyn Transaction, rows: &Arc<Vec<NewRow>>) -> Result<(), Error> {
    for row in rows.iter() {
        tx.execute(
            "INSERT INTO journal_row (day, row_id, entries) VALUES ($1, $2, $3)",
            &[row.day.into(), row.id.into(), row.entries.as_str().into()],
        )?;
        for key in &row.keys {
            tx.execute(
                "INSERT INTO journal_key (day, hash, row_id) VALUES ($1, $2, $3)",
                &[row.day.into(), key.0.into(), row.id.into()],
            )?;
        }
    }
    Ok(())
}

/// Deletes some of what is older than `before`; answers whether there may be more.
pub(super) fn prune(tx: &dyn Transaction, before: i64) -> Result<bool, Error> {
    let parameters: [Value; 2] = [before.into(), PRUNE_ROWS_MAX.into()];
    let keys = tx.execute(
        "DELETE FROM journal_key WHERE (day, hash, row_id) IN
         (SELECT day, hash, row_id FROM journal_key WHERE day < $1 ORDER BY day, hash, row_id LIMIT $2)",
        &parameters,
    )?;
    let rows = tx.execute(
        "DELETE FROM journal_row WHERE (day, row_id) IN
         (SELECT day, row_id FROM journal_row WHERE day < $1 ORDER BY day, row_id LIMIT $2)",
        &parameters,
    )?;
    let full = PRUNE_ROWS_MAX.unsigned_abs();
    Ok(keys >= full || rows >= full)
}

/// Every entry that has this key, oldest first, over all days that are kept.
pub(super) fn entries_of(query: &dyn Query, key: Key) -> Result<Vec<Entry>, Error> {
    let range = query.query_one("SELECT MIN(day), MAX(day) FROM journal_row", &[])?;
    let Some(range) = range else { return Ok(Vec::new()) };
    let (Some(first), Some(last)) = (range.maybe_int(0)?, range.maybe_int(1)?) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for day in first..=last {
        let rows = query.query(
            "SELECT r.entries FROM journal_key k JOIN journal_row r ON r.day = k.day AND r.row_id = k.row_id
             WHERE k.day = $1 AND k.hash = $2 ORDER BY k.row_id DESC LIMIT $3",
            &[day.into(), key.0.into(), FOUND_ROWS_MAX.into()],
        )?;
        for row in &rows {
            found.extend(read(row.text(0)?).into_iter().filter(|entry| keys(entry).contains(&key)));
        }
    }
    found.sort_by_key(|entry| entry.at);
    Ok(found)
}

/// What a row holds. An entry that a newer program wrote and that we do not know is left out.
fn read(entries: &str) -> Vec<Entry> {
    let values: Vec<serde_json::Value> = serde_json::from_str(entries).unwrap_or_default();
    values.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect()
}
