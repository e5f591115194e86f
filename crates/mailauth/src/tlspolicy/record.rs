//! The one TXT record of its version that a name has: for MTA-STS (RFC 8461 section 3.1) and for reports about TLS (RFC 8460
//! section 3) alike.

/// Why a domain has no usable record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// No record of this version.
    #[error("there is no record that begins with {0};")]
    Missing(&'static str),
    /// More than one: none of them counts.
    #[error("there is more than one record that begins with {0};")]
    Several(&'static str),
    /// A piece of it is no field, or it lacks what it is for.
    #[error("the record is malformed: {0}")]
    Malformed(&'static str),
}

/// The record that begins with this version and a semicolon, among all TXT records of a name.
pub(super) fn the_only<'a, T: AsRef<[u8]>>(records: &'a [T], version: &'static str) -> Result<&'a [u8], RecordError> {
    let is_ours = |record: &&[u8]| record.strip_prefix(version.as_bytes()).is_some_and(|rest| rest.starts_with(b";"));
    let mut ours = records.iter().map(AsRef::as_ref).filter(is_ours);
    match (ours.next(), ours.next()) {
        (None, _) => Err(RecordError::Missing(version)),
        (Some(_), Some(_)) => Err(RecordError::Several(version)),
        (Some(record), None) => Ok(record),
    }
}
