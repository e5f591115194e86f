//! Makes the index, behind the deliveries, a segment at a time.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use envelope::{AccountId, MailId, MailboxId};
use message::mime::Structure;
use message::text;
use storage::Transaction;

use super::postings::Gatherer;
use crate::account::{messages, write};
use crate::limits::{
    GRAM_LETTER_OCTETS_MAX, GRAM_LETTERS_AT_ONCE, GRAM_POSTINGS_MAX, GRAM_REST, GRAM_ROWS_AT_ONCE,
    GRAM_SEGMENT_LETTERS, GRAM_SEGMENT_OCTETS, GRAM_TOUCHED_MAX, GRAM_WAIT_SECONDS,
};
use crate::rows::{self, narrow};
use crate::{Error, Inner, Message, UidSet, snapshot};

/// Mailboxes that something came into.
#[derive(Debug)]
pub(crate) enum Touched {
    /// These.
    These(HashSet<(AccountId, MailboxId)>),
    /// More than we care to count; and at the start, whatever came before.
    All,
}

impl Touched {
    pub(crate) fn add(&mut self, account: AccountId, mailbox: MailboxId) {
        if let Self::These(these) = self {
            these.insert((account, mailbox));
            if these.len() > GRAM_TOUCHED_MAX {
                *self = Self::All;
            }
        }
    }

    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::These(HashSet::new()))
    }
}

/// Goes on as long as the Message Store stands.
pub(crate) async fn run(inner: std::sync::Weak<Inner>) {
    loop {
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = all(&inner).await {
            tracing::warn!(%error, "making the index of texts failed");
        }
        drop(inner);
        tokio::time::sleep(Duration::from_secs(GRAM_WAIT_SECONDS)).await;
    }
}

/// Indexes what is to be indexed, and keeps the views that are to be kept, of all mailboxes that were touched. Answers how many segments there are more.
pub(crate) async fn all(inner: &Inner) -> Result<usize, Error> {
    const SQL: &str = "SELECT account_id, mailbox_id FROM mailbox";
    let mailboxes: Vec<(AccountId, MailboxId)> = match inner.hub.take_touched() {
        Touched::These(these) => these.into_iter().collect(),
        Touched::All => {
            let rows = inner.store.read(|q| q.query(SQL, &[])).await?;
            let key = |row: &storage::Row| Ok((AccountId(row.int(0)?), MailboxId(row.int(1)?)));
            rows.iter().map(key).collect::<Result<_, storage::Error>>()?
        }
    };
    snapshot::all(inner, &mailboxes).await?;
    let mut made = 0;
    for (account, mailbox) in mailboxes {
        while segment(inner, account, mailbox.0).await? {
            made += 1;
        }
    }
    Ok(made)
}

/// Writes the next segment of a mailbox; false when there is not enough for one.
async fn segment(inner: &Inner, account: AccountId, mailbox: i64) -> Result<bool, Error> {
    const LAST: &str = "SELECT last_uid FROM gram_segment WHERE account_id = $1 AND mailbox_id = $2 \
                        ORDER BY first_uid DESC LIMIT 1";
    const NEXT: &str = "SELECT uidnext FROM mailbox WHERE account_id = $1 AND mailbox_id = $2";
    let due = inner.store.read(move |q| {
        let key = [account.0.into(), mailbox.into()];
        let last = q.query_one(LAST, &key)?.map_or(Ok(0), |row| row.int(0))?;
        let next = q.query_one(NEXT, &key)?.map_or(Ok(0), |row| row.int(0))?;
        // A small mailbox, and one into which little came, is not even listed.
        if next - last <= GRAM_SEGMENT_LETTERS as i64 / 16 {
            return Ok(None);
        }
        let (first, end) = (narrow(last + 1), narrow(last + 1 + i64::from(u16::MAX)));
        let letters = messages(q, account, mailbox, &UidSet::from_ranges([(first, end)]), GRAM_SEGMENT_LETTERS)?;
        // Where most of what came is gone, a segment ends at the last UID that it can name.
        let sparse = letters.len() < GRAM_SEGMENT_LETTERS && i64::from(end) < next - 1;
        Ok(Some((first, sparse.then_some(end), letters)))
    });
    let Some((first_uid, sparse, mut letters)) = due.await? else { return Ok(false) };
    let octets: u64 = letters.iter().map(|letter| letter.octets.min(GRAM_LETTER_OCTETS_MAX)).sum();
    if letters.len() < GRAM_SEGMENT_LETTERS && octets < GRAM_SEGMENT_OCTETS && sparse.is_none() {
        return Ok(false);
    }
    let (gatherer, unread, read) = gather(inner, first_uid, &letters).await?;
    let whole = read == letters.len();
    letters.truncate(read);
    let last = letters.last().map(|letter| letter.uid);
    let Some(last_uid) = sparse.filter(|_| whole).or(last) else { return Ok(false) };
    let number = i64::from_be_bytes(*MailId::random().to_bytes().first_chunk::<8>().unwrap_or(&[0; 8])) >> 1;
    let rows = tokio::task::spawn_blocking(move || gatherer.rows()).await;
    let rows = rows.map_err(|error| storage::Error::Bug(error.to_string()))?;
    for some in rows.chunks(GRAM_ROWS_AT_ONCE) {
        let some = some.to_vec();
        write(inner, move |tx| Ok(put(tx, account, mailbox, number, &some)?)).await?;
    }
    let segment = Written { account, mailbox, number, first_uid, last_uid, unread };
    write(inner, move |tx| Ok(finish(tx, &segment)?)).await
}

