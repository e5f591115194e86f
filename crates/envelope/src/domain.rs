//! Domain names as mail uses them, and the host part of an address: a name or an address literal.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A domain name in its one canonical form: ASCII, lower case, A-labels (RFC 5890), no final dot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(Box<str>);

/// Why a text is no domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// Nothing there.
    #[error("the domain is empty")]
    Empty,
    /// Over 255 octets, or a label over 63 (RFC 1035 section 2.3.4).
    #[error("the domain, or a label of it, is too long")]
    TooLong,
    /// A character that no host name has (RFC 5321 section 4.1.2), or IDNA refused it.
    #[error("the domain holds what a domain name cannot hold")]
    Invalid,
}

impl Domain {
    /// Parses a name, in ASCII or in UTF-8 (RFC 6531), and brings it to its canonical form. Underscores pass, since
    /// the DNS has such names.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(DomainError::Empty);
        }
        if text.len() > 1024 {
            return Err(DomainError::TooLong);
        }
        let ascii = if text.is_ascii() && !text.to_ascii_lowercase().contains("xn--") {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(text).map_err(|_| DomainError::Invalid)?
        };
        if ascii.len() > 253 {
            return Err(DomainError::TooLong);
        }
        for label in ascii.split('.') {
            if label.len() > 63 {
                return Err(DomainError::TooLong);
            }
            let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if label.is_empty() || !label.bytes().all(fine) || label.starts_with('-') || label.ends_with('-') {
                return Err(DomainError::Invalid);
            }
        }
        Ok(Self(ascii.into()))
    }

    /// The canonical ASCII form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for people: U-labels where the name has them.
    pub fn to_unicode(&self) -> String {
        let (text, outcome) = idna::domain_to_unicode(&self.0);
        if outcome.is_ok() { text } else { self.0.to_string() }
    }

    /// Whether this name is `parent` or stands below it.
    pub fn is_within(&self, parent: &Domain) -> bool {
        self.0.strip_suffix(parent.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Domain {
    type Error = DomainError;
    fn try_from(text: String) -> Result<Self, DomainError> {
        Self::parse(&text)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> String {
        domain.0.into()
    }
}

/// What may stand behind the `@`: a name, or an address literal (RFC 5321 section 4.1.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// `example.org`
    Name(Domain),
    /// `[192.0.2.1]` or `[IPv6:2001:db8::1]`
    Literal(IpAddr),
}

impl Host {
    /// Parses a name or a literal in brackets.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let Some(inner) = text.strip_prefix('[') else {
            return Domain::parse(text).map(Self::Name);
        };
        let inner = inner.strip_suffix(']').ok_or(DomainError::Invalid)?;
        let v6 = inner.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:")).and_then(|_| inner.get(5..));
        let address = match v6 {
            Some(text) => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => inner.parse().ok().map(IpAddr::V4),
        };
        address.map(Self::Literal).ok_or(DomainError::Invalid)
    }

    /// The name, when it is one.
    pub fn name(&self) -> Option<&Domain> {
        match self {
            Self::Name(domain) => Some(domain),
            Self::Literal(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(domain) => domain.fmt(f),
            Self::Literal(IpAddr::V4(address)) => write!(f, "[{address}]"),
            Self::Literal(IpAddr::V6(address)) => write!(f, "[IPv6:{address}]"),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        assert_eq!(Domain::parse("Example.ORG.").unwrap().as_str(), "example.org");
        assert_eq!(Domain::parse("παράδειγμα.δοκιμή").unwrap().as_str(), "xn--hxajbheg2az3al.xn--jxalpdlp");
        assert_eq!(Domain::parse("xn--hxajbheg2az3al.xn--jxalpdlp").unwrap().to_unicode(), "παράδειγμα.δοκιμή");
        for bad in ["", ".", "a..b", "-a.b", "a-.b", "a b", "a@b", "a\r\n", "a/b", &"a".repeat(64), &"a.".repeat(200)] {
            assert!(Domain::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn literals() {
        for good in ["[192.0.2.1]", "[IPv6:2001:db8::1]", "example.org"] {
            assert_eq!(Host::parse(good).unwrap().to_string(), good);
        }
        for bad in ["[192.0.2]", "[2001:db8::1]", "[IPv6:192.0.2.1]", "[", "[]", "[a]"] {
            assert!(Host::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn below() {
        let parent = Domain::parse("b.test").unwrap();
        assert!(Domain::parse("a.b.test").unwrap().is_within(&parent));
        assert!(!Domain::parse("ab.test").unwrap().is_within(&parent));
    }
}
