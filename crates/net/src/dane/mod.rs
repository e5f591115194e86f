//! DANE for SMTP (RFC 7672): what a host's own signed zone says of its certificate.
//!
//! [`Tlsa`] is one record (RFC 6698), [`Dane`] all that is needed to meet one host by them:
//! [`crate::ClientTls::dane`] takes it. Which records hold for which host, says
//! [`crate::SecureResolver::protection`]. Nothing here is believed that was not signed.

mod discovery;

use std::fmt;

use envelope::Domain;

use crate::limits::TLSA_DATA_OCTETS_MAX;

/// One TLSA record (RFC 6698 section 2.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tlsa {
    /// 0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE (RFC 7218).
    pub usage: u8,
    /// 0 the whole certificate, 1 its public key.
    pub selector: u8,
    /// 0 as it is, 1 its SHA-256, 2 its SHA-512.
    pub matching: u8,
    /// What must be found.
    pub data: Vec<u8>,
}

/// How one host is to be met.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dane {
    /// The TLSA base domain (RFC 7672 section 2.2.3): the name to say in the handshake.
    pub base: Domain,
    /// Names that a certificate under a trust anchor may be for (RFC 7672 section 3.2.2): the base domain among them.
    pub names: Vec<Domain>,
    /// The records, usable or not; never empty.
    pub records: Vec<Tlsa>,
}

/// What the signed DNS says of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// The answer that named this host for the next hop was signed (RFC 8689 section 4.2.1 asks).
    pub named_securely: bool,
    /// How the host must be met; `None` when DANE does not apply to it.
    pub dane: Option<Dane>,
}

impl Tlsa {
    /// Whether a mail server can be known by it: usage 2 or 3 (RFC 7672 section 3.1.3), a selector and a matching type
    /// that we know, and data that can be what it says.
    pub fn usable(&self) -> bool {
        let fits = match self.matching {
            0 => !self.data.is_empty() && self.data.len() <= TLSA_DATA_OCTETS_MAX,
            1 => self.data.len() == 32,
            2 => self.data.len() == 64,
            _ => false,
        };
        matches!(self.usage, 2 | 3) && matches!(self.selector, 0 | 1) && fits
    }
}

impl fmt::Display for Tlsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching)?;
        let shown = self.data.iter().take(64);
        shown.clone().try_for_each(|octet| write!(f, "{octet:02x}"))?;
        f.write_str(if self.data.len() > 64 { "…" } else { "" })
    }
}

impl Dane {
    /// Whether the host can be authenticated by a record. When not, the letter must be encrypted all the same, with
    /// whoever is there (RFC 7672 section 2.2).
    pub fn usable(&self) -> bool {
        self.records.iter().any(Tlsa::usable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_records() {
        for (usage, selector, matching, octets, usable) in [
            (3, 1, 1, 32, true),
            (2, 0, 2, 64, true),
            (2, 1, 0, 91, true),
            (3, 0, 0, 0, false),
            (3, 0, 0, TLSA_DATA_OCTETS_MAX + 1, false),
            (3, 1, 1, 31, false),
            (3, 1, 2, 32, false),
            (3, 2, 1, 32, false),
            (3, 1, 3, 32, false),
            (0, 1, 1, 32, false),
            (1, 1, 1, 32, false),
            (4, 1, 1, 32, false),
            (255, 255, 255, 32, false),
        ] {
            let record = Tlsa { usage, selector, matching, data: vec![7; octets] };
            assert_eq!(record.usable(), usable, "{record}");
        }
    }
}
