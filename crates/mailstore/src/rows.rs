//! Rows of the tables as structs, and the statements that more than one verb needs.

use envelope::{AccountId, MailId, MailboxId, Timestamp};
use storage::{BodyId, Query, Row, Transaction, Value};

use crate::limits::UID_MAX;
use crate::name::INBOX;
use crate::{Entry, Error, FlagBits, Keywords, Message, Role};

/// INBOX has the same key in every account, so that a delivery needs no look-up.
pub(crate) const INBOX_ID: i64 = 1;

macro_rules! mailbox_columns {
    () => {
        "mailbox_id, name, selectable, role, uidvalidity, uidnext, modseq, messages, unseen, octets, recent, \
         recent_from, tombstones_from"
    };
}

/// A row of `mailbox`.
#[derive(Debug, Clone)]
pub(crate) struct MailboxRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) selectable: bool,
    pub(crate) role: Option<Role>,
    pub(crate) uid_validity: i64,
    pub(crate) uid_next: i64,
    pub(crate) modseq: i64,
    pub(crate) messages: i64,
    pub(crate) unseen: i64,
    pub(crate) octets: i64,
    pub(crate) recent: i64,
    pub(crate) recent_from: i64,
    pub(crate) tombstones_from: i64,
}

impl MailboxRow {
    fn read(row: &Row) -> Result<Self, storage::Error> {
        Ok(Self {
            id: row.int(0)?,
            name: row.text(1)?.to_owned(),
            selectable: row.int(2)? != 0,
            role: row.maybe_int(3)?.and_then(role_from),
            uid_validity: row.int(4)?,
            uid_next: row.int(5)?,
            modseq: row.int(6)?,
            messages: row.int(7)?,
            unseen: row.int(8)?,
            octets: row.int(9)?,
            recent: row.int(10)?,
            recent_from: row.int(11)?,
            tombstones_from: row.int(12)?,
        })
    }
}

fn role_from(number: i64) -> Option<Role> {
    [Role::Drafts, Role::Sent, Role::Junk, Role::Trash, Role::Archive].into_iter().find(|role| *role as i64 == number)
}

/// A 32-bit number of the wire.
pub(crate) fn narrow(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// A mailbox by its name, already canonical.
pub(crate) fn by_name(q: &dyn Query, account: AccountId, name: &str) -> Result<Option<MailboxRow>, storage::Error> {
    const SQL: &str = concat!("SELECT ", mailbox_columns!(), " FROM mailbox WHERE account_id = $1 AND name = $2");
    q.query_one(SQL, &[account.0.into(), name.into()])?.as_ref().map(MailboxRow::read).transpose()
}

/// A mailbox by its key.
pub(crate) fn by_id(q: &dyn Query, account: AccountId, id: MailboxId) -> Result<Option<MailboxRow>, storage::Error> {
    const SQL: &str = concat!("SELECT ", mailbox_columns!(), " FROM mailbox WHERE account_id = $1 AND mailbox_id = $2");
    q.query_one(SQL, &[account.0.into(), id.0.into()])?.as_ref().map(MailboxRow::read).transpose()
}

/// All mailboxes, in no order.
pub(crate) fn all(q: &dyn Query, account: AccountId) -> Result<Vec<MailboxRow>, storage::Error> {
    const SQL: &str = concat!("SELECT ", mailbox_columns!(), " FROM mailbox WHERE account_id = $1");
    q.query(SQL, &[account.0.into()])?.iter().map(MailboxRow::read).collect()
}

/// A mailbox that can hold messages, by its key.
pub(crate) fn selectable(q: &dyn Query, account: AccountId, id: MailboxId) -> Result<MailboxRow, Error> {
    let row = by_id(q, account, id)?.ok_or(Error::NoMailbox)?;
    if row.selectable { Ok(row) } else { Err(Error::NoSelect) }
}

/// A mailbox that can hold messages, by its canonical name.
pub(crate) fn selectable_named(q: &dyn Query, account: AccountId, name: &str) -> Result<MailboxRow, Error> {
    let row = by_name(q, account, name)?.ok_or(Error::NoMailbox)?;
    if row.selectable { Ok(row) } else { Err(Error::NoSelect) }
}

/// What a change adds to a mailbox's counters.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Booking {
    pub(crate) uids: i64,
    pub(crate) messages: i64,
    pub(crate) unseen: i64,
    pub(crate) octets: i64,
    pub(crate) recent: i64,
}

/// The mailbox row behind a booking.
#[derive(Debug)]
pub(crate) struct Booked {
    pub(crate) uid_next: i64,
    pub(crate) modseq: i64,
    pub(crate) uid_validity: i64,
    pub(crate) name: String,
    pub(crate) recent_from: i64,
    pub(crate) tombstones: i64,
    pub(crate) tombstones_from: i64,
}

