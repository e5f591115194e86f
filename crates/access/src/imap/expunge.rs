//! EXPUNGE (RFC 3501 section 6.4.3) and UID EXPUNGE (RFC 4315 section 2.1).

use protocol::imap::SequenceSet;
use protocol::imap::encode::Code;

use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    pub(super) async fn expunge(&mut self, uids: Option<&SequenceSet>) -> Result<(), Trouble> {
        let account = self.account()?;
        let selected = self.selected()?;
        if selected.read_only {
            self.line.session().no(Some(&Code::Word("CANNOT")), "The mailbox was opened by EXAMINE");
            return Ok(());
        }
        let mailbox = selected.mailbox;
        let only = match uids {
            Some(set) => Some(selected.uids(&selected.named(set, true)?)),
            None => None,
        };
        account.expunge(mailbox, only.as_ref()).await?;
        self.catch_up(true, true).await?;
        self.line.session().ok(None, "EXPUNGE done");
        Ok(())
    }
}
