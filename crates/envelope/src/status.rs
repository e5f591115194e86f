//! Codes: enhanced status codes (RFC 3463), replies (RFC 5321 section 4.2), and the outcome of a delivery.

use std::fmt;
use std::str::FromStr;

/// `class.subject.detail` (RFC 3463 section 2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnhancedStatus {
    /// 2 done, 4 later, 5 never.
    pub class: u8,
    /// What it is about: 1 addressing, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 security.
    pub subject: u16,
    /// The finer word.
    pub detail: u16,
}

impl EnhancedStatus {
    /// `EnhancedStatus::new(5, 1, 1)` is 5.1.1.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl fmt::Debug for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no enhanced status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an enhanced status code")]
pub struct StatusError;

impl FromStr for EnhancedStatus {
    type Err = StatusError;
    /// `("2" / "4" / "5") "." 1*3digit "." 1*3digit`
    fn from_str(text: &str) -> Result<Self, StatusError> {
        let mut parts = text.split('.');
        let mut part = |digits_max: usize| -> Result<u16, StatusError> {
            let text =
                parts.next().filter(|t| (1..=digits_max).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit()));
            text.and_then(|t| t.parse().ok()).ok_or(StatusError)
        };
        let class = part(1)?;
        let (subject, detail) = (part(3)?, part(3)?);
        if parts.next().is_some() || !matches!(class, 2 | 4 | 5) {
            return Err(StatusError);
        }
        Ok(Self::new(class as u8, subject, detail))
    }
}

impl TryFrom<String> for EnhancedStatus {
    type Error = StatusError;
    fn try_from(text: String) -> Result<Self, StatusError> {
        text.parse()
    }
}

impl From<EnhancedStatus> for String {
    fn from(status: EnhancedStatus) -> String {
        status.to_string()
    }
}

/// A reply of a mail server: ours to a client, or another's to ours.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// Enhanced code (RFC 2034), when there is one.
    pub enhanced: Option<EnhancedStatus>,
    /// The words, without codes; `\n` between lines.
    pub text: String,
}

impl Reply {
    /// A reply with an enhanced code given as `(5, 1, 1)`.
    pub fn new(code: u16, enhanced: (u8, u16, u16), text: impl Into<String>) -> Self {
        let (class, subject, detail) = enhanced;
        Self { code, enhanced: Some(EnhancedStatus::new(class, subject, detail)), text: text.into() }
    }

    /// A reply without one (greeting, EHLO, 354).
    pub fn plain(code: u16, text: impl Into<String>) -> Self {
        Self { code, enhanced: None, text: text.into() }
    }

    /// 2yz.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4yz.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5yz.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }
}

impl fmt::Display for Reply {
    /// On one line: `550 5.1.1 no such user`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        write!(f, " {}", self.text.replace('\n', " "))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How an attempt to deliver to one recipient ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The next hop, or the mailbox, has taken responsibility.
    Delivered(Reply),
    /// Not now: it stays in the queue.
    Deferred(Reply),
    /// Never: the sender is told.
    Failed(Reply),
}

impl Outcome {
    /// The reply behind it, ours or the peer's.
    pub fn reply(&self) -> &Reply {
        match self {
            Self::Delivered(reply) | Self::Deferred(reply) | Self::Failed(reply) => reply,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        assert_eq!("5.1.1".parse(), Ok(EnhancedStatus::new(5, 1, 1)));
        assert_eq!(EnhancedStatus::new(4, 7, 650).to_string(), "4.7.650");
        for bad in ["", "5", "5.1", "3.1.1", "5.1.1.1", "5.1.1000", "5..1", "5.1.-1", "5.+1.1", "55.1.1"] {
            assert!(bad.parse::<EnhancedStatus>().is_err(), "{bad}");
        }
        assert_eq!(Reply::new(550, (5, 1, 1), "no such user\nhere").to_string(), "550 5.1.1 no such user here");
    }
}
