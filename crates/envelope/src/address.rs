//! A mail address as the envelope has it: `Local-part "@" ( Domain / address-literal )` (RFC 5321 section 4.1.2).

use std::fmt;
use std::str::FromStr;

use crate::domain::{DomainError, Host};

/// The part before the `@`, unquoted: `"a b"@x` has the local part `a b`.
///
/// Its case is kept, as RFC 5321 section 2.4 wants; whoever owns the domain decides whether case matters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalPart(Box<str>);

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `@` outside quotes.
    #[error("the address has no @")]
    NoAt,
    /// The part before the `@` is neither a dot-string nor a quoted string.
    #[error("the part before the @ is not well formed")]
    LocalPart,
    /// The part before the `@` is over 64 octets (RFC 5321 section 4.5.3.1.1); we allow 255, as the world does.
    #[error("the part before the @ is too long")]
    TooLong,
    /// The part behind the `@`.
    #[error(transparent)]
    Domain(#[from] DomainError),
}

/// The longest local part that we take, in octets. RFC 5321 section 4.5.3.1.1 promises 64 and lets a server take
/// more; VERP and SRS addresses need it.
const LOCAL_PART_OCTETS_MAX: usize = 255;

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_control())
}

fn is_dot_string(text: &str) -> bool {
    !text.is_empty() && text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

impl LocalPart {
    /// Parses a dot-string or a quoted string.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let unquoted = if is_dot_string(text) { text.to_owned() } else { unquote(text)? };
        Self::from_unquoted(&unquoted)
    }

    /// Takes the content itself, such as `a b`, without quotes.
    pub fn from_unquoted(text: &str) -> Result<Self, AddressError> {
        if text.len() > LOCAL_PART_OCTETS_MAX {
            return Err(AddressError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(AddressError::LocalPart);
        }
        Ok(Self(text.into()))
    }

    /// The content, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `Quoted-string = DQUOTE *QcontentSMTP DQUOTE`
fn unquote(text: &str) -> Result<String, AddressError> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(AddressError::LocalPart)?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().ok_or(AddressError::LocalPart)?),
            '"' => return Err(AddressError::LocalPart),
            c => out.push(c),
        }
    }
    Ok(out)
}

impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.0) {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            if c == '"' || c == '\\' {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

impl fmt::Debug for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address, right by construction. Two addresses are equal when their local parts are equal to the letter and
/// their domains are the same name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    local: LocalPart,
    host: Host,
}

impl Address {
    /// Puts the two parts together.
    pub fn new(local: LocalPart, host: Host) -> Self {
        Self { local, host }
    }

    /// Parses `local@host`; no angle brackets, no route.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let at = split_at_sign(text).ok_or(AddressError::NoAt)?;
        let (local, host) = text.split_at(at);
        let host = host.strip_prefix('@').unwrap_or(host);
        Ok(Self { local: LocalPart::parse(local)?, host: Host::parse(host)? })
    }

    /// The part before the `@`.
    pub fn local(&self) -> &LocalPart {
        &self.local
    }

    /// The part behind the `@`.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Whether it needs SMTPUTF8 on the wire (RFC 6531): its local part is not ASCII.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.as_str().is_ascii()
    }
}

/// The last `@` outside a quoted local part.
fn split_at_sign(text: &str) -> Option<usize> {
    if !text.starts_with('"') {
        return text.rfind('@');
    }
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return (text.as_bytes().get(index + 1) == Some(&b'@')).then_some(index + 1),
            _ => {}
        }
    }
    None
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.host)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        for text in [
            "anna@athens.test",
            "a.b+c@x.test",
            "\"a b\"@x.test",
            "\"a\\\"b\\\\c\"@x.test",
            "\"a@b\"@x.test",
            "\".a\"@x.test",
            "\"\"@x.test",
            "κώστας@x.test",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(Address::parse(&address.to_string()).unwrap(), address);
        }
        assert_eq!(Address::parse("\"anna\"@X.test").unwrap(), Address::parse("anna@x.TEST").unwrap());
    }

    #[test]
    fn what_is_no_address() {
        for bad in [
            "",
            "@",
            "a",
            "a@",
            "@b",
            "a..b@x",
            ".a@x",
            "a b@x",
            "\"a@x",
            "a@b@c d",
            "\"a\"b@x",
            "\"a\r\nb\"@x",
            "a<b>@x",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
    }
}
