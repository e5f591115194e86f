//! REPLACE and UID REPLACE (RFC 8508): an APPEND that takes another message away, both at once.

use envelope::MailboxId;
use protocol::imap::encode::{Code, Untagged};
use protocol::imap::{Mailbox, Replaced, SequenceSet};

use super::talk::Talk;
use super::trouble::Trouble;

/// The message that goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doomed {
    mailbox: MailboxId,
    uid: u32,
}

impl Talk {
    /// Which message a REPLACE means, before anything is sent. `None`: the client was told that there is none.
    pub(super) async fn doomed(&mut self, replaced: Replaced) -> Result<Option<Doomed>, Trouble> {
        self.catch_up(false, false).await?;
        let selected = self.selected()?;
        if selected.read_only {
            self.line.session().no(Some(&Code::Word("CANNOT")), "The mailbox was opened by EXAMINE");
            return Ok(None);
        }
        let set = SequenceSet::Ranges(vec![(replaced.number, replaced.number)]);
        let named = selected.named(&set, replaced.uid)?;
        let found = selected.iter(&named).next().map(|(_, entry)| entry.uid).filter(|uid| !selected.is_gone(*uid));
        if let Some(uid) = found {
            return Ok(Some(Doomed { mailbox: selected.mailbox, uid }));
        }
        let code = named.some_gone.then_some(Code::Word("EXPUNGEISSUED"));
        self.line.session().no(code.as_ref(), "There is no such message");
        Ok(None)
    }

    /// The new message is complete. APPENDUID comes before the EXPUNGE, untagged (RFC 8508 section 4.3).
    pub(super) async fn replace(
        &mut self,
        doomed: Doomed,
        mailbox: &Mailbox,
        message: mailstore::Append,
    ) -> Result<(), Trouble> {
        let placed = match self.account()?.replace(doomed.mailbox, doomed.uid, mailbox.as_str(), message).await {
            Ok(placed) => placed,
            Err(mailstore::Error::NoMailbox) => {
                self.line.session().no(Some(&Code::TryCreate), "There is no mailbox of that name");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let code = Code::AppendUid { validity: placed.uid_validity, uids: &[placed.uid] };
        self.line.session().untagged(&Untagged::Ok(Some(code), "The new message"));
        self.catch_up(true, true).await?;
        self.expunged(true, "REPLACE done");
        Ok(())
    }
}
