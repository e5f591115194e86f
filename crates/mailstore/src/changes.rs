//! What happened since a MODSEQ, and the tombstones that tell what is gone.

use envelope::AccountId;
use storage::{Query, Transaction};

use crate::limits::{TOMBSTONE_RANGES_MAX, TOMBSTONES_MAX};
use crate::rows::{self, Booked, MailboxRow, narrow};
use crate::{Changes, UidSet, Vanished};

/// New messages are found from the end of the mailbox, changed ones by the index of changed messages: the cost is that
/// of the answer, not of the mailbox.
pub(crate) fn since(
    q: &dyn Query,
    account: AccountId,
    row: &MailboxRow,
    modseq: u64,
) -> Result<Changes, storage::Error> {
    const NEW: &str = "SELECT uid, modseq, flags, keywords, arrived FROM message \
                       WHERE account_id = $1 AND mailbox_id = $2 ORDER BY uid DESC";
    const CHANGED: &str = "SELECT uid, modseq, flags, keywords, arrived FROM message \
                           WHERE account_id = $1 AND mailbox_id = $2 AND modseq > $3 AND modseq <> arrived";
    let since = i64::try_from(modseq).unwrap_or(i64::MAX);
    let mut changed = Vec::new();
    q.query_each(NEW, &[account.0.into(), row.id.into()], &mut |row| {
        // `arrived` never falls as UIDs rise.
        let new = row.int(4)? > since;
        if new {
            changed.push(rows::read_entry(row)?);
        }
        Ok(new)
    })?;
    q.query_each(CHANGED, &[account.0.into(), row.id.into(), since.into()], &mut |row| {
        if row.int(4)? <= since {
            changed.push(rows::read_entry(row)?);
        }
        Ok(true)
    })?;
    changed.sort_unstable_by_key(|entry| entry.uid);
    let vanished = if since < row.tombstones_from {
        Vanished::Unknown
    } else {
        Vanished::Uids(vanished(q, account, row.id, since, i64::MAX)?)
    };
    Ok(Changes {
        modseq: row.modseq as u64,
        uid_next: narrow(row.uid_next),
        changed,
        vanished,
        keywords: rows::keywords(q, account, row.id)?,
    })
}

/// UIDs expunged after `since` and up to `until`.
fn vanished(q: &dyn Query, account: AccountId, mailbox: i64, since: i64, until: i64) -> Result<UidSet, storage::Error> {
    const SQL: &str = "SELECT uids FROM tombstone WHERE account_id = $1 AND mailbox_id = $2 \
                       AND modseq > $3 AND modseq <= $4";
    let mut ranges = Vec::new();
    q.query_each(SQL, &[account.0.into(), mailbox.into(), since.into(), until.into()], &mut |row| {
        ranges.extend(decode(row.blob(0)?));
        Ok(true)
    })?;
    Ok(UidSet::from_ranges(ranges))
}

/// Ranges as pairs of big-endian 32-bit numbers.
fn encode(ranges: &[(u32, u32)]) -> Vec<u8> {
    ranges.iter().flat_map(|(first, last)| first.to_be_bytes().into_iter().chain(last.to_be_bytes())).collect()
}

fn decode(octets: &[u8]) -> impl Iterator<Item = (u32, u32)> + '_ {
    octets
        .as_chunks::<8>()
        .0
        .iter()
        .map(|[a, b, c, d, e, f, g, h]| (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h])))
}

/// Records what was expunged, under the lock that `booked` took. Those of them that no session had claimed as
/// `\Recent` leave that counter too.
pub(crate) fn bury(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    booked: &Booked,
    uids: &UidSet,
) -> Result<(), storage::Error> {
    const SQL: &str = "UPDATE mailbox SET tombstones = $3, tombstones_from = $4, recent = recent - $5 \
                       WHERE account_id = $1 AND mailbox_id = $2";
    let recent = uids.above(narrow(booked.recent_from - 1)).len() as i64;
    let mut count = booked.tombstones + write(tx, account, mailbox, booked.modseq, uids)?;
    let mut from = booked.tombstones_from;
    if count > TOMBSTONES_MAX {
        (count, from) = draw_together(tx, account, mailbox, count, from)?;
    }
    tx.execute(SQL, &[account.0.into(), mailbox.into(), count.into(), from.into(), recent.into()])?;
    Ok(())
}

fn write(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    modseq: i64,
    uids: &UidSet,
) -> Result<i64, storage::Error> {
    const SQL: &str = "INSERT INTO tombstone (account_id, mailbox_id, modseq, piece, uids) VALUES ($1, $2, $3, $4, $5)";
    let mut pieces = 0;
    for ranges in uids.ranges().chunks(TOMBSTONE_RANGES_MAX) {
        tx.execute(SQL, &[account.0.into(), mailbox.into(), modseq.into(), pieces.into(), encode(ranges).into()])?;
        pieces += 1;
    }
    Ok(pieces)
}

/// Makes one row of the older half. Its MODSEQ is the youngest of theirs, so nobody misses anything. When even that
/// would be too much for a row, the half is forgotten and askers from before it are told so.
fn draw_together(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    count: i64,
    from: i64,
) -> Result<(i64, i64), storage::Error> {
    const MIDDLE: &str = "SELECT modseq FROM tombstone WHERE account_id = $1 AND mailbox_id = $2 \
                          ORDER BY modseq LIMIT 1 OFFSET $3";
    const DELETE: &str = "DELETE FROM tombstone WHERE account_id = $1 AND mailbox_id = $2 AND modseq <= $3";
    let key = [account.0.into(), mailbox.into(), (count / 2).into()];
    let Some(middle) = tx.query_one(MIDDLE, &key)? else { return Ok((count, from)) };
    let middle = middle.int(0)?;
    let uids = vanished(tx, account, mailbox, i64::MIN, middle)?;
    let gone = tx.execute(DELETE, &[account.0.into(), mailbox.into(), middle.into()])?;
    let left = count - i64::try_from(gone).unwrap_or(count);
    if uids.ranges().len() > TOMBSTONE_RANGES_MAX {
        return Ok((left, middle));
    }
    Ok((left + write(tx, account, mailbox, middle, &uids)?, from))
}
