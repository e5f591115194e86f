//! ESEARCH (RFC 7377): one search of several mailboxes. Each that has something is answered for itself; the selected one
//! stays selected.

use envelope::MailboxId;
use mailstore::Mailbox;
use protocol::imap::encode::Code;
use protocol::imap::{MailboxSource, MultiSearch, SearchReturn};

use super::super::selected::Selected;
use super::super::talk::Talk;
use super::super::trouble::Trouble;
use super::Hit;
use super::answer::highest;
use crate::limits::SEARCHED_MAILBOXES_MAX;

/// What is found in one mailbox.
struct Elsewhere {
    uid_validity: u32,
    found: Vec<Hit>,
    modseq: Option<u64>,
}

impl Talk {
    pub(in crate::imap) async fn multi_search(&mut self, order: &MultiSearch) -> Result<(), Trouble> {
        if self.is_watched(order.search.returns) {
            return Ok(());
        }
        self.catch_up(false, false).await?;
        if self.is_unknown(order.search.charset.as_deref()) {
            return Ok(());
        }
        let mailboxes = self.account()?.list().await?;
        let selected = self.selected.as_ref().map(|selected| selected.mailbox);
        let named: Vec<&Mailbox> = mailboxes.iter().filter(|mailbox| is_named(order, mailbox, selected)).collect();
        if named.len() > SEARCHED_MAILBOXES_MAX {
            self.line.session().no(Some(&Code::Word("LIMIT")), "Too many mailboxes at once");
            return Ok(());
        }
        let mut is_cut = false;
        for mailbox in named {
            let is_selected = selected == Some(mailbox.id);
            let Some(outcome) = self.search_one(order, &mailbox.name, is_selected).await? else { continue };
            is_cut |= self.cut_at.take().is_some();
            if is_selected {
                self.keep_found(order, &mailbox.name, &outcome)?;
            }
            if !outcome.found.is_empty() {
                let returns = order.search.returns.unwrap_or(SearchReturn { all: true, ..SearchReturn::default() });
                let told_as = Some((mailbox.name.as_str(), outcome.uid_validity));
                self.tell_hits(true, returns, &outcome.found, outcome.modseq, told_as);
            }
            self.relieve().await?;
        }
        self.catch_up(!order.search.key.mentions_numbers(), false).await?;
        // RFC 7377 section 2.4.
        let code = is_cut.then_some(Code::Word("LIMIT"));
        self.line.session().ok(code.as_ref(), "ESEARCH done");
        Ok(())
    }

    /// SAVE and UPDATE, which are about the selected mailbox alone.
    fn keep_found(&mut self, order: &MultiSearch, name: &str, outcome: &Elsewhere) -> Result<(), Trouble> {
        let returns = order.search.returns.unwrap_or_default();
        if returns.save {
            self.selected()?.saved = outcome.found.iter().map(|hit| hit.uid).collect();
        }
        if returns.update {
            let told_as = Some((name.to_owned(), outcome.uid_validity));
            self.watch_search(&order.search, told_as, &outcome.found)?;
        }
        Ok(())
    }

    /// `None`: the mailbox is gone in this very moment.
    async fn search_one(
        &mut self,
        order: &MultiSearch,
        name: &str,
        is_selected: bool,
    ) -> Result<Option<Elsewhere>, Trouble> {
        if is_selected {
            return self.search_here(order).await.map(Some);
        }
        let found = match self.account()?.select(name, false).await {
            Err(mailstore::Error::NoMailbox | mailstore::Error::NoSelect) => return Ok(None),
            found => found?,
        };
        // It takes the place of the selected one for as long as nothing is told of either.
        let other = Selected::new(found, true, self.line.session().enabled());
        let ours = self.selected.replace(other);
        let outcome = self.search_here(order).await;
        self.selected = ours;
        outcome.map(Some)
    }

    async fn search_here(&mut self, order: &MultiSearch) -> Result<Elsewhere, Trouble> {
        let found = self.find_in(&order.search.key, order.search.charset.as_deref(), None).await?;
        let selected = self.selected()?;
        let modseq = if order.search.key.mentions_modseq() { highest(selected, &found) } else { None };
        Ok(Elsewhere { uid_validity: selected.uid_validity, found, modseq })
    }
}

/// Whether any source means the mailbox. A name that holds no messages is none.
fn is_named(order: &MultiSearch, mailbox: &Mailbox, selected: Option<MailboxId>) -> bool {
    let name = mailbox.name.as_str();
    let below = |parent: &str| name.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/'));
    let is_named = |source: &MailboxSource| match source {
        MailboxSource::Selected => selected == Some(mailbox.id),
        // Where letters come in: what has a use of its own is filled by its reader.
        MailboxSource::Inboxes => mailbox.role.is_none(),
        MailboxSource::Personal => true,
        MailboxSource::Subscribed => mailbox.subscribed,
        MailboxSource::Subtree(roots) => {
            roots.iter().any(|root| root.as_str() == name || below(root.as_str()).is_some())
        }
        MailboxSource::SubtreeOne(roots) => {
            let child = |root: &str| below(root).is_some_and(|rest| !rest.contains('/'));
            roots.iter().any(|root| root.as_str() == name || child(root.as_str()))
        }
        MailboxSource::Mailboxes(names) => names.iter().any(|one| one.as_str() == name),
    };
    let sources: &[MailboxSource] = if order.sources.is_empty() { &[MailboxSource::Selected] } else { &order.sources };
    mailbox.selectable && sources.iter().any(is_named)
}
