//! Searches that are kept up to date (CONTEXT=SEARCH and CONTEXT=SORT, RFC 5267): with every change of the mailbox only the
//! messages that changed are looked at again. What is expunged leaves a result before its number goes; what is new comes to
//! it behind EXISTS.

use mailstore::UidSet;
use protocol::imap::encode::{Code, SearchUpdate, Untagged};
use protocol::imap::{Search, SearchKey, SearchReturn, SeqNumber, SequenceSet, SortBy, SortCriterion};

use super::super::selected::Selected;
use super::super::sort::order;
use super::super::talk::Talk;
use super::super::trouble::Trouble;
use super::Hit;
use crate::limits::{WATCHED_RANGES_MAX, WATCHED_SORTED_MAX, WATCHES_MAX};

/// One result that the client follows.
pub(in crate::imap) struct Watch {
    /// Of the searching command.
    pub(in crate::imap) tag: String,
    /// It is told in UIDs.
    pub(in crate::imap) uid: bool,
    pub(in crate::imap) key: SearchKey,
    pub(in crate::imap) charset: Option<String>,
    /// For an ESEARCH command.
    pub(in crate::imap) mailbox: Option<(String, u32)>,
    pub(in crate::imap) found: Found,
}

/// The UIDs of a result.
pub(in crate::imap) enum Found {
    Set(UidSet),
    /// In the order of these criteria.
    Sorted(Vec<SortCriterion>, Vec<u32>),
}

/// Pairs of position and numbers.
type Pairs = Vec<(u32, Vec<u32>)>;

impl Found {
    fn is_too_much(&self) -> bool {
        match self {
            Self::Set(uids) => uids.ranges().len() > WATCHED_RANGES_MAX,
            // How well the others match is not kept.
            Self::Sorted(criteria, uids) => {
                uids.len() > WATCHED_SORTED_MAX || criteria.iter().any(|one| one.by == SortBy::Relevancy)
            }
        }
    }

    /// Takes these out; tells from where.
    fn remove(&mut self, gone: &UidSet, number: impl Fn(u32) -> Option<u32>) -> Pairs {
        match self {
            Self::Set(uids) => {
                let leaving = uids.intersection(gone);
                let numbers: Vec<u32> = leaving.iter().filter_map(number).collect();
                *uids = uids.without(&leaving);
                if numbers.is_empty() { Vec::new() } else { vec![(0, numbers)] }
            }
            Self::Sorted(_, uids) => {
                let mut pairs = Vec::new();
                let mut position = 0;
                uids.retain(|uid| {
                    let stays = !gone.contains(*uid);
                    if stays {
                        position += 1;
                    } else {
                        pairs.extend(number(*uid).map(|number| (position + 1, vec![number])));
                    }
                    stays
                });
                pairs
            }
        }
    }

    /// Those of these that are not in it yet.
    fn missing(&self, hits: &[Hit]) -> Vec<Hit> {
        match self {
            Self::Set(uids) => hits.iter().filter(|hit| !uids.contains(hit.uid)).copied().collect(),
            Self::Sorted(_, uids) => {
                let known: UidSet = uids.iter().copied().collect();
                hits.iter().filter(|hit| !known.contains(hit.uid)).copied().collect()
            }
        }
    }
}

impl Talk {
    /// Whether a search that is kept up to date has this tag already; the client was told (RFC 5267 section 4.3).
    pub(in crate::imap) fn is_watched(&mut self, returns: Option<SearchReturn>) -> bool {
        let tag = self.line.session().tag().to_owned();
        let is_watched =
            returns.is_some_and(|returns| returns.update) && self.watches.iter().any(|watch| watch.tag == tag);
        if is_watched {
            self.line.session().bad("Another search with this tag is kept up to date");
        }
        is_watched
    }

