//! APPEND, up to the announcement of its message (RFC 3501 section 6.3.11).

use super::input::{Input, ParseError};
use super::{Result, date, store};
use crate::imap::command::{Append, Mailbox};

/// Where a command that ends in a literal's announcement stands, when it is an APPEND.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendStart {
    /// No APPEND, or the literal is its mailbox name: collect it like any other.
    Collect,
    /// The announced literal is the message.
    Message(Append),
}

/// `append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal`, up to and with the announcement
/// `{octets}` at the end of `bytes` and without the CRLF behind it.
pub fn append(bytes: &[u8]) -> Result<AppendStart> {
    let mut input = Input::new(bytes);
    input.tag()?;
    input.space()?;
    if input.keyword("a command")? != "APPEND" {
        return Ok(AppendStart::Collect);
    }
    input.space()?;
    let mut ahead = input;
    if announced(&mut ahead).is_some() {
        return Ok(AppendStart::Collect);
    }
    let mailbox = Mailbox::from_wire(&input.astring()?)?;
    input.space()?;
    let mut flags = Vec::new();
    if input.peek() == Some(b'(') {
        flags = store::flag_list(&mut input)?;
        input.space()?;
    }
    let mut date = None;
    if input.peek() == Some(b'"') {
        date = Some(date::date_time(&mut input)?);
        input.space()?;
    }
    let octets = announced(&mut input).ok_or(ParseError::Expected("a literal"))?;
    Ok(AppendStart::Message(Append { mailbox, flags, date, octets }))
}

/// `{octets}` or `{octets+}` as the last thing.
fn announced(input: &mut Input<'_>) -> Option<u64> {
    input.byte(b'{', "a literal").ok()?;
    let octets = input.number64().ok()?;
    input.skip(b'+');
    (input.skip(b'}') && input.is_empty()).then_some(octets)
}