/// Books a change: the next MODSEQ, and `uids` new UIDs below the answer's `uid_next`. Takes the mailbox's row lock
/// until the commit, so it comes before the rows that it numbers.
pub(crate) fn book(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    booking: Booking,
) -> Result<Option<Booked>, storage::Error> {
    const SQL: &str = "UPDATE mailbox SET uidnext = uidnext + $3, modseq = modseq + 1, messages = messages + $4, \
                       unseen = unseen + $5, octets = octets + $6, recent = recent + $7 \
                       WHERE account_id = $1 AND mailbox_id = $2 \
                       RETURNING uidnext, modseq, uidvalidity, name, recent_from, tombstones, tombstones_from";
    let parameters = [
        account.0.into(),
        mailbox.into(),
        booking.uids.into(),
        booking.messages.into(),
        booking.unseen.into(),
        booking.octets.into(),
        booking.recent.into(),
    ];
    let Some(row) = tx.query_one(SQL, &parameters)? else { return Ok(None) };
    let booked = Booked {
        uid_next: row.int(0)?,
        modseq: row.int(1)?,
        uid_validity: row.int(2)?,
        name: row.text(3)?.to_owned(),
        recent_from: row.int(4)?,
        tombstones: row.int(5)?,
        tombstones_from: row.int(6)?,
    };
    if booked.uid_next > UID_MAX {
        return Err(storage::Error::TooLarge { what: "the number of UIDs of a mailbox", limit: UID_MAX as u64 });
    }
    Ok(Some(booked))
}

/// A message about to be written.
#[derive(Debug)]
pub(crate) struct NewMessage<'a> {
    pub(crate) account: AccountId,
    pub(crate) mailbox: i64,
    pub(crate) uid: i64,
    pub(crate) modseq: i64,
    pub(crate) flags: &'a FlagBits,
    pub(crate) body: BodyId,
    pub(crate) octets: i64,
    pub(crate) internal_date: Timestamp,
    pub(crate) mail: Option<MailId>,
    pub(crate) copied: bool,
    pub(crate) saved: Timestamp,
    pub(crate) thread: Option<i64>,
}

/// Writes the row. False: the same letter has been delivered to this mailbox before.
pub(crate) fn insert(tx: &dyn Transaction, new: &NewMessage<'_>) -> Result<bool, storage::Error> {
    const SQL: &str = "INSERT INTO message (account_id, mailbox_id, uid, arrived, body, octets, internal_date, mail_id, \
                       modseq, flags, keywords, copied, seal, saved, thread) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $4, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";
    let sealed = sealed(new);
    let seal = storage::seal(&sealed);
    let [account, mailbox, uid, arrived, body, octets, date, mail] = sealed;
    let more: Option<&[u8]> = new.flags.more.as_deref();
    let parameters = [
        account,
        mailbox,
        uid,
        arrived,
        body,
        octets,
        date,
        mail,
        new.flags.to_column().into(),
        more.into(),
        i64::from(new.copied).into(),
        seal.into(),
        new.saved.0.into(),
        new.thread.into(),
    ];
    Ok(tx.execute(SQL, &parameters)? == 1)
}

/// The columns that never change, in the order of their seal.
fn sealed(new: &NewMessage<'_>) -> [Value; 8] {
    [
        new.account.0.into(),
        new.mailbox.into(),
        new.uid.into(),
        new.modseq.into(),
        new.body.into(),
        new.octets.into(),
        new.internal_date.0.into(),
        new.mail.map(MailId::to_bytes).into(),
    ]
}

/// `uid, modseq, flags, keywords`
pub(crate) fn read_entry(row: &Row) -> Result<Entry, storage::Error> {
    Ok(Entry {
        uid: narrow(row.int(0)?),
        modseq: row.int(1)? as u64,
        flags: FlagBits::from_row(row.int(2)?, row.maybe_blob(3)?),
    })
}

/// A range of messages, at most `$5` of them.
pub(crate) const MESSAGES: &str = "SELECT uid, modseq, flags, keywords, arrived, body, octets, internal_date, mail_id, seal, \
     saved, thread FROM message WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 ORDER BY uid LIMIT $5";

/// Reads a row of [`MESSAGES`] and checks its seal.
pub(crate) fn read_message(row: &Row, account: AccountId, mailbox: i64) -> Result<Message, storage::Error> {
    let entry = read_entry(row)?;
    let mail = match row.maybe_blob(8)? {
        Some(bytes) => Some(MailId::from_bytes(bytes.try_into().map_err(|_| damaged(account, mailbox, entry.uid))?)),
        None => None,
    };
    let message = Message {
        uid: entry.uid,
        modseq: entry.modseq,
        flags: entry.flags,
        internal_date: Timestamp(row.int(7)?),
        octets: row.int(6)? as u64,
        body: row.body(5)?,
        mail,
        saved: row.maybe_int(10)?.map(Timestamp),
        thread: row.maybe_int(11)?,
    };
    let columns = sealed(&NewMessage {
        account,
        mailbox,
        uid: i64::from(message.uid),
        modseq: row.int(4)?,
        flags: &message.flags,
        body: message.body,
        octets: message.octets as i64,
        internal_date: message.internal_date,
        mail,
        copied: false,
        saved: Timestamp(0),
        thread: None,
    });
    if storage::seal(&columns) != row.int(9)? {
        return Err(damaged(account, mailbox, message.uid));
    }
    Ok(message)
}

