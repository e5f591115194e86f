//! What was accepted, and what must have become of it in the end.

use std::collections::{BTreeMap, BTreeSet};

use super::super::book::Key;

/// One accepted recipient.
#[derive(Debug, Default, Clone)]
pub(super) struct Item {
    pub(super) to: String,
    /// A notice of ours: its failure is told to nobody but the postmaster.
    pub(super) is_notice: bool,
    /// Times that the other side took it.
    pub(super) delivered: u32,
    /// Times that it may have been taken without our knowing: our crash or the broken connection came between.
    pub(super) excuses: u32,
    /// Times that its sender, or the postmaster, was told that it failed.
    pub(super) failed: u32,
    /// Times that its sender was told that it is late.
    pub(super) late: u32,
}

/// The book of accounts.
#[derive(Debug, Default)]
pub(super) struct Post {
    pub(super) items: BTreeMap<Key, Item>,
}

impl Post {
    pub(super) fn item(&mut self, key: &Key) -> &mut Item {
        self.items.get_mut(key).unwrap_or_else(|| panic!("{key:?} was never accepted"))
    }

    /// Whatever is not in the queue has ended, and once. `pending` are taken by the other side, and their rows not yet gone.
    pub(super) fn check(&self, queued: &BTreeSet<Key>, what: &str) {
        for key in queued {
            assert!(self.items.contains_key(key), "{what}: {key:?} is queued and was never accepted");
        }
        for (key, item) in &self.items {
            let ended = item.delivered > 0 || item.failed > 0;
            assert!(ended || queued.contains(key), "{what}: {key:?} is lost: {item:?}");
            assert!(item.delivered <= 1 + item.excuses, "{what}: {key:?} came more than once: {item:?}");
            assert!(item.failed <= 1 && item.late <= 1, "{what}: {key:?} was told more than once: {item:?}");
            let both = item.delivered > 0 && item.failed > 0;
            assert!(!both || item.excuses > 0, "{what}: {key:?} was delivered and bounced: {item:?}");
        }
    }
}
