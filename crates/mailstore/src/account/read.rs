//! STATUS, SELECT, the rows of FETCH, bodies, and what changed.

use directory::Quota;
use envelope::{AccountId, MailboxId};
use storage::{Body, Query};

use super::Account;
use crate::flags::DELETED;
use crate::limits::LETTER_READ_OCTETS_MAX;
use crate::rows::{self, MESSAGES, MailboxRow, narrow};
use crate::{
    Candidates, Changes, Entries, Error, Message, Selected, Status, UidSet, Usage, View, changes, grams, name, quota,
};

impl Account {
    /// STATUS, from counters.
    pub async fn status(&self, name: &str) -> Result<Status, Error> {
        let (account, name) = (self.id, name::canonical(name).map_err(|_| Error::NoMailbox)?);
        let found = self.inner.store.read(move |q| Ok(rows::selectable_named(q, account, &name)));
        let row = lift(found.await)?;
        Ok(Status {
            id: MailboxId(row.id),
            messages: narrow(row.messages),
            recent: narrow(row.recent),
            unseen: narrow(row.unseen),
            octets: u64::try_from(row.octets).unwrap_or(0),
            uid_next: narrow(row.uid_next),
            uid_validity: narrow(row.uid_validity),
            modseq: row.modseq as u64,
        })
    }

    /// What the account holds, and may hold, at one moment.
    pub async fn usage(&self) -> Result<(Usage, Quota), Error> {
        let (account, rule) = (self.id, self.inner.quota);
        let found =
            self.inner.store.read(move |q| Ok((quota::usage(q, account)?, directory::quota_in(q, account, rule)?)));
        Ok(found.await?)
    }

    /// Octets of the messages that have `\\Deleted`: an EXPUNGE would give them back (RFC 9208 section 4.1.4).
    pub async fn deleted_octets(&self, mailbox: MailboxId) -> Result<u64, Error> {
        const SQL: &str = "SELECT CAST(COALESCE(SUM(octets), 0) AS BIGINT) FROM message \
                           WHERE account_id = $1 AND mailbox_id = $2 AND (flags & $3) = $3";
        let key = [self.id.0.into(), mailbox.0.into(), (DELETED as i64).into()];
        let row = self.inner.store.read(move |q| q.query_one(SQL, &key)).await?;
        Ok(row.map_or(Ok(0), |row| row.int(0))?.unsigned_abs())
    }

    /// SELECT; with `claim_recent` (not EXAMINE) the session takes the new messages as its `\Recent`.
    pub async fn select(&self, name: &str, claim_recent: bool) -> Result<Selected, Error> {
        let (account, inner) = (self.id, self.inner.clone());
        let name = name::canonical(name).map_err(|_| Error::NoMailbox)?;
        let found = self.inner.store.read(move |q| {
            let row = match rows::selectable_named(q, account, &name) {
                Ok(row) => row,
                Err(error) => return Ok(Err(error)),
            };
            Ok(Ok((inner.views.view(q, account, &row)?, row)))
        });
        let (view, row): (View, MailboxRow) = lift(found.await)?;
        let (recent_from, recent_until) = if claim_recent && row.recent > 0 {
            self.claim_recent(view.mailbox).await?
        } else {
            (narrow(row.recent_from), narrow(row.uid_next))
        };
        Ok(Selected { view, recent_from, recent_until })
    }

    /// Takes the messages that no session has claimed yet as this session's `\Recent`: from the first UID up to, and
    /// not with, the second.
    pub async fn claim_recent(&self, mailbox: MailboxId) -> Result<(u32, u32), Error> {
        // On the right side of SET stands what was before, on either engine.
        const SQL: &str = "UPDATE mailbox SET recent_before = recent_from, recent_from = uidnext, recent = 0 \
                           WHERE account_id = $1 AND mailbox_id = $2 RETURNING recent_before, recent_from";
        let account = self.id;
        self.write(move |tx| {
            let row = tx.query_one(SQL, &[account.0.into(), mailbox.0.into()])?.ok_or(Error::NoMailbox)?;
            Ok((narrow(row.int(0)?), narrow(row.int(1)?)))
        })
        .await
    }

    /// The mailbox as it stands, by its key.
    pub async fn view(&self, mailbox: MailboxId) -> Result<View, Error> {
        let (account, inner) = (self.id, self.inner.clone());
        let found = self.inner.store.read(move |q| match rows::selectable(q, account, mailbox) {
            Ok(row) => Ok(Ok(inner.views.view(q, account, &row)?)),
            Err(error) => Ok(Err(error)),
        });
        lift(found.await)
    }

