//! The end of claims. The fence in the statement decides: whoever lost a lease changes nothing. Each end raises it, so
//! that a renewal that comes late brings nothing back to life, and the same end written twice counts once.
//!
//! What the operator has wished meanwhile is obeyed here, by the statements themselves: there is no moment between the look
//! and the writing.

use std::collections::BTreeMap;

use envelope::{MailId, Timestamp};
use storage::{Error, Query, Transaction, Value};

use crate::limits::DIALOGUE_OCTETS_MAX;
use crate::rows::{self, Fixed, RecipientRow, recipient_columns};
use crate::site;
use crate::types::{Settled, Settlement, Verdict};

/// See [`crate::Queue::settle_in`].
pub(crate) fn settle(tx: &dyn Transaction, ends: &[Settlement]) -> Result<Vec<Settled>, Error> {
    // In the order of the letters, so that two transactions never wait for each other in a circle.
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_unstable_by_key(|place| ends.get(*place).map(|end| (end.mail, end.number)));
    let mut all = vec![Settled::Lost; ends.len()];
    let mut gone: BTreeMap<MailId, i64> = BTreeMap::new();
    for place in order {
        let (Some(end), Some(settled)) = (ends.get(place), all.get_mut(place)) else { continue };
        let (what, is_gone) = one(tx, end)?;
        *settled = what;
        if is_gone {
            *gone.entry(end.mail).or_default() += 1;
        }
    }
    for (mail, count) in gone {
        less(tx, mail, count)?;
    }
    Ok(all)
}

/// What a statement on a row that stays says of the operator's wish: to hold it is obeyed at once.
macro_rules! and_hold {
    () => {
        "held = CASE WHEN wish = 1 THEN 1 ELSE held END, wish = 0 \
         WHERE mail_id = $1 AND number = $2 AND fence = $3 AND wish <> 2"
    };
}

/// Answers also whether the row is gone.
fn one(tx: &dyn Transaction, end: &Settlement) -> Result<(Settled, bool), Error> {
    const DONE: &str = "DELETE FROM queue_recipient WHERE mail_id = $1 AND number = $2 AND fence = $3";
    const GIVEN_UP: &str = "DELETE FROM queue_recipient WHERE mail_id = $1 AND number = $2 AND fence = $3 \
                            AND held = 0 AND wish = 0";
    const PARK: &str = concat!(
        "UPDATE queue_recipient SET parked = destination, fence = fence + 1, claimed_by = NULL, asked = 0, wake_at = $4, \
         due_at = accepted_at, delay_told = CASE WHEN $5 = 1 THEN 1 ELSE delay_told END, ",
        and_hold!()
    );
    let key = [end.mail.to_bytes().into(), end.number.into(), end.fence.into()];
    let touched = match &end.verdict {
        Verdict::Done => tx.execute(DONE, &key)?,
        Verdict::GivenUp { .. } => tx.execute(GIVEN_UP, &key)?,
        Verdict::Later { .. } => later(tx, key, &end.verdict)?,
        Verdict::Park { wake_at, delay_told } => {
            let rest = [wake_at.0.into(), i64::from(*delay_told).into()];
            tx.execute(PARK, &key.into_iter().chain(rest).collect::<Vec<_>>())?
        }
        Verdict::Reroute { destination, due } => reroute(tx, key, destination, *due)?,
    };
    if touched == 1 {
        return Ok((Settled::Written, matches!(end.verdict, Verdict::Done | Verdict::GivenUp { .. })));
    }
    obey(tx, end)
}

/// The verdict could not be written: because the row is not ours any more, or because the operator wishes otherwise.
fn obey(tx: &dyn Transaction, end: &Settlement) -> Result<(Settled, bool), Error> {
    const DROP: &str = "DELETE FROM queue_recipient WHERE mail_id = $1 AND number = $2 AND fence = $3 AND wish = 2";
    const HOLD: &str = "UPDATE queue_recipient SET held = 1, wish = 0, fence = fence + 1, parked = NULL, claimed_by = NULL, \
                        asked = 0, attempts = attempts + 1, last_reply = $4, dialogue = COALESCE($5, dialogue) \
                        WHERE mail_id = $1 AND number = $2 AND fence = $3 AND (held = 1 OR wish = 1)";
    let key = [end.mail.to_bytes().into(), end.number.into(), end.fence.into()];
    if end.verdict == Verdict::Done {
        return Ok((Settled::Lost, false));
    }
    if tx.execute(DROP, &key)? == 1 {
        return Ok((Settled::Obeyed, true));
    }
    let Verdict::GivenUp { reply, dialogue } = &end.verdict else { return Ok((Settled::Lost, false)) };
    let rest = [site::words(reply).into(), dialogue.clone().map(|text| cut(text, DIALOGUE_OCTETS_MAX)).into()];
    let held = tx.execute(HOLD, &key.into_iter().chain(rest).collect::<Vec<_>>())? == 1;
    Ok((if held { Settled::Obeyed } else { Settled::Lost }, false))
}

