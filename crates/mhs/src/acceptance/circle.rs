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
    /// Nothing is left for him.
    is_over: bool,
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
        Self { recipient: recipient.clone(), by, is_over: false }
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
    /// Looks where the letter has been, and sends it on by none of these addresses again.
    pub fn break_circles(&mut self, header: &Header<'_>) {
        let been: HashSet<Address> = trace::delivered_to(header).iter().map(directory::canonical).collect();
        self.break_circles_at(&been, header.bytes());
    }

    /// The same for addresses that are known.
    pub(crate) fn break_circles_at(&mut self, been: &HashSet<Address>, header: &[u8]) {
        if been.is_empty() {
            return;
        }
        self.remote.retain(|copy| copy.onward.as_ref().is_none_or(|onward| !been.contains(&onward.by)));
        for asked in &mut self.asked {
            asked.is_over = !asked.by.is_empty() && asked.by.iter().all(|by| been.contains(by));
            if asked.is_over {
                self.circled.push(asked.recipient.clone());
            }
        }
        if !self.circled.is_empty() {
            self.circled_header = header.to_vec();
        }
    }

    /// For each recipient, in the order in which they were added, whether nothing is left for him. Who asks tells of it
    /// himself: no notice is written.
    pub(crate) fn take_circles(&mut self) -> Vec<(Address, bool)> {
        self.circled.clear();
        self.asked.iter().map(|asked| (asked.recipient.address.clone(), asked.is_over)).collect()
    }
}
