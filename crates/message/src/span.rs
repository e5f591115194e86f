//! A byte range of a message. Parts and fields are ranges, so that a message of 50 MB is known without being held.

use std::ops::Range;

/// `start..end` in octets from the first octet of the message. Unlike `Range` it can be copied.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// The first octet.
    pub start: usize,
    /// One behind the last octet; never below `start`.
    pub end: usize,
}

impl Span {
    /// `start..end`; an end before the start makes it empty.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// How many octets.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether it holds nothing.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The octets themselves; what lies outside of `bytes` is left out.
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        let end = self.end.min(bytes.len());
        bytes.get(self.start.min(end)..end).unwrap_or_default()
    }

    /// As a range of the standard library.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// The same range, `by` octets further on.
    pub fn shifted(self, by: usize) -> Self {
        Self { start: self.start.saturating_add(by), end: self.end.saturating_add(by) }
    }

    /// Whether `other` lies wholly inside.
    pub fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}
