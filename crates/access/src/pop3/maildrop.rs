//! The maildrop: INBOX as it is at sign-in. Rows only; no body is touched for STAT, LIST and UIDL.

use directory::SignedIn;
use envelope::MailboxId;
use mailstore::{Account, Error, Mailstore, UidSet};
use protocol::pop3::{Maildrop, Message};

use crate::limits::ROWS_BATCH;

/// Opens the reader's INBOX and lists it. `\Recent` is left to IMAP.
pub(super) async fn open(mailstore: &Mailstore, who: &SignedIn) -> Result<(Account, MailboxId, Maildrop), Error> {
    let account = mailstore.open(who).await?;
    let view = account.select("INBOX", false).await?.view;
    let mut messages = Vec::with_capacity(view.entries.len());
    // What arrives while the rows are read is not of this session.
    let mut left = UidSet::from_ranges(view.uid_next.checked_sub(1).map(|last| (1, last)));
    loop {
        let rows = account.messages(view.mailbox, &left, ROWS_BATCH).await?;
        messages.extend(rows.iter().map(|row| Message { uid: row.uid, octets: row.octets }));
        match rows.last() {
            Some(last) if rows.len() == ROWS_BATCH => left = left.above(last.uid),
            _ => break,
        }
    }
    let (mailbox, uid_validity) = (view.mailbox, view.uid_validity);
    Ok((account, mailbox, Maildrop { uid_validity, messages }))
}
