//! INPROGRESS (RFC 9585): a client whose command takes long hears now and then how far it has come.

use std::future::Future;

use net::clock;
use protocol::imap::encode::{Code, Untagged};

use super::talk::Talk;
use super::trouble::Trouble;
use crate::limits::PROGRESS_EVERY_MIN;

impl Talk {
    /// Between two steps of a command: `done` of `goal` messages. Never within a response.
    pub(super) async fn in_progress(&mut self, done: usize, goal: usize) -> Result<(), Trouble> {
        let now = clock::instant();
        if done >= goal || now.saturating_duration_since(self.last_heard) < self.context.settings.progress_every {
            return Ok(());
        }
        let number = |count: usize| u32::try_from(count).ok();
        self.tell_progress(number(done), number(goal)).await
    }

    async fn tell_progress(&mut self, done: Option<u32>, goal: Option<u32>) -> Result<(), Trouble> {
        self.last_heard = clock::instant();
        let tag = self.line.session().tag().to_owned();
        let code = Code::InProgress { tag: &tag, done, goal };
        self.line.session().untagged(&Untagged::Ok(Some(code), "Still at it"));
        self.line.flush().await?;
        Ok(())
    }

    /// Waits for a piece of work of which nothing is known before its end.
    pub(super) async fn patiently<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Trouble> {
        let every = self.context.settings.progress_every.max(PROGRESS_EVERY_MIN);
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(every) => self.tell_progress(None, None).await?,
            }
        }
    }
}
