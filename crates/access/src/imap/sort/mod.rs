//! SORT (RFC 5256, RFC 5957), answered in the old form or by ESEARCH (RFC 5267 section 3). What messages are ordered by
//! comes out of their digests: no body is opened.

mod keys;

use std::cmp::Ordering;

use mailstore::UidSet;
use protocol::imap::encode::{Code, Untagged};
use protocol::imap::{Sort, SortBy, SortCriterion};

use super::search::{Found, Hit, Told};
use super::talk::Talk;
use super::trouble::Trouble;
use crate::limits::{ROWS_BATCH, SORT_MESSAGES_MAX};
pub(super) use keys::Sortable;

impl Talk {
    pub(super) async fn sort(&mut self, sort: &Sort) -> Result<(), Trouble> {
        if self.is_watched(sort.returns) {
            return Ok(());
        }
        let saves = sort.returns.is_some_and(|returns| returns.save);
        if saves && let Some(selected) = &mut self.selected {
            // What fails from here on leaves nothing behind.
            selected.saved = UidSet::EMPTY;
        }
        let Some(found) = self.find(&sort.key, Some(&sort.charset)).await? else { return Ok(()) };
        if self.is_cut() {
            return Ok(());
        }
        let Some(mut rows) = self.sortables(&found).await? else { return Ok(()) };
        rows.sort_by(|a, b| order(a, b, &sort.criteria));
        let numbers: Vec<u32> = rows.iter().map(|row| if sort.uid { row.uid } else { row.seq }).collect();
        let Some(returns) = sort.returns else {
            self.line.session().untagged(&Untagged::Sort(&numbers));
            return self.done(sort.uid, "SORT").await;
        };
        if returns.save {
            let page = returns.partial.map_or(0..rows.len(), |range| range.places(rows.len()));
            let kept = rows.get(page).unwrap_or_default();
            self.selected()?.saved = kept.iter().map(|row| row.uid).collect();
        }
        let modseq = if sort.key.mentions_modseq() { rows.iter().map(|row| row.modseq).max() } else { None };
        let scores: Vec<u8> = rows.iter().map(|row| row.score).collect();
        let told = Told { uid: sort.uid, returns, numbers: &numbers, scores: &scores, modseq, mailbox: None };
        self.tell_found(&told);
        if returns.update {
            let found = Found::Sorted(sort.criteria.clone(), rows.iter().map(|row| row.uid).collect());
            self.watch(sort.uid, &sort.key, Some(&sort.charset), None, found)?;
        }
        self.done(sort.uid, "SORT").await
    }

    /// What these messages are ordered by. `None`: they are too many, and the client was told.
    pub(super) async fn sortables(&mut self, found: &[Hit]) -> Result<Option<Vec<Sortable>>, Trouble> {
        if found.len() > SORT_MESSAGES_MAX {
            self.line.session().no(Some(&Code::Word("LIMIT")), "Too many messages to be put in order");
            return Ok(None);
        }
        self.rows_to_sort(found).await.map(Some)
    }

    /// The same of so many as may be.
    pub(super) async fn rows_to_sort(&mut self, found: &[Hit]) -> Result<Vec<Sortable>, Trouble> {
        let account = self.account()?;
        let mailbox = self.selected()?.mailbox;
        let mut rows = Vec::with_capacity(found.len());
        for (number, batch) in found.chunks(ROWS_BATCH).enumerate() {
            self.in_progress(number * ROWS_BATCH, found.len()).await?;
            let uids: UidSet = batch.iter().map(|hit| hit.uid).collect();
            for summary in account.summaries(mailbox, &uids, batch.len()).await? {
                let at = batch.binary_search_by_key(&summary.message.uid, |hit| hit.uid).ok();
                if let Some(hit) = at.and_then(|at| batch.get(at)) {
                    rows.push(Sortable::of(*hit, &summary));
                }
            }
        }
        Ok(rows)
    }
}

/// By the criteria, the first counts most; what is the same by all of them stays in the order of the mailbox (RFC 5256
/// section 3).
pub(super) fn order(a: &Sortable, b: &Sortable, criteria: &[SortCriterion]) -> Ordering {
    for criterion in criteria {
        let order = match criterion.by {
            SortBy::Arrival => a.arrival.cmp(&b.arrival),
            SortBy::Cc => a.cc.cmp(&b.cc),
            SortBy::Date => a.sent.cmp(&b.sent),
            SortBy::From => a.from.cmp(&b.from),
            SortBy::Size => a.octets.cmp(&b.octets),
            SortBy::Subject => a.subject.cmp(&b.subject),
            SortBy::To => a.to.cmp(&b.to),
            SortBy::DisplayFrom => a.display_from.cmp(&b.display_from),
            SortBy::DisplayTo => a.display_to.cmp(&b.display_to),
            // The best first (RFC 6203 section 6).
            SortBy::Relevancy => b.score.cmp(&a.score),
        };
        let order = if criterion.reverse { order.reverse() } else { order };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.seq.cmp(&b.seq)
}
