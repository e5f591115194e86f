//! The messages of a mailbox, compact and shared: ten octets a message, in chunks that are copied when they are
//! written.
//!
//! Sessions on one mailbox hold the same chunks. Who learns of a new flag copies one chunk, not the mailbox. [`pack`] makes
//! octets of them.

mod pack;

use std::sync::Arc;

use crate::limits::{CHUNK_ENTRIES, CHUNK_FLAGS_MAX, CHUNK_JOINED_MAX};
use crate::{Entry, FlagBits, UidSet};

/// Messages in the order of their UIDs: message n of IMAP stands at place n - 1. A clone costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    table: Arc<Table>,
}

#[derive(Debug, Clone, Default)]
struct Table {
    /// None of them is empty.
    chunks: Vec<Arc<Chunk>>,
    /// The place of each chunk's first message.
    starts: Vec<usize>,
    len: usize,
}

/// Neighbours. The columns are equally long.
#[derive(Debug, Clone, Default)]
struct Chunk {
    uids: Vec<u32>,
    modseqs: Modseqs,
    /// Places in `palette`.
    flags: Vec<u16>,
    /// The different flags; perhaps some that no message has any more.
    palette: Vec<FlagBits>,
}

/// Neighbours mostly changed at about the same time.
#[derive(Debug, Clone)]
enum Modseqs {
    Near { base: u64, offsets: Vec<u32> },
    Far(Vec<u64>),
}

impl Default for Modseqs {
    fn default() -> Self {
        Self::Near { base: 0, offsets: Vec::new() }
    }
}

impl Modseqs {
    fn get(&self, at: usize) -> Option<u64> {
        match self {
            Self::Near { base, offsets } => offsets.get(at).map(|offset| base + u64::from(*offset)),
            Self::Far(all) => all.get(at).copied(),
        }
    }

    /// Writes at a place, or behind the last one.
    fn set(&mut self, at: usize, modseq: u64) {
        if let Self::Near { base, offsets } = self {
            if offsets.is_empty() {
                // Some room below: flags of older messages change, too.
                *base = modseq.saturating_sub(u64::from(u32::MAX / 2));
            }
            if let Some(offset) = modseq.checked_sub(*base).and_then(|offset| u32::try_from(offset).ok()) {
                match offsets.get_mut(at) {
                    Some(old) => *old = offset,
                    None => offsets.push(offset),
                }
                return;
            }
            *self = Self::Far(offsets.iter().map(|offset| *base + u64::from(*offset)).collect());
        }
        if let Self::Far(all) = self {
            match all.get_mut(at) {
                Some(old) => *old = modseq,
                None => all.push(modseq),
            }
        }
    }
}

