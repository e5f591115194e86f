//! What concerns the session alone: sign-in, ID, ENABLE (RFC 3501 section 6.2, RFC 2971, RFC 5161).

use super::Result;
use super::input::{Input, ParseError};
use crate::imap::command::Command;
use crate::imap::limits;
use crate::sasl::Secret;

/// `authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]`
pub(super) fn authenticate(input: &mut Input<'_>) -> Result<Command> {
    input.space()?;
    let mechanism = input.keyword("a mechanism")?;
    let initial = if input.skip(b' ') {
        let initial = input.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        Some(initial.to_vec()).filter(|initial| !initial.is_empty())
    } else {
        None
    };
    Ok(Command::Authenticate { mechanism, initial })
}

/// `login = "LOGIN" SP userid SP password`
pub(super) fn login(input: &mut Input<'_>) -> Result<Command> {
    input.space()?;
    let user = input.astring()?;
    input.space()?;
    let password = Secret::new(input.astring()?);
    Ok(Command::Login { user, password })
}

/// `id = "ID" SP ("(" *(string SP nstring) ")" / nil)` (RFC 2971)
pub(super) fn id(input: &mut Input<'_>) -> Result<Command> {
    input.space()?;
    if input.skip_word("NIL") {
        return Ok(Command::Id(None));
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let pairs = input.list(limits::ID_PAIRS_MAX, "ID pairs", |input| {
        let field = input.string()?;
        input.space()?;
        let value = input.nstring()?;
        Ok((text(field), value.map(text)))
    })?;
    Ok(Command::Id(Some(pairs)))
}

/// `enable = "ENABLE" 1*(SP capability)` (RFC 5161)
pub(super) fn enable(input: &mut Input<'_>) -> Result<Command> {
    let mut names = Vec::new();
    while input.skip(b' ') {
        names.push(input.keyword("a capability")?);
    }
    if names.is_empty() { Err(ParseError::Expected("a capability")) } else { Ok(Command::Enable(names)) }
}

/// `compress = "COMPRESS" SP algorithm`, `algorithm = "DEFLATE"` (RFC 4978 section 5)
pub(super) fn compress(input: &mut Input<'_>) -> Result<Command> {
    input.space()?;
    if input.keyword("an algorithm")? == "DEFLATE" {
        Ok(Command::Compress)
    } else {
        Err(ParseError::Expected("DEFLATE"))
    }
}
