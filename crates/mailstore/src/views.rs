//! Views of mailboxes, kept while memory allows, so that SELECT does not scan again what has not changed, and shared by
//! all who have the mailbox open.
//!
//! A kept view is only ever used after its MODSEQ was compared with the mailbox row in the same snapshot.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use envelope::AccountId;
use storage::Query;

use crate::flags::SEEN;
use crate::limits::{VIEW_OCTETS_MAX, VIEWS_MAX};
use crate::rows::{self, MailboxRow, narrow};
use crate::{Changes, Entries, Stored, Vanished, View, changes, snapshot};

/// The kept views.
#[derive(Default)]
pub(crate) struct Views {
    kept: Mutex<Kept>,
    /// Never more than there are mailboxes, and hardly ever any.
    spoiled: Mutex<HashSet<(AccountId, i64)>>,
}

#[derive(Default)]
struct Kept {
    views: HashMap<(AccountId, i64), Place>,
    octets: usize,
    /// Grows with every use: the smallest is the longest unused.
    clock: u64,
}

struct Place {
    view: View,
    octets: usize,
    /// The clock when it was last used.
    used: u64,
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
            None => self.read(q, account, row)?,
        };
        self.keep(account, row.id, view.clone());
        Ok(view)
    }

    /// The view out of the store: as it was kept on disk, and what came since; or of all the rows.
    pub(crate) fn read(&self, q: &dyn Query, account: AccountId, row: &MailboxRow) -> Result<View, storage::Error> {
        if let Some(kept) = snapshot::load(q, account, row)? {
            let view = kept.map(|view| catch_up(q, account, row, &view)).transpose()?.flatten();
            // The counters stand in the row that everybody writes: what agrees with them has missed nothing.
            let counted = |view: &View| {
                let (all, seen) = (view.entries.len(), view.entries.having(SEEN));
                (all as i64, (all - seen) as i64) == (row.messages, row.unseen)
            };
            if let Some(view) = view.filter(counted) {
                return Ok(view);
            }
            tracing::warn!(account = account.0, mailbox = row.id, "the view kept on disk is of no use");
            self.spoiled.lock().unwrap_or_else(PoisonError::into_inner).insert((account, row.id));
        }
        scan(q, account, row)
    }

    /// Mailboxes whose view on disk was found to be of no use.
    pub(crate) fn take_spoiled(&self) -> HashSet<(AccountId, i64)> {
        std::mem::take(&mut *self.spoiled.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, account: AccountId, mailbox: i64) -> Option<View> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.views.get(&(account, mailbox)).map(|place| place.view.clone())
    }

    /// Brings the view that is kept up to what a STORE has just done, when nothing else has happened in between.
    pub(crate) fn stored(&self, account: AccountId, mailbox: i64, stored: &Stored) {
        let Some(mut view) = self.take(account, mailbox).filter(|view| view.modseq + 1 == stored.modseq) else {
            return;
        };
        if stored.changed.iter().all(|entry| view.entries.replace(entry).is_some()) {
            view.modseq = stored.modseq;
            view.keywords = stored.keywords.clone();
            self.keep(account, mailbox, view);
        }
    }

    /// Brings the view that is kept up by what a session has just read, when it stands where the session stood.
    pub(crate) fn changed(&self, account: AccountId, row: &MailboxRow, since: u64, changes: &Changes) {
        if since >= changes.modseq {
            return;
        }
        let there = |view: &View| view.uid_validity == narrow(row.uid_validity) && view.modseq == since;
        let kept = self.take(account, row.id).filter(there);
        if let Some(view) = kept.and_then(|view| follow(row, &view, changes)) {
            self.keep(account, row.id, view);
        }
    }

    /// The messages as they were at this MODSEQ, if that is what is kept.
    pub(crate) fn at(&self, account: AccountId, mailbox: i64, uid_validity: u32, modseq: u64) -> Option<Entries> {
        let there = |view: &View| view.uid_validity == uid_validity && view.modseq == modseq;
        self.take(account, mailbox).filter(there).map(|view| view.entries)
    }

    /// The view that is kept, when it is of this very moment.
    pub(crate) fn current(&self, account: AccountId, row: &MailboxRow) -> Option<View> {
        let is_current =
            |view: &View| view.uid_validity == narrow(row.uid_validity) && view.modseq == row.modseq as u64;
        self.take(account, row.id).filter(is_current)
    }

    fn keep(&self, account: AccountId, mailbox: i64, view: View) {
        let names: usize = view.keywords.iter().map(|name| size_of::<String>() + name.len()).sum();
        let octets = size_of::<Place>() + names + view.entries.octets();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let used = kept.clock;
        kept.octets += octets;
        if let Some(old) = kept.views.insert((account, mailbox), Place { view, octets, used }) {
            kept.octets -= old.octets;
        }
        while kept.views.len() > VIEWS_MAX || kept.octets > VIEW_OCTETS_MAX {
            let Some(oldest) = kept.views.iter().min_by_key(|(_, place)| place.used).map(|(key, _)| *key) else {
                break;
            };
            if let Some(gone) = kept.views.remove(&oldest) {
                kept.octets -= gone.octets;
            }
        }
    }
}