/// A place in a palette: those are short.
fn number(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

impl Chunk {
    fn len(&self) -> usize {
        self.uids.len()
    }

    /// What it takes in memory, about.
    fn octets(&self) -> usize {
        let modseqs = match &self.modseqs {
            Modseqs::Near { offsets, .. } => size_of_val(offsets.as_slice()),
            Modseqs::Far(all) => size_of_val(all.as_slice()),
        };
        let bitmaps: usize = self.palette.iter().filter_map(|flags| flags.more.as_deref()).map(<[u8]>::len).sum();
        size_of::<Self>()
            + size_of_val(self.uids.as_slice())
            + modseqs
            + size_of_val(self.flags.as_slice())
            + size_of_val(self.palette.as_slice())
            + bitmaps
    }

    fn get(&self, at: usize) -> Option<Entry> {
        let flags = self.palette.get(usize::from(*self.flags.get(at)?))?;
        Some(Entry { uid: *self.uids.get(at)?, modseq: self.modseqs.get(at)?, flags: flags.clone() })
    }

    fn number_of(&mut self, flags: &FlagBits) -> u16 {
        if let Some(at) = self.palette.iter().position(|known| known == flags) {
            return number(at);
        }
        if self.palette.len() >= CHUNK_FLAGS_MAX {
            self.tidy();
        }
        self.palette.push(flags.clone());
        number(self.palette.len() - 1)
    }

    /// Leaves out of the palette what nobody has.
    fn tidy(&mut self) {
        let old = std::mem::take(&mut self.palette);
        for at in 0..self.flags.len() {
            let Some(flags) = self.flags.get(at).and_then(|number| old.get(usize::from(*number))) else { continue };
            let new = self.palette.iter().position(|known| known == flags).unwrap_or_else(|| {
                self.palette.push(flags.clone());
                self.palette.len() - 1
            });
            if let Some(place) = self.flags.get_mut(at) {
                *place = number(new);
            }
        }
    }

    fn set(&mut self, at: usize, entry: &Entry) {
        let number = self.number_of(&entry.flags);
        self.modseqs.set(at, entry.modseq);
        match self.flags.get_mut(at) {
            Some(old) => *old = number,
            None => {
                self.flags.push(number);
                self.uids.push(entry.uid);
            }
        }
    }

    /// Only those that are not in the set; `None` when nothing is left.
    fn without(&self, gone: &UidSet) -> Option<Self> {
        let mut left = Self::default();
        let kept = self.iter(0..self.len()).filter(|entry| !gone.contains(entry.uid));
        kept.for_each(|entry| left.set(left.len(), &entry));
        (left.len() > 0).then_some(left)
    }

    fn iter(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = Entry> + '_ {
        range.filter_map(|at| self.get(at))
    }
}

impl Entries {
    /// How many messages.
    pub fn len(&self) -> usize {
        self.table.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which chunk a place is in, and where there.
    fn locate(&self, place: usize) -> Option<(usize, usize)> {
        let number = self.table.starts.partition_point(|start| *start <= place).checked_sub(1)?;
        Some((number, place - self.table.starts.get(number)?))
    }

    /// What they take in memory, about: what is shared with other clones, too.
    pub fn octets(&self) -> usize {
        size_of::<Table>() + self.table.chunks.iter().map(|chunk| chunk.octets()).sum::<usize>()
    }

    /// The message at a place.
    pub fn get(&self, place: usize) -> Option<Entry> {
        let (chunk, at) = self.locate(place)?;
        self.table.chunks.get(chunk)?.get(at)
    }

    /// The UID at a place.
    pub fn uid(&self, place: usize) -> Option<u32> {
        let (chunk, at) = self.locate(place)?;
        self.table.chunks.get(chunk)?.uids.get(at).copied()
    }

    /// The last message.
    pub fn last(&self) -> Option<Entry> {
        self.table.chunks.last().and_then(|chunk| chunk.get(chunk.len() - 1))
    }

    /// How many messages have a UID below this.
    pub fn before(&self, uid: u32) -> usize {
        let chunks = &self.table.chunks;
        let number = chunks.partition_point(|chunk| chunk.uids.last().is_some_and(|last| *last < uid));
        let within = chunks.get(number).map_or(0, |chunk| chunk.uids.partition_point(|other| *other < uid));
        self.table.starts.get(number).map_or(self.len(), |start| start + within)
    }

    /// The place of a UID, if there is such a message.
    pub fn place_of(&self, uid: u32) -> Option<usize> {
        Some(self.before(uid)).filter(|place| self.uid(*place) == Some(uid))
    }

    /// The message of a UID.
    pub fn find(&self, uid: u32) -> Option<Entry> {
        self.get(self.before(uid)).filter(|entry| entry.uid == uid)
    }

    /// All messages.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + '_ {
        self.range(0, self.len())
    }

    /// The messages from one place up to another, without that.
    pub fn range(&self, start: usize, end: usize) -> impl Iterator<Item = Entry> + '_ {
        let first = self.locate(start).map_or(usize::MAX, |(number, _)| number);
        let numbered = self.table.chunks.iter().zip(&self.table.starts).skip(first);
        numbered
            .take_while(move |(_, begin)| **begin < end)
            .flat_map(move |(chunk, begin)| chunk.iter(start.saturating_sub(*begin)..(end - begin).min(chunk.len())))
    }

    /// How many have all of these system flags.
    pub(crate) fn having(&self, system: u64) -> usize {
        let in_chunk = |chunk: &Arc<Chunk>| {
            let known: Vec<bool> = chunk.palette.iter().map(|flags| flags.has(system)).collect();
            let has = |number: &&u16| known.get(usize::from(**number)).copied().unwrap_or_default();
            chunk.flags.iter().filter(has).count()
        };
        self.table.chunks.iter().map(in_chunk).sum()
    }

    /// All UIDs.
    pub fn uids(&self) -> impl Iterator<Item = u32> + '_ {
        self.table.chunks.iter().flat_map(|chunk| chunk.uids.iter().copied())
    }

    /// Adds a message behind the last one. One whose UID does not stand behind it is not taken.
    pub fn push(&mut self, entry: &Entry) -> bool {
        let table = Arc::make_mut(&mut self.table);
        if table.chunks.last().and_then(|chunk| chunk.uids.last()).is_some_and(|last| *last >= entry.uid) {
            return false;
        }
        if table.chunks.last().is_none_or(|chunk| chunk.len() >= CHUNK_ENTRIES) {
            table.starts.push(table.len);
            table.chunks.push(Arc::default());
        }
        if let Some(chunk) = table.chunks.last_mut() {
            let chunk = Arc::make_mut(chunk);
            chunk.set(chunk.len(), entry);
            table.len += 1;
        }
        true
    }

    /// Writes the flags and the MODSEQ of a message that is there; answers the flags that it had.
    pub fn replace(&mut self, entry: &Entry) -> Option<FlagBits> {
        let place = self.place_of(entry.uid)?;
        let old = self.get(place)?;
        if old != *entry {
            let (number, at) = self.locate(place)?;
            Arc::make_mut(Arc::make_mut(&mut self.table).chunks.get_mut(number)?).set(at, entry);
        }
        Some(old.flags)
    }

    /// Takes messages out; answers the places that they had, ascending.
    pub fn remove(&mut self, gone: &UidSet) -> Vec<usize> {
        let mut places = Vec::new();
        for (first, last) in gone.ranges() {
            let end = last.checked_add(1).map_or(self.len(), |next| self.before(next));
            places.extend(self.before(*first)..end);
        }
        if places.is_empty() {
            return places;
        }
        let table = Arc::make_mut(&mut self.table);
        let touched = |chunk: &Chunk| match (chunk.uids.first(), chunk.uids.last()) {
            (Some(first), Some(last)) => {
                let at = gone.ranges().partition_point(|range| range.1 < *first);
                gone.ranges().get(at).is_some_and(|range| range.0 <= *last)
            }
            _ => false,
        };
        for chunk in std::mem::take(&mut table.chunks) {
            match touched(&chunk) {
                true => table.chunks.extend(chunk.without(gone).map(Arc::new)),
                false => table.chunks.push(chunk),
            }
            table.join();
        }
        table.count();
        places
    }

    /// Whether somebody else holds the same memory.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.table) > 1
    }

    /// Whether both are one and the same memory.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
    }
}

