//! Delivery: the hot path. One UPDATE numbers the letter, one INSERT writes it, one its digest; before that, one or two
//! statements find its thread.

use envelope::{MailboxId, Timestamp};
use storage::Transaction;

use crate::flags::{SEEN, SYSTEM};
use crate::name;
use crate::rows::{self, Booking, INBOX_ID, MailboxRow, NewMessage, narrow};
use crate::{Delivery, FlagBits, Placed, digests, threads};

/// See [`crate::Mailstore::deliver_in`]. `now` dates an account that is met for the first time.
pub(crate) fn deliver(tx: &dyn Transaction, delivery: &Delivery, now: Timestamp) -> Result<Placed, storage::Error> {
    let mailbox = target(tx, delivery, now)?;
    let octets = i64::try_from(delivery.octets).unwrap_or(i64::MAX);
    let flags = FlagBits { bits: delivery.flags & SYSTEM, more: None };
    let unseen = i64::from(flags.bits & SEEN == 0);
    let booking = Booking { uids: 1, messages: 1, unseen, octets, recent: 1 };
    let booked = match rows::book(tx, delivery.account, mailbox, booking)? {
        Some(booked) => booked,
        None => {
            rows::ensure_account(tx, delivery.account, now)?;
            // Removed between RCPT and the end of DATA: who tries again is told that nobody has the address.
            let gone = || storage::Error::Refused(format!("account {} has been removed", delivery.account.0));
            rows::book(tx, delivery.account, mailbox, booking)?.ok_or_else(gone)?
        }
    };
    let uid = booked.uid_next - 1;
    let digest = delivery.digest.as_deref();
    let join = |digest| threads::join(tx, delivery.account, uid, delivery.body, digest, now);
    let new = NewMessage {
        account: delivery.account,
        mailbox,
        uid,
        modseq: booked.modseq,
        flags: &flags,
        body: delivery.body,
        octets,
        internal_date: delivery.internal_date,
        mail: Some(delivery.mail),
        copied: false,
        saved: now,
        thread: digest.map(join).transpose()?,
    };
    let mut placed = Placed {
        account: delivery.account,
        mailbox: MailboxId(mailbox),
        name: booked.name,
        uid_validity: narrow(booked.uid_validity),
        uid: narrow(new.uid),
        modseq: booked.modseq as u64,
        duplicate: false,
    };
    if !rows::insert(tx, &new)? {
        undo(tx, delivery, &mut placed, booking)?;
    } else if let Some(digest) = digest {
        digests::insert(tx, delivery.account, mailbox, new.uid, digest)?;
    }
    Ok(placed)
}

/// Where a letter stands that was delivered before, and nobody has heard of; `None` when its reader has removed it since,
/// or moved it elsewhere.
pub(crate) fn find(
    tx: &dyn Transaction,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Option<Placed>, storage::Error> {
    let mailbox = MailboxId(target(tx, delivery, now)?);
    let Some((uid, modseq)) = standing(tx, delivery, mailbox)? else { return Ok(None) };
    let Some(row) = rows::by_id(tx, delivery.account, mailbox)? else { return Ok(None) };
    Ok(Some(Placed {
        account: delivery.account,
        mailbox,
        name: row.name,
        uid_validity: narrow(row.uid_validity),
        uid: narrow(uid),
        modseq: modseq as u64,
        duplicate: false,
    }))
}

/// UID and MODSEQ.
fn standing(
    tx: &dyn Transaction,
    delivery: &Delivery,
    mailbox: MailboxId,
) -> Result<Option<(i64, i64)>, storage::Error> {
    const SQL: &str = "SELECT uid, modseq FROM message \
                       WHERE account_id = $1 AND mailbox_id = $2 AND mail_id = $3 AND copied = 0";
    let key = [delivery.account.0.into(), mailbox.0.into(), delivery.mail.to_bytes().into()];
    let row = tx.query_one(SQL, &key)?;
    row.map(|row| Ok((row.int(0)?, row.int(1)?))).transpose()
}

/// The mailbox's key: INBOX unless another one is named and stands.
fn target(tx: &dyn Transaction, delivery: &Delivery, now: Timestamp) -> Result<i64, storage::Error> {
    let Some(wanted) = &delivery.mailbox else { return Ok(INBOX_ID) };
    let Ok(wanted) = name::canonical(wanted) else { return Ok(INBOX_ID) };
    if wanted == name::INBOX {
        return Ok(INBOX_ID);
    }
    let mut row = rows::by_name(tx, delivery.account, &wanted)?;
    if row.is_none() && rows::ensure_account(tx, delivery.account, now)? {
        row = rows::by_name(tx, delivery.account, &wanted)?;
    }
    let fits = |row: &MailboxRow| row.selectable && (row.role.is_none() || !delivery.named_by_sender);
    Ok(row.filter(fits).map_or(INBOX_ID, |row| row.id))
}

/// The letter stands there already: takes the booking back (the UID is spent, which nobody minds) and lets go of the
/// body that this repetition brought.
fn undo(
    tx: &dyn Transaction,
    delivery: &Delivery,
    placed: &mut Placed,
    booking: Booking,
) -> Result<(), storage::Error> {
    let back = Booking {
        uids: 0,
        messages: -booking.messages,
        unseen: -booking.unseen,
        octets: -booking.octets,
        recent: -booking.recent,
    };
    rows::book(tx, delivery.account, placed.mailbox.0, back)?;
    tx.drop_reference(delivery.body)?;
    let (uid, modseq) = standing(tx, delivery, placed.mailbox)?
        .ok_or_else(|| storage::Error::Bug("a letter is there and is not".into()))?;
    (placed.uid, placed.modseq) = (narrow(uid), modseq as u64);
    placed.duplicate = true;
    Ok(())
}
