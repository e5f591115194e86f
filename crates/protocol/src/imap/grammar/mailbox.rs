//! The verbs on mailboxes (RFC 3501 section 6.3).

use super::Result;
use super::input::{Input, ParseError};
use crate::imap::command::{Command, List, Mailbox, MailboxError, Pattern, Select, StatusItem};
use crate::imap::limits;
use crate::imap::utf7;

/// `select = "SELECT" SP mailbox`, and EXAMINE.
pub(super) fn select(input: &mut Input<'_>, read_only: bool) -> Result<Command> {
    Ok(Command::Select(Select { mailbox: argument_mailbox(input)?, read_only }))
}

/// `SP mailbox`, where `mailbox = "INBOX" / astring`
pub(super) fn argument_mailbox(input: &mut Input<'_>) -> Result<Mailbox> {
    input.space()?;
    let bytes = input.astring()?;
    Ok(Mailbox::from_wire(&bytes)?)
}

/// `list = "LIST" SP mailbox SP list-mailbox`
pub(super) fn list(input: &mut Input<'_>) -> Result<List> {
    input.space()?;
    let reference = pattern(&input.astring()?)?;
    input.space()?;
    let mailbox = pattern(&input.list_mailbox()?)?;
    Ok(List { reference, patterns: vec![Pattern(mailbox)] })
}

fn pattern(bytes: &[u8]) -> Result<String> {
    if bytes.len() > limits::MAILBOX_OCTETS_MAX * 4 {
        return Err(ParseError::Mailbox(MailboxError::Length));
    }
    utf7::decode(bytes).map_err(|_| ParseError::Mailbox(MailboxError::Encoding))
}

/// `status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"`
pub(super) fn status(input: &mut Input<'_>) -> Result<Command> {
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
