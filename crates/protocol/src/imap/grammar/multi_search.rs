//! ESEARCH (RFC 7377 section 4) and CANCELUPDATE (RFC 5267 section 5).

use super::Result;
use super::input::{Input, ParseError};
use super::search;
use crate::imap::command::{Command, Mailbox, MailboxSource, MultiSearch, SearchReturn};
use crate::imap::limits;

/// `esearch = "ESEARCH" [SP "IN" SP "(" source-mbox ")"] [SP search-return-opts] SP search-program`. Scope options, of
/// which there are none, are not read.
pub(super) fn multi_search(input: &mut Input<'_>) -> Result<MultiSearch> {
    let mut sources = Vec::new();
    let mut ahead = *input;
    if ahead.skip_word(" IN (") {
        *input = ahead;
        sources = self::sources(input)?;
    }
    let mut search = search::search(input, true)?;
    // Without options it is as if there were none in the parentheses (RFC 4731 section 3.1).
    search.returns.get_or_insert(SearchReturn { all: true, ..SearchReturn::default() });
    Ok(MultiSearch { sources, search })
}

/// `filter-mailboxes *(SP filter-mailboxes) ")"`
fn sources(input: &mut Input<'_>) -> Result<Vec<MailboxSource>> {
    let mut sources = Vec::new();
    loop {
        if sources.len() >= limits::SOURCES_MAX {
            return Err(ParseError::Limit("sources"));
        }
        sources.push(match input.keyword("a source")?.as_str() {
            "SELECTED" => MailboxSource::Selected,
            "INBOXES" => MailboxSource::Inboxes,
            "PERSONAL" => MailboxSource::Personal,
            "SUBSCRIBED" => MailboxSource::Subscribed,
            "SUBTREE" => MailboxSource::Subtree(mailboxes(input)?),
            "SUBTREE-ONE" => MailboxSource::SubtreeOne(mailboxes(input)?),
            "MAILBOXES" => MailboxSource::Mailboxes(mailboxes(input)?),
            _ => return Err(ParseError::Expected("a known source")),
        });
        if input.skip(b')') {
            return Ok(sources);
        }
        input.space()?;
    }
}

/// `SP one-or-more-mailbox`, where `one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"`
fn mailboxes(input: &mut Input<'_>) -> Result<Vec<Mailbox>> {
    input.space()?;
    if input.peek() != Some(b'(') {
        return Ok(vec![input.mailbox()?]);
    }
    let mailboxes = input.list(limits::SOURCES_MAX, "mailboxes", |input| input.mailbox())?;
    if mailboxes.is_empty() { Err(ParseError::Expected("a mailbox")) } else { Ok(mailboxes) }
}

/// `"CANCELUPDATE" 1*(SP quoted)`
pub(super) fn cancel_update(input: &mut Input<'_>) -> Result<Command> {
    let mut tags = Vec::new();
    while tags.is_empty() || !input.is_empty() {
        if tags.len() >= limits::SOURCES_MAX {
            return Err(ParseError::Limit("tags"));
        }
        input.space()?;
        tags.push(String::from_utf8(input.string()?).map_err(|_| ParseError::Expected("a tag"))?);
    }
    Ok(Command::CancelUpdate(tags))
}