/// An attempt that the operator asked for makes no later one later: it is not counted, but for the first of all, and what
/// was due before is due then.
fn later(tx: &dyn Transaction, key: [Value; 3], verdict: &Verdict) -> Result<u64, Error> {
    const SQL: &str = concat!(
        "UPDATE queue_recipient SET due_at = CASE WHEN asked <> 0 AND attempts > 0 AND wake_at > 0 AND wake_at < $4 \
         THEN wake_at ELSE $4 END, fence = fence + 1, parked = NULL, claimed_by = NULL, asked = 0, wake_at = 0, \
         attempts = attempts + CASE WHEN asked <> 0 AND attempts > 0 THEN 0 ELSE $5 END, last_reply = CASE WHEN $5 = 1 THEN $6 ELSE last_reply END, \
         delay_told = CASE WHEN $7 = 1 THEN 1 ELSE delay_told END, dialogue = COALESCE($8, dialogue), ",
        and_hold!()
    );
    let Verdict::Later { due, reply, delay_told, counts, dialogue } = verdict else { return Ok(0) };
    let rest = [
        due.0.into(),
        i64::from(*counts).into(),
        site::words(reply).into(),
        i64::from(*delay_told).into(),
        dialogue.clone().map(|text| cut(text, DIALOGUE_OCTETS_MAX)).into(),
    ];
    tx.execute(SQL, &key.into_iter().chain(rest).collect::<Vec<_>>())
}

/// The destination is under the row's seal, so the row is read and sealed anew.
fn reroute(tx: &dyn Transaction, key: [Value; 3], destination: &str, due: Timestamp) -> Result<u64, Error> {
    const READ: &str = concat!(
        "SELECT ",
        recipient_columns!(),
        " FROM queue_recipient WHERE mail_id = $1 AND number = $2 AND fence = $3"
    );
    const WRITE: &str = concat!(
        "UPDATE queue_recipient SET destination = $4, seal = $5, due_at = $6, fence = fence + 1, claimed_by = NULL, \
         parked = NULL, ",
        and_hold!()
    );
    let Some(row) = tx.query_one(READ, &key)? else { return Ok(0) };
    let fixed = Fixed { destination: destination.to_owned(), ..RecipientRow::read(&row)?.fixed };
    let seal = storage::seal(&rows::fixed_columns(&fixed));
    let rest = [destination.into(), seal.into(), due.0.into()];
    tx.execute(WRITE, &key.into_iter().chain(rest).collect::<Vec<_>>())
}

/// `count` recipients of a letter are gone; with the last one go its row and the name on its body.
pub(crate) fn less(tx: &dyn Transaction, mail: MailId, count: i64) -> Result<(), Error> {
    const LAST: &str = "DELETE FROM queue_mail WHERE mail_id = $1 AND recipients = $2 RETURNING body";
    const LESS: &str = "UPDATE queue_mail SET recipients = recipients - $2 WHERE mail_id = $1";
    let key = [mail.to_bytes().into(), count.into()];
    match tx.query_one(LAST, &key)? {
        Some(row) => tx.drop_reference(row.body(0)?),
        None => {
            tx.execute(LESS, &key)?;
            // Two nodes took away the last two at once, and neither saw the other: the later one looks again.
            match tx.query_one(LAST, &[mail.to_bytes().into(), 0.into()])? {
                Some(row) => tx.drop_reference(row.body(0)?),
                None => Ok(()),
            }
        }
    }
}

/// See [`crate::Queue::renew`]. A lease that ran out, and whose row was parked since, is taken up again.
pub(crate) fn renew(
    tx: &dyn Transaction,
    claim: (MailId, i64, i64),
    until: Timestamp,
    node: &str,
) -> Result<bool, Error> {
    const SQL: &str = "UPDATE queue_recipient SET due_at = CASE WHEN due_at > $4 THEN due_at ELSE $4 END, \
                       claimed_by = $5, parked = NULL WHERE mail_id = $1 AND number = $2 AND fence = $3";
    let (mail, number, fence) = claim;
    let parameters = [mail.to_bytes().into(), number.into(), fence.into(), until.0.into(), node.into()];
    Ok(tx.execute(SQL, &parameters)? == 1)
}

/// Whether a claim is still whose it was, and the operator lets it go on.
pub(crate) fn stands(q: &dyn Query, claim: (MailId, i64, i64)) -> Result<bool, Error> {
    const SQL: &str = "SELECT 1 FROM queue_recipient WHERE mail_id = $1 AND number = $2 AND fence = $3 \
                       AND held = 0 AND wish = 0";
    let (mail, number, fence) = claim;
    Ok(q.query_one(SQL, &[mail.to_bytes().into(), number.into(), fence.into()])?.is_some())
}

/// The beginning of a text, whole characters.
pub(crate) fn cut(mut text: String, octets_max: usize) -> String {
    let mut end = octets_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
