//! LIST and LSUB: `list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]`
//! (RFC 3501 section 6.3.8, RFC 5258 section 6).

use super::Result;
use super::input::{Input, ParseError};
use super::mailbox::status_items;
use crate::imap::command::{List, ListReturn, ListSelect, Pattern};
use crate::imap::limits;

/// `LIST`
pub(super) fn list(input: &mut Input<'_>) -> Result<List> {
    input.space()?;
    let mut extended = false;
    let mut select = ListSelect::default();
    if input.peek() == Some(b'(') {
        extended = true;
        select = selection(input)?;
        input.space()?;
    }
    let reference = input.astring()?;
    let reference = input.pattern(&reference)?;
    input.space()?;
    let patterns = if input.peek() == Some(b'(') {
        extended = true;
        input.list(limits::LIST_PATTERNS_MAX, "patterns", pattern)?
    } else {
        vec![pattern(input)?]
    };
    if patterns.is_empty() {
        return Err(ParseError::Expected("a pattern"));
    }
    let mut returns = ListReturn::default();
    if input.skip_word(" RETURN ") {
        extended = true;
        returns = return_options(input)?;
    }
    Ok(List { reference, patterns, select, returns, extended })
}

/// `lsub = "LSUB" SP mailbox SP list-mailbox`
pub(super) fn lsub(input: &mut Input<'_>) -> Result<List> {
    input.space()?;
    let reference = input.astring()?;
    let reference = input.pattern(&reference)?;
    input.space()?;
    let patterns = vec![pattern(input)?];
    Ok(List { reference, patterns, select: ListSelect::default(), returns: ListReturn::default(), extended: false })
}

/// `list-select-opts`: RECURSIVEMATCH does not stand alone, nor with REMOTE only.
fn selection(input: &mut Input<'_>) -> Result<ListSelect> {
    let mut select = ListSelect::default();
    input.list(16, "selection options", |input| {
        match input.keyword("a selection option")?.as_str() {
            "SUBSCRIBED" => select.subscribed = true,
            "REMOTE" => select.remote = true,
            "RECURSIVEMATCH" => select.recursive = true,
            "SPECIAL-USE" => select.special_use = true,
            _ => return Err(ParseError::Expected("a known selection option")),
        }
        Ok(())
    })?;
    if select.recursive && !select.subscribed && !select.special_use {
        return Err(ParseError::Expected("something that RECURSIVEMATCH goes with"));
    }
    Ok(select)
}

/// `"(" [return-option *(SP return-option)] ")"`
fn return_options(input: &mut Input<'_>) -> Result<ListReturn> {
    let mut returns = ListReturn::default();
    input.list(16, "return options", |input| {
        match input.keyword("a return option")?.as_str() {
            "SUBSCRIBED" => returns.subscribed = true,
            "CHILDREN" => returns.children = true,
            "SPECIAL-USE" => returns.special_use = true,
            "STATUS" => {
                input.space()?;
                returns.status = status_items(input)?;
            }
            _ => return Err(ParseError::Expected("a known return option")),
        }
        Ok(())
    })?;
    Ok(returns)
}

/// `list-mailbox`
fn pattern(input: &mut Input<'_>) -> Result<Pattern> {
    let written = input.list_mailbox()?;
    input.pattern(&written).map(Pattern)
}
