//! SASLprep (RFC 4013): one form for the many ways to type a name or a password.

use super::limits::{NAME_OCTETS_MAX, PASSWORD_OCTETS_MAX};
use super::{Reason, Secret};

/// Prepares a name. Fails on what no name may hold (controls, private use, mixed directions) and on an empty one.
pub fn prepare_name(name: &[u8]) -> Result<String, Reason> {
    if name.len() > NAME_OCTETS_MAX {
        return Err(Reason::Malformed);
    }
    let text = std::str::from_utf8(name).map_err(|_| Reason::Malformed)?;
    let prepared = stringprep::saslprep(text).map_err(|_| Reason::Credentials)?;
    if prepared.is_empty() {
        return Err(Reason::Credentials);
    }
    Ok(prepared.into_owned())
}

/// Prepares a password. One that SASLprep refuses (not UTF-8, or holding forbidden characters) is taken as the octets
/// that it is, so that an old password keeps working; the two ways never meet, so nothing is weakened.
pub fn prepare_password(password: &[u8]) -> Result<Secret, Reason> {
    if password.len() > PASSWORD_OCTETS_MAX {
        return Err(Reason::Malformed);
    }
    let prepared = std::str::from_utf8(password).ok().and_then(|text| stringprep::saslprep(text).ok());
    let octets = prepared.map_or_else(|| password.to_vec(), |text| text.into_owned().into_bytes());
    if octets.is_empty() || octets.contains(&0) {
        return Err(Reason::Credentials);
    }
    Ok(Secret::new(octets))
}
