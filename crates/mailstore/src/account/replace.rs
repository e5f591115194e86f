//! REPLACE (RFC 8508): one message takes the place of another, by one transaction.

use envelope::MailboxId;

use super::append::put;
use super::{Account, remove};
use crate::feed::Hint;
use crate::quota::Check;
use crate::rows::{self, Booking};
use crate::{Append, Error, Placed, UidSet, name};

impl Account {
    /// Puts `message` into the mailbox `to` and takes the message `uid` out of `from`: both, or neither when that one is
    /// gone already ([`Error::NoMessage`]). Nothing of it is passed on to the new one.
    pub async fn replace(&self, from: MailboxId, uid: u32, to: &str, message: Append) -> Result<Placed, Error> {
        let (account, now) = (self.id, (self.inner.clock)());
        let to = name::canonical(to).map_err(|_| Error::NoMailbox)?;
        let rule = self.inner.quota;
        let placed = self.write(move |tx| {
            let check = Check::begin(tx, account, rule)?;
            let source = rows::selectable(tx, account, from)?;
            // From here on nobody else takes messages out of the source.
            rows::book(tx, account, source.id, Booking::default())?.ok_or(Error::NoMailbox)?;
            let taken = remove::delete(tx, account, source.id, &UidSet::from_ranges([(uid, uid)]), 0)?;
            if taken.uids.is_empty() {
                return Err(Error::NoMessage);
            }
            for body in &taken.bodies {
                tx.drop_reference(*body)?;
            }
            remove::close_gap(tx, account, source.id, &taken)?;
            // What is taken away makes room for what comes (RFC 8508 section 3.4).
            let placed = put(tx, account, &to, std::slice::from_ref(&message), now)?;
            check.end(tx)?;
            Ok(placed)
        });
        let placed = placed.await?.into_iter().next().ok_or(Error::NoMessage)?;
        self.tell(Hint::Mailbox(placed.mailbox));
        self.tell(Hint::Mailbox(from));
        Ok(placed)
    }
}
