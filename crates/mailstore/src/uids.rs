//! A set of UIDs as ranges: `1:4,7,9:*` of a client, and what an EXPUNGE took.

/// Sorted, disjoint, not touching ranges, ends included. UID 0 is never in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

impl UidSet {
    /// Nothing.
    pub const EMPTY: UidSet = UidSet { ranges: Vec::new() };

    /// Everything: `1:*`.
    pub fn all() -> Self {
        Self { ranges: vec![(1, u32::MAX)] }
    }

    /// From ranges in any order and either direction, ends included.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut sorted: Vec<(u32, u32)> =
            ranges.into_iter().map(|(a, b)| (a.min(b).max(1), a.max(b))).filter(|(_, b)| *b > 0).collect();
        sorted.sort_unstable();
        let mut set = Self { ranges: Vec::with_capacity(sorted.len()) };
        for (first, last) in sorted {
            set.append(first, last);
        }
        set
    }

    /// Adds a range that begins no earlier than the last one.
    fn append(&mut self, first: u32, last: u32) {
        match self.ranges.last_mut() {
            Some(end) if first <= end.1.saturating_add(1) => end.1 = end.1.max(last),
            _ => self.ranges.push((first, last)),
        }
    }

    /// The ranges.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Whether it holds no UID.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many UIDs, the whole space for `1:*`.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| u64::from(last - first) + 1).sum()
    }

    /// Whether `uid` is in it.
    pub fn contains(&self, uid: u32) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= uid);
        after.checked_sub(1).and_then(|index| self.ranges.get(index)).is_some_and(|(_, last)| uid <= *last)
    }

    /// Each UID, ascending. Only for sets that come from a mailbox: `1:*` has four thousand million of them.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Both together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::from_ranges(self.ranges.iter().chain(&other.ranges).copied())
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut ours, mut theirs) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        let mut ranges = Vec::new();
        while let (Some((a, b)), Some((c, d))) = (ours.peek(), theirs.peek()) {
            let (first, last) = ((*a).max(*c), (*b).min(*d));
            if first <= last {
                ranges.push((first, last));
            }
            if b <= d {
                ours.next()
            } else {
                theirs.next()
            };
        }
        Self { ranges }
    }

    /// What is here and not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut gaps = Vec::with_capacity(other.ranges.len() + 1);
        let mut next = Some(1);
        for (first, last) in &other.ranges {
            gaps.extend(next.filter(|next| next < first).map(|next| (next, first - 1)));
            next = last.checked_add(1);
        }
        gaps.extend(next.map(|next| (next, u32::MAX)));
        self.intersection(&Self { ranges: gaps })
    }

    /// What is above `uid`.
    #[must_use]
    pub fn above(&self, uid: u32) -> Self {
        let kept = self.ranges.iter().filter(|(_, last)| *last > uid);
        Self { ranges: kept.map(|(first, last)| ((*first).max(uid.saturating_add(1)), *last)).collect() }
    }
}

impl FromIterator<u32> for UidSet {
    fn from_iter<I: IntoIterator<Item = u32>>(uids: I) -> Self {
        Self::from_ranges(uids.into_iter().map(|uid| (uid, uid)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_put_in_order() {
        let set = UidSet::from_ranges([(7, 7), (4, 1), (5, 5), (9, u32::MAX), (0, 0), (u32::MAX, 12), (0, 1)]);
        assert_eq!(set.ranges(), [(1, 5), (7, 7), (9, u32::MAX)]);
        for (uid, inside) in [(0, false), (1, true), (5, true), (6, false), (7, true), (8, false), (u32::MAX, true)] {
            assert_eq!(set.contains(uid), inside, "{uid}");
        }
        assert_eq!(UidSet::all().len(), u64::from(u32::MAX));
        assert_eq!(UidSet::all().above(u32::MAX), UidSet::EMPTY);
        assert_eq!(set.above(7).ranges(), [(9, u32::MAX)]);
        assert_eq!(set.above(2).ranges(), [(3, 5), (7, 7), (9, u32::MAX)]);
    }

    #[test]
    fn members_and_unions() {
        let set: UidSet = [3, 1, 2, 9, 3].into_iter().collect();
        assert_eq!(set.ranges(), [(1, 3), (9, 9)]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [1, 2, 3, 9]);
        let other = UidSet::from_ranges([(4, 8)]);
        assert_eq!(set.union(&other).ranges(), [(1, 9)]);
        assert_eq!(set.intersection(&other), UidSet::EMPTY);
        assert_eq!(set.intersection(&UidSet::all()), set);
        assert_eq!(set.intersection(&UidSet::from_ranges([(2, 20)])).ranges(), [(2, 3), (9, 9)]);
        assert_eq!(UidSet::all().without(&set).ranges(), [(4, 8), (10, u32::MAX)]);
        assert_eq!(set.without(&UidSet::from_ranges([(2, 2), (9, 9)])).ranges(), [(1, 1), (3, 3)]);
        assert_eq!(set.without(&UidSet::all()), UidSet::EMPTY);
        assert_eq!(set.without(&UidSet::EMPTY), set);
        assert!(UidSet::EMPTY.is_empty() && !UidSet::EMPTY.contains(1));
    }
}
