//! COPY and MOVE (RFC 3501 section 6.4.7, RFC 6851), with COPYUID (RFC 4315). No bytes are copied.

use mailstore::Copied;
use protocol::imap::Transfer;
use protocol::imap::encode::{Code, Untagged};

use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    pub(super) async fn copy(&mut self, order: &Transfer) -> Result<(), Trouble> {
        let Some(copied) = self.transfer(order, false).await? else { return Ok(()) };
        self.catch_up(order.uid, false).await?;
        let (from, to): (Vec<u32>, Vec<u32>) = copied.uids.into_iter().unzip();
        let code = Code::CopyUid { validity: copied.uid_validity, from: &from, to: &to };
        self.finish((!from.is_empty()).then_some(&code), "COPY done");
        Ok(())
    }

    /// RFC 6851 section 4.3: COPYUID comes before the EXPUNGE responses, untagged.
    pub(super) async fn r#move(&mut self, order: &Transfer) -> Result<(), Trouble> {
        if self.selected()?.read_only {
            self.line.session().no(None, "The mailbox was opened by EXAMINE");
            return Ok(());
        }
        let Some(copied) = self.transfer(order, true).await? else { return Ok(()) };
        let (from, to): (Vec<u32>, Vec<u32>) = copied.uids.into_iter().unzip();
        if !from.is_empty() {
            let code = Code::CopyUid { validity: copied.uid_validity, from: &from, to: &to };
            self.line.session().untagged(&Untagged::Ok(Some(code), "Moved"));
        }
        self.catch_up(true, true).await?;
        self.expunged(!from.is_empty(), "MOVE done");
        Ok(())
    }

    /// `None`: the client was told why not.
    async fn transfer(&mut self, order: &Transfer, moving: bool) -> Result<Option<Copied>, Trouble> {
        self.catch_up(false, false).await?;
        let account = self.account()?;
        let selected = self.selected()?;
        let named = selected.named(&order.set, order.uid)?;
        if named.some_gone {
            // All or nothing: some cannot be had any more.
            self.some_gone().await?;
            return Ok(None);
        }
        if !moving {
            account.check_room()?;
            if self.is_too_much_to_copy(&named)? {
                return Ok(None);
            }
        }
        let named = self.limited(named)?;
        let selected = self.selected()?;
        let (mailbox, uids) = (selected.mailbox, selected.uids(&named));
        let target = order.mailbox.as_str();
        let outcome = if moving {
            self.patiently(account.move_to(mailbox, &uids, target)).await?
        } else {
            self.patiently(account.copy(mailbox, &uids, target)).await?
        };
        match outcome {
            Ok(copied) => Ok(Some(copied)),
            Err(mailstore::Error::NoMailbox) => {
                self.line.session().no(Some(&Code::TryCreate), "There is no mailbox of that name");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
