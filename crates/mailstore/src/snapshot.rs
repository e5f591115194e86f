//! Views kept on disk, so that the first SELECT of a large mailbox reads some kilobytes and not every row.
//!
//! A kept view is of some MODSEQ; who loads it takes in what happened since, as a session does. It is written behind the
//! deliveries, in pieces of which only those that differ are written again. It is a cache: what is damaged, too old or
//! does not agree with the mailbox's counters is left alone, and made anew from the rows.

use std::collections::HashMap;

use envelope::{AccountId, MailboxId};
use storage::{Query, Row, Transaction, Value};

use crate::account::write;
use crate::limits::{SNAPSHOT_CHANGED_SHARE, SNAPSHOT_MESSAGES_MIN, SNAPSHOTS_AT_ONCE};
use crate::rows::{self, MailboxRow, narrow};
use crate::views::assemble;
use crate::{Entries, Error, Inner, Keywords, View};

/// What this program writes, and all that it reads.
const VERSION: i64 = 1;

/// The row with the number 0. The others are numbered by their first UID.
struct Head {
    modseq: i64,
    uid_validity: i64,
    uid_next: i64,
    messages: i64,
    /// Over the seals of all pieces.
    pieces: i64,
}

impl Head {
    fn octets(&self) -> Vec<u8> {
        let numbers = [VERSION, self.uid_validity, self.uid_next, self.messages, self.pieces];
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn read(piece: &Piece<'_>) -> Option<Self> {
        let (modseq, (numbers, [])) = (piece.modseq, piece.octets.as_chunks::<8>()) else { return None };
        let numbers: Vec<i64> = numbers.iter().map(|number| i64::from_be_bytes(*number)).collect();
        let [VERSION, uid_validity, uid_next, messages, pieces] = *numbers.as_slice() else { return None };
        (piece.number == 0).then_some(Self { modseq, uid_validity, uid_next, messages, pieces })
    }

    /// Whether what happened since can be told.
    fn fits(&self, row: &MailboxRow) -> bool {
        self.uid_validity == row.uid_validity && self.modseq <= row.modseq && self.modseq >= row.tombstones_from
    }
}

/// What stands in one row.
struct Piece<'a> {
    number: i64,
    modseq: i64,
    octets: &'a [u8],
    seal: i64,
}

/// The row, when its seal holds.
fn sound(row: &Row, account: AccountId, mailbox: i64) -> Result<Option<Piece<'_>>, storage::Error> {
    let piece = Piece { number: row.int(0)?, modseq: row.int(1)?, octets: row.blob(2)?, seal: row.int(3)? };
    let computed = seal(account, mailbox, piece.number, piece.modseq, piece.octets);
    Ok((computed == piece.seal).then_some(piece))
}

fn seal(account: AccountId, mailbox: i64, piece: i64, modseq: i64, octets: &[u8]) -> i64 {
    storage::seal(&[account.0.into(), mailbox.into(), piece.into(), modseq.into(), octets.into()])
}

/// The view as it was kept; `Some(None)` when what is kept is damaged, `None` when nothing is that could be used.
#[expect(clippy::option_option, reason = "nothing there is no damage")]
pub(crate) fn load(
    q: &dyn Query,
    account: AccountId,
    row: &MailboxRow,
) -> Result<Option<Option<View>>, storage::Error> {
    const SQL: &str = "SELECT piece, modseq, octets, seal FROM view_piece \
                       WHERE account_id = $1 AND mailbox_id = $2 ORDER BY piece";
    if row.messages < SNAPSHOT_MESSAGES_MIN as i64 {
        return Ok(None);
    }
    let (mut head, mut entries, mut seals) = (None, Entries::default(), Vec::new());
    let (mut is_there, mut is_whole) = (false, true);
    q.query_each(SQL, &[account.0.into(), row.id.into()], &mut |found| {
        is_there = true;
        is_whole = match (sound(found, account, row.id)?, &head) {
            (Some(piece), None) => {
                head = Head::read(&piece);
                head.is_some()
            }
            (Some(piece), Some(_)) => {
                seals.push(Value::Int(piece.seal));
                entries.unpack(piece.octets).is_some()
            }
            (None, _) => false,
        };
        Ok(is_whole && head.as_ref().is_some_and(|head: &Head| head.fits(row)))
    })?;
    let Some(head) = head.filter(|_| is_whole) else { return Ok(is_there.then_some(None)) };
    if !head.fits(row) {
        return Ok(None);
    }
    if storage::seal(&seals) != head.pieces || entries.len() as i64 != head.messages {
        return Ok(Some(None));
    }
    Ok(Some(Some(View {
        uid_next: narrow(head.uid_next),
        modseq: head.modseq as u64,
        ..assemble(row, Keywords::default(), entries)
    })))
}

