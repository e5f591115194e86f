//! Whoever submits a letter owns the address it is from: that of the envelope, and those of From and Sender in the
//! header (RFC 6409 sections 6.1 and 8.1).

use directory::SignedIn;
use envelope::{Address, Reply, ReversePath, SessionId};
use message::address;
use message::header::Header;

use crate::Context;

/// Why somebody may not send under a name.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The sender's: nobody signed in.
    #[error("sign in first")]
    NotSignedIn,
    /// The sender's: it is not his address.
    #[error("{0} is not one of your addresses")]
    NotYours(String),
    /// Ours.
    #[error(transparent)]
    Directory(#[from] directory::Error),
}

impl Refusal {
    /// What the client is told.
    pub fn reply(&self) -> Reply {
        match self {
            Self::NotSignedIn => Reply::new(530, (5, 7, 0), "sign in first"),
            Self::NotYours(_) => Reply::new(550, (5, 7, 1), self.to_string()),
            Self::Directory(_) => Reply::new(451, (4, 3, 0), "temporary failure, try again later"),
        }
    }

    /// Writes it down, when it is a fault of ours.
    pub(crate) fn tell(&self, context: &Context, session: Option<SessionId>) {
        if let Self::Directory(error) = self {
            context.fault(session, None, "directory", error);
        }
    }
}

/// The envelope's sender: one of his own addresses, or nobody (a read receipt has the null reverse-path).
pub async fn may_send(context: &Context, who: Option<&SignedIn>, path: &ReversePath) -> Result<(), Refusal> {
    let who = who.ok_or(Refusal::NotSignedIn)?;
    match path {
        ReversePath::Null => Ok(()),
        ReversePath::Address(address) => owned(context, who, address).await,
    }
}

/// The header's senders: each mailbox of From and Sender.
pub async fn may_write_as(context: &Context, who: Option<&SignedIn>, header: &Header<'_>) -> Result<(), Refusal> {
    let who = who.ok_or(Refusal::NotSignedIn)?;
    for name in ["from", "sender"] {
        for field in header.get_all(name) {
            for mailbox in address::mailboxes(field.raw()) {
                match mailbox.address() {
                    Some(address) => owned(context, who, &address).await?,
                    None => return Err(Refusal::NotYours(mailbox.spec())),
                }
            }
        }
    }
    Ok(())
}

async fn owned(context: &Context, who: &SignedIn, address: &Address) -> Result<(), Refusal> {
    if context.directory.may_send_as(who, address).await? {
        return Ok(());
    }
    Err(Refusal::NotYours(address.to_string()))
}
