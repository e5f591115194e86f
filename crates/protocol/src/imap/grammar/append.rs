//! APPEND, up to the announcement of a message (RFC 3501 section 6.3.11), and what may follow a message: another one
//! (RFC 3502).

use super::input::{Input, ParseError};
use super::{Result, date, store};
use crate::imap::command::{Append, AppendMessage};

/// Where a command that ends in a literal's announcement stands, when it is an APPEND.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendStart {
    /// No APPEND, or the literal is its mailbox name: collect it like any other.
    Collect,
    /// The announced literal is the message.
    Message(Append),
}

/// `append = "APPEND" SP mailbox 1*append-message`, up to and with the announcement `{octets}` of the first message at the
/// end of `bytes` and without the CRLF behind it. With `utf8`, mailbox names are in UTF-8.
pub fn append(bytes: &[u8], utf8: bool) -> Result<AppendStart> {
    let mut input = Input::new(bytes, utf8);
    input.tag()?;
    input.space()?;
    if input.keyword("a command")? != "APPEND" {
        return Ok(AppendStart::Collect);
    }
    input.space()?;
    let mut ahead = input;
    if announced(&mut ahead).is_some_and(|(_, literal8)| !literal8) {
        return Ok(AppendStart::Collect);
    }
    let mailbox = input.mailbox()?;
    Ok(AppendStart::Message(Append { mailbox, message: message(&mut input)? }))
}

/// What stands between a message and the announcement of the next one. `in_utf8`: the one before was in `UTF8 (…)`.
pub fn append_next(bytes: &[u8], in_utf8: bool) -> Result<AppendMessage> {
    let mut input = Input::new(bytes, false);
    if in_utf8 {
        input.byte(b')', ")")?;
    }
    message(&mut input)
}

/// `append-message = [SP flag-list] [SP date-time] SP append-data`, where
/// `append-data = literal / literal8 / "UTF8" SP "(" literal8 ")"` (RFC 3502 section 6.3.11, RFC 6855 section 4)
fn message(input: &mut Input<'_>) -> Result<AppendMessage> {
    input.space()?;
    let mut message = AppendMessage::default();
    if input.peek() == Some(b'(') {
        message.flags = store::flag_list(input)?;
        input.space()?;
    }
    if input.peek() == Some(b'"') {
        message.date = Some(date::date_time(input)?);
        input.space()?;
    }
    message.utf8 = input.skip_word("UTF8 (");
    let literal = announced(input).filter(|(_, literal8)| *literal8 || !message.utf8);
    (message.octets, message.literal8) = literal.ok_or(ParseError::Expected("a literal"))?;
    Ok(message)
}

/// `{octets}`, `{octets+}`, or the same behind `~`, as the last thing.
fn announced(input: &mut Input<'_>) -> Option<(u64, bool)> {
    let literal8 = input.skip(b'~');
    input.byte(b'{', "a literal").ok()?;
    let octets = input.number64().ok()?;
    input.skip(b'+');
    (input.skip(b'}') && input.is_empty()).then_some((octets, literal8))
}
