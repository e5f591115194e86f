//! Sequence sets, and COPY and MOVE (RFC 3501 section 9, RFC 6851).

use super::Result;
use super::input::{Input, ParseError};
use super::mailbox::argument_mailbox;
use crate::imap::command::{SeqNumber, SequenceSet, Transfer};

/// `sequence-set = (seq-number / seq-range) *("," sequence-set)`, or `$` alone (RFC 5182 section 2.1)
pub(super) fn set(input: &mut Input<'_>) -> Result<SequenceSet> {
    if input.skip(b'$') {
        return Ok(SequenceSet::Saved);
    }
    let mut ranges = Vec::new();
    loop {
        let first = number(input)?;
        let last = if input.skip(b':') { number(input)? } else { first };
        ranges.push((first, last));
        if !input.skip(b',') {
            return Ok(SequenceSet::Ranges(ranges));
        }
    }
}

/// `seq-number = nz-number / "*"`
pub(super) fn number(input: &mut Input<'_>) -> Result<SeqNumber> {
    if input.skip(b'*') {
        return Ok(SeqNumber::Last);
    }
    input.nz_number().map(SeqNumber::Number).map_err(|_| ParseError::Expected("a sequence set"))
}

/// Whether a sequence set stands next, for SEARCH.
pub(super) fn is_next(input: &Input<'_>) -> bool {
    input.peek().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'*' | b'$'))
}

/// `copy = "COPY" SP sequence-set SP mailbox`, and the same for MOVE (RFC 6851).
pub(super) fn transfer(input: &mut Input<'_>, uid: bool) -> Result<Transfer> {
    input.space()?;
    let set = set(input)?;
    Ok(Transfer { uid, set, mailbox: argument_mailbox(input)? })
}
