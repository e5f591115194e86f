//! Names of things: of a connection, of a letter, of an account, of a mailbox.

use std::fmt;
use std::str::FromStr;

use crate::Timestamp;

macro_rules! unique_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(u128);

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl $name {
            /// A new id, random: it tells nothing of its time.
            pub fn random() -> Self {
                Self(uuid::Uuid::new_v4().as_u128())
            }

            /// For the store.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// From the store.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Lower-case base 32 without padding, 26 characters: it can be read out on the telephone.
                const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
                let mut letters = [b'0'; 26];
                let mut rest = self.0;
                for letter in letters.iter_mut().rev() {
                    *letter = DIGITS.get((rest & 31) as usize).copied().unwrap_or(b'0');
                    rest >>= 5;
                }
                f.write_str(std::str::from_utf8(&letters).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_base32(text).map(Self).ok_or(IdError)
            }
        }
    };
}

/// The text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: an id has 26 letters and digits")]
pub struct IdError;

fn parse_base32(text: &str) -> Option<u128> {
    if text.len() != 26 {
        return None;
    }
    let mut value: u128 = 0;
    for (index, byte) in text.bytes().enumerate() {
        let digit = match byte.to_ascii_lowercase() {
            b'0' | b'o' => 0,
            b'1' | b'i' | b'l' => 1,
            other => b"0123456789abcdefghjkmnpqrstvwxyz".iter().position(|d| *d == other)?,
        };
        if index == 0 && digit > 7 {
            return None;
        }
        value = (value << 5) | digit as u128;
    }
    Some(value)
}

unique_id! {
    /// One connection, from greeting to close: the journal's first key.
    SessionId
}

unique_id! {
    /// One accepted letter, given before the 250: it names it in the queue, in Received and in the journal, and makes
    /// the transaction that accepts it idempotent. It is what the field calls the queue id.
    MailId
}

impl MailId {
    /// A new id that begins with the time, in milliseconds; its last ten octets are random. Letters of one time are neighbours
    /// in the store, so that the many that come and go do not touch the pages of those that wait.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        const RANDOM_BITS: u32 = 80;
        let random = uuid::Uuid::new_v4().as_u128() & ((1 << RANDOM_BITS) - 1);
        let time = u128::from(u64::try_from(at.0).unwrap_or(0)) & ((1 << (u128::BITS - RANDOM_BITS)) - 1);
        Self(time << RANDOM_BITS | random)
    }

    /// One of the letters of the queue that this one becomes when it goes on under several reverse-paths. The same number
    /// gives the same id, so that accepting it stays idempotent; 0 is the letter itself.
    #[must_use]
    pub fn branch(self, number: u32) -> Self {
        Self(self.0.wrapping_add(u128::from(number)))
    }
}

/// An account in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub i64);

/// A mailbox of an account. Never used again once the mailbox is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        for bytes in [[0u8; 16], [255; 16], MailId::random().to_bytes()] {
            let id = MailId::from_bytes(bytes);
            assert_eq!(id.to_string().len(), 26);
            assert_eq!(id.to_string().parse::<MailId>().unwrap(), id);
            assert_eq!(id.to_string().to_uppercase().parse::<MailId>().unwrap().to_bytes(), bytes);
        }
        let id = MailId::random();
        assert_eq!((id.branch(0), id.branch(2)), (id, id.branch(1).branch(1)));
        assert_ne!(id.branch(1), id);
        let (early, late) = (MailId::new(Timestamp(1_000)), MailId::new(Timestamp(1_001)));
        assert!(early < late && early != MailId::new(Timestamp(1_000)));
        assert!(MailId::new(Timestamp(-1)) < early && MailId::new(Timestamp(i64::MAX)) > late);
        assert!("8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<MailId>().is_err());
        assert!("abc".parse::<SessionId>().is_err());
    }
}
