//! Views of large mailboxes, kept while memory allows, so that SELECT does not scan again what has not changed.
//!
//! A kept view is only ever used after its MODSEQ was compared with the mailbox row in the same snapshot.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use envelope::AccountId;
use storage::Query;

use crate::limits::{VIEW_ENTRIES_MAX, VIEW_ENTRIES_MIN, VIEWS_MAX};
use crate::rows::{self, MailboxRow, narrow};
use crate::{Entry, Vanished, View, changes};

/// The kept views.
#[derive(Default)]
pub(crate) struct Views {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    views: HashMap<(AccountId, i64), (View, u64)>,
    entries: usize,
    /// Grows with every use: the smallest is the longest unused.
    clock: u64,
}

impl Views {
    /// The view of a mailbox whose row has just been read by `q`.
    pub(crate) fn view(&self, q: &dyn Query, account: AccountId, row: &MailboxRow) -> Result<View, storage::Error> {
        let kept = self.take(account, row.id);
        let kept =
            kept.filter(|view| view.uid_validity == narrow(row.uid_validity) && view.modseq <= row.modseq as u64);
        let view = match kept {
            Some(view) if view.modseq == row.modseq as u64 => view,
            Some(view) => match catch_up(q, account, row, &view)? {
                Some(view) => view,
                None => scan(q, account, row)?,
            },
            None => scan(q, account, row)?,
        };
        if view.entries.len() >= VIEW_ENTRIES_MIN {
            self.keep(account, row.id, view.clone());
        }
        Ok(view)
    }

    fn take(&self, account: AccountId, mailbox: i64) -> Option<View> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.views.get(&(account, mailbox)).map(|(view, _)| view.clone())
    }

    fn keep(&self, account: AccountId, mailbox: i64, view: View) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let clock = kept.clock;
        kept.entries += view.entries.len();
        if let Some((old, _)) = kept.views.insert((account, mailbox), (view, clock)) {
            kept.entries -= old.entries.len();
        }
        while kept.views.len() > VIEWS_MAX || kept.entries > VIEW_ENTRIES_MAX {
            let Some(oldest) = kept.views.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key) else { break };
            if let Some((gone, _)) = kept.views.remove(&oldest) {
                kept.entries -= gone.entries.len();
            }
        }
    }
}

/// Reads the whole mailbox.
fn scan(q: &dyn Query, account: AccountId, row: &MailboxRow) -> Result<View, storage::Error> {
    const SQL: &str = "SELECT uid, modseq, flags, keywords FROM message \
                       WHERE account_id = $1 AND mailbox_id = $2 ORDER BY uid";
    let mut entries = Vec::with_capacity(usize::try_from(row.messages).unwrap_or(0).min(VIEW_ENTRIES_MAX));
    q.query_each(SQL, &[account.0.into(), row.id.into()], &mut |row| {
        entries.push(rows::read_entry(row)?);
        Ok(true)
    })?;
    Ok(assemble(row, rows::keywords(q, account, row.id)?, entries))
}

fn assemble(row: &MailboxRow, keywords: crate::Keywords, entries: Vec<Entry>) -> View {
    View {
        mailbox: envelope::MailboxId(row.id),
        uid_validity: narrow(row.uid_validity),
        uid_next: narrow(row.uid_next),
        modseq: row.modseq as u64,
        keywords,
        entries: Arc::new(entries),
    }
}

/// Brings a kept view up to the row; `None` when that cannot be told.
fn catch_up(q: &dyn Query, account: AccountId, row: &MailboxRow, view: &View) -> Result<Option<View>, storage::Error> {
    let changes = changes::since(q, account, row, view.modseq)?;
    let Vanished::Uids(gone) = changes.vanished else { return Ok(None) };
    let mut entries = Vec::with_capacity(view.entries.len() + changes.changed.len());
    let mut changed = changes.changed.into_iter().peekable();
    for old in view.entries.iter() {
        while let Some(new) = changed.next_if(|new| new.uid < old.uid) {
            entries.push(new);
        }
        if let Some(new) = changed.next_if(|new| new.uid == old.uid) {
            entries.push(new);
        } else if !gone.contains(old.uid) {
            entries.push(old.clone());
        }
    }
    entries.extend(changed);
    Ok(Some(assemble(row, changes.keywords, entries)))
}
