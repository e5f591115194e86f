//! Sets of messages, and COPY and MOVE, which name nothing else but a mailbox.

use super::mailbox::Mailbox;

/// A number in a sequence set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeqNumber {
    /// From 1.
    Number(u32),
    /// `*`: the last one.
    Last,
}

/// A set of sequence numbers or UIDs, as the client wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceSet {
    /// Ranges, in any order and direction.
    Ranges(Vec<(SeqNumber, SeqNumber)>),
    /// `$`: what the last SEARCH with SAVE has found (RFC 5182).
    Saved,
}

impl SequenceSet {
    /// Ranges, ascending, without overlap, both ends included. `last` stands for `*` (0: an empty mailbox, where `*`
    /// names nothing). Of [`Self::Saved`] only the service knows what it is: nothing here.
    pub fn ranges(&self, last: u32) -> Vec<(u32, u32)> {
        let Self::Ranges(written) = self else { return Vec::new() };
        let value = |number: SeqNumber| match number {
            SeqNumber::Number(number) => number,
            SeqNumber::Last => last,
        };
        let mut ranges: Vec<(u32, u32)> = written
            .iter()
            .map(|(a, b)| (value(*a).min(value(*b)), value(*a).max(value(*b))))
            .filter(|(_, high)| *high > 0)
            .collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some((_, end)) if low <= end.saturating_add(1) => *end = high.max(*end),
                _ => merged.push((low, high)),
            }
        }
        merged
    }
}

/// `COPY`, `MOVE` and their UID forms (RFC 3501 section 6.4.7, RFC 6851).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The set is of UIDs.
    pub uid: bool,
    /// Which messages.
    pub set: SequenceSet,
    /// Where to.
    pub mailbox: Mailbox,
}
