//! Messages with their digests: what lists of messages are made of.

use envelope::MailboxId;
use message::digest::Digest;
use message::mime::{Options, Scanner};
use storage::Body;

use super::{Account, read};
use crate::limits::{DIGEST_START_OCTETS, DIGESTS_AT_ONCE_MAX};
use crate::{Error, Message, Summary, UidSet, digests};

impl Account {
    /// The digests that are there of these messages, in the order of their UIDs, without looking at rows or bodies. The
    /// caller bounds how many.
    pub async fn digests(&self, mailbox: MailboxId, uids: &UidSet) -> Result<Vec<(u32, Digest)>, Error> {
        let (account, uids) = (self.id, uids.clone());
        let found = self.inner.store.read(move |q| {
            let mut found = Vec::new();
            for range in uids.ranges() {
                digests::each(q, account, mailbox.0, *range, &mut |uid, digest| found.push((uid, digest)))?;
            }
            Ok(found)
        });
        Ok(found.await?)
    }

    /// The first `count_max` messages of the set with their digests, in the order of their UIDs. A digest that is not
    /// there (the letter is long, or older than digests are) or that is damaged is made from the body, and kept.
    pub async fn summaries(&self, mailbox: MailboxId, uids: &UidSet, count_max: usize) -> Result<Vec<Summary>, Error> {
        let (account, uids) = (self.id, uids.clone());
        let found = self.inner.store.read(move |q| {
            let messages = read::messages(q, account, mailbox.0, &uids, count_max)?;
            let mut found: Vec<(Message, Option<Digest>)> = messages.into_iter().map(|one| (one, None)).collect();
            let Some(end) = found.last().map(|(message, _)| message.uid) else { return Ok(found) };
            let mut at = 0;
            for range in uids.ranges().iter().filter(|range| range.0 <= end) {
                digests::each(q, account, mailbox.0, (range.0, range.1.min(end)), &mut |uid, digest| {
                    while found.get(at).is_some_and(|(message, _)| message.uid < uid) {
                        at += 1;
                    }
                    if let Some((_, kept)) = found.get_mut(at).filter(|(message, _)| message.uid == uid) {
                        *kept = Some(digest);
                    }
                })?;
            }
            Ok(found)
        });
        self.complete(mailbox, found.await?).await
    }

    /// Makes the digests that are missing.
    async fn complete(&self, mailbox: MailboxId, found: Vec<(Message, Option<Digest>)>) -> Result<Vec<Summary>, Error> {
        let missing: Vec<Message> =
            found.iter().filter(|(_, digest)| digest.is_none()).map(|(message, _)| message.clone()).collect();
        let mut made = Vec::with_capacity(missing.len());
        for bunch in missing.chunks(DIGESTS_AT_ONCE_MAX) {
            for body in self.bodies(bunch).await {
                made.push(match body {
                    Ok(body) => of_body(&body).await.map_err(Error::from),
                    Err(error) => Err(error),
                });
            }
        }
        let new = missing.iter().zip(&made);
        let new: Vec<_> = new.filter_map(|(m, d)| Some((m.uid, m.body, d.as_ref().ok()?.clone()))).collect();
        if !new.is_empty() {
            self.keep(mailbox, new).await;
        }
        let mut made = made.into_iter();
        let mut digest = |kept: Option<Digest>| kept.map(Ok).or_else(|| made.next());
        // There are as many as are missing.
        let summary = |(message, kept)| Some(Summary { message, digest: digest(kept)? });
        Ok(found.into_iter().filter_map(summary).collect())
    }

    /// What cannot be kept is made once more next time.
    async fn keep(&self, mailbox: MailboxId, made: Vec<(u32, storage::BodyId, Digest)>) {
        let account = self.id;
        let kept = self.write(move |tx| {
            for (uid, body, digest) in &made {
                digests::replace(tx, account, mailbox.0, *uid, *body, digest)?;
            }
            Ok(())
        });
        if let Err(error) = kept.await {
            tracing::warn!(%error, "digests were made and not kept");
        }
    }
}

/// Reads a body once, whatever its size, and holds its beginning only.
async fn of_body(body: &Body) -> Result<Digest, storage::Error> {
    let mut start: Vec<u8> = Vec::new();
    let mut scanner = Scanner::new(Options::default());
    let mut at = 0;
    while at < body.len() {
        let piece = body.read(at..body.len()).await?;
        if piece.is_empty() {
            return Err(storage::Error::Damaged("a body is shorter than its row says".to_owned()));
        }
        at += piece.len() as u64;
        let room = DIGEST_START_OCTETS.saturating_sub(start.len());
        start.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        scanner.push(&piece);
        tokio::task::yield_now().await;
    }
    Ok(Digest::of_start(&start, &scanner.finish()))
}
