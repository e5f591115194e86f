//! The verbs on mailboxes, LIST apart (RFC 3501 section 6.3).

use super::Result;
use super::input::{Input, ParseError};
use super::sequence;
use crate::imap::command::{Command, Create, Mailbox, QResync, Select, SeqNumber, SequenceSet, SpecialUse, StatusItem};

/// `SP mailbox`, where `mailbox = "INBOX" / astring`
pub(super) fn argument_mailbox(input: &mut Input<'_>) -> Result<Mailbox> {
    input.space()?;
    input.mailbox()
}

/// `select = "SELECT" SP mailbox [SP "(" select-param *(SP select-param) ")"]`, and EXAMINE (RFC 4466 section 2.4)
pub(super) fn select(input: &mut Input<'_>, read_only: bool) -> Result<Command> {
    let mailbox = argument_mailbox(input)?;
    let mut select = Select { mailbox, read_only, condstore: false, qresync: None };
    if input.skip(b' ') {
        let parameters = input.list(8, "select parameters", |input| {
            match input.keyword("a select parameter")?.as_str() {
                "CONDSTORE" => select.condstore = true,
                "QRESYNC" if select.qresync.is_none() => select.qresync = Some(qresync(input)?),
                _ => return Err(ParseError::Expected("a known select parameter")),
            }
            Ok(())
        })?;
        if parameters.is_empty() {
            return Err(ParseError::Expected("a select parameter"));
        }
    }
    Ok(Command::Select(select))
}

/// `SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"` (RFC 7162 section 7)
fn qresync(input: &mut Input<'_>) -> Result<QResync> {
    input.space()?;
    input.byte(b'(', "(")?;
    let uid_validity = input.nz_number()?;
    input.space()?;
    let modseq = input.number64()?;
    let mut known = QResync { uid_validity, modseq, known_uids: None, matches: None };
    while known.matches.is_none() && input.skip(b' ') {
        if input.skip(b'(') {
            let numbers = known_set(input)?;
            input.space()?;
            known.matches = Some((numbers, known_set(input)?));
            input.byte(b')', ")")?;
        } else if known.known_uids.is_none() {
            known.known_uids = Some(known_set(input)?);
        } else {
            return Err(ParseError::Expected(")"));
        }
    }
    input.byte(b')', ")")?;
    Ok(known)
}

/// `known-uids = sequence-set`, in which neither `*` nor `$` may stand.
fn known_set(input: &mut Input<'_>) -> Result<SequenceSet> {
    let set = sequence::set(input)?;
    match &set {
        SequenceSet::Ranges(ranges) if !ranges.iter().any(|(a, b)| [a, b].contains(&&SeqNumber::Last)) => Ok(set),
        _ => Err(ParseError::Expected("numbers")),
    }
}

/// `create = "CREATE" SP mailbox [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"]` (RFC 6154 section 6)
pub(super) fn create(input: &mut Input<'_>) -> Result<Create> {
    let mailbox = argument_mailbox(input)?;
    let mut uses = Vec::new();
    if input.skip(b' ') {
        input.byte(b'(', "(")?;
        if !input.skip_word("USE ") {
            return Err(ParseError::Expected("USE"));
        }
        uses = input.list(8, "uses", special_use)?;
        input.byte(b')', ")")?;
    }
    Ok(Create { mailbox, uses })
}

/// `use-attr`; one that is not known cannot be given.
fn special_use(input: &mut Input<'_>) -> Result<SpecialUse> {
    input.byte(b'\\', "a use")?;
    let name = format!("\\{}", input.atom("a use")?);
    SpecialUse::of_name(&name).ok_or(ParseError::UnknownUse)
}

/// `status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"`
pub(super) fn status(input: &mut Input<'_>) -> Result<Command> {
    let mailbox = argument_mailbox(input)?;
    input.space()?;
    Ok(Command::Status { mailbox, items: status_items(input)? })
}

/// `"(" status-att *(SP status-att) ")"`
pub(super) fn status_items(input: &mut Input<'_>) -> Result<Vec<StatusItem>> {
    let items = input.list(16, "status items", |input| {
        Ok(match input.keyword("a status item")?.as_str() {
            "MESSAGES" => StatusItem::Messages,
            "RECENT" => StatusItem::Recent,
            "UIDNEXT" => StatusItem::UidNext,
            "UIDVALIDITY" => StatusItem::UidValidity,
            "UNSEEN" => StatusItem::Unseen,
            "HIGHESTMODSEQ" => StatusItem::HighestModSeq,
            "SIZE" => StatusItem::Size,
            "DELETED" => StatusItem::Deleted,
            "DELETED-STORAGE" => StatusItem::DeletedStorage,
            "APPENDLIMIT" => StatusItem::AppendLimit,
            "MAILBOXID" => StatusItem::MailboxId,
            _ => return Err(ParseError::Expected("a known status item")),
        })
    })?;
    if items.is_empty() {
        return Err(ParseError::Expected("a status item"));
    }
    Ok(items)
}
