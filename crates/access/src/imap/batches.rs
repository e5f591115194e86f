//! UIDBATCHES (RFC 10022): the mailbox cut into pieces of so many messages, the newest first. The pieces lie side by side
//! from the highest UID down to 1.

use mailstore::Entries;
use protocol::imap::UidBatches;
use protocol::imap::encode::{Code, Untagged};
use protocol::imap::limits::{UID_BATCH_MIN, UID_BATCHES_MAX};

use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    pub(super) async fn uid_batches(&mut self, order: &UidBatches) -> Result<(), Trouble> {
        if order.size < UID_BATCH_MIN {
            let text = format!("A batch has {UID_BATCH_MIN} messages at least");
            self.line.session().no(Some(&Code::Word("TOOFEW")), &text);
            return Ok(());
        }
        if order.range.is_some_and(|(first, last)| first > last) {
            self.line.session().bad_as(Some(&Code::Word("CLIENTBUG")), "The first batch comes first");
            return Ok(());
        }
        self.catch_up(true, false).await?;
        // No batch may be more than a command is carried out on.
        let size = self.context.settings.message_limit.map_or(order.size, |limit| order.size.min(limit));
        let (first, last) = order.range.unwrap_or((1, u32::MAX));
        let Some(batches) = batches(&self.selected()?.entries(), to_usize(size), to_usize(first), to_usize(last))
        else {
            self.line.session().no(Some(&Code::Word("TOOMANY")), "Too many batches at once");
            return Ok(());
        };
        let tag = self.line.session().tag().to_owned();
        self.line.session().untagged(&Untagged::UidBatches { tag: &tag, batches: &batches });
        self.done(true, "UIDBATCHES").await
    }
}

/// `None`: they are too many.
fn batches(entries: &Entries, size: usize, first: usize, last: usize) -> Option<Vec<(u32, u32)>> {
    let all = entries.len().div_ceil(size);
    let (first, last) = (first.min(all + 1), last.min(all));
    if (last + 1).saturating_sub(first) > UID_BATCHES_MAX {
        return None;
    }
    // The lowest UID of so many batches; below the last one nothing is left out.
    let low =
        |batch: usize| entries.len().checked_sub(batch * size).filter(|at| *at > 0).and_then(|at| entries.uid(at));
    let mut batches = Vec::new();
    for batch in first..=last {
        let high = match batch {
            1 => entries.last().map(|entry| entry.uid),
            batch => low(batch - 1).map(|low| low - 1),
        };
        batches.push((high?, low(batch).unwrap_or(1)));
    }
    Some(batches)
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use mailstore::{Entry, FlagBits};

    use super::*;

    #[test]
    fn batches_lie_side_by_side() {
        let entries = |uids: &[u32]| {
            uids.iter()
                .map(|uid| Entry { uid: *uid, modseq: 1, flags: FlagBits::default() })
                .collect::<Vec<_>>()
                .iter()
                .collect()
        };
        let few: Entries = entries(&[3, 5, 8, 13, 21]);
        assert_eq!(batches(&few, 2, 1, usize::MAX), Some(vec![(21, 13), (12, 5), (4, 1)]));
        assert_eq!(batches(&few, 2, 2, 2), Some(vec![(12, 5)]));
        assert_eq!(batches(&few, 2, 3, 9), Some(vec![(4, 1)]));
        assert_eq!(batches(&few, 2, 4, 9), Some(vec![]));
        assert_eq!(batches(&few, 5, 1, 1), Some(vec![(21, 1)]));
        assert_eq!(batches(&entries(&[]), 5, 1, usize::MAX), Some(vec![]));
        let many: Entries = entries(&(1..=20_001).collect::<Vec<_>>());
        assert_eq!(batches(&many, 2, 1, usize::MAX), None);
        assert_eq!(batches(&many, 2, 1, UID_BATCHES_MAX).map(|all| all.len()), Some(UID_BATCHES_MAX));
    }
}
