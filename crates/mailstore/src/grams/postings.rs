//! Postings of one segment: gathered letter by letter, then written as rows.

use super::{ROW_TERMS, TERMS, terms};

/// Gathers what a segment's messages hold. A message is an offset from the segment's first UID.
pub(super) struct Gatherer {
    /// Term and offset in one number, in the order in which they came.
    pairs: Vec<u32>,
    /// Terms of the message that is being read.
    seen: Vec<bool>,
    now: Vec<u16>,
}

impl Gatherer {
    pub(super) fn new() -> Self {
        Self { pairs: Vec::new(), seen: vec![false; TERMS], now: Vec::new() }
    }

    /// A run of text of the message that is being read.
    pub(super) fn text(&mut self, text: &str) {
        for term in terms(text) {
            if let Some(seen) = self.seen.get_mut(usize::from(term)).filter(|seen| !**seen) {
                *seen = true;
                self.now.push(term);
            }
        }
    }

    /// The message has ended.
    pub(super) fn end(&mut self, offset: u16) {
        for term in self.now.drain(..) {
            if let Some(seen) = self.seen.get_mut(usize::from(term)) {
                *seen = false;
            }
            self.pairs.push(u32::from(term) << 16 | u32::from(offset));
        }
    }

    /// How many postings there are.
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The rows: their number, and the postings of each of their terms behind their length.
    pub(super) fn rows(mut self) -> Vec<(i64, Vec<u8>)> {
        self.pairs.sort_unstable();
        let mut rows = Vec::new();
        for row in self.pairs.chunk_by(|a, b| row_of(*a) == row_of(*b)) {
            let Some(first) = row.first() else { continue };
            let mut octets = Vec::new();
            let mut rest = row;
            for place in 0..ROW_TERMS as u32 {
                let term = row_of(*first) * ROW_TERMS as u32 + place;
                let (these, others) = rest.split_at(rest.partition_point(|pair| pair >> 16 <= term));
                rest = others;
                let mut postings = Vec::new();
                let mut last = 0;
                for offset in these.iter().map(|pair| pair & 0xffff) {
                    number(&mut postings, offset - last);
                    last = offset;
                }
                number(&mut octets, postings.len() as u32);
                octets.extend_from_slice(&postings);
            }
            rows.push((i64::from(row_of(*first)), octets));
        }
        rows
    }
}

fn row_of(pair: u32) -> u32 {
    (pair >> 16) / ROW_TERMS as u32
}

/// The row of a term, and its place there.
pub(super) fn place(term: u16) -> (i64, usize) {
    (i64::from(term) / ROW_TERMS as i64, usize::from(term) % ROW_TERMS)
}

/// The offsets at a place of a row, ascending; `None` for a damaged row.
pub(super) fn read(row: &[u8], place: usize) -> Option<Vec<u16>> {
    let mut at = 0;
    for _ in 0..place {
        let length = read_number(row, &mut at)?;
        at = at.checked_add(usize::try_from(length).ok()?)?;
    }
    let length = usize::try_from(read_number(row, &mut at)?).ok()?;
    let postings = row.get(at..at.checked_add(length)?)?;
    let (mut at, mut offset) = (0, 0_u32);
    let mut out = Vec::new();
    while at < postings.len() {
        offset = offset.checked_add(read_number(postings, &mut at)?)?;
        out.push(u16::try_from(offset).ok()?);
    }
    Some(out)
}

fn number(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_number(octets: &[u8], at: &mut usize) -> Option<u32> {
    let mut value = 0;
    for shift in (0..32).step_by(7) {
        let octet = *octets.get(*at)?;
        *at += 1;
        value |= u32::from(octet & 0x7f) << shift;
        if octet < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn what_is_gathered_is_read() {
        let mut gatherer = Gatherer::new();
        let mut wanted: BTreeMap<u16, BTreeSet<u16>> = BTreeMap::new();
        for (offset, text) in [(0, "the first letter"), (3, "ein zweiter, ähnlich"), (700, "邮件系统"), (65535, "the")]
        {
            gatherer.text(text);
            gatherer.text("the");
            gatherer.end(offset);
            for term in terms(text).chain(terms("the")) {
                wanted.entry(term).or_default().insert(offset);
            }
        }
        assert_eq!(gatherer.len(), wanted.values().map(BTreeSet::len).sum::<usize>());
        let rows: BTreeMap<i64, Vec<u8>> = gatherer.rows().into_iter().collect();
        for term in 0..=u16::MAX {
            let (row, place) = place(term);
            let found = rows.get(&row).map(|row| read(row, place).unwrap()).unwrap_or_default();
            let wanted: Vec<u16> = wanted.get(&term).into_iter().flatten().copied().collect();
            assert_eq!(found, wanted, "{term}");
        }
        assert_eq!(terms("ab").count(), 0);
        for row in rows.values() {
            assert!(read(&row[..row.len() - 1], ROW_TERMS - 1).is_none());
        }
    }
}
