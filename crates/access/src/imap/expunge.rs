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
            Some(set) => {
                let mut named = selected.named(set, true)?;
                if self.context.settings.message_limit.is_some() {
                    named = self.selected()?.deleted(&named);
                    named = self.limited(named)?;
                }
                Some(self.selected()?.uids(&named))
            }
            None => None,
        };
        let gone = self.patiently(account.expunge(mailbox, only.as_ref())).await??;
        self.catch_up(true, true).await?;
        self.expunged(!gone.uids.is_empty(), "EXPUNGE done");
        Ok(())
    }

    /// The end of EXPUNGE and MOVE: the client that keeps MODSEQs hears how far it has come (RFC 7162 sections 3.2.7
    /// and 3.2.9).
    pub(super) fn expunged(&mut self, any: bool, text: &str) {
        let selected = self.selected.as_ref().filter(|selected| any && selected.enabled.qresync);
        let code = selected.map(|selected| Code::HighestModSeq(selected.modseq()));
        self.finish(code.as_ref(), text);
    }
}