/// Reads letters until there are enough postings: what was gathered, the offsets of letters that were not looked into,
/// and how many letters that were.
async fn gather(inner: &Inner, first_uid: u32, letters: &[Message]) -> Result<(Gatherer, Vec<u16>, usize), Error> {
    let mut gatherer = Gatherer::new();
    let mut unread = Vec::new();
    let mut read = 0;
    let mut begun = Instant::now();
    for letter in letters {
        if read % GRAM_LETTERS_AT_ONCE == 0 {
            // Deliveries and readers have the machine most of the time.
            tokio::time::sleep(begun.elapsed() * GRAM_REST).await;
            begun = Instant::now();
        }
        if gatherer.len() >= GRAM_POSTINGS_MAX {
            break;
        }
        let offset = u16::try_from(letter.uid - first_uid).unwrap_or(u16::MAX);
        read += 1;
        if letter.octets > GRAM_LETTER_OCTETS_MAX {
            unread.push(offset);
            continue;
        }
        let body = match inner.store.open(letter.body).await {
            Ok(body) => body.read_all(GRAM_LETTER_OCTETS_MAX).await,
            Err(error) => Err(error),
        };
        match body {
            Ok(body) => {
                gatherer = tokio::task::spawn_blocking(move || {
                    look(&body, &mut gatherer);
                    gatherer.end(offset);
                    gatherer
                })
                .await
                .map_err(|error| storage::Error::Bug(error.to_string()))?;
            }
            // Expunged in the meantime, or damaged: whoever searches finds out.
            Err(storage::Error::NoBody(_) | storage::Error::Damaged(_)) => unread.push(offset),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((gatherer, unread, read))
}

/// All runs of text that a search looks through.
fn look(letter: &[u8], gatherer: &mut Gatherer) {
    text::each_field(letter, &mut |text| gatherer.text(text));
    text::each_text(letter, &Structure::parse(letter), &mut |text| {
        gatherer.text(text);
        true
    });
}

fn put(
    tx: &dyn Transaction,
    account: AccountId,
    mailbox: i64,
    number: i64,
    some: &[(i64, Vec<u8>)],
) -> Result<(), storage::Error> {
    const SQL: &str = "INSERT INTO gram (account_id, mailbox_id, segment, part, postings, seal) \
                       VALUES ($1, $2, $3, $4, $5, $6)";
    for (part, postings) in some {
        let seal = storage::seal(&[postings.as_slice().into()]);
        let key = [account.0.into(), mailbox.into(), number.into(), (*part).into()];
        let [account, mailbox, number, part] = key;
        tx.execute(SQL, &[account, mailbox, number, part, postings.as_slice().into(), seal.into()])?;
    }
    Ok(())
}

/// A segment whose postings are written.
struct Written {
    account: AccountId,
    mailbox: i64,
    number: i64,
    first_uid: u32,
    last_uid: u32,
    unread: Vec<u16>,
}

/// Makes it count. When another process was faster, or the mailbox is gone, its postings go, too.
fn finish(tx: &dyn Transaction, segment: &Written) -> Result<bool, storage::Error> {
    const SQL: &str = "INSERT INTO gram_segment (account_id, mailbox_id, first_uid, last_uid, segment, unread) \
                       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    const UNDO: &str = "DELETE FROM gram WHERE account_id = $1 AND mailbox_id = $2 AND segment = $3";
    let Written { account, mailbox, number, .. } = *segment;
    let unread: Vec<u8> = segment.unread.iter().flat_map(|offset| offset.to_be_bytes()).collect();
    let row = [
        account.0.into(),
        mailbox.into(),
        i64::from(segment.first_uid).into(),
        i64::from(segment.last_uid).into(),
        number.into(),
        unread.into(),
    ];
    let stands = rows::by_id(tx, account, MailboxId(mailbox))?.is_some();
    if stands && tx.execute(SQL, &row)? == 1 {
        return Ok(true);
    }
    tx.execute(UNDO, &[account.0.into(), mailbox.into(), number.into()])?;
    Ok(stands)
}
