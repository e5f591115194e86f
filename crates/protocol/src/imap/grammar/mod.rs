//! From the bytes of one command to a [`Command`] (RFC 3501 section 9 and the extensions named in [`super`]).
//!
//! The input is what [`super::reader`] collected: the lines and literals of one command, last CRLF cut off. One
//! verb, one function; a new extension is a new verb here, or one more case in its own file.

mod date;
mod fetch;
mod input;
mod search;
mod sequence;
mod store;

pub(crate) use date::{MONTHS, date_of_days};
pub use input::ParseError;

use crate::imap::command::{Append, Command, List, Mailbox, Pattern, StatusItem};
use crate::imap::limits;
use crate::imap::utf7;
use crate::sasl::Secret;
use input::Input;

type Result<T> = std::result::Result<T, ParseError>;

/// The tag, as far as there is one: what every answer needs, even to a command that cannot be read.
pub fn tag(bytes: &[u8]) -> Option<&str> {
    let tag = Input::new(bytes).tag().ok()?;
    (tag.len() <= limits::TAG_OCTETS_MAX).then_some(tag)
}

/// `command = tag SP (…)`, without its last CRLF. APPEND is read by [`append`] alone.
pub fn command(bytes: &[u8]) -> Result<Command> {
    let mut input = Input::new(bytes);
    input.tag()?;
    input.space()?;
    let verb = input.keyword("a command")?;
    let command = if verb == "UID" {
        input.space()?;
        let verb = input.keyword("a command after UID")?;
        by_uid(&verb, &mut input)?
    } else {
        plain(&verb, &mut input)?
    };
    input.end()?;
    Ok(command)
}

/// The commands that stand for themselves.
fn plain(verb: &str, input: &mut Input<'_>) -> Result<Command> {
    Ok(match verb {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "STARTTLS" => Command::StartTls,
        "NAMESPACE" => Command::Namespace,
        "IDLE" => Command::Idle,
        "CHECK" => Command::Check,
        "CLOSE" => Command::Close,
        "UNSELECT" => Command::Unselect,
        "EXPUNGE" => Command::Expunge { uids: None },
        "AUTHENTICATE" => authenticate(input)?,
        "LOGIN" => login(input)?,
        "ID" => id(input)?,
        "ENABLE" => enable(input)?,
        "SELECT" => Command::Select(argument_mailbox(input)?),
        "EXAMINE" => Command::Examine(argument_mailbox(input)?),
        "CREATE" => Command::Create(argument_mailbox(input)?),
        "DELETE" => Command::Delete(argument_mailbox(input)?),
        "RENAME" => Command::Rename { from: argument_mailbox(input)?, to: argument_mailbox(input)? },
        "SUBSCRIBE" => Command::Subscribe(argument_mailbox(input)?),
        "UNSUBSCRIBE" => Command::Unsubscribe(argument_mailbox(input)?),
        "LIST" => Command::List(list(input)?),
        "LSUB" => Command::Lsub(list(input)?),
        "STATUS" => status(input)?,
        "SEARCH" => search::search(input, false)?,
        "FETCH" => fetch::fetch(input, false)?,
        "STORE" => store::store(input, false)?,
        "COPY" => copy(input, false)?,
        "MOVE" => r#move(input, false)?,
        _ => return Err(ParseError::Unknown),
    })
}

/// The commands that UID may stand before.
fn by_uid(verb: &str, input: &mut Input<'_>) -> Result<Command> {
    match verb {
        "FETCH" => fetch::fetch(input, true),
        "STORE" => store::store(input, true),
        "SEARCH" => search::search(input, true),
        "COPY" => copy(input, true),
        "MOVE" => r#move(input, true),
        "EXPUNGE" => {
            input.space()?;
            Ok(Command::Expunge { uids: Some(sequence::set(input)?) })
        }
        _ => Err(ParseError::Unknown),
    }
}

/// `authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]`
fn authenticate(input: &mut Input<'_>) -> Result<Command> {
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
fn login(input: &mut Input<'_>) -> Result<Command> {
    input.space()?;
    let user = input.astring()?;
    input.space()?;
    let password = Secret::new(input.astring()?);
    Ok(Command::Login { user, password })
}

/// `id = "ID" SP ("(" *(string SP nstring) ")" / nil)` (RFC 2971)
fn id(input: &mut Input<'_>) -> Result<Command> {
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
fn enable(input: &mut Input<'_>) -> Result<Command> {
    let mut names = Vec::new();
    while input.skip(b' ') {
        names.push(input.keyword("a capability")?);
    }
    if names.is_empty() { Err(ParseError::Expected("a capability")) } else { Ok(Command::Enable(names)) }
}

/// `SP mailbox`, where `mailbox = "INBOX" / astring`
fn argument_mailbox(input: &mut Input<'_>) -> Result<Mailbox> {
    input.space()?;
    let bytes = input.astring()?;
    Ok(Mailbox::from_wire(&bytes)?)
}

/// `list = "LIST" SP mailbox SP list-mailbox`
fn list(input: &mut Input<'_>) -> Result<List> {
    input.space()?;
    let reference = pattern(&input.astring()?)?;
    input.space()?;
    let mailbox = pattern(&input.list_mailbox()?)?;
    Ok(List { reference, patterns: vec![Pattern(mailbox)] })
}

fn pattern(bytes: &[u8]) -> Result<String> {
    if bytes.len() > limits::MAILBOX_OCTETS_MAX * 4 {
        return Err(ParseError::Mailbox(crate::imap::command::MailboxError::Length));
    }
    utf7::decode(bytes).map_err(|_| ParseError::Mailbox(crate::imap::command::MailboxError::Encoding))
}

/// `status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"`
fn status(input: &mut Input<'_>) -> Result<Command> {
    let mailbox = argument_mailbox(input)?;
    input.space()?;
    let items = input.list(16, "status items", |input| {
        Ok(match input.keyword("a status item")?.as_str() {
            "MESSAGES" => StatusItem::Messages,
            "RECENT" => StatusItem::Recent,
            "UIDNEXT" => StatusItem::UidNext,
            "UIDVALIDITY" => StatusItem::UidValidity,
            "UNSEEN" => StatusItem::Unseen,
            _ => return Err(ParseError::Expected("a known status item")),
        })
    })?;
    if items.is_empty() {
        return Err(ParseError::Expected("a status item"));
    }
    Ok(Command::Status { mailbox, items })
}

/// `copy = "COPY" SP sequence-set SP mailbox`
fn copy(input: &mut Input<'_>, uid: bool) -> Result<Command> {
    input.space()?;
    let set = sequence::set(input)?;
    Ok(Command::Copy { uid, set, mailbox: argument_mailbox(input)? })
}

/// `move = "MOVE" SP sequence-set SP mailbox` (RFC 6851)
fn r#move(input: &mut Input<'_>, uid: bool) -> Result<Command> {
    input.space()?;
    let set = sequence::set(input)?;
    Ok(Command::Move { uid, set, mailbox: argument_mailbox(input)? })
}

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

#[cfg(test)]
mod tests;
