//! APPEND, and keywords.

use envelope::{AccountId, MailboxId, Timestamp};
use storage::Transaction;

use super::Account;
use crate::feed::Hint;
use crate::flags::{SEEN, SYSTEM, is_keyword};
use crate::limits::KEYWORDS_MAX;
use crate::quota::Check;
use crate::rows::{self, Booking, NewMessage, narrow};
use crate::{Append, Error, FlagBits, Flags, Keywords, Placed, digests, name, threads};

impl Account {
    /// APPEND; several at once are all or nothing (RFC 3502).
    pub async fn append(&self, mailbox: &str, messages: Vec<Append>) -> Result<Vec<Placed>, Error> {
        let (account, now) = (self.id, (self.inner.clock)());
        let name = name::canonical(mailbox).map_err(|_| Error::NoMailbox)?;
        let rule = self.inner.quota;
        let placed = self.write(move |tx| {
            let check = Check::begin(tx, account, rule)?;
            let placed = put(tx, account, &name, &messages, now)?;
            check.end(tx)?;
            Ok(placed)
        });
        let placed = placed.await?;
        if let Some(first) = placed.first() {
            self.tell(Hint::Mailbox(first.mailbox));
        }
        Ok(placed)
    }
}

/// Puts messages into a mailbox, which is named as [`name::canonical`] has it.
pub(super) fn put(
    tx: &dyn Transaction,
    account: AccountId,
    name: &str,
    messages: &[Append],
    now: Timestamp,
) -> Result<Vec<Placed>, Error> {
    let row = rows::selectable_named(tx, account, name)?;
    let count = messages.len() as i64;
    let seen = messages.iter().filter(|message| message.flags.system & SEEN != 0).count() as i64;
    let octets = messages.iter().map(|message| message.octets as i64).sum();
    let booking = Booking { uids: count, messages: count, unseen: count - seen, octets, recent: count };
    let booked = rows::book(tx, account, row.id, booking)?.ok_or(Error::NoMailbox)?;
    let mut known = rows::keywords(tx, account, row.id)?;
    let mut placed = Vec::with_capacity(messages.len());
    for (uid, message) in (booked.uid_next - count..).zip(messages) {
        let body = tx.keep(&message.body, 1)?;
        let join = |digest| threads::join(tx, account, uid, body, digest, now);
        let new = NewMessage {
            account,
            mailbox: row.id,
            uid,
            modseq: booked.modseq,
            flags: &resolve(tx, account, row.id, &mut known, &message.flags)?,
            body,
            octets: message.octets as i64,
            internal_date: message.internal_date.unwrap_or(now),
            mail: None,
            copied: true,
            saved: now,
            thread: message.digest.as_deref().map(join).transpose()?,
        };
        rows::insert(tx, &new)?;
        if let Some(digest) = &message.digest {
            digests::insert(tx, account, row.id, uid, digest)?;
        }
        placed.push(Placed {
            account,
            mailbox: MailboxId(row.id),
            name: booked.name.clone(),
            uid_validity: narrow(booked.uid_validity),
            uid: narrow(uid),
            modseq: booked.modseq as u64,
            duplicate: false,
        });
    }
    Ok(placed)
}

/// Flags as bits. A keyword that the mailbox has not seen gets the next number; the caller holds the mailbox's row lock.
pub(super) fn resolve(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    known: &mut Keywords,
    flags: &Flags,
) -> Result<FlagBits, Error> {
    const SQL: &str = "INSERT INTO keyword (account_id, mailbox_id, number, name) VALUES ($1, $2, $3, $4)";
    let mut bits = FlagBits { bits: flags.system & SYSTEM, more: None };
    for keyword in &flags.keywords {
        let number = match known.number(keyword) {
            Some(number) => number,
            None if !is_keyword(keyword) => return Err(Error::Cannot("that is no keyword")),
            None if known.len() >= KEYWORDS_MAX => {
                return Err(Error::Limit { what: "keywords in a mailbox", max: KEYWORDS_MAX });
            }
            None => {
                let number = known.len();
                let key = [account.0.into(), mailbox.into(), (number as i64).into(), keyword.as_str().into()];
                tx.execute(SQL, &key)?;
                *known = Keywords::new(known.iter().map(str::to_owned).chain([keyword.clone()]).collect());
                number
            }
        };
        bits.set_number(number);
    }
    Ok(bits)
}

/// Flags as bits, without those keywords that the mailbox has never seen. Answers whether there were any.
pub(super) fn resolve_known(known: &Keywords, flags: &Flags) -> (FlagBits, bool) {
    let mut bits = FlagBits { bits: flags.system & SYSTEM, more: None };
    let mut missing = false;
    for keyword in &flags.keywords {
        match known.number(keyword) {
            Some(number) => bits.set_number(number),
            None => missing = true,
        }
    }
    (bits, missing)
}