    /// Keeps what a SEARCH has found up to date.
    pub(super) fn watch_search(
        &mut self,
        search: &Search,
        mailbox: Option<(String, u32)>,
        found: &[Hit],
    ) -> Result<(), Trouble> {
        let found = Found::Set(found.iter().map(|hit| hit.uid).collect());
        self.watch(search.uid, &search.key, search.charset.as_deref(), mailbox, found)
    }

    /// Keeps a result up to date, unless that is too much (section 4.3.1).
    pub(in crate::imap) fn watch(
        &mut self,
        uid: bool,
        key: &SearchKey,
        charset: Option<&str>,
        mailbox: Option<(String, u32)>,
        found: Found,
    ) -> Result<(), Trouble> {
        let key = settled(key, self.selected()?);
        let tag = self.line.session().tag().to_owned();
        if self.watches.len() >= WATCHES_MAX || found.is_too_much() {
            self.refuse_update(&tag);
        } else {
            self.watches.push(Watch { tag, uid, key, charset: charset.map(str::to_owned), mailbox, found });
        }
        Ok(())
    }

    fn refuse_update(&mut self, tag: &str) {
        self.line.session().untagged(&Untagged::No(Some(Code::NoUpdate(tag)), "Too much to be kept up to date"));
    }

    /// CANCELUPDATE.
    pub(in crate::imap) async fn cancel_update(&mut self, tags: &[String]) -> Result<(), Trouble> {
        self.watches.retain(|watch| !tags.contains(&watch.tag));
        self.done(true, "CANCELUPDATE").await
    }

    /// What is expunged leaves the results, while its number still stands (section 4.3.4).
    pub(in crate::imap) fn unwatch_gone(&mut self) {
        let Some(selected) = &self.selected else { return };
        for watch in &mut self.watches {
            let uid = watch.uid;
            let removed = watch.found.remove(selected.gone(), |one| number(selected, uid, one));
            if !removed.is_empty() {
                self.line.session().untagged(&told(watch, &removed, &[]));
            }
        }
    }

    /// Looks at these messages again.
    pub(in crate::imap) async fn watch_again(&mut self, changed: &UidSet) -> Result<(), Trouble> {
        let mut at = 0;
        while let Some(watch) = self.watches.get(at) {
            let (key, charset) = (watch.key.clone(), watch.charset.clone());
            let hits = self.find_in(&key, charset.as_deref(), Some(changed)).await?;
            // One that became too much has left the list.
            at += usize::from(self.renew(at, changed, &hits).await?);
        }
        Ok(())
    }

    /// Brings one result up to date. False: it is not kept any more.
    async fn renew(&mut self, at: usize, changed: &UidSet, hits: &[Hit]) -> Result<bool, Trouble> {
        let (Some(watch), Some(selected)) = (self.watches.get_mut(at), &self.selected) else { return Ok(false) };
        let uid = watch.uid;
        let leaving = changed.without(&hits.iter().map(|hit| hit.uid).collect());
        let removed = watch.found.remove(&leaving, |one| number(selected, uid, one));
        let new = watch.found.missing(hits);
        let mut added = Vec::new();
        if !new.is_empty() {
            added = match &mut watch.found {
                Found::Set(uids) => {
                    *uids = uids.union(&new.iter().map(|hit| hit.uid).collect());
                    vec![(0, new.iter().map(|hit| hit.number(uid)).collect())]
                }
                Found::Sorted(criteria, uids) => {
                    let (criteria, known) = (criteria.clone(), uids.clone());
                    let (sorted, pairs) = self.sorted_in(&criteria, &known, &new, uid).await?;
                    if let Some(watch) = self.watches.get_mut(at) {
                        watch.found = Found::Sorted(criteria, sorted);
                    }
                    pairs
                }
            };
        }
        let Some(watch) = self.watches.get(at) else { return Ok(false) };
        if !(removed.is_empty() && added.is_empty()) {
            self.line.session().untagged(&told(watch, &removed, &added));
        }
        if !watch.found.is_too_much() {
            return Ok(true);
        }
        let tag = self.watches.remove(at).tag;
        self.refuse_update(&tag);
        Ok(false)
    }

