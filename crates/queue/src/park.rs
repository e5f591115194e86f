//! Destinations' own queues: rows that wait for room, for the end of a rest, or for the operator.

use envelope::Timestamp;
use storage::{Error, Transaction};

use crate::limits::OPERATOR_BATCH;
use crate::rows::mail_id;

/// Makes a page of what is parked in a queue due. Answers how many.
pub(crate) fn unpark(tx: &dyn Transaction, name: &str, now: Timestamp) -> Result<usize, Error> {
    const PAGE: &str = "SELECT mail_id, number FROM queue_recipient WHERE held = 0 AND parked IS NOT NULL AND parked = $1 \
                        ORDER BY lane, due_at, mail_id, number LIMIT $2";
    const DUE: &str = "UPDATE queue_recipient SET parked = NULL, due_at = $3 \
                       WHERE mail_id = $1 AND number = $2 AND parked IS NOT NULL";
    let rows = tx.query(PAGE, &[name.into(), (OPERATOR_BATCH as i64).into()])?;
    for row in &rows {
        tx.execute(DUE, &[mail_id(row, 0)?.to_bytes().into(), row.int(1)?.into(), now.0.into()])?;
    }
    Ok(rows.len())
}
