//! One letter, several letters of the queue: copies share one as long as they go out under the same reverse-path and are
//! sent on by the same address of ours. All of them name the same body, in the same transaction, and each has an id that
//! follows from the letter's, so that accepting them again changes nothing.

use std::collections::HashMap;

use envelope::{MailId, ReversePath};
use mailstore::label::{self, Leg};
use queue::{NewMail, NewRecipient};
use storage::BodyId;

use super::Letter;
use crate::recipients::{Onward, Remote};

/// One letter of the queue.
#[derive(Debug)]
pub(super) struct Branch<'a> {
    pub(super) id: MailId,
    /// `None` for those whom the sender named himself.
    pub(super) onward: Option<&'a Onward>,
    pub(super) copies: Vec<&'a Remote>,
}

/// In the order of their first copies, but what the sender named himself first, which keeps the letter's own id.
pub(super) fn branches(letter: &Letter) -> Vec<Branch<'_>> {
    let mut places: HashMap<Option<&Onward>, usize> = HashMap::new();
    let mut branches: Vec<Branch<'_>> = Vec::new();
    let (named, sent_on): (Vec<&Remote>, Vec<&Remote>) = letter.remote.iter().partition(|copy| copy.onward.is_none());
    for copy in named.into_iter().chain(sent_on) {
        let next = branches.len();
        let place = *places.entry(copy.onward.as_ref()).or_insert(next);
        if place == next {
            let id = letter.id.branch(u32::try_from(next).unwrap_or(u32::MAX));
            branches.push(Branch { id, onward: copy.onward.as_ref(), copies: Vec::new() });
        }
        if let Some(branch) = branches.get_mut(place) {
            branch.copies.push(copy);
        }
    }
    branches
}

impl Branch<'_> {
    /// The letter of the queue.
    pub(super) fn mail<'b>(
        &'b self,
        letter: &'b Letter,
        body: BodyId,
        octets: u64,
        recipients: &'b [NewRecipient<'b>],
    ) -> NewMail<'b> {
        let is_list = self.onward.is_some_and(|onward| onward.is_list);
        NewMail {
            mail: self.id,
            body,
            octets,
            reverse_path: self.reverse_path(letter),
            body_type: letter.body,
            smtputf8: letter.smtputf8,
            ret: letter.ret.filter(|_| !is_list),
            envelope_id: letter.envelope_id.as_deref().filter(|_| !is_list),
            require_tls: letter.require_tls,
            accepted_at: letter.arrived,
            delivered_to: self.onward.map(|onward| &onward.by),
            recipients,
        }
    }

    /// The same for the salvage label, from which the queue can be made anew.
    pub(super) fn leg(&self) -> Leg {
        let onward = self.onward.map(|onward| label::Onward {
            by: onward.by.clone(),
            sender: onward.reverse_path.to_string(),
            is_list: onward.is_list,
        });
        Leg { onward, recipients: self.copies.iter().map(|copy| copy.recipient.clone()).collect() }
    }

    pub(super) fn recipients(&self) -> Vec<NewRecipient<'_>> {
        self.copies.iter().map(|copy| NewRecipient { recipient: &copy.recipient, allowed: &copy.allowed }).collect()
    }

    pub(super) fn reverse_path<'b>(&'b self, letter: &'b Letter) -> &'b ReversePath {
        self.onward.map_or(&letter.reverse_path, |onward| &onward.reverse_path)
    }
}
