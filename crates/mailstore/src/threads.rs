//! Which letters belong together (THREADID, RFC 8474 section 5.2): those of one account that name a common message in
//! Message-ID, In-Reply-To or References, and have one base subject (RFC 8621 section 3).
//!
//! Each message that a letter names is a tie: a hash of its id and of the letter's base subject. The first letter that
//! brings a tie gives it its thread; a later one with any of them joins. A thread is called by its oldest tie, so that it
//! has the same name when mailboxes are made anew out of the bodies. What a letter was given never changes: one that ties
//! two threads together joins one of them, and they stay two.
//!
//! Work and room are bounded: a letter has few ties, and old ones are forgotten bit by bit, by the deliveries themselves. A letter whose digest is not made at delivery (it is long, or older than threads are) gets
//! its thread when somebody asks for it.

use envelope::{AccountId, Timestamp};
use message::digest::Digest;
use message::text::fold;
use message::trace::message_ids;
use storage::{BodyId, Transaction, Value};

use crate::limits::{ROWS_BATCH, TIE_DAYS, TIE_SWEEP_LETTERS, TIE_SWEEP_PIECES_BITS, TIES_MAX};

/// The fields that tie letters together.
const FIELDS: [&str; 4] = ["message-id", "in-reply-to", "references", "subject"];

/// What a letter is tied to others by; the oldest first, each once, [`TIES_MAX`] at most.
pub(crate) struct Ties(Vec<i64>);

impl Ties {
    fn of(digest: &Digest) -> Self {
        if !digest.answers(FIELDS) {
            return Self(Vec::new());
        }
        let header = digest.fields();
        let ids = |name: &str| header.get(name).map(|field| message_ids(field.raw())).unwrap_or_default();
        let (own, answered, mut above) = (ids("message-id"), ids("in-reply-to"), ids("references"));
        // The oldest one holds the thread together, the youngest are those whose letters are likely to be here.
        let others = answered.len().min(1) + own.len().min(1);
        let surplus = (above.len() + others).saturating_sub(TIES_MAX);
        above.drain(above.len().min(1)..above.len().min(1 + surplus));
        let named = above.into_iter().chain(answered.into_iter().take(1)).chain(own.into_iter().take(1));
        let subject = fold(digest.base_subject());
        let mut ties = Vec::with_capacity(TIES_MAX);
        for id in named {
            let tie = storage::seal(&["tie".into(), id.as_str().into(), subject.as_str().into()]);
            if !ties.contains(&tie) {
                ties.push(tie);
            }
        }
        Self(ties)
    }
}

/// The thread of a new letter, which has the UID; a letter that names no message at all is a thread of its own.
pub(crate) fn join(
    tx: &dyn Transaction,
    account: AccountId,
    uid: i64,
    body: BodyId,
    digest: &Digest,
    now: Timestamp,
) -> Result<i64, storage::Error> {
    let ties = Ties::of(digest);
    let day = now.seconds() / 86_400;
    let thread = match ties.0.as_slice() {
        [] => return Ok(storage::seal(&["alone".into(), body.into()])),
        [only] => join_by_one(tx, account, *only, day)?,
        several => join_by_several(tx, account, several, day)?,
    };
    if uid % TIE_SWEEP_LETTERS == 0 {
        forget_some(tx, account, uid / TIE_SWEEP_LETTERS, day)?;
    }
    Ok(thread)
}

fn join_by_one(tx: &dyn Transaction, account: AccountId, tie: i64, day: i64) -> Result<i64, storage::Error> {
    const SQL: &str = "INSERT INTO thread_tie (account_id, tie, thread, met) VALUES ($1, $2, $2, $3) \
                       ON CONFLICT (account_id, tie) DO UPDATE SET met = excluded.met RETURNING thread";
    match tx.query_one(SQL, &[account.0.into(), tie.into(), day.into()])? {
        Some(row) => row.int(0),
        None => Ok(tie),
    }
}

macro_rules! find {
    ($places:literal) => {
        concat!("SELECT tie, thread FROM thread_tie WHERE account_id = $1 AND tie IN (", $places, ")")
    };
}

macro_rules! add {
    ($rows:literal) => {
        concat!("INSERT INTO thread_tie (account_id, tie, thread, met) VALUES ", $rows, " ON CONFLICT DO NOTHING")
    };
}

/// What a look for ties costs grows with the places of the text, and most letters have two or three.
const FIND: [(usize, &str); 3] =
    [(2, find!("$2, $3")), (4, find!("$2, $3, $4, $5")), (TIES_MAX, find!("$2, $3, $4, $5, $6, $7, $8, $9"))];