    /// The first `count_max` messages of the set, in the order of their UIDs; go on with `uids.above(last)`.
    pub async fn messages(&self, mailbox: MailboxId, uids: &UidSet, count_max: usize) -> Result<Vec<Message>, Error> {
        let (account, uids) = (self.id, uids.clone());
        let found = self.inner.store.read(move |q| messages(q, account, mailbox.0, &uids, count_max));
        Ok(found.await?)
    }

    /// The first messages of the set with their bytes, by one look: `count_max` at most, and at least one when there is
    /// one, and so many that what of them is read here stays within `octets_max`.
    pub async fn letters(
        &self,
        mailbox: MailboxId,
        uids: &UidSet,
        count_max: usize,
        octets_max: u64,
    ) -> Result<Vec<(Message, Result<Body, Error>)>, Error> {
        let (account, uids) = (self.id, uids.clone());
        let found = self.inner.store.read_and_open(move |q| {
            let mut rows = messages(q, account, mailbox.0, &uids, count_max)?;
            let mut octets = 0;
            let fits = |message: &&Message| {
                octets += message.octets.min(LETTER_READ_OCTETS_MAX);
                octets <= octets_max
            };
            rows.truncate(rows.iter().take_while(fits).count().max(1));
            let bodies = rows.iter().map(|message| message.body).collect();
            Ok((rows, bodies))
        });
        let (rows, bodies) = found.await?;
        Ok(rows.into_iter().zip(bodies.into_iter().map(|body| body.map_err(Error::from))).collect())
    }

    /// The bytes of a message.
    pub async fn body(&self, message: &Message) -> Result<Body, Error> {
        Ok(self.inner.store.open(message.body).await?)
    }

    /// The bytes of several messages, in their order, by one look. What is wrong with one concerns no other. The caller
    /// bounds how many: small bodies are read here.
    pub async fn bodies(&self, messages: &[Message]) -> Vec<Result<Body, Error>> {
        let wanted: Vec<_> = messages.iter().map(|message| message.body).collect();
        self.inner.store.open_many(&wanted).await.into_iter().map(|body| body.map_err(Error::from)).collect()
    }

    /// For each of these words, folded by [`message::text::fold`], which messages may hold it, as far as the index of
    /// texts knows; `None` where it cannot tell.
    pub async fn candidates(&self, mailbox: MailboxId, words: &[String]) -> Result<Vec<Option<Candidates>>, Error> {
        let (account, words) = (self.id, words.to_vec());
        let found = self.inner.store.read(move |q| grams::candidates(q, account, mailbox.0, &words));
        Ok(found.await?)
    }

    /// What happened since `modseq`.
    pub async fn changes(&self, mailbox: MailboxId, modseq: u64) -> Result<Changes, Error> {
        let (account, inner) = (self.id, self.inner.clone());
        let found = self.inner.store.read(move |q| match rows::selectable(q, account, mailbox) {
            Ok(row) => {
                let changes = changes::since(q, account, &row, modseq)?;
                inner.views.changed(account, &row, modseq, &changes);
                Ok(Ok(changes))
            }
            Err(error) => Ok(Err(error)),
        });
        lift(found.await)
    }

    /// The messages as they were at this MODSEQ, if they are still in memory: for who has come so far by
    /// [`Account::changes`], to hold them together with others. Looks nowhere else.
    pub fn shared(&self, mailbox: MailboxId, uid_validity: u32, modseq: u64) -> Option<Entries> {
        self.inner.views.at(self.id, mailbox.0, uid_validity, modseq)
    }
}

/// The first `count_max` rows of the set.
pub(crate) fn messages(
    q: &dyn Query,
    account: AccountId,
    mailbox: i64,
    uids: &UidSet,
    count_max: usize,
) -> Result<Vec<Message>, storage::Error> {
    let mut messages = Vec::new();
    for (first, last) in uids.ranges() {
        let left = count_max.saturating_sub(messages.len());
        if left == 0 {
            break;
        }
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        let range = [account.0.into(), mailbox.into(), i64::from(*first).into(), i64::from(*last).into(), left.into()];
        q.query_each(MESSAGES, &range, &mut |row| {
            messages.push(rows::read_message(row, account, mailbox)?);
            Ok(true)
        })?;
    }
    Ok(messages)
}

/// A reader's error that came out of a closure beside the store's own.
pub(super) fn lift<T>(found: Result<Result<T, Error>, storage::Error>) -> Result<T, Error> {
    found.map_err(Error::from).and_then(|inner| inner)
}