impl Table {
    /// Makes one of the last two chunks when both are small, so that expunges do not leave crumbs.
    fn join(&mut self) {
        if let [.., left, right] = self.chunks.as_mut_slice()
            && left.len() + right.len() <= CHUNK_JOINED_MAX
        {
            let left = Arc::make_mut(left);
            right.iter(0..right.len()).for_each(|entry| left.set(left.len(), &entry));
            self.chunks.pop();
        }
    }

    /// Numbers the chunks anew.
    fn count(&mut self) {
        self.starts.clear();
        self.len = 0;
        for chunk in &self.chunks {
            self.starts.push(self.len);
            self.len += chunk.len();
        }
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Entries {}

/// Of messages in the order of their UIDs.
impl<'a> FromIterator<&'a Entry> for Entries {
    fn from_iter<I: IntoIterator<Item = &'a Entry>>(entries: I) -> Self {
        let mut all = Self::default();
        for entry in entries {
            all.push(entry);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(uid: u32, modseq: u64, bits: u64) -> Entry {
        Entry { uid, modseq, flags: FlagBits { bits, more: None } }
    }

    /// Small steps that any seed repeats.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    fn check(entries: &Entries, wanted: &[Entry]) {
        assert_eq!(entries.len(), wanted.len());
        assert_eq!(entries.iter().collect::<Vec<_>>(), wanted);
        assert_eq!(entries.uids().collect::<Vec<_>>(), wanted.iter().map(|e| e.uid).collect::<Vec<_>>());
        assert_eq!(entries.last().as_ref(), wanted.last());
        for (place, entry) in wanted.iter().enumerate() {
            assert_eq!(entries.get(place).as_ref(), Some(entry));
            assert_eq!(entries.place_of(entry.uid), Some(place));
            assert_eq!(entries.before(entry.uid + 1), place + 1);
        }
        assert_eq!(entries.get(wanted.len()), None);
        let having = |bits: u64| wanted.iter().filter(|entry| entry.flags.has(bits)).count();
        assert_eq!([1, 5].map(|bits| entries.having(bits)), [1, 5].map(having));
        let mut again = Entries::default();
        for (first, octets) in entries.pack().unwrap() {
            assert_eq!(entries.uid(again.len()), Some(first));
            again.unpack(&octets).unwrap();
        }
        assert_eq!(&again, entries);
    }

    #[test]
    fn they_agree_with_a_plain_list() {
        let mut state = 1;
        let mut wanted: Vec<Entry> = Vec::new();
        let mut entries = Entries::default();
        let mut uid = 0;
        for round in 0..60_u64 {
            for _ in 0..next(&mut state) % 200 {
                uid += 1 + (next(&mut state) % 3) as u32;
                let modseq = if next(&mut state).is_multiple_of(50) { round << 40 } else { round + 1 };
                let new = entry(uid, modseq, next(&mut state) % 9);
                assert!(entries.push(&new) && !entries.push(&new));
                wanted.push(new);
            }
            let before = entries.clone();
            let kept = wanted.clone();
            for _ in 0..20 {
                if wanted.is_empty() {
                    break;
                }
                let place = next(&mut state) as usize % wanted.len();
                let new = entry(wanted[place].uid, round * 7, next(&mut state));
                assert_eq!(entries.replace(&new), Some(wanted[place].flags.clone()));
                wanted[place] = new;
            }
            let first = next(&mut state) as u32 % (uid + 1);
            let gone = UidSet::from_ranges([(first, first + 20), (uid / 2, uid / 2)]);
            let places: Vec<usize> = (0..wanted.len()).filter(|place| gone.contains(wanted[*place].uid)).collect();
            assert_eq!(entries.remove(&gone), places);
            wanted.retain(|entry| !gone.contains(entry.uid));
            check(&entries, &wanted);
            let (from, to) = (wanted.len() / 3, wanted.len() / 2);
            assert_eq!(entries.range(from, to).collect::<Vec<_>>(), wanted[from..to]);
            // Who holds the older one sees none of it.
            check(&before, &kept);
        }
        assert_eq!(entries.replace(&entry(uid + 1, 1, 1)), None);
        assert_eq!(entries.remove(&UidSet::all()).len(), wanted.len());
        assert!(entries.is_empty() && entries.last().is_none());
    }

    #[test]
    fn many_flags_are_tidied() {
        let mut entries = Entries::default();
        (1..=50).for_each(|uid| assert!(entries.push(&entry(uid, 1, 0))));
        for bits in 0..3000 {
            let uid = bits as u32 % 50 + 1;
            entries.replace(&entry(uid, bits, bits));
        }
        for uid in 1..=50_u32 {
            assert_eq!(entries.find(uid).unwrap().flags.bits, 2950 + u64::from(uid) - 1);
        }
        assert!(entries.table.chunks[0].palette.len() <= CHUNK_FLAGS_MAX);
    }

    #[test]
    fn a_change_copies_one_chunk_and_ten_octets_a_message() {
        let all: Vec<Entry> = (1..=10_240).map(|uid| entry(uid, 7, u64::from(uid % 3))).collect();
        let entries: Entries = all.iter().collect();
        assert!(entries.octets() < 10_240 * 11, "{}", entries.octets());
        let mut changed = entries.clone();
        assert!(changed.is_same(&entries) && changed.is_shared());
        assert_eq!(changed.replace(&all[5000]).map(|old| old == all[5000].flags), Some(true));
        assert!(changed.is_same(&entries), "what changes nothing copies nothing");
        changed.replace(&entry(5001, 8, 1));
        let shared = |a: &Entries, b: &Entries| {
            a.table.chunks.iter().zip(&b.table.chunks).filter(|(a, b)| Arc::ptr_eq(a, b)).count()
        };
        assert_eq!((shared(&changed, &entries), changed.table.chunks.len()), (9, 10));
        changed.remove(&UidSet::from_ranges([(5001, 5001)]));
        assert_eq!(shared(&changed, &entries), 9);
    }

    #[test]
    fn expunges_leave_no_crumbs() {
        let all: Vec<Entry> = (1..=20_480).map(|uid| entry(uid, 7, 0)).collect();
        let mut entries: Entries = all.iter().collect();
        let gone: UidSet = (1..=20_480).filter(|uid| uid % 1000 != 0).collect();
        assert_eq!(entries.remove(&gone).len(), 20_460);
        assert_eq!(entries.uids().collect::<Vec<_>>(), (1..=20).map(|n| n * 1000).collect::<Vec<_>>());
        assert_eq!(entries.table.chunks.len(), 1);
        check(&entries, &(1..=20).map(|n| entry(n * 1000, 7, 0)).collect::<Vec<_>>());
    }

    #[test]
    fn modseqs_far_apart_are_kept() {
        let mut entries = Entries::default();
        let all: Vec<Entry> = [1 << 62, 3, u64::from(u32::MAX), 1 << 40]
            .iter()
            .zip(1..)
            .map(|(modseq, uid)| entry(uid, *modseq, 0))
            .collect();
        all.iter().for_each(|entry| assert!(entries.push(entry)));
        check(&entries, &all);
        assert_eq!(entries.octets(), all.iter().collect::<Entries>().octets());
    }
}
