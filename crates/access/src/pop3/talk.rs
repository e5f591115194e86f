//! One reader's connection: takes the session's events and hands each to its verb.

use std::sync::Arc;

use envelope::MailboxId;
use mailstore::Account;
use net::{Conversation, Gone};
use protocol::pop3::{Event, Server};

use super::retrieve::Ahead;
use crate::{Context, Visitor};

/// A connection and what stands behind it.
pub(super) struct Talk {
    pub(super) context: Arc<Context>,
    pub(super) visitor: Visitor,
    pub(super) line: Conversation<Server>,
    /// After sign-in: whose, and the key of his INBOX.
    pub(super) open: Option<(Account, MailboxId)>,
    /// Messages that are read ahead.
    pub(super) ahead: Ahead,
    draining: bool,
}

impl Talk {
    pub(super) fn new(context: Arc<Context>, visitor: Visitor, line: Conversation<Server>) -> Self {
        Self { context, visitor, line, open: None, ahead: Ahead::default(), draining: false }
    }

    /// Serves to the end: why it ended, octets in and out.
    pub(super) async fn run(mut self) -> (String, u64, u64) {
        let outcome = self.serve().await;
        let reason = match outcome {
            Ok(()) if self.line.timed_out() => "idle".to_owned(),
            Ok(()) if self.draining => "shutdown".to_owned(),
            Ok(()) => "quit".to_owned(),
            Err(gone) => gone.to_string(),
        };
        (reason, self.line.bytes_in(), self.line.bytes_out())
    }

    async fn serve(&mut self) -> Result<(), Gone> {
        while let Some(event) = self.next_event().await? {
            self.context.note_tls(&self.visitor, &mut self.line);
            // In a box of its own, so that an idle connection holds none of what a RETR needs.
            Box::pin(self.take(event)).await?;
        }
        Ok(())
    }

    /// The next event. On shutdown the session closes as soon as the client is not owed an answer; what it marked
    /// stays, and it will come again.
    async fn next_event(&mut self) -> Result<Option<Event>, Gone> {
        if !self.draining {
            tokio::select! {
                event = self.line.next() => return event,
                () = self.context.shutdown.draining() => {
                    self.draining = true;
                    self.line.session().close("shutting down, come back in a minute");
                }
            }
        }
        self.line.next().await
    }

    async fn take(&mut self, event: Event) -> Result<(), Gone> {
        match event {
            Event::Authenticate(request) => {
                self.sign_in(request).await;
                Ok(())
            }
            Event::SignInFailed { user, mechanism, reason } => {
                self.note_failure(&user, mechanism, reason).await;
                Ok(())
            }
            Event::Retrieve { uid, .. } => self.retrieve(uid).await,
            Event::Update { deleted } => {
                self.update(deleted).await;
                Ok(())
            }
        }
    }

    /// Something of ours failed.
    pub(super) fn fault(&self, place: &str, error: &dyn std::fmt::Display) {
        self.context.fault(self.visitor.session, place, error);
    }
}
