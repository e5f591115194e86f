//! ORCPT: the recipient as the sender first named it (RFC 3461 section 4.2).

use crate::encoding::text_of;

use super::xtext::{self, XtextError};

/// `original-recipient-address = addr-type ";" xtext`, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OriginalRecipient {
    /// `rfc822`, or `utf-8` (RFC 6533), in lower case.
    pub kind: String,
    /// The address, decoded. It need not be an address of ours, or any that could be checked.
    pub address: String,
}

/// Longest ORCPT, decoded (RFC 3461 section 4.2 allows 500 on the wire).
const OCTETS_MAX: usize = 500;

/// Why an ORCPT cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginalError {
    /// No address type before a semicolon.
    #[error("ORCPT has no address type")]
    Kind,
    /// Over 500 octets.
    #[error("ORCPT is too long")]
    TooLong,
    /// The address is no xtext.
    #[error(transparent)]
    Xtext(#[from] XtextError),
}

impl OriginalRecipient {
    /// Reads it as it stands on the wire: `rfc822;bob+2Bx@example.com`.
    pub fn parse(wire: &str) -> Result<Self, OriginalError> {
        if wire.len() > OCTETS_MAX {
            return Err(OriginalError::TooLong);
        }
        let (kind, address) = wire.split_once(';').ok_or(OriginalError::Kind)?;
        let is_atom = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if kind.is_empty() || !kind.bytes().all(is_atom) {
            return Err(OriginalError::Kind);
        }
        let kind = kind.to_ascii_lowercase();
        let address = if kind == "utf-8" && !address.is_ascii() {
            // `utf-8-addr-unitext`: with SMTPUTF8 it may stand unescaped.
            xtext::decode_unitext(address)
        } else {
            let octets = xtext::decode(address)?;
            let text = text_of(&octets).into_owned();
            if kind == "utf-8" { xtext::decode_unitext(&text) } else { text }
        };
        Ok(Self { kind, address })
    }
}

impl std::fmt::Display for OriginalRecipient {
    /// As it stands in Original-Recipient: `rfc822; bob@example.com`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.kind, self.address)
    }
}