    /// The order with new messages in it, and where these stand.
    async fn sorted_in(
        &mut self,
        criteria: &[SortCriterion],
        known: &[u32],
        new: &[Hit],
        uid: bool,
    ) -> Result<(Vec<u32>, Pairs), Trouble> {
        let selected = self.selected()?;
        let hit = |uid: &u32| selected.numbered(*uid).map(|(seq, entry)| Hit { seq, uid: entry.uid, score: 100 });
        let mut all: Vec<Hit> = known.iter().filter_map(hit).chain(new.iter().copied()).collect();
        all.sort_unstable();
        let mut rows = self.rows_to_sort(&all).await?;
        rows.sort_by(|a, b| order(a, b, criteria));
        let is_new = |uid: u32| new.iter().find(|hit| hit.uid == uid);
        let placed = (1u32..).zip(&rows).filter_map(|(position, row)| Some((position, is_new(row.uid)?)));
        let pairs = placed.map(|(position, hit)| (position, vec![hit.number(uid)])).collect();
        Ok((rows.iter().map(|row| row.uid).collect(), pairs))
    }
}

/// As the client is told it, and still knows it.
fn number(selected: &Selected, uid: bool, one: u32) -> Option<u32> {
    if uid { Some(one) } else { selected.numbered(one).map(|(seq, _)| seq) }
}

fn told<'a>(watch: &'a Watch, removed: &'a [(u32, Vec<u32>)], added: &'a [(u32, Vec<u32>)]) -> Untagged<'a> {
    let mailbox = watch.mailbox.as_ref().map(|(name, validity)| (name.as_str(), *validity));
    Untagged::Update(SearchUpdate { tag: &watch.tag, mailbox, uid: watch.uid, removed, added })
}

/// Sequence numbers, and `$`, mean what they meant when the command came (section 4.3).
fn settled(key: &SearchKey, selected: &Selected) -> SearchKey {
    let settled_set = |set: &SequenceSet| {
        let uids = selected.uids(&selected.searched(set));
        let range = |(first, last): &(u32, u32)| (SeqNumber::Number(*first), SeqNumber::Number(*last));
        SearchKey::Uid(SequenceSet::Ranges(uids.ranges().iter().map(range).collect()))
    };
    let boxed = |key: &SearchKey| Box::new(settled(key, selected));
    match key {
        SearchKey::Sequence(set) | SearchKey::Uid(set @ SequenceSet::Saved) => settled_set(set),
        SearchKey::And(keys) => SearchKey::And(keys.iter().map(|key| settled(key, selected)).collect()),
        SearchKey::Or(a, b) => SearchKey::Or(boxed(a), boxed(b)),
        SearchKey::Not(key) => SearchKey::Not(boxed(key)),
        SearchKey::Fuzzy(key) => SearchKey::Fuzzy(boxed(key)),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_a_result() {
        let mut set = Found::Set(UidSet::from_ranges([(1, 9)]));
        assert_eq!(set.remove(&[3, 4, 20].into_iter().collect(), |uid| Some(uid + 100)), [(0, vec![103, 104])]);
        assert_eq!(set.remove(&[3].into_iter().collect(), Some), []);
        let mut sorted = Found::Sorted(Vec::new(), vec![5, 9, 2, 7]);
        // Each at its place once those before it have left.
        assert_eq!(sorted.remove(&[9, 2].into_iter().collect(), Some), [(2, vec![9]), (2, vec![2])]);
        assert!(matches!(&sorted, Found::Sorted(_, uids) if *uids == [5, 7]));
        let hit = |uid| Hit { seq: 1, uid, score: 100 };
        assert_eq!(sorted.missing(&[hit(5), hit(6)]), [hit(6)]);
        assert_eq!(set.missing(&[hit(2), hit(3)]), [hit(3)]);
    }
}
