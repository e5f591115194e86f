//! SORT and THREAD (RFC 5256 section 5, RFC 5957 section 4).

use super::Result;
use super::input::{Input, ParseError};
use super::search::{charset, keys, may_rank, search_return};
use crate::imap::command::{Sort, SortBy, SortCriterion, Thread, ThreadAlgorithm};
use crate::imap::limits;

/// `sort = "SORT" [SP "RETURN" SP "(" … ")"] SP sort-criteria SP charset 1*(SP search-key)`
pub(super) fn sort(input: &mut Input<'_>, uid: bool) -> Result<Sort> {
    input.space()?;
    let mut returns = None;
    if input.skip_word("RETURN ") {
        returns = Some(search_return(input)?);
        input.space()?;
    }
    let criteria = input.list(limits::SORT_CRITERIA_MAX, "sort criteria", criterion)?;
    if criteria.is_empty() {
        return Err(ParseError::Expected("a sort criterion"));
    }
    input.space()?;
    let charset = charset(input)?;
    input.space()?;
    let key = keys(input)?;
    let ranked = criteria.iter().any(|criterion| criterion.by == SortBy::Relevancy);
    may_rank(ranked || returns.is_some_and(|returns| returns.relevancy), &key)?;
    Ok(Sort { uid, returns, criteria, charset, key })
}

/// `sort-criterion = ["REVERSE" SP] sort-key`
fn criterion(input: &mut Input<'_>) -> Result<SortCriterion> {
    let reverse = input.skip_word("REVERSE ");
    let by = match input.keyword("a sort key")?.as_str() {
        "ARRIVAL" => SortBy::Arrival,
        "CC" => SortBy::Cc,
        "DATE" => SortBy::Date,
        "FROM" => SortBy::From,
        "SIZE" => SortBy::Size,
        "SUBJECT" => SortBy::Subject,
        "TO" => SortBy::To,
        "DISPLAYFROM" => SortBy::DisplayFrom,
        "DISPLAYTO" => SortBy::DisplayTo,
        "RELEVANCY" => SortBy::Relevancy,
        _ => return Err(ParseError::Expected("a known sort key")),
    };
    Ok(SortCriterion { reverse, by })
}

/// `thread = "THREAD" SP thread-alg SP charset 1*(SP search-key)`
pub(super) fn thread(input: &mut Input<'_>, uid: bool) -> Result<Thread> {
    input.space()?;
    let algorithm = match input.keyword("a threading algorithm")?.as_str() {
        "ORDEREDSUBJECT" => ThreadAlgorithm::OrderedSubject,
        "REFERENCES" => ThreadAlgorithm::References,
        _ => return Err(ParseError::Expected("a known threading algorithm")),
    };
    input.space()?;
    let charset = charset(input)?;
    input.space()?;
    Ok(Thread { uid, algorithm, charset, key: keys(input)? })
}