/// Keeps the views of those of these mailboxes where it is worth it.
pub(crate) async fn all(inner: &Inner, mailboxes: &[(AccountId, MailboxId)]) -> Result<(), Error> {
    let spoiled = inner.views.take_spoiled();
    for (account, mailbox) in spoiled.iter().copied() {
        write(inner, move |tx| Ok(clear(tx, account, mailbox)?)).await?;
    }
    let touched = mailboxes.iter().map(|(account, mailbox)| (*account, mailbox.0));
    let all: Vec<_> = touched.filter(|one| !spoiled.contains(one)).chain(spoiled.iter().copied()).collect();
    for some in all.chunks(SNAPSHOTS_AT_ONCE) {
        let some = some.to_vec();
        let due = inner.store.read(move |q| {
            let mut due = Vec::new();
            for (account, mailbox) in some {
                if is_due(q, account, mailbox)? {
                    due.push((account, mailbox));
                }
            }
            Ok(due)
        });
        for (account, mailbox) in due.await? {
            keep(inner, account, mailbox).await?;
        }
    }
    Ok(())
}

fn head(q: &dyn Query, account: AccountId, mailbox: i64) -> Result<Option<Head>, storage::Error> {
    const SQL: &str = "SELECT piece, modseq, octets, seal FROM view_piece \
                       WHERE account_id = $1 AND mailbox_id = $2 AND piece = 0";
    let Some(row) = q.query_one(SQL, &[account.0.into(), mailbox.into()])? else { return Ok(None) };
    Ok(sound(&row, account, mailbox)?.as_ref().and_then(Head::read))
}

/// Whether so much has happened since a view was kept that it is worth another one.
fn is_due(q: &dyn Query, account: AccountId, mailbox: i64) -> Result<bool, storage::Error> {
    const CHANGED: &str = "SELECT count(*) FROM (SELECT uid FROM message WHERE account_id = $1 AND mailbox_id = $2 \
                           AND modseq > $3 AND modseq <> arrived LIMIT $4) AS few";
    let row = rows::by_id(q, account, MailboxId(mailbox))?;
    let Some(row) = row.filter(|row| row.messages >= SNAPSHOT_MESSAGES_MIN as i64) else { return Ok(false) };
    let Some(head) = head(q, account, mailbox)?.filter(|head| head.fits(&row)) else { return Ok(true) };
    if head.modseq == row.modseq {
        return Ok(false);
    }
    let bearable = SNAPSHOT_MESSAGES_MIN as i64 + head.messages / SNAPSHOT_CHANGED_SHARE;
    let new = row.uid_next - head.uid_next;
    let gone = head.messages + new - row.messages;
    if new > bearable || gone > bearable {
        return Ok(true);
    }
    let key = [account.0.into(), mailbox.into(), head.modseq.into(), (bearable + 1).into()];
    let changed = q.query_one(CHANGED, &key)?.map_or(Ok(0), |row| row.int(0))?;
    Ok(changed > bearable)
}