/// Reads the whole mailbox.
fn scan(q: &dyn Query, account: AccountId, row: &MailboxRow) -> Result<View, storage::Error> {
    const SQL: &str = "SELECT uid, modseq, flags, keywords FROM message \
                       WHERE account_id = $1 AND mailbox_id = $2 ORDER BY uid";
    let mut entries = Entries::default();
    q.query_each(SQL, &[account.0.into(), row.id.into()], &mut |row| {
        entries.push(&rows::read_entry(row)?);
        Ok(true)
    })?;
    Ok(assemble(row, rows::keywords(q, account, row.id)?, entries))
}

pub(crate) fn assemble(row: &MailboxRow, keywords: crate::Keywords, entries: Entries) -> View {
    View {
        mailbox: envelope::MailboxId(row.id),
        uid_validity: narrow(row.uid_validity),
        uid_next: narrow(row.uid_next),
        modseq: row.modseq as u64,
        keywords,
        entries,
    }
}

/// Brings a kept view up to the row; `None` when that cannot be told.
fn catch_up(q: &dyn Query, account: AccountId, row: &MailboxRow, view: &View) -> Result<Option<View>, storage::Error> {
    Ok(follow(row, view, &changes::since(q, account, row, view.modseq)?))
}

/// The view with what happened since, up to the row; `None` when that cannot be told.
fn follow(row: &MailboxRow, view: &View, changes: &Changes) -> Option<View> {
    let Vanished::Uids(gone) = &changes.vanished else { return None };
    let mut entries = view.entries.clone();
    entries.remove(gone);
    for entry in &changes.changed {
        if entries.replace(entry).is_none() && !entries.push(entry) {
            return None;
        }
    }
    Some(assemble(row, changes.keywords.clone(), entries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, FlagBits};

    const ANNA: AccountId = AccountId(1);

    fn view(modseq: u64, count: u32, bits: u64) -> View {
        let entry = |uid| Entry { uid, modseq, flags: FlagBits { bits, more: None } };
        let entries = (1..=count).map(entry).collect::<Vec<_>>().iter().collect();
        let (mailbox, keywords) = (envelope::MailboxId(1), crate::Keywords::default());
        View { mailbox, uid_validity: 1, uid_next: count + 1, modseq, keywords, entries }
    }

    #[test]
    fn the_longest_unused_is_let_go() {
        let views = Views::default();
        let many = VIEWS_MAX as i64;
        (0..many).for_each(|mailbox| views.keep(ANNA, mailbox, view(1, 1, 0)));
        views.keep(ANNA, 0, view(2, 1, 0));
        views.keep(ANNA, many, view(1, 1, 0));
        assert!(views.take(ANNA, 1).is_none());
        assert_eq!(views.take(ANNA, 0).map(|view| view.modseq), Some(2));
        // One that takes half of the memory drives others out; two of them all, and no third is left.
        let large = view(1, 2_100_000, 0);
        (1..=3).for_each(|mailbox| views.keep(AccountId(2), mailbox, large.clone()));
        let kept = views.kept.lock().unwrap();
        assert_eq!(kept.views.keys().copied().collect::<Vec<_>>(), [(AccountId(2), 3)]);
        assert_eq!(kept.octets, kept.views.values().map(|place| place.octets).sum::<usize>());
        assert!(kept.octets <= VIEW_OCTETS_MAX);
    }

    #[test]
    fn a_store_is_taken_in_only_when_nothing_came_between() {
        let views = Views::default();
        views.keep(ANNA, 1, view(5, 300, 0));
        let changed = vec![Entry { uid: 7, modseq: 6, flags: FlagBits { bits: 1, more: None } }];
        let of = |modseq, changed: &Vec<Entry>| Stored {
            modseq,
            changed: changed.clone(),
            modified: crate::UidSet::EMPTY,
            keywords: crate::Keywords::default(),
        };
        views.stored(ANNA, 1, &of(7, &changed));
        assert_eq!(views.take(ANNA, 1).map(|view| view.modseq), Some(5));
        views.stored(ANNA, 1, &of(6, &vec![Entry { uid: 301, modseq: 6, flags: FlagBits::default() }]));
        assert_eq!(views.take(ANNA, 1).map(|view| view.modseq), Some(5));
        views.stored(ANNA, 1, &of(6, &changed));
        let kept = views.take(ANNA, 1).unwrap();
        assert_eq!((kept.modseq, kept.entries.find(7)), (6, Some(changed[0].clone())));
    }
}
