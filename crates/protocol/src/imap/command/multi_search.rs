//! ESEARCH: a search of several mailboxes (RFC 7377).

use super::mailbox::Mailbox;
use super::search::Search;

/// `ESEARCH`. Its answers are UIDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiSearch {
    /// `IN (…)`: where; the selected mailbox when it does not say.
    pub sources: Vec<MailboxSource>,
    /// What for. Always with `uid` and `returns`.
    pub search: Search,
}

/// Where to search (RFC 7377 section 2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxSource {
    /// `selected`
    Selected,
    /// `inboxes`: where mail comes in.
    Inboxes,
    /// `personal`: all that the reader has.
    Personal,
    /// `subscribed`
    Subscribed,
    /// `subtree`: these, and all below them.
    Subtree(Vec<Mailbox>),
    /// `subtree-one`: these, and those right below them.
    SubtreeOne(Vec<Mailbox>),
    /// `mailboxes`: these.
    Mailboxes(Vec<Mailbox>),
}

impl MultiSearch {
    /// Whether a mailbox must be selected (RFC 7377 section 2.2).
    pub fn needs_selected(&self) -> bool {
        let updates = self.search.returns.is_some_and(|returns| returns.update);
        updates || self.sources.is_empty() || self.sources.contains(&MailboxSource::Selected)
    }

    /// Whether nothing but the selected mailbox is searched: only then may the result be kept for `$`.
    pub fn is_of_selected(&self) -> bool {
        self.sources.iter().all(|source| *source == MailboxSource::Selected)
    }
}
