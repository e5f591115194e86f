//! The envelope: who sends, who receives, and what the sender asked for (RFC 5321 section 2.3.1).

use std::fmt;

use crate::address::Address;

/// The argument of MAIL FROM: an address, or nobody (`<>`, the sender of a bounce, RFC 5321 section 4.5.5).
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(from = "Option<Address>", into = "Option<Address>")]
pub enum ReversePath {
    /// `<>`: nothing may ever be bounced to it.
    Null,
    /// `<anna@athens.test>`
    Address(Address),
}

impl From<Option<Address>> for ReversePath {
    fn from(address: Option<Address>) -> Self {
        address.map_or(Self::Null, Self::Address)
    }
}

impl From<ReversePath> for Option<Address> {
    fn from(path: ReversePath) -> Self {
        path.address().cloned()
    }
}

impl ReversePath {
    /// The address, unless it is null.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Null => None,
            Self::Address(address) => Some(address),
        }
    }
}

impl fmt::Display for ReversePath {
    /// Without angle brackets; null is the empty text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl fmt::Debug for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

/// The argument of RCPT TO.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<kostas@patras.test>`
    Address(Address),
    /// `<Postmaster>`, which every server must take without a domain (RFC 5321 section 4.5.1).
    Postmaster,
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Postmaster => f.write_str("postmaster"),
        }
    }
}

impl fmt::Debug for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

/// BODY= of MAIL FROM (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BodyType {
    /// Declared or assumed 7-bit.
    #[default]
    SevenBit,
    /// 8BITMIME.
    EightBitMime,
    /// BINARYMIME: may hold anything, so it travels by BDAT only.
    BinaryMime,
}

/// RET= of MAIL FROM (RFC 3461 section 4.3): how much of the letter a bounce returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// The whole letter.
    Full,
    /// Its header only.
    Headers,
}

/// What the sender says of encryption on the way (RFC 8689).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum RequireTls {
    /// Nothing: as whoever carries the letter sees fit.
    #[default]
    Unsaid,
    /// REQUIRETLS of MAIL FROM: at every hop encrypted, to a server that is known, and that demands the same, or not at
    /// all.
    Demanded,
    /// `TLS-Required: No` in the header: better in the clear than not at all, whatever the receiver's policy says.
    Waived,
}

/// NOTIFY= of RCPT TO (RFC 3461 section 4.1). All false means NEVER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notify {
    /// Tell the sender when it was delivered.
    pub success: bool,
    /// Tell the sender when it failed.
    pub failure: bool,
    /// Tell the sender when it is late.
    pub delay: bool,
}

/// One recipient as the sender named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// To whom.
    pub address: Address,
    /// NOTIFY=, when given; failure and delay otherwise.
    pub notify: Option<Notify>,
    /// ORCPT=, when given, as on the wire: `rfc822;bob@example.com` in xtext (RFC 3461 section 4.2).
    pub original: Option<String>,
}

/// What travels with a letter but is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// MAIL FROM.
    pub reverse_path: ReversePath,
    /// RCPT TO, in order.
    pub recipients: Vec<Recipient>,
    /// BODY=.
    pub body: BodyType,
    /// SMTPUTF8 was asked for (RFC 6531).
    pub smtputf8: bool,
    /// RET=.
    pub ret: Option<Return>,
    /// ENVID= as on the wire, in xtext.
    pub envelope_id: Option<String>,
    /// REQUIRETLS. On the wire only [`RequireTls::Demanded`] is said.
    pub require_tls: RequireTls,
}
