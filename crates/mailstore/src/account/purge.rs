//! Emptying what has been deleted, in small transactions behind the DELETE, so that a large mailbox holds nobody up.
//! What a crash leaves is found again at the next start.

use envelope::AccountId;
use storage::{BodyId, Transaction};

use super::write;
use crate::limits::ROWS_BATCH;
use crate::{Error, Inner, rows, threads};

/// Takes a mailbox away from its reader; its messages follow by [`purge`].
pub(super) fn retire(tx: &dyn Transaction, account: AccountId, mailbox: i64) -> Result<(), storage::Error> {
    const GONE: &str = "INSERT INTO mailbox_gone (account_id, mailbox_id) VALUES ($1, $2)";
    const DELETE: &str = "DELETE FROM mailbox WHERE account_id = $1 AND mailbox_id = $2";
    let key = [account.0.into(), mailbox.into()];
    tx.execute(GONE, &key)?;
    tx.execute(DELETE, &key)?;
    Ok(())
}

/// Takes all mailboxes of an account away. Its row stays as a mark: a letter that is being accepted meanwhile finds no
/// account, and makes none anew. First, so that it waits for a delivery that makes the account's mailboxes just now.
pub(crate) fn retire_all(tx: &dyn Transaction, account: AccountId) -> Result<(), storage::Error> {
    const GONE: &str = "INSERT INTO mailbox_gone (account_id, mailbox_id) \
                        SELECT account_id, mailbox_id FROM mailbox WHERE account_id = $1";
    const MARK: &str = "INSERT INTO mail_account (account_id, mailbox_next, uidvalidity_last, list_version) \
                        VALUES ($1, -1, 0, 1) ON CONFLICT (account_id) \
                        DO UPDATE SET mailbox_next = -1, list_version = mail_account.list_version + 1";
    const STEPS: [&str; 4] =
        [MARK, GONE, "DELETE FROM mailbox WHERE account_id = $1", "DELETE FROM subscription WHERE account_id = $1"];
    for step in STEPS {
        tx.execute(step, &[account.0.into()])?;
    }
    Ok(())
}

/// Empties one retired mailbox.
pub(super) async fn purge(inner: &Inner, account: AccountId, mailbox: i64) -> Result<(), Error> {
    while write(inner, move |tx| Ok(purge_some(tx, account, mailbox)?)).await? {}
    Ok(())
}

/// Empties all retired mailboxes.
pub(crate) async fn purge_all(inner: &Inner) -> Result<(), Error> {
    const SQL: &str = "SELECT account_id, mailbox_id FROM mailbox_gone";
    let gone = inner.store.read(|q| q.query(SQL, &[])).await?;
    for row in gone {
        purge(inner, AccountId(row.int(0)?), row.int(1)?).await?;
    }
    Ok(())
}

/// One batch; false when nothing is left.
fn purge_some(tx: &dyn Transaction, account: AccountId, mailbox: i64) -> Result<bool, storage::Error> {
    const NEXT: &str = "SELECT uid, body FROM message WHERE account_id = $1 AND mailbox_id = $2 ORDER BY uid LIMIT $3";
    const DELETE: &str = "DELETE FROM message WHERE account_id = $1 AND mailbox_id = $2 AND uid <= $3";
    const DIGESTS: &str = "DELETE FROM digest WHERE account_id = $1 AND mailbox_id = $2 AND uid <= $3";
    const REST: [&str; 6] = [
        "DELETE FROM keyword WHERE account_id = $1 AND mailbox_id = $2",
        "DELETE FROM tombstone WHERE account_id = $1 AND mailbox_id = $2",
        "DELETE FROM view_piece WHERE account_id = $1 AND mailbox_id = $2",
        "DELETE FROM gram_segment WHERE account_id = $1 AND mailbox_id = $2",
        "DELETE FROM gram WHERE account_id = $1 AND mailbox_id = $2",
        "DELETE FROM mailbox_gone WHERE account_id = $1 AND mailbox_id = $2",
    ];
    let mut last = None;
    let mut bodies: Vec<BodyId> = Vec::new();
    let batch = [account.0.into(), mailbox.into(), (ROWS_BATCH as i64).into()];
    tx.query_each(NEXT, &batch, &mut |row| {
        last = Some(row.int(0)?);
        bodies.push(row.body(1)?);
        Ok(true)
    })?;
    let Some(last) = last else {
        let is_removed = rows::is_removed(tx, account)?;
        if unindex_some(tx, account, mailbox)? || is_removed && threads::retire_some(tx, account)? {
            return Ok(true);
        }
        for step in REST {
            tx.execute(step, &[account.0.into(), mailbox.into()])?;
        }
        return Ok(false);
    };
    for table in [DELETE, DIGESTS] {
        tx.execute(table, &[account.0.into(), mailbox.into(), last.into()])?;
    }
    for body in bodies {
        tx.drop_reference(body)?;
    }
    Ok(true)
}

/// Takes one segment out of the index of texts; false when there is none left.
fn unindex_some(tx: &dyn Transaction, account: AccountId, mailbox: i64) -> Result<bool, storage::Error> {
    const NEXT: &str = "SELECT segment, first_uid FROM gram_segment \
                        WHERE account_id = $1 AND mailbox_id = $2 ORDER BY first_uid LIMIT 1";
    const POSTINGS: &str = "DELETE FROM gram WHERE account_id = $1 AND mailbox_id = $2 AND segment = $3";
    const SEGMENT: &str = "DELETE FROM gram_segment WHERE account_id = $1 AND mailbox_id = $2 AND first_uid = $3";
    let Some(row) = tx.query_one(NEXT, &[account.0.into(), mailbox.into()])? else { return Ok(false) };
    tx.execute(POSTINGS, &[account.0.into(), mailbox.into(), row.int(0)?.into()])?;
    tx.execute(SEGMENT, &[account.0.into(), mailbox.into(), row.int(1)?.into()])?;
    Ok(true)
}