/// Makes a view and writes it.
async fn keep(inner: &Inner, account: AccountId, mailbox: i64) -> Result<(), Error> {
    // The views in memory are those that people look at: this one does not drive others out.
    let views = std::sync::Arc::clone(&inner.views);
    let packed = inner.store.read(move |q| {
        let Some(row) = rows::by_id(q, account, MailboxId(mailbox))? else { return Ok(None) };
        let view = match views.current(account, &row) {
            Some(view) => view,
            None => views.read(q, account, &row)?,
        };
        let Some(pieces) = view.entries.pack() else { return Ok(None) };
        let with_seal = |(first, octets): (u32, Vec<u8>)| {
            let piece = i64::from(first);
            (piece, seal(account, mailbox, piece, 0, &octets), octets)
        };
        let pieces: Vec<(i64, i64, Vec<u8>)> = pieces.into_iter().map(with_seal).collect();
        let seals: Vec<Value> = pieces.iter().map(|(_, seal, _)| Value::Int(*seal)).collect();
        let head = Head {
            modseq: row.modseq,
            uid_validity: row.uid_validity,
            uid_next: row.uid_next,
            messages: view.entries.len() as i64,
            pieces: storage::seal(&seals),
        };
        Ok(Some((head, pieces)))
    });
    let Some((head, pieces)) = packed.await? else { return Ok(()) };
    write(inner, move |tx| Ok(put(tx, account, mailbox, &head, &pieces)?)).await
}

/// Writes the head, unless one of the same moment or a later one is there, and the pieces that differ.
fn put(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    new: &Head,
    pieces: &[(i64, i64, Vec<u8>)],
) -> Result<(), storage::Error> {
    const HEAD: &str = "INSERT INTO view_piece (account_id, mailbox_id, piece, modseq, octets, seal) \
                        SELECT account_id, mailbox_id, 0, $3, $4, $5 FROM mailbox \
                        WHERE account_id = $1 AND mailbox_id = $2 ON CONFLICT (account_id, mailbox_id, piece) \
                        DO UPDATE SET modseq = excluded.modseq, octets = excluded.octets, seal = excluded.seal \
                        WHERE view_piece.modseq < excluded.modseq";
    const THERE: &str = "SELECT piece, seal FROM view_piece WHERE account_id = $1 AND mailbox_id = $2 AND piece > 0";
    const PIECE: &str = "INSERT INTO view_piece (account_id, mailbox_id, piece, modseq, octets, seal) \
                         VALUES ($1, $2, $3, 0, $4, $5) ON CONFLICT (account_id, mailbox_id, piece) \
                         DO UPDATE SET modseq = 0, octets = excluded.octets, seal = excluded.seal";
    const DELETE: &str = "DELETE FROM view_piece WHERE account_id = $1 AND mailbox_id = $2 AND piece = $3";
    let key = || [Value::from(account.0), mailbox.into()];
    if head(tx, account, mailbox)?.is_none_or(|old| old.uid_validity != new.uid_validity) {
        clear(tx, account, mailbox)?;
    }
    let ([a, m], octets) = (key(), new.octets());
    let sealed = seal(account, mailbox, 0, new.modseq, &octets);
    // It also holds off another process that does the same just now.
    if tx.execute(HEAD, &[a, m, new.modseq.into(), octets.into(), sealed.into()])? == 0 {
        return Ok(());
    }
    let mut there: HashMap<i64, i64> = HashMap::new();
    for row in tx.query(THERE, &key())? {
        there.insert(row.int(0)?, row.int(1)?);
    }
    for (piece, seal, octets) in pieces {
        if there.remove(piece) != Some(*seal) {
            let [a, m] = key();
            tx.execute(PIECE, &[a, m, (*piece).into(), octets.as_slice().into(), (*seal).into()])?;
        }
    }
    for piece in there.into_keys() {
        let [a, m] = key();
        tx.execute(DELETE, &[a, m, piece.into()])?;
    }
    Ok(())
}

fn clear(tx: &dyn Transaction, account: AccountId, mailbox: i64) -> Result<(), storage::Error> {
    const SQL: &str = "DELETE FROM view_piece WHERE account_id = $1 AND mailbox_id = $2";
    tx.execute(SQL, &[account.0.into(), mailbox.into()]).map(|_| ())
}
