//! Local delivery: which mailbox of an account a letter goes into, inside the transaction that accepts it.
//!
//! `anna+lists` goes into the mailbox `lists` where anna has one, into INBOX otherwise: a stranger makes no mailboxes,
//! and puts nothing into Trash, Junk, Sent and the like, where she would not see it, or think it her own.

pub(crate) mod room;

use std::sync::Arc;

use mailstore::{Delivery, Mailstore, Placed};
use message::digest::Digest;
use storage::{BodyId, Transaction};

use crate::acceptance::Letter;

pub use room::Full;

/// The bytes of a letter, kept by the transaction.
pub(crate) struct Kept<'a> {
    pub(crate) body: BodyId,
    pub(crate) octets: u64,
    /// What lists show of it, where that is known already.
    pub(crate) digest: Option<&'a Arc<Digest>>,
}

/// Puts the letter into the mailboxes of its local recipients, in their order (ascending by account).
pub(crate) fn deliver_in(
    tx: &dyn Transaction,
    mailstore: &Mailstore,
    letter: &Letter,
    kept: &Kept<'_>,
) -> Result<Vec<Option<Placed>>, storage::Error> {
    let deliver = |delivery| mailstore.deliver_in(tx, &delivery).map(Some);
    deliveries(letter, kept).map(deliver).collect()
}

/// Where it stands, when it was put there before by a transaction whose answer was lost; `None` where its reader has it no
/// more.
pub(crate) fn find_in(
    tx: &dyn Transaction,
    mailstore: &Mailstore,
    letter: &Letter,
    kept: &Kept<'_>,
) -> Result<Vec<Option<Placed>>, storage::Error> {
    deliveries(letter, kept).map(|delivery| mailstore.find_in(tx, &delivery)).collect()
}

fn deliveries(letter: &Letter, kept: &Kept<'_>) -> impl Iterator<Item = Delivery> {
    letter.local.iter().map(move |local| Delivery {
        account: local.account,
        mailbox: local.mailbox.clone(),
        named_by_sender: true,
        mail: letter.id,
        body: kept.body,
        octets: kept.octets,
        internal_date: letter.arrived,
        flags: 0,
        digest: kept.digest.cloned(),
    })
}
