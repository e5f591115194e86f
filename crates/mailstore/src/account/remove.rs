//! EXPUNGE, and removal by UID.

use envelope::{AccountId, MailboxId};
use storage::{BodyId, Transaction};

use super::Account;
use crate::feed::Hint;
use crate::flags::{DELETED, SEEN};
use crate::rows::{self, Booking, narrow};
use crate::{Error, Expunged, UidSet, View, changes, digests};

impl Account {
    /// EXPUNGE, or UID EXPUNGE with a set (RFC 4315): removes what has `\Deleted`.
    pub async fn expunge(&self, mailbox: MailboxId, uids: Option<&UidSet>) -> Result<Expunged, Error> {
        self.take_out(mailbox, uids.cloned().unwrap_or_else(UidSet::all), DELETED).await
    }

    /// Removes these, flagged or not: what QUIT of POP3 wants.
    pub async fn remove(&self, mailbox: MailboxId, uids: &UidSet) -> Result<Expunged, Error> {
        self.take_out(mailbox, uids.clone(), 0).await
    }

    async fn take_out(&self, mailbox: MailboxId, uids: UidSet, flags: u64) -> Result<Expunged, Error> {
        let (account, inner) = (self.id, self.inner.clone());
        let expunged = self.write(move |tx| {
            let row = rows::selectable(tx, account, mailbox)?;
            let uids = match inner.views.current(account, &row) {
                Some(view) if flags != 0 => uids.intersection(&span(&view, flags)),
                _ => uids.clone(),
            };
            let taken = delete(tx, account, row.id, &uids, flags)?;
            for body in &taken.bodies {
                tx.drop_reference(*body)?;
            }
            let modseq = if taken.uids.is_empty() { row.modseq } else { close_gap(tx, account, row.id, &taken)? };
            Ok(Expunged { modseq: modseq as u64, uids: taken.uids })
        });
        let expunged = expunged.await?;
        if !expunged.uids.is_empty() {
            self.tell(Hint::Mailbox(mailbox));
        }
        Ok(expunged)
    }
}

/// From the first to the last message of a view that has all of `flags`: rows outside need not be read. Each row is
/// asked for its flags all the same.
fn span(view: &View, flags: u64) -> UidSet {
    let mut having = view.entries.iter().filter(|entry| entry.flags.has(flags)).map(|entry| entry.uid);
    let first = having.next();
    UidSet::from_ranges(first.map(|first| (first, having.last().unwrap_or(first))))
}

/// Rows taken out of a mailbox.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) uids: UidSet,
    pub(super) bodies: Vec<BodyId>,
    booking: Booking,
}

/// Takes out the messages of the set that have all of `flags`. The caller sees to their bodies, and to the mailbox's
/// row by [`close_gap`].
pub(super) fn delete(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    uids: &UidSet,
    flags: u64,
) -> Result<Taken, storage::Error> {
    const SQL: &str = "DELETE FROM message WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 \
                       AND (flags & $5) = $5 RETURNING uid, body, octets, flags";
    let mut gone = Vec::new();
    let mut taken = Taken::default();
    for (first, last) in uids.ranges() {
        let key = [
            account.0.into(),
            mailbox.into(),
            i64::from(*first).into(),
            i64::from(*last).into(),
            (flags as i64).into(),
        ];
        tx.query_each(SQL, &key, &mut |deleted| {
            gone.push(narrow(deleted.int(0)?));
            taken.bodies.push(deleted.body(1)?);
            taken.booking.messages -= 1;
            taken.booking.octets -= deleted.int(2)?;
            taken.booking.unseen -= i64::from(deleted.int(3)? as u64 & SEEN == 0);
            Ok(true)
        })?;
    }
    taken.uids = gone.into_iter().collect();
    digests::delete(tx, account, mailbox, &taken.uids)?;
    Ok(taken)
}

/// Books what was taken out, and buries it. Answers the MODSEQ.
pub(super) fn close_gap(tx: &dyn Transaction, account: AccountId, mailbox: i64, taken: &Taken) -> Result<i64, Error> {
    let booked = rows::book(tx, account, mailbox, taken.booking)?.ok_or(Error::NoMailbox)?;
    changes::bury(tx, account, mailbox, &booked, &taken.uids)?;
    Ok(booked.modseq)
}
