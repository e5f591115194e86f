//! Asks the index.

use envelope::AccountId;
use storage::Query;

use super::{postings, terms};
use crate::UidSet;
use crate::limits::{GRAM_TERMS_ASKED_MAX, GRAM_TERMS_MIN};
use crate::rows::narrow;

/// Which messages may hold a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Up to this UID, `may` names all that may.
    indexed: u32,
    may: UidSet,
}

impl Candidates {
    /// Whether the message may hold the text. False is certain.
    pub fn may_hold(&self, uid: u32) -> bool {
        uid > self.indexed || self.may.contains(uid)
    }
}

/// A piece of the mailbox that is indexed.
struct Segment {
    number: i64,
    first_uid: u32,
    last_uid: u32,
    /// Messages that were not looked into: they may hold anything.
    always: Vec<u16>,
}

/// For each of the words, folded, which messages may hold it; `None` where the index cannot tell.
pub(crate) fn candidates(
    q: &dyn Query,
    account: AccountId,
    mailbox: i64,
    words: &[String],
) -> Result<Vec<Option<Candidates>>, storage::Error> {
    let asked: Vec<Vec<u16>> = words.iter().map(|word| chosen(word)).collect();
    if asked.iter().all(Vec::is_empty) {
        return Ok(vec![None; words.len()]);
    }
    let segments = segments(q, account, mailbox)?;
    let Some(indexed) = segments.last().map(|segment| segment.last_uid) else { return Ok(vec![None; words.len()]) };
    let mut out = Vec::with_capacity(words.len());
    for terms in asked {
        if terms.is_empty() {
            out.push(None);
            continue;
        }
        let mut may = Vec::new();
        for segment in &segments {
            match in_segment(q, account, mailbox, segment, &terms)? {
                Some(offsets) => may.extend(offsets.into_iter().map(|offset| {
                    let uid = segment.first_uid.saturating_add(u32::from(offset));
                    (uid, uid)
                })),
                // Damaged: all of it is looked through.
                None => may.push((segment.first_uid, segment.last_uid)),
            }
        }
        out.push(Some(Candidates { indexed, may: UidSet::from_ranges(may) }));
    }
    Ok(out)
}

/// The terms that are asked for a word: not all of a long one.
fn chosen(word: &str) -> Vec<u16> {
    let mut all: Vec<u16> = terms(word).collect();
    if all.len() < GRAM_TERMS_MIN {
        return Vec::new();
    }
    all.sort_unstable();
    all.dedup();
    let step = all.len().div_ceil(GRAM_TERMS_ASKED_MAX).max(1);
    all.into_iter().step_by(step).collect()
}

fn segments(q: &dyn Query, account: AccountId, mailbox: i64) -> Result<Vec<Segment>, storage::Error> {
    const SQL: &str = "SELECT segment, first_uid, last_uid, unread FROM gram_segment \
                       WHERE account_id = $1 AND mailbox_id = $2 ORDER BY first_uid";
    let mut segments: Vec<Segment> = Vec::new();
    q.query_each(SQL, &[account.0.into(), mailbox.into()], &mut |row| {
        let unread = row.blob(3)?.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
        let (first_uid, last_uid) = (narrow(row.int(1)?), narrow(row.int(2)?));
        // They follow one another; what lies behind a gap is not indexed.
        let follows = segments.last().map_or(0, |last| last.last_uid).saturating_add(1) == first_uid;
        if follows {
            segments.push(Segment { number: row.int(0)?, first_uid, last_uid, always: unread.collect() });
        }
        Ok(follows)
    })?;
    Ok(segments)
}

/// Those of a segment that have all of the terms, and those that nobody looked into; `None` when a row is damaged.
fn in_segment(
    q: &dyn Query,
    account: AccountId,
    mailbox: i64,
    segment: &Segment,
    terms: &[u16],
) -> Result<Option<Vec<u16>>, storage::Error> {
    const SQL: &str = "SELECT postings, seal FROM gram \
                       WHERE account_id = $1 AND mailbox_id = $2 AND segment = $3 AND part = $4";
    let mut left: Option<Vec<u16>> = None;
    for term in terms {
        let (part, place) = postings::place(*term);
        let row = q.query_one(SQL, &[account.0.into(), mailbox.into(), segment.number.into(), part.into()])?;
        let mut these = Vec::new();
        if let Some(row) = row {
            if storage::seal(&[row.blob(0)?.into()]) != row.int(1)? {
                return Ok(None);
            }
            let Some(read) = postings::read(row.blob(0)?, place) else { return Ok(None) };
            these = read;
        }
        let both = match left {
            None => these,
            Some(left) => left.into_iter().filter(|offset| these.binary_search(offset).is_ok()).collect(),
        };
        let is_over = both.is_empty();
        left = Some(both);
        if is_over {
            break;
        }
    }
    let mut found = left.unwrap_or_default();
    found.extend_from_slice(&segment.always);
    Ok(Some(found))
}
