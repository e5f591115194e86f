//! Digests beside their messages: written in the same transaction, copied and removed with them.

use envelope::AccountId;
use storage::{BodyId, Query, Stage, Transaction};

use crate::UidSet;
use message::digest::Digest;

/// The digest of a body that has come to its end in memory; a longer one's is made when it is first asked for.
pub fn digest_of(stage: &Stage) -> Option<Digest> {
    stage.in_memory().map(Digest::of)
}

/// Writes the digest of a new message.
pub(crate) fn insert(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    uid: i64,
    digest: &Digest,
) -> Result<(), storage::Error> {
    const SQL: &str = "INSERT INTO digest (account_id, mailbox_id, uid, record) VALUES ($1, $2, $3, $4)";
    tx.execute(SQL, &[account.0.into(), mailbox.into(), uid.into(), digest.record().into()])?;
    Ok(())
}

/// Writes, or writes anew, the digest of a message, if that still stands with this body.
pub(crate) fn replace(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    uid: u32,
    body: BodyId,
    digest: &Digest,
) -> Result<(), storage::Error> {
    const SQL: &str = "INSERT INTO digest (account_id, mailbox_id, uid, record) \
                       SELECT account_id, mailbox_id, uid, $5 FROM message \
                       WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3 AND body = $4 \
                       ON CONFLICT (account_id, mailbox_id, uid) DO UPDATE SET record = excluded.record";
    let key = [account.0.into(), mailbox.into(), i64::from(uid).into(), body.into(), digest.record().into()];
    tx.execute(SQL, &key)?;
    Ok(())
}

/// Copies the digests of messages that were copied: pairs of the UID there and the UID in the target, both ascending.
pub(crate) fn copy(
    tx: &dyn Transaction,
    account: AccountId,
    from: i64,
    to: i64,
    uids: &[(u32, u32)],
) -> Result<(), storage::Error> {
    const SQL: &str = "INSERT INTO digest (account_id, mailbox_id, uid, record) \
                       SELECT account_id, $3, uid + $4, record FROM digest \
                       WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $5 AND $6";
    let shift = |pair: &(u32, u32)| i64::from(pair.1) - i64::from(pair.0);
    // In one run every UID grows by the same number.
    for run in uids.chunk_by(|a, b| shift(a) == shift(b)) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let key = [
            account.0.into(),
            from.into(),
            to.into(),
            shift(first).into(),
            i64::from(first.0).into(),
            i64::from(last.0).into(),
        ];
        tx.execute(SQL, &key)?;
    }
    Ok(())
}

/// Removes the digests of messages that are gone.
pub(crate) fn delete(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    uids: &UidSet,
) -> Result<(), storage::Error> {
    const SQL: &str = "DELETE FROM digest WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4";
    for (first, last) in uids.ranges() {
        tx.execute(SQL, &[account.0.into(), mailbox.into(), i64::from(*first).into(), i64::from(*last).into()])?;
    }
    Ok(())
}

/// The digests in a range of UIDs, ascending; those that are damaged or of another version are left out.
pub(crate) fn each(
    q: &dyn Query,
    account: AccountId,
    mailbox: i64,
    (first, last): (u32, u32),
    take: &mut dyn FnMut(u32, Digest),
) -> Result<(), storage::Error> {
    const SQL: &str = "SELECT uid, record FROM digest \
                       WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 ORDER BY uid";
    let range = [account.0.into(), mailbox.into(), i64::from(first).into(), i64::from(last).into()];
    q.query_each(SQL, &range, &mut |row| {
        if let Some(digest) = Digest::read(row.blob(1)?.to_vec()) {
            take(crate::rows::narrow(row.int(0)?), digest);
        }
        Ok(true)
    })
}
