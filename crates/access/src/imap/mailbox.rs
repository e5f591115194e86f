//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 sections 6.3.3 to 6.3.7).

use mailstore::Role;
use protocol::imap::encode::Code;
use protocol::imap::{Create, Mailbox, SpecialUse};

use super::object_id::mailbox_id;
use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    /// One use at most is given, and one that no other mailbox has (RFC 6154 section 3).
    pub(super) async fn create(&mut self, create: &Create) -> Result<(), Trouble> {
        let account = self.account()?;
        let roles: Option<Vec<Role>> = create.uses.iter().map(|one| role(*one)).collect();
        let made = match roles.as_deref() {
            Some([]) => account.create(create.mailbox.as_str()).await,
            Some([role]) => account.create_for(create.mailbox.as_str(), *role).await,
            _ => Err(mailstore::Error::Role),
        };
        if let Err(mailstore::Error::Role) = made {
            self.line.session().no(Some(&Code::Word("USEATTR")), "The mailbox cannot have that use");
            return Ok(());
        }
        let id = mailbox_id(&account, made?);
        self.catch_up(true, false).await?;
        self.line.session().ok(Some(&Code::MailboxId(&id)), "CREATE done");
        Ok(())
    }

    /// Deleting the selected mailbox leaves it first.
    pub(super) async fn delete(&mut self, mailbox: &Mailbox) -> Result<(), Trouble> {
        let account = self.account()?;
        let doomed = account.status(mailbox.as_str()).await.ok().map(|status| status.id);
        account.delete(mailbox.as_str()).await?;
        if doomed.is_some() && self.selected.as_ref().map(|selected| selected.mailbox) == doomed {
            self.selected = None;
            self.deselect().await;
        }
        self.done(true, "DELETE").await
    }

    /// A selected mailbox stays selected under its new name.
    pub(super) async fn rename(&mut self, from: &Mailbox, to: &Mailbox) -> Result<(), Trouble> {
        self.account()?.rename(from.as_str(), to.as_str()).await?;
        self.done(true, "RENAME").await
    }

    pub(super) async fn subscribe(&mut self, mailbox: &Mailbox) -> Result<(), Trouble> {
        self.account()?.subscribe(mailbox.as_str()).await?;
        self.done(true, "SUBSCRIBE").await
    }

    pub(super) async fn unsubscribe(&mut self, mailbox: &Mailbox) -> Result<(), Trouble> {
        self.account()?.unsubscribe(mailbox.as_str()).await?;
        self.done(true, "UNSUBSCRIBE").await
    }
}

/// A mailbox that shows what stands elsewhere (`\All`, `\Flagged`) cannot be made.
fn role(one: SpecialUse) -> Option<Role> {
    match one {
        SpecialUse::Archive => Some(Role::Archive),
        SpecialUse::Drafts => Some(Role::Drafts),
        SpecialUse::Junk => Some(Role::Junk),
        SpecialUse::Sent => Some(Role::Sent),
        SpecialUse::Trash => Some(Role::Trash),
        SpecialUse::All | SpecialUse::Flagged => None,
    }
}
