//! Flags: the system flags of RFC 3501 section 2.3.2 and keywords, as a client names them and as a row keeps them.

use std::sync::Arc;

use crate::limits::{KEYWORD_OCTETS_MAX, KEYWORDS_INLINE};

/// `\Seen`
pub const SEEN: u64 = 1;
/// `\Answered`
pub const ANSWERED: u64 = 1 << 1;
/// `\Flagged`
pub const FLAGGED: u64 = 1 << 2;
/// `\Deleted`
pub const DELETED: u64 = 1 << 3;
/// `\Draft`
pub const DRAFT: u64 = 1 << 4;
/// All of them. `\Recent` is no flag of a message: it belongs to the session that first saw it.
pub const SYSTEM: u64 = 31;
/// The first keyword's bit.
pub(crate) const KEYWORD_SHIFT: u32 = 8;

/// Flags as a client names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// Bits: [`SEEN`], [`ANSWERED`], [`FLAGGED`], [`DELETED`], [`DRAFT`].
    pub system: u64,
    /// Keywords, as written; compared without regard to ASCII case.
    pub keywords: Vec<String>,
}

impl Flags {
    /// No flags.
    pub const NONE: Flags = Flags { system: 0, keywords: Vec::new() };

    /// System flags only.
    pub fn system(bits: u64) -> Self {
        Self { system: bits & SYSTEM, keywords: Vec::new() }
    }
}

/// What STORE does with the flags it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreMode {
    /// `FLAGS`
    Replace,
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
}

/// Flags of one message, as bits over the keyword list of its mailbox ([`Keywords`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlagBits {
    /// System flags, and the first 54 keywords from bit 8 on.
    pub(crate) bits: u64,
    /// Further keywords, 8 to an octet, lowest first, without zero octets at the end.
    pub(crate) more: Option<Arc<[u8]>>,
}

impl FlagBits {
    /// From the columns `flags` and `keywords`.
    pub(crate) fn from_row(bits: i64, more: Option<&[u8]>) -> Self {
        Self { bits: bits as u64, more: more.filter(|octets| !octets.is_empty()).map(Arc::from) }
    }

    /// For the column `flags`. Bits 62 and 63 are never set, so the sign is never in play.
    pub(crate) fn to_column(&self) -> i64 {
        self.bits as i64
    }

    /// The system flags.
    pub fn system(&self) -> u64 {
        self.bits & SYSTEM
    }

    /// Whether all of these system flags are set.
    pub fn has(&self, system: u64) -> bool {
        self.system() & system == system
    }

    /// The numbers of its keywords, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = usize> + '_ {
        let inline = (0..KEYWORDS_INLINE).filter(|n| self.bits >> (n + KEYWORD_SHIFT) & 1 == 1).map(|n| n as usize);
        let more = self.more.as_deref().unwrap_or_default().iter().enumerate();
        let more =
            more.flat_map(|(at, octet)| (0..8).filter(move |bit| octet >> bit & 1 == 1).map(move |b| at * 8 + b));
        inline.chain(more.map(|n| n + KEYWORDS_INLINE as usize))
    }

    /// The names of its keywords.
    pub fn keywords<'a>(&'a self, names: &'a Keywords) -> impl Iterator<Item = &'a str> + 'a {
        self.numbers().filter_map(|number| names.names.get(number)).map(String::as_str)
    }

    /// As a client names them.
    pub fn to_flags(&self, names: &Keywords) -> Flags {
        Flags { system: self.system(), keywords: self.keywords(names).map(str::to_owned).collect() }
    }

    /// Sets a keyword by its number.
    pub(crate) fn set_number(&mut self, number: usize) {
        if number < KEYWORDS_INLINE as usize {
            self.bits |= 1 << (number as u32 + KEYWORD_SHIFT);
            return;
        }
        let number = number - KEYWORDS_INLINE as usize;
        let mut octets = self.more.as_deref().unwrap_or_default().to_vec();
        if octets.len() <= number / 8 {
            octets.resize(number / 8 + 1, 0);
        }
        if let Some(octet) = octets.get_mut(number / 8) {
            *octet |= 1 << (number % 8);
        }
        self.more = Some(octets.into());
    }

    /// What STORE makes of it.
    pub(crate) fn apply(&self, mode: StoreMode, by: &FlagBits) -> FlagBits {
        match mode {
            StoreMode::Replace => by.clone(),
            StoreMode::Add => FlagBits {
                bits: self.bits | by.bits,
                more: combine(self.more.as_deref(), by.more.as_deref(), |a, b| a | b),
            },
            StoreMode::Remove => {
                let more = combine(self.more.as_deref(), by.more.as_deref(), |a, b| a & !b);
                FlagBits { bits: self.bits & !by.bits, more }
            }
        }
    }
}

/// Octet by octet, without zero octets at the end.
fn combine(a: Option<&[u8]>, b: Option<&[u8]>, with: fn(u8, u8) -> u8) -> Option<Arc<[u8]>> {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    let at = |octets: &[u8], index: usize| octets.get(index).copied().unwrap_or(0);
    let mut out: Vec<u8> = (0..a.len().max(b.len())).map(|index| with(at(a, index), at(b, index))).collect();
    while out.last() == Some(&0) {
        out.pop();
    }
    (!out.is_empty()).then(|| out.into())
}

/// The keywords that a mailbox has ever seen, in the order of their numbers. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keywords {
    names: Arc<Vec<String>>,
}

impl Keywords {
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self { names: Arc::new(names) }
    }

    /// All names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The number of a keyword; ASCII case does not count.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Whether a text can be a keyword: an IMAP atom (RFC 3501 section 9, `flag-keyword = atom`).
pub(crate) fn is_keyword(text: &str) -> bool {
    let atom = |b: u8| b > b' ' && b < 0x7f && !b"(){%*\"\\]".contains(&b);
    !text.is_empty() && text.len() <= KEYWORD_OCTETS_MAX && text.bytes().all(atom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keywords() {
        let mut flags = FlagBits::default();
        for number in [0, 53, 54, 61, 62, 4095] {
            flags.set_number(number);
        }
        assert_eq!(flags.numbers().collect::<Vec<_>>(), [0, 53, 54, 61, 62, 4095]);
        assert!(flags.to_column() > 0);
        let again = FlagBits::from_row(flags.to_column(), flags.more.as_deref());
        assert_eq!(again, flags);
        let mut last = FlagBits::default();
        last.set_number(4095);
        let less = flags.apply(StoreMode::Remove, &last);
        assert_eq!(less.numbers().collect::<Vec<_>>(), [0, 53, 54, 61, 62]);
        assert_eq!(less.more.as_deref().map(<[u8]>::len), Some(2));
        assert_eq!(less.apply(StoreMode::Add, &last), flags);
        assert_eq!(flags.apply(StoreMode::Remove, &flags), FlagBits::default());
    }

    #[test]
    fn words_that_are_keywords() {
        assert!(is_keyword("$Forwarded") && is_keyword("NonJunk"));
        for bad in ["", "\\Seen", "a b", "a(", "ä", "a]", &"x".repeat(256)] {
            assert!(!is_keyword(bad), "{bad}");
        }
    }
}
