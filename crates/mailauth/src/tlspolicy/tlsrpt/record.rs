//! The TXT record at `_smtp._tls.` and the domain (RFC 8460 section 3).
//!
//! ```text
//! tlsrpt-record  = tlsrpt-version 1*(field-delim tlsrpt-field) [field-delim]
//! tlsrpt-version = %s"v=TLSRPTv1"
//! tlsrpt-rua     = %s"rua=" tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri)
//! ```

use envelope::{Address, Domain};

use crate::limits::{RECORD_OCTETS_MAX, REPORT_PLACES_MAX};
use crate::tlspolicy::record::{RecordError, the_only};

const VERSION: &str = "v=TLSRPTv1";

/// Where reports of a domain go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// At least one, in the order of the record. Places of a kind that nobody here knows are left out.
    pub places: Vec<Place>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// `mailto:`
    Mail(Address),
    /// `https:`
    Web {
        /// The server.
        host: Domain,
        /// Its port, 443 where the URI names none.
        port: u16,
        /// Path and query, as they stand in a request.
        path: String,
    },
}

impl Record {
    /// The one record among all TXT records of the name.
    pub fn choose<T: AsRef<[u8]>>(records: &[T]) -> Result<Self, RecordError> {
        Self::parse(the_only(records, VERSION)?)
    }

    /// Reads one record. Unknown fields are passed over; the first `rua` counts.
    pub fn parse(record: &[u8]) -> Result<Self, RecordError> {
        if record.len() > RECORD_OCTETS_MAX {
            return Err(RecordError::Malformed("it is too long"));
        }
        let text = std::str::from_utf8(record).map_err(|_| RecordError::Malformed("it is not ASCII"))?;
        let rest = text.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix(';'));
        let rest = rest.ok_or(RecordError::Malformed("it does not begin with its version"))?;
        // Blanks may stand around the commas of `rua`, so the fields are taken apart more loosely than those of MTA-STS.
        let mut fields = rest.split(';').filter_map(|piece| piece.trim().split_once('='));
        let rua = fields.find(|(name, _)| *name == "rua").ok_or(RecordError::Malformed("it has no rua"))?.1;
        let places: Vec<Place> = rua.split(',').filter_map(|uri| place(uri.trim())).take(REPORT_PLACES_MAX).collect();
        if places.is_empty() {
            return Err(RecordError::Malformed("no place in rua is a mailto: or https: that can be used"));
        }
        Ok(Self { places })
    }
}

fn place(uri: &str) -> Option<Place> {
    let (scheme, rest) = uri.split_once(':')?;
    match scheme.to_ascii_lowercase().as_str() {
        "mailto" => {
            // What could stand behind a question mark would be fields of the letter, which are ours.
            let address = rest.split('?').next().unwrap_or(rest);
            Address::parse(&unescape(address)?).ok().map(Place::Mail)
        }
        "https" => web(rest.strip_prefix("//")?),
        _ => None,
    }
}

/// No user, no fragment, no address in place of a name: nothing that a report needs.
fn web(rest: &str) -> Option<Place> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let path = path.split('#').next().unwrap_or("");
    if !path.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
        return None;
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (authority, 443),
    };
    let host = Domain::parse(host).ok().filter(|host| host.as_str().parse::<std::net::IpAddr>().is_err())?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    Some(Place::Web { host, port, path: format!("{slash}{path}") })
}

/// RFC 3986 section 2.1; `None` for what is no UTF-8 then, and for control characters.
fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok().filter(|text| !text.chars().any(char::is_control))
}
