//! How a SEARCH is answered: by SEARCH, or by ESEARCH with what RETURN asks for (RFC 4731), and what of it is kept for `$`
//! (RFC 5182).

use mailstore::UidSet;
use protocol::imap::encode::{ESearch, Untagged};
use protocol::imap::{PartialRange, Search, SearchReturn};

use super::super::selected::Selected;
use super::super::talk::Talk;
use super::super::trouble::Trouble;

impl Talk {
    /// `found` has pairs of sequence number and UID, ascending.
    pub(super) fn answer_search(&mut self, search: &Search, found: &[(u32, u32)]) -> Result<(), Trouble> {
        let wants_modseq = search.key.mentions_modseq();
        let numbers: Vec<u32> = found.iter().map(|(seq, uid)| if search.uid { *uid } else { *seq }).collect();
        let selected = self.selected()?;
        let rev2 = selected.enabled.rev2.then_some(SearchReturn { all: true, ..SearchReturn::default() });
        // IMAP4rev2 knows no SEARCH response (RFC 9051 section 7.3.4).
        let Some(returns) = search.returns.or(rev2) else {
            let modseq = if wants_modseq { highest(selected, found.iter()) } else { None };
            self.line.session().untagged(&Untagged::Search(&numbers, modseq));
            return Ok(());
        };
        let of_answer = chosen(found, returns);
        if returns.save {
            selected.saved = of_answer.iter().map(|(_, uid)| *uid).collect();
        }
        let modseq = if wants_modseq { highest(selected, of_answer.iter()) } else { None };
        self.tell_found(search.uid, returns, &numbers, modseq);
        Ok(())
    }

    /// What RETURN asks for of `numbers`, in an ESEARCH response; nothing at all where it asks for SAVE alone.
    pub(in crate::imap) fn tell_found(
        &mut self,
        uid: bool,
        returns: SearchReturn,
        numbers: &[u32],
        modseq: Option<u64>,
    ) {
        if (SearchReturn { save: false, ..returns }) == SearchReturn::default() {
            return;
        }
        let session = self.line.session();
        let tag = session.tag().to_owned();
        let page = |range: PartialRange| (range, numbers.get(range.places(numbers.len())).unwrap_or_default());
        session.untagged(&Untagged::ESearch(ESearch {
            tag: &tag,
            uid,
            min: numbers.first().copied().filter(|_| returns.min),
            max: numbers.last().copied().filter(|_| returns.max),
            count: returns.count.then(|| u32::try_from(numbers.len()).unwrap_or(u32::MAX)),
            all: returns.all.then_some(numbers),
            // RFC 9394.
            partial: returns.partial.map(page),
            modseq,
        }));
    }
}

/// The messages that the answer is about: those of the page asked for; the first and the last, where nothing but MIN and MAX is asked for; otherwise all
/// (RFC 5182 section 2.1; for MODSEQ RFC 4731 section 3.2).
fn chosen(found: &[(u32, u32)], returns: SearchReturn) -> Vec<(u32, u32)> {
    if let Some(range) = returns.partial {
        return found.get(range.places(found.len())).unwrap_or_default().to_vec();
    }
    if returns.all || returns.count || !(returns.min || returns.max) {
        return found.to_vec();
    }
    let mut ends: Vec<(u32, u32)> = Vec::new();
    ends.extend(found.first().filter(|_| returns.min));
    ends.extend(found.last().filter(|_| returns.max));
    ends.dedup();
    ends
}

/// The highest MODSEQ of these.
fn highest<'a>(selected: &Selected, found: impl Iterator<Item = &'a (u32, u32)>) -> Option<u64> {
    let uids: UidSet = found.map(|(_, uid)| *uid).collect();
    let entries = selected.entries();
    entries.iter().filter(|entry| uids.contains(entry.uid)).map(|entry| entry.modseq).max()
}
