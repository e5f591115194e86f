//! Which messages a command means: sets of sequence numbers or UIDs, and `$`, against the mailbox as the client knows it.

use mailstore::{DELETED, Entry, UidSet};
use protocol::imap::{PartialRange, SequenceSet};

use super::Selected;
use crate::imap::trouble::Trouble;

/// Messages that a command names: their places, ascending.
pub(in crate::imap) struct Named {
    /// Half-open ranges of places.
    ranges: Vec<(usize, usize)>,
    /// Some of them are expunged, and were named by sequence numbers.
    pub(in crate::imap) some_gone: bool,
}

impl Selected {
    /// The messages that a set names. A sequence number that there is none of is an error; a UID that there is none of
    /// is not (RFC 3501 section 6.4.8). In an empty mailbox no number is an error: clients ask for `1:*` wherever they
    /// are, and other servers let them.
    pub(in crate::imap) fn named(&self, set: &SequenceSet, uid: bool) -> Result<Named, Trouble> {
        let count = sequence(self.entries.len()).saturating_sub(1);
        let mut ranges = Vec::new();
        if *set == SequenceSet::Saved {
            ranges = self.places_of(&self.saved);
        } else if uid {
            let named = set.ranges(self.entries.last().map_or(0, |entry| entry.uid));
            ranges = self.places_of(&UidSet::from_ranges(named));
        } else {
            let named = set.ranges(count);
            let none = named.is_empty() && count > 0;
            if none || count > 0 && named.iter().any(|(low, high)| *low == 0 || *high > count) {
                return Err(Trouble::Sequence);
            }
            ranges.extend(named.iter().filter(|_| count > 0).map(|(low, high)| (place(*low), place(*high) + 1)));
        }
        ranges.retain(|(start, end)| start < end);
        let mut named = Named { ranges, some_gone: false };
        named.some_gone = !uid && !self.gone.is_empty() && self.iter(&named).any(|(_, e)| self.is_gone(e.uid));
        Ok(named)
    }

    /// The messages that a set in a search names. A number that there is none of is no error there (RFC 7377 section 2).
    pub(in crate::imap) fn searched(&self, set: &SequenceSet) -> Named {
        let count = sequence(self.entries.len()).saturating_sub(1);
        let mut ranges = match set {
            SequenceSet::Saved => self.places_of(&self.saved),
            set => set.ranges(count).iter().map(|(low, high)| (place(*low), place(*high.min(&count)) + 1)).collect(),
        };
        ranges.retain(|(start, end)| count > 0 && start < end);
        Named { ranges, some_gone: false }
    }

    fn places_of(&self, uids: &UidSet) -> Vec<(usize, usize)> {
        let of = |(low, high): &(u32, u32)| {
            let end = high.checked_add(1).map_or(self.entries.len(), |next| self.entries.before(next));
            (self.entries.before(*low), end)
        };
        uids.ranges().iter().map(of).collect()
    }

    /// Of these, those whose MODSEQ is higher (RFC 7162 section 3.1.4.1).
    pub(in crate::imap) fn changed_since(&self, named: &Named, modseq: u64) -> Named {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for (seq, _) in self.iter(named).filter(|(_, entry)| entry.modseq > modseq) {
            let at = place(seq);
            match ranges.last_mut() {
                Some((_, end)) if *end == at => *end = at + 1,
                _ => ranges.push((at, at + 1)),
            }
        }
        Named { ranges, some_gone: named.some_gone }
    }

    /// Of these, the newest, and the lowest UID of them, where there are more of them than so many.
    pub(in crate::imap) fn newest(&self, named: &Named, limit: u32) -> Option<(Named, u32)> {
        let count: usize = named.ranges.iter().map(|(start, end)| end - start).sum();
        let mut extra = count.checked_sub(usize::try_from(limit).unwrap_or(usize::MAX)).filter(|extra| *extra > 0)?;
        let mut ranges = Vec::new();
        for (start, end) in &named.ranges {
            let left_out = extra.min(end - start);
            extra -= left_out;
            ranges.extend((start + left_out < *end).then_some((start + left_out, *end)));
        }
        let lowest = ranges.first().and_then(|(start, _)| self.entries.uid(*start))?;
        Some((Named { ranges, some_gone: named.some_gone }, lowest))
    }

    /// Of these, those with `\Deleted`.
    pub(in crate::imap) fn deleted(&self, named: &Named) -> Named {
        let found = self.iter(named).filter(|(_, entry)| entry.flags.has(DELETED));
        let ranges = found.map(|(seq, _)| (place(seq), place(seq) + 1)).collect();
        Named { ranges, some_gone: named.some_gone }
    }

    /// Of these, a page of those that are still there (RFC 9394 section 3.2).
    pub(in crate::imap) fn page(&self, named: &Named, page: PartialRange) -> Named {
        let there: Vec<u32> = self.iter(named).filter(|(_, e)| !self.is_gone(e.uid)).map(|(seq, _)| seq).collect();
        let chosen = there.get(page.places(there.len())).unwrap_or_default();
        let ranges = chosen.iter().map(|seq| (place(*seq), place(*seq) + 1)).collect();
        Named { ranges, some_gone: named.some_gone }
    }

    /// The messages named, with their sequence numbers.
    pub(in crate::imap) fn iter<'a>(&'a self, named: &'a Named) -> impl Iterator<Item = (u32, Entry)> + 'a {
        named.ranges.iter().flat_map(|(start, end)| (sequence(*start)..).zip(self.entries.range(*start, *end)))
    }

    /// The UIDs named, without those that are gone.
    pub(in crate::imap) fn uids(&self, named: &Named) -> UidSet {
        let mut ranges: Vec<(u32, u32)> = Vec::with_capacity(named.ranges.len());
        for (start, end) in &named.ranges {
            let (first, last) = (self.entries.uid(*start), self.entries.uid(end.saturating_sub(1)));
            // No other message stands between them now, and a new one stands behind them all.
            ranges.extend(first.zip(last));
        }
        UidSet::from_ranges(ranges)
    }
}

/// The sequence number of a place.
pub(super) fn sequence(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1)
}

/// The place of a sequence number.
fn place(sequence: u32) -> usize {
    usize::try_from(sequence).unwrap_or(usize::MAX).saturating_sub(1)
}
