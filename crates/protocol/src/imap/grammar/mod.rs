//! From the bytes of one command to a [`Command`] (RFC 3501 section 9 and the extensions named in [`super`]).
//!
//! The input is what [`super::reader`] collected: the lines and literals of one command, last CRLF cut off. One
//! verb, one function; a new extension is a new verb here, or one more case in its own file.

mod append;
mod batches;
mod date;
mod fetch;
mod input;
mod list;
mod mailbox;
mod multi_search;
mod quota;
mod search;
mod sequence;
mod session;
mod sort;
mod store;
mod url;

pub use append::{AppendStart, AppendText, AppendThen, Within, append, append_next};
pub(crate) use date::{MONTHS, date_of_days};
pub use input::ParseError;
pub use url::message_url;

use crate::imap::command::Command;
use crate::imap::limits;
use input::Input;
use mailbox::argument_mailbox;

type Result<T> = std::result::Result<T, ParseError>;

/// The tag, as far as there is one: what every answer needs, even to a command that cannot be read.
pub fn tag(bytes: &[u8]) -> Option<&str> {
    let tag = Input::new(bytes, false).tag().ok()?;
    (tag.len() <= limits::TAG_OCTETS_MAX).then_some(tag)
}

/// `command = tag SP (…)`, without its last CRLF. APPEND and REPLACE are read by [`append`] alone. With `utf8`, mailbox names are in
/// UTF-8 instead of modified UTF-7.
pub fn command(bytes: &[u8], utf8: bool) -> Result<Command> {
    let mut input = Input::new(bytes, utf8);
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
        "UNAUTHENTICATE" => Command::Unauthenticate,
        "COMPRESS" => session::compress(input)?,
        "IDLE" => Command::Idle,
        "CHECK" => Command::Check,
        "CLOSE" => Command::Close,
        "UNSELECT" => Command::Unselect,
        "EXPUNGE" => Command::Expunge { uids: None },
        "AUTHENTICATE" => session::authenticate(input)?,
        "LOGIN" => session::login(input)?,
        "ID" => session::id(input)?,
        "ENABLE" => session::enable(input)?,
        "SELECT" => mailbox::select(input, false)?,
        "EXAMINE" => mailbox::select(input, true)?,
        "CREATE" => Command::Create(mailbox::create(input)?),
        "DELETE" => Command::Delete(argument_mailbox(input)?),
        "RENAME" => Command::Rename { from: argument_mailbox(input)?, to: argument_mailbox(input)? },
        "SUBSCRIBE" => Command::Subscribe(argument_mailbox(input)?),
        "UNSUBSCRIBE" => Command::Unsubscribe(argument_mailbox(input)?),
        "LIST" => Command::List(list::list(input)?),
        "LSUB" => Command::Lsub(list::lsub(input)?),
        "STATUS" => mailbox::status(input)?,
        "GETQUOTA" => quota::get_quota(input)?,
        "GETQUOTAROOT" => quota::get_quota_root(input)?,
        "SETQUOTA" => quota::set_quota(input)?,
        "SEARCH" => Command::Search(search::search(input, false)?),
        "ESEARCH" => Command::MultiSearch(multi_search::multi_search(input)?),
        "CANCELUPDATE" => multi_search::cancel_update(input)?,
        "UIDBATCHES" => Command::UidBatches(batches::uid_batches(input)?),
        "SORT" => Command::Sort(sort::sort(input, false)?),
        "THREAD" => Command::Thread(sort::thread(input, false)?),
        "FETCH" => Command::Fetch(fetch::fetch(input, false)?),
        "STORE" => Command::Store(store::store(input, false)?),
        "COPY" => Command::Copy(sequence::transfer(input, false)?),
        "MOVE" => Command::Move(sequence::transfer(input, false)?),
        _ => return Err(ParseError::Unknown),
    })
}

/// The commands that UID may stand before.
fn by_uid(verb: &str, input: &mut Input<'_>) -> Result<Command> {
    match verb {
        "FETCH" => fetch::fetch(input, true).map(Command::Fetch),
        "STORE" => store::store(input, true).map(Command::Store),
        "SEARCH" => search::search(input, true).map(Command::Search),
        "SORT" => sort::sort(input, true).map(Command::Sort),
        "THREAD" => sort::thread(input, true).map(Command::Thread),
        "COPY" => sequence::transfer(input, true).map(Command::Copy),
        "MOVE" => sequence::transfer(input, true).map(Command::Move),
        "EXPUNGE" => {
            input.space()?;
            Ok(Command::Expunge { uids: Some(sequence::set(input)?) })
        }
        _ => Err(ParseError::Unknown),
    }
}

#[cfg(test)]
mod tests;