/// One of them is new mostly: the letter itself.
const ADD: [(usize, &str); 4] = [
    (1, add!("($1, $4, $2, $3)")),
    (2, add!("($1, $4, $2, $3), ($1, $5, $2, $3)")),
    (4, add!("($1, $4, $2, $3), ($1, $5, $2, $3), ($1, $6, $2, $3), ($1, $7, $2, $3)")),
    (
        TIES_MAX,
        add!(
            "($1, $4, $2, $3), ($1, $5, $2, $3), ($1, $6, $2, $3), ($1, $7, $2, $3), ($1, $8, $2, $3), \
             ($1, $9, $2, $3), ($1, $10, $2, $3), ($1, $11, $2, $3)"
        ),
    ),
];

fn join_by_several(tx: &dyn Transaction, account: AccountId, ties: &[i64], day: i64) -> Result<i64, storage::Error> {
    const CORRECT: &str = "UPDATE thread_tie SET thread = $3 WHERE account_id = $1 AND thread = $2 \
                           AND tie IN ($4, $5, $6, $7, $8, $9, $10, $11)";
    let known = known(tx, account, ties)?;
    let thread = known.first().map(|(_, thread)| *thread);
    let joined = thread.or(ties.first().copied()).unwrap_or_default();
    let mut new: Vec<i64> = ties.iter().filter(|tie| known.iter().all(|(one, _)| one != *tie)).copied().collect();
    if new.is_empty() {
        return Ok(joined);
    }
    // In one order, so that two transactions never wait for each other in a circle.
    new.sort_unstable();
    let (sql, places) = text_for(&ADD, new.len());
    let added = tx.execute(sql, &with_ties([account.0, joined, day], &new, places))?;
    if thread.is_some() || added == new.len() as u64 {
        return Ok(joined);
    }
    // Another transaction has brought one of them meanwhile, and has ended: its thread was there first.
    let other = self::known(tx, account, ties)?.into_iter().map(|(_, thread)| thread).find(|thread| *thread != joined);
    let Some(other) = other else { return Ok(joined) };
    tx.execute(CORRECT, &with_ties([account.0, joined, other], ties, TIES_MAX))?;
    Ok(other)
}

/// Those of the ties that are known, with their threads, in the order of `ties`.
fn known(tx: &dyn Transaction, account: AccountId, ties: &[i64]) -> Result<Vec<(i64, i64)>, storage::Error> {
    let (sql, places) = text_for(&FIND, ties.len());
    let mut known = Vec::with_capacity(TIES_MAX);
    tx.query_each(sql, &with_ties([account.0], ties, places), &mut |row| {
        known.push((row.int(0)?, row.int(1)?));
        Ok(true)
    })?;
    known.sort_by_key(|(tie, _)| ties.iter().position(|one| one == tie));
    Ok(known)
}

/// Of the texts, which take so many ties, the shortest that takes this many.
fn text_for(texts: &[(usize, &'static str)], ties: usize) -> (&'static str, usize) {
    let fits = texts.iter().find(|(places, _)| *places >= ties).or(texts.last());
    fits.map_or(("", 0), |(places, sql)| (*sql, *places))
}

/// Parameters, and behind them as many ties as the text takes: the last one is repeated, which changes nothing.
fn with_ties<const N: usize>(parameters: [i64; N], ties: &[i64], places: usize) -> Vec<Value> {
    let last = ties.last().copied().unwrap_or_default();
    let ties = (0..places).map(|place| ties.get(place).copied().unwrap_or(last));
    parameters.into_iter().chain(ties).map(Value::from).collect()
}

/// Forgets the ties that are old, in one piece of all that the account may have; the next turn takes the next piece.
fn forget_some(tx: &dyn Transaction, account: AccountId, turn: i64, day: i64) -> Result<(), storage::Error> {
    const SQL: &str = "DELETE FROM thread_tie WHERE account_id = $1 AND tie BETWEEN $2 AND $3 AND met < $4";
    let width_bits = i64::BITS - TIE_SWEEP_PIECES_BITS;
    let piece = turn & ((1 << TIE_SWEEP_PIECES_BITS) - 1);
    // Hashes are signed: the first piece begins at the lowest.
    let first = i64::MIN.wrapping_add(piece << width_bits);
    let last = first | ((1 << width_bits) - 1);
    tx.execute(SQL, &[account.0.into(), first.into(), last.into(), (day - TIE_DAYS).into()])?;
    Ok(())
}

/// Takes some of the ties of a removed account away; false when there were none.
pub(crate) fn retire_some(tx: &dyn Transaction, account: AccountId) -> Result<bool, storage::Error> {
    const SQL: &str = "DELETE FROM thread_tie WHERE account_id = $1 AND tie IN \
                       (SELECT tie FROM thread_tie WHERE account_id = $1 ORDER BY tie LIMIT $2)";
    Ok(tx.execute(SQL, &[account.0.into(), (ROWS_BATCH as i64).into()])? > 0)
}
