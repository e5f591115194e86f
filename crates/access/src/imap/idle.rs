//! IDLE (RFC 2177): what happens in the mailbox is told as it happens.

use mailstore::Hint;
use protocol::imap::Event;

use super::talk::Talk;
use super::trouble::Trouble;

/// What ended the waiting.
enum Woken {
    /// The client, or the end of the connection.
    Client(Option<Event>),
    /// The mailbox, perhaps.
    Mailbox(Hint),
}

impl Talk {
    pub(super) async fn idle(&mut self) -> Result<(), Trouble> {
        self.idling = true;
        self.last_structure = None;
        // What is to be told at once; asked of the store, so that nothing is missed from before the feed.
        self.catch_up(true, true).await?;
        if let (Some(selected), Some(account)) = (&mut self.selected, &self.account) {
            selected.share(account).await?;
        }
        Ok(())
    }

    /// Waits for the client's DONE while telling what happens: instead of the plain wait for the next event.
    pub(super) async fn idle_wait(&mut self) -> Result<Option<Event>, Trouble> {
        loop {
            let woken = match (&mut self.feed, &self.selected) {
                (Some(feed), Some(_)) => tokio::select! {
                    hint = feed.next() => Woken::Mailbox(hint),
                    event = self.line.next() => Woken::Client(event?),
                    () = self.context.shutdown.draining() => return Ok(self.next_event().await?),
                },
                _ => Woken::Client(self.next_event().await?),
            };
            match woken {
                Woken::Client(event) => return Ok(event),
                Woken::Mailbox(hint) => {
                    let ours = self.selected.as_ref().map(|selected| selected.mailbox);
                    if !matches!(hint, Hint::Mailbox(other) if Some(other) != ours) {
                        self.stale = true;
                        Box::pin(self.catch_up(true, false)).await?;
                    }
                }
            }
        }
    }
}
