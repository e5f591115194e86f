//! What is told of one letter is held for a moment while others of its recipients are being tried: those that fail
//! together are told of together. Pure: the time is an argument.
//!
//! Nothing is written meanwhile, and the rows stay claimed: who is killed now tries them once more and tells then.

use std::collections::BTreeMap;
use std::time::Instant;

use envelope::MailId;

use crate::limits::{OUTBOUND_GATHER_PATIENCE, OUTBOUND_GATHERED_MAX};

/// The letter, and what is told of it.
pub(super) type Key = (MailId, &'static str);

/// What waits.
#[derive(Debug)]
pub(super) struct Gathering<T> {
    letters: BTreeMap<Key, Letter<T>>,
    count: usize,
}

#[derive(Debug)]
struct Letter<T> {
    until: Instant,
    recipients: Vec<T>,
}

impl<T> Default for Gathering<T> {
    fn default() -> Self {
        Self { letters: BTreeMap::new(), count: 0 }
    }
}

impl<T> Gathering<T> {
    /// One recipient more. The first of a letter says how long all of them are held.
    pub(super) fn add(&mut self, key: Key, recipient: T, now: Instant) {
        let fresh = || Letter { until: now + OUTBOUND_GATHER_PATIENCE, recipients: Vec::new() };
        self.letters.entry(key).or_insert_with(fresh).recipients.push(recipient);
        self.count += 1;
    }

    /// When the next letter has waited enough.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        self.letters.values().map(|letter| letter.until).min()
    }

    /// Those that wait no longer: their time is over, or `others` says that no other recipient of the letter is in hand
    /// than so many. When too much waits, all of it.
    pub(super) fn take(&mut self, now: Instant, others: impl Fn(MailId, usize) -> bool) -> Vec<Vec<T>> {
        let is_full = self.count > OUTBOUND_GATHERED_MAX;
        let mut of_letter: BTreeMap<MailId, usize> = BTreeMap::new();
        for ((mail, _), letter) in &self.letters {
            *of_letter.entry(*mail).or_default() += letter.recipients.len();
        }
        let is_ready = |key: &Key, letter: &mut Letter<T>| {
            is_full || letter.until <= now || !others(key.0, of_letter.get(&key.0).copied().unwrap_or(0))
        };
        let ready: Vec<Vec<T>> = self.letters.extract_if(.., is_ready).map(|(_, letter)| letter.recipients).collect();
        self.count -= ready.iter().map(Vec::len).sum::<usize>();
        ready
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn mail(byte: u8) -> MailId {
        MailId::from_bytes([byte; 16])
    }

    #[test]
    fn recipients_of_one_letter_go_together() {
        let (mut gathering, now) = (Gathering::default(), Instant::now());
        gathering.add((mail(1), "failed"), "a", now);
        gathering.add((mail(2), "failed"), "b", now);
        // Of the first letter two more are in hand; of the second nobody.
        let others = |in_hand: usize| move |letter: MailId, held: usize| letter == mail(1) && in_hand > held;
        assert_eq!(gathering.take(now, others(3)), [["b"]]);
        let soon = now + OUTBOUND_GATHER_PATIENCE / 2;
        gathering.add((mail(1), "failed"), "c", soon);
        gathering.add((mail(1), "delayed"), "d", soon);
        assert_eq!(gathering.wakes_at(), Some(now + OUTBOUND_GATHER_PATIENCE));
        // The three that are held are all there are.
        assert_eq!(gathering.take(soon, others(3)), [vec!["d"], vec!["a", "c"]]);
        assert_eq!((gathering.wakes_at(), gathering.count), (None, 0));
    }

    /// However far apart they fail, a letter's notices are few.
    #[test]
    fn a_letter_makes_no_notice_for_each_recipient() {
        let (mut gathering, start) = (Gathering::default(), Instant::now());
        let mut told = Vec::new();
        for number in 0..30_u32 {
            let now = start + Duration::from_millis(2500) * number;
            gathering.add((mail(1), "failed"), number, now);
            // Those that have not failed yet are being tried; who was told of is gone.
            let gone = told.iter().map(Vec::len).sum::<usize>();
            told.extend(gathering.take(now, |_, held| 30 - gone > held));
        }
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told.concat(), Vec::from_iter(0..30));
    }

    #[test]
    fn nobody_waits_for_ever_nor_do_too_many() {
        let (mut gathering, now) = (Gathering::default(), Instant::now());
        gathering.add((mail(1), "failed"), 0, now);
        let late = now + OUTBOUND_GATHER_PATIENCE;
        assert!(gathering.take(now, |_, _| true).is_empty());
        assert_eq!(gathering.take(late, |_, _| true), [[0]]);
        for number in 0..=OUTBOUND_GATHERED_MAX {
            gathering.add((MailId::from_bytes([3; 16]).branch(u32::try_from(number).unwrap()), "failed"), number, now);
        }
        assert_eq!(gathering.take(now, |_, _| true).len(), OUTBOUND_GATHERED_MAX + 1);
    }
}
