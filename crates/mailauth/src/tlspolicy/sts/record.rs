//! The TXT record at `_mta-sts.` and the domain (RFC 8461 section 3.1).
//!
//! ```text
//! sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]
//! sts-version     = %s"v=STSv1"
//! sts-id          = %s"id=" 1*32(ALPHA / DIGIT)
//! ```

use crate::limits::RECORD_OCTETS_MAX;
use crate::tlspolicy::fields;
use crate::tlspolicy::record::{RecordError, the_only};

const VERSION: &str = "v=STSv1";

/// The record of a domain that has a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Changes whenever the policy does: letters and digits, 32 at most.
    pub id: String,
}

impl Record {
    /// The one record among all TXT records of the name. To a sender all errors mean that no policy can be looked for.
    pub fn choose<T: AsRef<[u8]>>(records: &[T]) -> Result<Self, RecordError> {
        Self::parse(the_only(records, VERSION)?)
    }

    /// Reads one record. Unknown fields are passed over; of several ids the first counts.
    pub fn parse(record: &[u8]) -> Result<Self, RecordError> {
        if record.len() > RECORD_OCTETS_MAX {
            return Err(RecordError::Malformed("it is too long"));
        }
        let text = std::str::from_utf8(record).map_err(|_| RecordError::Malformed("it is not ASCII"))?;
        let fields = fields::read(text, VERSION).ok_or(RecordError::Malformed("a piece of it is no field"))?;
        let id = fields.iter().find(|(name, _)| *name == "id").ok_or(RecordError::Malformed("it has no id"))?.1;
        if id.len() > 32 || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(RecordError::Malformed("the id is not 1 to 32 letters and digits"));
        }
        Ok(Self { id: id.to_owned() })
    }
}
