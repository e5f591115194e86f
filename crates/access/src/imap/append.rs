//! APPEND (RFC 3501 section 6.3.11) with APPENDUID (RFC 4315): messages go to disk while they arrive, and into the mailbox
//! all at once (RFC 3502).

use std::sync::Arc;

use bytes::Bytes;
use envelope::Timestamp;
use mailstore::{Account, Flags};
use net::clock;
use protocol::imap::encode::Code;
use protocol::imap::{Append, AppendMessage, Mailbox};
use storage::Stage;

use super::replace::Doomed;
use super::store::flags_of;
use super::talk::Talk;
use super::trouble::Trouble;

/// Messages on their way in.
pub(super) struct Upload {
    mailbox: Mailbox,
    /// REPLACE: the message that goes.
    replaces: Option<Doomed>,
    /// Complete, and not in the mailbox yet.
    ready: Vec<mailstore::Append>,
    pub(super) coming: Coming,
    /// Octets that were copied by URLs, over all messages.
    pub(super) copied: u64,
}

/// The message whose octets come.
pub(super) struct Coming {
    flags: Flags,
    date: Option<Timestamp>,
    pub(super) stage: Stage,
}

impl Coming {
    fn new(message: &AppendMessage, account: &Account) -> Self {
        Self { flags: flags_of(&message.flags), date: message.date, stage: account.stage() }
    }

    async fn complete(self, mailbox: &Mailbox, account: &Account) -> Result<mailstore::Append, Trouble> {
        let Self { flags, date, stage } = self;
        if stage.is_empty() {
            // Put together of nothing.
            return Err(mailstore::Error::Cannot("a message has one octet at least").into());
        }
        let octets = stage.len();
        let internal_date = Some(date.unwrap_or_else(clock::now));
        let digest = mailstore::digest_of(&stage).map(Arc::new);
        let body = stage.finish(account.label(mailbox.as_str(), internal_date, &flags)).await?;
        Ok(mailstore::Append { body, octets, internal_date, flags, digest })
    }
}

impl Talk {
    /// Announced: the mailbox has to exist before anything is sent.
    pub(super) async fn append(&mut self, append: Append) -> Result<(), Trouble> {
        let account = self.account()?;
        match account.status(append.mailbox.as_str()).await {
            Ok(_) => {}
            Err(mailstore::Error::NoMailbox) => {
                self.line.session().no(Some(&Code::TryCreate), "There is no mailbox of that name");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        account.check_room()?;
        let replaces = match append.replaces {
            None => None,
            Some(replaced) => match self.doomed(replaced).await? {
                None => return Ok(()),
                doomed => doomed,
            },
        };
        let coming = Coming::new(&append.message, &account);
        self.upload =
            Some(Box::new(Upload { mailbox: append.mailbox, replaces, ready: Vec::new(), coming, copied: 0 }));
        self.line.session().append_go();
        Ok(())
    }

    /// One is complete, another one announced. What fails here leaves none of them.
    pub(super) async fn append_next(&mut self, message: &AppendMessage) -> Result<(), Trouble> {
        let account = self.account()?;
        let Some(upload) = self.upload.take() else { return Err(storage::Error::StagedTooLong.into()) };
        let Upload { mailbox, replaces, mut ready, coming, copied } = *upload;
        ready.push(coming.complete(&mailbox, &account).await?);
        let coming = Coming::new(message, &account);
        self.upload = Some(Box::new(Upload { mailbox, replaces, ready, coming, copied }));
        self.line.session().append_go();
        Ok(())
    }

    pub(super) async fn append_chunk(&mut self, chunk: Vec<u8>) -> Result<(), Trouble> {
        let Some(upload) = &mut self.upload else { return Ok(()) };
        if let Err(error) = upload.coming.stage.append(Bytes::from(chunk)).await {
            self.upload = None;
            return Err(error.into());
        }
        Ok(())
    }

    pub(super) async fn append_end(&mut self) -> Result<(), Trouble> {
        let account = self.account()?;
        let Some(upload) = self.upload.take() else { return Err(storage::Error::StagedTooLong.into()) };
        let Upload { mailbox, replaces, mut ready, coming, .. } = *upload;
        let last = coming.complete(&mailbox, &account).await?;
        if let Some(doomed) = replaces {
            return self.replace(doomed, &mailbox, last).await;
        }
        ready.push(last);
        let placed = match account.append(mailbox.as_str(), ready).await {
            Ok(placed) => placed,
            Err(mailstore::Error::NoMailbox) => {
                self.line.session().no(Some(&Code::TryCreate), "There is no mailbox of that name");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.catch_up(true, false).await?;
        let uids: Vec<u32> = placed.iter().map(|placed| placed.uid).collect();
        let validity = placed.first().map_or(0, |placed| placed.uid_validity);
        self.line.session().ok(Some(&Code::AppendUid { validity, uids: &uids }), "APPEND done");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use mailstore::Flags;
    use protocol::imap::Flag;

    use super::flags_of;

    #[test]
    fn recent_is_not_stored() {
        let flags = flags_of(&[Flag::Recent, Flag::Seen, Flag::Keyword("x".to_owned())]);
        assert_eq!(flags, Flags { system: mailstore::SEEN, keywords: vec!["x".to_owned()] });
    }
}