fn damaged(account: AccountId, mailbox: i64, uid: u32) -> storage::Error {
    storage::Error::Damaged(format!("the row of message {uid} in mailbox {mailbox} of account {}", account.0))
}

/// The keywords of a mailbox.
pub(crate) fn keywords(q: &dyn Query, account: AccountId, mailbox: i64) -> Result<Keywords, storage::Error> {
    const SQL: &str = "SELECT number, name FROM keyword WHERE account_id = $1 AND mailbox_id = $2 ORDER BY number";
    let mut names = Vec::new();
    q.query_each(SQL, &[account.0.into(), mailbox.into()], &mut |row| {
        // Numbers are given without gaps under the mailbox's row lock.
        names.push(row.text(1)?.to_owned());
        Ok(true)
    })?;
    Ok(Keywords::new(names))
}

/// What a new account has.
const DEFAULTS: [(&str, Option<Role>); 6] = [
    (INBOX, None),
    ("Drafts", Some(Role::Drafts)),
    ("Sent", Some(Role::Sent)),
    ("Junk", Some(Role::Junk)),
    ("Trash", Some(Role::Trash)),
    ("Archive", Some(Role::Archive)),
];

/// What a mailbox that is created under this name is for: a deleted Trash that comes back is the Trash again. Another
/// mailbox may have the role still, under a new name.
pub(crate) fn free_role(tx: &dyn Transaction, account: AccountId, name: &str) -> Result<Option<Role>, storage::Error> {
    let Some(role) = DEFAULTS.into_iter().find_map(|(known, role)| role.filter(|_| known == name)) else {
        return Ok(None);
    };
    let taken = all(tx, account)?.iter().any(|row| row.role == Some(role));
    Ok((!taken).then_some(role))
}

/// Whether the account has been removed: what it has is to go.
pub(crate) fn is_removed(q: &dyn Query, account: AccountId) -> Result<bool, storage::Error> {
    const SQL: &str = "SELECT mailbox_next FROM mail_account WHERE account_id = $1";
    Ok(q.query_one(SQL, &[account.0.into()])?.map(|row| row.int(0)).transpose()?.is_some_and(|next| next < 0))
}

/// Makes the account's rows, INBOX and the default mailboxes, when they are not there. Answers whether it did.
pub(crate) fn ensure_account(tx: &dyn Transaction, account: AccountId, now: Timestamp) -> Result<bool, storage::Error> {
    const SQL: &str = "INSERT INTO mail_account (account_id, mailbox_next, uidvalidity_last, list_version) \
                       VALUES ($1, $2, $3, 1) ON CONFLICT DO NOTHING";
    let first = now.seconds().max(1);
    let count = DEFAULTS.len() as i64;
    if tx.execute(SQL, &[account.0.into(), (INBOX_ID + count).into(), (first + count - 1).into()])? == 0 {
        return Ok(false);
    }
    for (place, (name, role)) in (0..).zip(DEFAULTS) {
        insert_mailbox(tx, account, INBOX_ID + place, name, role, first + place)?;
        subscribe(tx, account, name)?;
    }
    Ok(true)
}

/// Writes an empty mailbox.
pub(crate) fn insert_mailbox(
    tx: &dyn Transaction,
    account: AccountId,
    id: i64,
    name: &str,
    role: Option<Role>,
    uid_validity: i64,
) -> Result<(), storage::Error> {
    const SQL: &str = "INSERT INTO mailbox (account_id, mailbox_id, name, selectable, role, uidvalidity, uidnext, \
                       modseq, messages, unseen, octets, recent, recent_from, recent_before, tombstones, \
                       tombstones_from) VALUES ($1, $2, $3, 1, $4, $5, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0)";
    let role = role.map(|role| role as i64);
    tx.execute(SQL, &[account.0.into(), id.into(), name.into(), role.into(), uid_validity.into()])?;
    Ok(())
}

/// Subscribes to a name.
pub(crate) fn subscribe(tx: &dyn Transaction, account: AccountId, name: &str) -> Result<u64, storage::Error> {
    const SQL: &str = "INSERT INTO subscription (account_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.execute(SQL, &[account.0.into(), name.into()])
}

/// The mailbox list of the account changes: other processes see it by this number. It takes the account's row lock until
/// the commit, so whoever looks before changing the list says this first.
pub(crate) fn list_changed(tx: &dyn Transaction, account: AccountId) -> Result<(), storage::Error> {
    const SQL: &str = "UPDATE mail_account SET list_version = list_version + 1 WHERE account_id = $1";
    tx.execute(SQL, &[account.0.into()])?;
    Ok(())
}
