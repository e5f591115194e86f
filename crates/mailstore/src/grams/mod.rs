//! The index of texts: which messages may hold a piece of text, and which for certain do not.
//!
//! A text is looked at as its UTF-8 octets, case folded, three at a time: what is found in it by its octets has all of
//! its threes there too, in whatever script. So the index answers the substrings that SEARCH wants (RFC 3501 section
//! 6.4.4) and leaves nobody out; who it names is looked into. A two-letter word of Chinese is four threes.
//!
//! A mailbox is indexed in segments of some thousand messages, in the order of their UIDs, behind the delivery and never
//! in its way; what has come since the last segment is not indexed, and is looked through. Messages never change, so
//! a segment is written once: first its postings, under a number of its own, then the row that makes it count. All of it
//! can be thrown away and is made again.

mod build;
mod find;
mod postings;

pub(crate) use build::{Touched, all, run};
pub use find::Candidates;
pub(crate) use find::candidates;

/// Different terms. A letter of 4 KiB has about two in a hundred of them.
const TERMS: usize = 1 << 16;

/// Terms whose postings share a row.
const ROW_TERMS: usize = 32;

/// The term of three octets.
fn term(octets: [u8; 3]) -> u16 {
    let [a, b, c] = octets.map(u32::from);
    ((a << 16 | b << 8 | c).wrapping_mul(0x9e37_79b1) >> 16) as u16
}

/// The terms of a text, with repetitions; none for one of less than three octets.
fn terms(text: &str) -> impl Iterator<Item = u16> + '_ {
    text.as_bytes().windows(3).filter_map(|three| three.try_into().ok().map(term))
}
