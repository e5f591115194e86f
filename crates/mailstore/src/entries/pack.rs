//! Chunks as octets, for the disk: each column as runs of equal steps. Mail that came in order and was never touched takes
//! some octets a chunk.

use std::sync::Arc;

use super::{Chunk, Entries, number as place};
use crate::FlagBits;
use crate::limits::{CHUNK_ENTRIES, CHUNK_FLAGS_MAX, SNAPSHOT_OCTETS_MAX, SNAPSHOT_PIECE_OCTETS};

impl Entries {
    /// Pieces in their order, each with its first UID; `None` when they would be too long.
    pub(crate) fn pack(&self) -> Option<Vec<(u32, Vec<u8>)>> {
        let mut pieces: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut octets = 0;
        for chunk in &self.table.chunks {
            let packed = chunk.pack();
            octets += packed.len();
            if octets > SNAPSHOT_OCTETS_MAX {
                return None;
            }
            match pieces.last_mut() {
                Some((_, piece)) if piece.len() + packed.len() <= SNAPSHOT_PIECE_OCTETS => piece.extend(packed),
                _ => pieces.push((*chunk.uids.first()?, packed)),
            }
        }
        Some(pieces)
    }

    /// Adds the messages of a piece behind the last one; `None`, and no more than some of them, when it cannot be read.
    pub(crate) fn unpack(&mut self, piece: &[u8]) -> Option<()> {
        let table = Arc::make_mut(&mut self.table);
        let mut reader = Reader { octets: piece };
        while !reader.octets.is_empty() {
            let chunk = Chunk::unpack(&mut reader)?;
            let last = table.chunks.last().and_then(|chunk| chunk.uids.last().copied()).unwrap_or(0);
            if *chunk.uids.first()? <= last {
                return None;
            }
            table.starts.push(table.len);
            table.len += chunk.len();
            table.chunks.push(Arc::new(chunk));
        }
        Some(())
    }
}

impl Chunk {
    fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        number(&mut out, self.len() as u64);
        number(&mut out, self.palette.len() as u64);
        for flags in &self.palette {
            let more = flags.more.as_deref().unwrap_or_default();
            number(&mut out, flags.bits);
            number(&mut out, more.len() as u64);
            out.extend_from_slice(more);
        }
        let mut last = 0;
        let uids = self.uids.iter().map(|uid| u64::from(*uid - std::mem::replace(&mut last, *uid)));
        runs(&mut out, uids);
        let mut last = 0_u64;
        let modseqs = (0..self.len()).filter_map(|at| self.modseqs.get(at));
        let steps = modseqs.map(|modseq| folded(modseq.wrapping_sub(std::mem::replace(&mut last, modseq)) as i64));
        runs(&mut out, steps);
        runs(&mut out, self.flags.iter().map(|place| u64::from(*place)));
        out
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let mut chunk = Self::default();
        let count = usize::try_from(reader.number()?).ok().filter(|count| (1..=CHUNK_ENTRIES).contains(count))?;
        let kinds = usize::try_from(reader.number()?).ok().filter(|kinds| (1..=CHUNK_FLAGS_MAX).contains(kinds))?;
        for _ in 0..kinds {
            let bits = reader.number()?;
            let length = usize::try_from(reader.number()?).ok()?;
            let (more, rest) = reader.octets.split_at_checked(length)?;
            reader.octets = rest;
            chunk.palette.push(FlagBits { bits, more: (!more.is_empty()).then(|| more.into()) });
        }
        chunk.uids.reserve_exact(count);
        let mut uid = 0_u32;
        reader.runs(count, |step| {
            uid = u32::try_from(step).ok().filter(|step| *step > 0).and_then(|step| uid.checked_add(step))?;
            chunk.uids.push(uid);
            Some(())
        })?;
        let (mut modseq, mut at) = (0_u64, 0);
        reader.runs(count, |step| {
            modseq = modseq.wrapping_add(unfolded(step) as u64);
            chunk.modseqs.set(at, modseq);
            at += 1;
            Some(())
        })?;
        chunk.flags.reserve_exact(count);
        reader.runs(count, |kind| {
            chunk.flags.push(place(usize::try_from(kind).ok().filter(|kind| *kind < kinds)?));
            Some(())
        })?;
        Some(chunk)
    }
}

/// Seven bits an octet, lowest first.
fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A step back is a number, too.
fn folded(step: i64) -> u64 {
    (step << 1 ^ step >> 63) as u64
}

fn unfolded(step: u64) -> i64 {
    (step >> 1) as i64 ^ -((step & 1) as i64)
}

/// How often, and what.
fn runs(out: &mut Vec<u8>, values: impl Iterator<Item = u64>) {
    let mut run: Option<(u64, u64)> = None;
    for value in values {
        match &mut run {
            Some((times, same)) if *same == value => *times += 1,
            _ => {
                if let Some((times, same)) = run.replace((1, value)) {
                    number(out, times);
                    number(out, same);
                }
            }
        }
    }
    if let Some((times, same)) = run {
        number(out, times);
        number(out, same);
    }
}

struct Reader<'a> {
    octets: &'a [u8],
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (octet, rest) = self.octets.split_first()?;
            self.octets = rest;
            value |= u64::from(octet & 0x7f) << shift;
            if *octet < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// Exactly so many values.
    fn runs(&mut self, count: usize, mut take: impl FnMut(u64) -> Option<()>) -> Option<()> {
        let mut left = count;
        while left > 0 {
            let times = usize::try_from(self.number()?).ok().filter(|times| (1..=left).contains(times))?;
            let value = self.number()?;
            for _ in 0..times {
                take(value)?;
            }
            left -= times;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entry;

    fn packed(count: u32) -> (Entries, Vec<u8>) {
        let flags =
            |uid: u32| FlagBits { bits: u64::from(uid.is_multiple_of(7)), more: (uid == 9).then(|| [1, 2].into()) };
        let entry = |uid| Entry { uid, modseq: (1 << 40) - u64::from(uid), flags: flags(uid) };
        let entries: Entries = (1..=count).map(entry).collect::<Vec<_>>().iter().collect();
        let octets = entries.pack().unwrap().into_iter().flat_map(|(_, octets)| octets).collect();
        (entries, octets)
    }

    #[test]
    fn ordinary_mail_takes_little() {
        let entry = |uid| Entry { uid, modseq: u64::from(uid) + 1, flags: FlagBits::default() };
        let entries: Entries = (1..=100_000).map(entry).collect::<Vec<_>>().iter().collect();
        let pieces = entries.pack().unwrap();
        assert_eq!(pieces.len(), 1);
        assert!(pieces[0].1.len() < 3000, "{}", pieces[0].1.len());
    }

    #[test]
    fn nonsense_is_refused() {
        let (entries, octets) = packed(50);
        let read = |octets: &[u8]| {
            let mut entries = Entries::default();
            entries.unpack(octets).map(|()| entries)
        };
        assert_eq!(read(&octets), Some(entries));
        for end in 1..octets.len() {
            assert_eq!(read(&octets[..end]), None, "{end}");
        }
        assert_eq!(read(&[octets.as_slice(), &octets].concat()), None);
        // Whatever stands there: an answer, and no panic.
        for at in 0..octets.len() {
            for octet in [0, 1, 0x7f, 0x80, 0xff] {
                let mut other = octets.clone();
                other[at] = octet;
                if let Some(entries) = read(&other) {
                    assert_eq!(entries.iter().count(), entries.len());
                }
            }
        }
        for step in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unfolded(folded(step)), step);
        }
    }
}
