//! COPY and MOVE: rows are written, bytes are not; a body counts who names it.

use envelope::{AccountId, MailboxId, Timestamp};
use storage::Transaction;

use super::append::resolve;
use super::{Account, remove};
use crate::feed::Hint;
use crate::flags::SEEN;
use crate::limits::ROWS_BATCH;
use crate::quota::Check;
use crate::rows::{self, Booking, MESSAGES, MailboxRow, NewMessage, narrow};
use crate::{Copied, Error, FlagBits, Keywords, Message, UidSet, digests, name};

impl Account {
    /// COPY: no bytes are copied. All or nothing (RFC 3501 section 6.4.7).
    pub async fn copy(&self, from: MailboxId, uids: &UidSet, to: &str) -> Result<Copied, Error> {
        self.transfer(from, uids.clone(), to, false).await
    }

    /// MOVE (RFC 6851). All or nothing.
    pub async fn move_to(&self, from: MailboxId, uids: &UidSet, to: &str) -> Result<Copied, Error> {
        self.transfer(from, uids.clone(), to, true).await
    }

    async fn transfer(&self, from: MailboxId, uids: UidSet, to: &str, moving: bool) -> Result<Copied, Error> {
        let (account, to) = (self.id, name::canonical(to).map_err(|_| Error::NoMailbox)?);
        let (now, rule) = ((self.inner.clock)(), self.inner.quota);
        let copied = self.write(move |tx| {
            // What is moved counts as before.
            let check = if moving { None } else { Some(Check::begin(tx, account, rule)?) };
            let source = rows::selectable(tx, account, from)?;
            let target = rows::selectable_named(tx, account, &to)?;
            let copied = transfer(tx, account, &source, &uids, &Target { row: &target, now }, moving)?;
            check.filter(|_| !copied.uids.is_empty()).map_or(Ok(()), |check| check.end(tx))?;
            Ok(copied)
        });
        let copied = copied.await?;
        if !copied.uids.is_empty() {
            self.tell(Hint::Mailbox(copied.mailbox));
            if moving {
                self.tell(Hint::Mailbox(from));
            }
        }
        Ok(copied)
    }
}

/// Where copies go, and when.
pub(super) struct Target<'a> {
    pub(super) row: &'a MailboxRow,
    pub(super) now: Timestamp,
}

/// Copies or moves within one account.
pub(super) fn transfer(
    tx: &dyn Transaction,
    account: AccountId,
    source: &MailboxRow,
    uids: &UidSet,
    target: &Target<'_>,
    moving: bool,
) -> Result<Copied, Error> {
    if moving {
        // From here on nobody else takes messages out of the source.
        rows::book(tx, account, source.id, Booking::default())?.ok_or(Error::NoMailbox)?;
    }
    let mut writer = Writer {
        tx,
        account,
        target: target.row,
        now: target.now,
        moving,
        source_keywords: rows::keywords(tx, account, source.id)?,
        target_keywords: rows::keywords(tx, account, target.row.id)?,
        uids: Vec::new(),
    };
    for (first, last) in uids.ranges() {
        // Into the same mailbox, the copies stand behind the end and are not copied again.
        let end = i64::from(*last).min(source.uid_next - 1);
        let mut next = i64::from(*first);
        while next <= end {
            let batch = [account.0.into(), source.id.into(), next.into(), end.into(), (ROWS_BATCH as i64).into()];
            let mut messages = Vec::new();
            tx.query_each(MESSAGES, &batch, &mut |row| {
                messages.push(rows::read_message(row, account, source.id)?);
                Ok(true)
            })?;
            let Some(last) = messages.last() else { break };
            next = i64::from(last.uid) + 1;
            writer.write(&messages)?;
        }
    }
    let copied = writer.uids;
    digests::copy(tx, account, source.id, target.row.id, &copied)?;
    let mut source_modseq = None;
    if moving {
        let set = copied.iter().map(|(uid, _)| *uid).collect();
        // Their bodies go with them.
        let taken = remove::delete(tx, account, source.id, &set, 0)?;
        source_modseq = Some(remove::close_gap(tx, account, source.id, &taken)? as u64);
    }
    let (mailbox, uid_validity) = (MailboxId(target.row.id), narrow(target.row.uid_validity));
    Ok(Copied { mailbox, uid_validity, uids: copied, source_modseq })
}

struct Writer<'a> {
    tx: &'a dyn Transaction,
    account: AccountId,
    target: &'a MailboxRow,
    now: Timestamp,
    moving: bool,
    source_keywords: Keywords,
    target_keywords: Keywords,
    uids: Vec<(u32, u32)>,
}

impl Writer<'_> {
    fn write(&mut self, messages: &[Message]) -> Result<(), Error> {
        let count = messages.len() as i64;
        let booking = Booking {
            uids: count,
            messages: count,
            unseen: messages.iter().filter(|message| !message.flags.has(SEEN)).count() as i64,
            octets: messages.iter().map(|message| message.octets as i64).sum(),
            recent: count,
        };
        let booked = rows::book(self.tx, self.account, self.target.id, booking)?.ok_or(Error::NoMailbox)?;
        for (uid, message) in (booked.uid_next - count..).zip(messages) {
            let flags = self.translate(&message.flags)?;
            let new = NewMessage {
                account: self.account,
                mailbox: self.target.id,
                uid,
                modseq: booked.modseq,
                flags: &flags,
                body: message.body,
                octets: message.octets as i64,
                internal_date: message.internal_date,
                mail: message.mail,
                copied: true,
                saved: self.now,
                thread: message.thread,
            };
            rows::insert(self.tx, &new)?;
            if !self.moving {
                self.tx.add_reference(message.body)?;
            }
            self.uids.push((message.uid, narrow(uid)));
        }
        Ok(())
    }

    /// The flags, with the keyword numbers of the target.
    fn translate(&mut self, flags: &FlagBits) -> Result<FlagBits, Error> {
        if flags.numbers().next().is_none() {
            return Ok(flags.clone());
        }
        let named = flags.to_flags(&self.source_keywords);
        resolve(self.tx, self.account, self.target.id, &mut self.target_keywords, &named)
    }
}
