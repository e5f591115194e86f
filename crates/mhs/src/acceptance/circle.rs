//! Letters that come back: what an address of ours has sent on once says so in Delivered-To (RFC 9228), and is not sent
//! on by it again. A mailbox here keeps its copy; a recipient who has none is told of by a 554, or by a notice where the
//! letter is accepted for others.

use std::collections::HashSet;

use envelope::{Address, Recipient, Reply};
use message::header::Header;
use message::trace;

use super::Letter;
use crate::recipients::Ways;

/// One recipient, and by which of our addresses his letter leaves again, if it all does.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) recipient: Recipient,
    /// Empty when a copy stays here, or goes where the sender said.
    by: Vec<Address>,
}

impl Asked {
    pub(super) fn new(recipient: &Recipient, ways: &Ways) -> Self {
        let mut by: Vec<Address> = Vec::new();
        let goes_anyway = !ways.local.is_empty() || ways.remote.iter().any(|copy| copy.onward.is_none());
        if !goes_anyway {
            for onward in ways.remote.iter().filter_map(|copy| copy.onward.as_ref()) {
                if !by.contains(&onward.by) {
                    by.push(onward.by.clone());
                }
            }
        }
        Self { recipient: recipient.clone(), by }
    }

    /// How many addresses are kept for it.
    pub(super) fn len(&self) -> usize {
        self.by.len()
    }
}

/// What the sender is told of a circle.
pub(crate) fn circle_reply() -> Reply {
    Reply::new(554, (5, 4, 6), "the letter goes in circles: it was forwarded from here before")
}

impl Letter {
    /// Looks where the letter has been, and sends it on by none of these addresses again. Answers, for each recipient in
    /// the order in which they were added, whether nothing is left for him.
    pub fn break_circles(&mut self, header: &Header<'_>) -> Vec<bool> {
        let been: HashSet<Address> = trace::delivered_to(header).iter().map(directory::canonical).collect();
        self.break_circles_at(&been, header.bytes())
    }

    /// The same for addresses that are known.
    pub(crate) fn break_circles_at(&mut self, been: &HashSet<Address>, header: &[u8]) -> Vec<bool> {
        if been.is_empty() {
            return vec![false; self.asked.len()];
        }
        self.remote.retain(|copy| copy.onward.as_ref().is_none_or(|onward| !been.contains(&onward.by)));
        let is_over = |asked: &Asked| !asked.by.is_empty() && asked.by.iter().all(|by| been.contains(by));
        let over: Vec<bool> = self.asked.iter().map(is_over).collect();
        for (asked, over) in self.asked.iter().zip(&over) {
            if *over {
                self.circled.push(asked.recipient.clone());
            }
        }
        if !self.circled.is_empty() {
            self.circled_header = header.to_vec();
        }
        over
    }

    /// Whoever answers for each recipient tells of circles himself: nobody is told by a notice.
    pub fn forget_circles(&mut self) {
        self.circled.clear();
    }
}
