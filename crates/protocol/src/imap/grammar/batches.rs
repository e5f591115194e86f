//! UIDBATCHES (RFC 10022).

use super::Result;
use super::input::{Input, ParseError};
use crate::imap::command::UidBatches;

/// `message-batches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]`
pub(super) fn uid_batches(input: &mut Input<'_>) -> Result<UidBatches> {
    input.space()?;
    let size = input.nz_number()?;
    let mut range = None;
    if input.skip(b' ') {
        let first = input.nz_number()?;
        if !input.skip(b':') {
            return Err(ParseError::Expected("a range"));
        }
        range = Some((first, input.nz_number()?));
    }
    Ok(UidBatches { size, range })
}
