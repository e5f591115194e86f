//! The start of a node that may have died with claims in hand.

use std::sync::atomic::Ordering;

use envelope::{MailId, Timestamp};
use storage::{Error, Query, Transaction};

use crate::limits::{DUE_BUCKETS, OPERATOR_BATCH, RECOVER_MAX};
use crate::rows::mail_id;
use crate::{Queue, hot};

impl Queue {
    /// Makes what this node had claimed before it died due at once. For the start, before the first claim. Answers how many
    /// recipients that were.
    pub async fn recover(&self, now: Timestamp) -> Result<u64, crate::Error> {
        let mut recovered = 0;
        loop {
            let node = self.inner.node.clone();
            let keys = self.inner.store.read(move |q| claimed(q, &node)).await?;
            for page in keys.chunks(OPERATOR_BATCH) {
                let (page, node) = (page.to_vec(), self.inner.node.clone());
                recovered += self.inner.store.write(move |tx| give_back(tx, &page, &node, now)).await?.0;
            }
            if keys.len() < RECOVER_MAX {
                self.inner.recovered.store(true, Ordering::SeqCst);
                return Ok(recovered);
            }
        }
    }

    /// Whether [`Queue::recover`] has done so for this queue: nothing stands claimed by a process that is gone.
    pub fn has_recovered(&self) -> bool {
        self.inner.recovered.load(Ordering::SeqCst)
    }
}

/// Found in the due index, which holds who has claimed what.
fn claimed(q: &dyn Query, node: &str) -> Result<Vec<(MailId, i64)>, Error> {
    let mut keys = Vec::new();
    for bucket in 0..DUE_BUCKETS {
        let left = i64::try_from(RECOVER_MAX - keys.len()).unwrap_or(i64::MAX);
        for row in &q.query(hot::CLAIMED_BY, &[bucket.into(), node.into(), left.into()])? {
            keys.push((mail_id(row, 0)?, row.int(1)?));
        }
    }
    Ok(keys)
}

fn give_back(tx: &dyn Transaction, keys: &[(MailId, i64)], node: &str, now: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "UPDATE queue_recipient SET due_at = $4, claimed_by = NULL \
                       WHERE mail_id = $1 AND number = $2 AND claimed_by = $3";
    let mut count = 0;
    for (mail, number) in keys {
        count += tx.execute(SQL, &[mail.to_bytes().into(), (*number).into(), node.into(), now.0.into()])?;
    }
    Ok(count)
}
