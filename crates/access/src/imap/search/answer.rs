//! How a SEARCH is answered: by SEARCH, or by ESEARCH with what RETURN asks for (RFC 4731), and what of it is kept for `$`
//! (RFC 5182).

use mailstore::UidSet;
use protocol::imap::encode::{ESearch, Untagged};
use protocol::imap::{PartialRange, Search, SearchReturn};

use super::super::selected::Selected;
use super::super::talk::Talk;
use super::super::trouble::Trouble;
use super::Hit;

/// What an ESEARCH response is made of.
pub(in crate::imap) struct Told<'a> {
    pub(in crate::imap) uid: bool,
    pub(in crate::imap) returns: SearchReturn,
    /// In the order of the answer.
    pub(in crate::imap) numbers: &'a [u32],
    /// How well each of them matches.
    pub(in crate::imap) scores: &'a [u8],
    pub(in crate::imap) modseq: Option<u64>,
    /// Where they are, when that is not the selected mailbox alone (RFC 7377).
    pub(in crate::imap) mailbox: Option<(&'a str, u32)>,
}

impl Talk {
    /// `found` ascends.
    pub(super) fn answer_search(&mut self, search: &Search, found: &[Hit]) -> Result<(), Trouble> {
        let wants_modseq = search.key.mentions_modseq();
        let selected = self.selected()?;
        let rev2 = selected.enabled.rev2.then_some(SearchReturn { all: true, ..SearchReturn::default() });
        // IMAP4rev2 knows no SEARCH response (RFC 9051 section 7.3.4).
        let Some(returns) = search.returns.or(rev2) else {
            let numbers: Vec<u32> = found.iter().map(|hit| hit.number(search.uid)).collect();
            let modseq = if wants_modseq { highest(selected, found) } else { None };
            self.line.session().untagged(&Untagged::Search(&numbers, modseq));
            return Ok(());
        };
        let of_answer = chosen(found, returns);
        if returns.save {
            selected.saved = of_answer.iter().map(|hit| hit.uid).collect();
        }
        let modseq = if wants_modseq { highest(selected, &of_answer) } else { None };
        self.tell_hits(search.uid, returns, found, modseq, None);
        Ok(())
    }

    /// [`Talk::tell_found`] of messages in their own order.
    pub(super) fn tell_hits(
        &mut self,
        uid: bool,
        returns: SearchReturn,
        found: &[Hit],
        modseq: Option<u64>,
        mailbox: Option<(&str, u32)>,
    ) {
        let numbers: Vec<u32> = found.iter().map(|hit| hit.number(uid)).collect();
        let scores: Vec<u8> = found.iter().map(|hit| hit.score).collect();
        self.tell_found(&Told { uid, returns, numbers: &numbers, scores: &scores, modseq, mailbox });
    }

    /// What RETURN asks for, in an ESEARCH response; nothing at all where it asks for nothing that is told.
    pub(in crate::imap) fn tell_found(&mut self, told: &Told<'_>) {
        let Told { uid, returns, numbers, scores, modseq, mailbox } = *told;
        let untold = SearchReturn { save: false, update: false, context: false, ..returns };
        if untold == SearchReturn::default() {
            return;
        }
        let session = self.line.session();
        let tag = session.tag().to_owned();
        let places = returns.partial.map_or(0..numbers.len(), |range| range.places(numbers.len()));
        let page = |range: PartialRange| (range, numbers.get(places.clone()).unwrap_or_default());
        session.untagged(&Untagged::ESearch(ESearch {
            tag: &tag,
            mailbox,
            uid,
            min: numbers.first().copied().filter(|_| returns.min),
            max: numbers.last().copied().filter(|_| returns.max),
            count: returns.count.then(|| u32::try_from(numbers.len()).unwrap_or(u32::MAX)),
            all: returns.all.then_some(numbers),
            // RFC 9394.
            partial: returns.partial.map(page),
            relevancy: returns.relevancy.then(|| scores.get(places.clone()).unwrap_or_default()),
            modseq,
        }));
    }
}

/// The messages that the answer is about: those of the page asked for; the first and the last, where nothing but MIN and MAX is asked for; otherwise all
/// (RFC 5182 section 2.1; for MODSEQ RFC 4731 section 3.2).
fn chosen(found: &[Hit], returns: SearchReturn) -> Vec<Hit> {
    if let Some(range) = returns.partial {
        return found.get(range.places(found.len())).unwrap_or_default().to_vec();
    }
    if returns.all || returns.count || !(returns.min || returns.max) {
        return found.to_vec();
    }
    let mut ends: Vec<Hit> = Vec::new();
    ends.extend(found.first().filter(|_| returns.min));
    ends.extend(found.last().filter(|_| returns.max));
    ends.dedup();
    ends
}

/// The highest MODSEQ of these.
pub(super) fn highest(selected: &Selected, found: &[Hit]) -> Option<u64> {
    let uids: UidSet = found.iter().map(|hit| hit.uid).collect();
    let entries = selected.entries();
    entries.iter().filter(|entry| uids.contains(entry.uid)).map(|entry| entry.modseq).max()
}
