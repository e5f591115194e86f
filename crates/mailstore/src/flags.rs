//! Flags: the system flags of RFC 3501 section 2.3.2 and keywords, as a client names them and as a row keeps them.

use std::sync::Arc;

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
    /// The system flags.
    pub fn system(&self) -> u64 {
        self.bits & SYSTEM
    }

    /// Whether all of these system flags are set.
    pub fn has(&self, system: u64) -> bool {
        self.bits & system & SYSTEM == system
    }
}

/// The keywords that a mailbox has ever seen, in the order of their numbers. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keywords {
    pub(crate) names: Arc<Vec<String>>,
}
