//! Local delivery: which mailbox of an account a letter goes into, inside the transaction that accepts it.
//!
//! `anna+lists` goes into the mailbox `lists` where anna has one, into INBOX otherwise: a stranger makes no mailboxes,
//! and puts nothing into Trash, Junk, Sent and the like, where she would not see it, or think it her own.

use mailstore::{Delivery, Mailstore, Placed};
use storage::{BodyId, Transaction};

use crate::acceptance::Letter;

/// Puts the letter into the mailboxes of its local recipients, in their order (ascending by account).
pub fn deliver_in(
    tx: &dyn Transaction,
    mailstore: &Mailstore,
    letter: &Letter,
    body: BodyId,
    octets: u64,
) -> Result<Vec<Placed>, storage::Error> {
    let deliver = |local: &crate::recipients::Local| {
        let delivery = Delivery {
            account: local.account,
            mailbox: local.mailbox.clone(),
            named_by_sender: true,
            mail: letter.id,
            body,
            octets,
            internal_date: letter.arrived,
            flags: 0,
        };
        mailstore.deliver_in(tx, &delivery)
    };
    letter.local.iter().map(deliver).collect()
}
