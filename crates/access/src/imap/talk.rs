//! One reader's connection: takes the session's events and hands each command to its verb.

use std::sync::Arc;
use std::time::Instant;

use directory::SignIn;
use mailstore::{Account, Feed, Hint, UidSet};
use message::mime::Structure;
use net::{Conversation, Gone, clock};
use protocol::imap::{Command, Event, Server};
use protocol::sasl::{Refusal, Request};
use storage::BodyId;

use super::append::Upload;
use super::search::Watch;
use super::selected::Selected;
use super::trouble::Trouble;
use crate::{Context, Visitor};

/// A connection and what stands behind it.
pub(super) struct Talk {
    pub(super) context: Arc<Context>,
    pub(super) visitor: Visitor,
    pub(super) line: Conversation<Server>,
    pub(super) account: Option<Account>,
    pub(super) selected: Option<Selected>,
    /// Hints that the selected mailbox may have changed.
    pub(super) feed: Option<Feed>,
    /// A hint came and was not looked into yet.
    pub(super) stale: bool,
    pub(super) upload: Option<Box<Upload>>,
    /// The parts of the message that was looked into last: clients fetch one part after another.
    pub(super) last_structure: Option<(BodyId, Arc<Structure>)>,
    /// Searches of the selected mailbox that are kept up to date (RFC 5267).
    pub(super) watches: Vec<Watch>,
    /// The lowest UID that a limit has left in the command on its way (RFC 9738).
    pub(super) cut_at: Option<u32>,
    /// When the client last heard that its command goes on, or began it (RFC 9585).
    pub(super) last_heard: Instant,
    /// Between IDLE and DONE.
    pub(super) idling: bool,
    draining: bool,
    /// The client was told to go.
    cut_short: bool,
}

impl Talk {
    pub(super) fn new(context: Arc<Context>, visitor: Visitor, line: Conversation<Server>) -> Self {
        Self {
            context,
            visitor,
            line,
            account: None,
            selected: None,
            feed: None,
            stale: false,
            upload: None,
            last_structure: None,
            watches: Vec::new(),
            cut_at: None,
            last_heard: clock::instant(),
            idling: false,
            draining: false,
            cut_short: false,
        }
    }

    /// Serves to the end: why it ended, octets in and out.
    pub(super) async fn run(&mut self) -> (String, u64, u64) {
        let outcome = self.serve().await;
        Box::pin(self.deselect()).await;
        let reason = match outcome {
            Ok(()) if self.line.timed_out() => "idle".to_owned(),
            Ok(()) if self.cut_short => "shutdown".to_owned(),
            Ok(()) => "logout".to_owned(),
            Err(gone) => gone.to_string(),
        };
        (reason, self.line.bytes_in(), self.line.bytes_out())
    }

    async fn serve(&mut self) -> Result<(), Gone> {
        loop {
            let waited = if self.idling { self.idle_wait().await } else { Ok(self.next_event().await?) };
            let event = match waited {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(()),
                Err(Trouble::Gone(gone)) => return Err(gone),
                Err(trouble) => {
                    self.tell(&trouble)?;
                    continue;
                }
            };
            self.context.note_tls(&self.visitor, &mut self.line);
            // In a box of its own, so that an idle connection holds none of what a FETCH needs.
            match Box::pin(self.take(event)).await {
                Ok(()) => {}
                Err(Trouble::Gone(gone)) => return Err(gone),
                Err(trouble) => self.tell(&trouble)?,
            }
        }
    }

    /// The next event; on shutdown the client hears BYE as soon as it is not owed an answer.
    pub(super) async fn next_event(&mut self) -> Result<Option<Event>, Gone> {
        if !self.draining {
            tokio::select! {
                event = self.line.next() => return event,
                () = self.context.shutdown.draining() => {
                    self.draining = true;
                    self.cut_short = self.line.session().bye("Shutting down, come back in a minute");
                }
            }
        }
        self.line.next().await
    }

    /// Answers a verb that did not come to its end; a connection in the middle of a literal is cut.
    fn tell(&mut self, trouble: &Trouble) -> Result<(), Gone> {
        if trouble.is_ours() {
            self.context.fault(self.visitor.session, "imap", trouble);
        }
        if trouble.is_final() {
            return Err(Gone::Io(std::io::Error::other(trouble.to_string())));
        }
        trouble.answer(self.line.session());
        Ok(())
    }

    async fn take(&mut self, event: Event) -> Result<(), Trouble> {
        match event {
            Event::Authenticate(request) => {
                self.sign_in(request).await;
                Ok(())
            }
            Event::SignInFailed { user, mechanism, reason } => {
                self.context.sign_in_failed(&self.visitor, &user, mechanism, reason).await;
                self.line.session().sign_in_refused(Refusal::Credentials);
                Ok(())
            }
            Event::Command(command) => self.command(command).await,
            Event::Append(append) => self.append(append).await,
            Event::AppendNext(message) => self.append_next(&message).await,
            Event::AppendUrl(url) => self.append_url(&url).await,
            Event::AppendText(octets) => self.append_text(octets),
            Event::AppendChunk(chunk) => self.append_chunk(chunk).await,
            Event::AppendEnd => self.append_end().await,
            Event::AppendBroken => {
                self.upload = None;
                Ok(())
            }
            Event::IdleEnd => {
                self.idling = false;
                self.line.session().ok(None, "IDLE done");
                Ok(())
            }
        }
    }

    async fn sign_in(&mut self, request: Request) {
        let answer = self.context.sign_in(&self.visitor, &request).await;
        match answer {
            SignIn::Keys(keys) => self.line.session().scram_keys(keys),
            SignIn::Refused(refusal) => self.line.session().sign_in_refused(refusal),
            SignIn::Accepted(who) => match self.context.mailstore.open(&who).await {
                Ok(account) => {
                    self.account = Some(account);
                    self.line.session().sign_in_accepted();
                }
                Err(error) => {
                    self.context.fault(self.visitor.session, "mailstore", &error);
                    self.line.session().sign_in_refused(Refusal::Temporary);
                }
            },
        }
    }

    /// The account; the session asks for nothing of it before sign-in.
    pub(super) fn account(&self) -> Result<Account, Trouble> {
        self.account.clone().ok_or(Trouble::Mailbox(mailstore::Error::Cannot("sign in first")))
    }

    /// UNAUTHENTICATE (RFC 8437): nothing of the account stays.
    async fn unauthenticate(&mut self) -> Result<(), Trouble> {
        self.deselect().await;
        (self.account, self.feed, self.stale) = (None, None, false);
        self.line.session().unauthenticated();
        Ok(())
    }

    async fn command(&mut self, command: Command) -> Result<(), Trouble> {
        (self.cut_at, self.last_heard) = (None, clock::instant());
        if let Some(selected) = &mut self.selected {
            selected.enabled = self.line.session().enabled();
        }
        match command {
            Command::Select(select) => self.select(&select).await,
            Command::Create(create) => self.create(&create).await,
            Command::Delete(mailbox) => self.delete(&mailbox).await,
            Command::Rename { from, to } => self.rename(&from, &to).await,
            Command::Subscribe(mailbox) => self.subscribe(&mailbox).await,
            Command::Unsubscribe(mailbox) => self.unsubscribe(&mailbox).await,
            Command::List(query) => self.list(&query).await,
            Command::Lsub(query) => self.lsub(&query).await,
            Command::Status { mailbox, items } => self.status(&mailbox, &items).await,
            Command::GetQuota(root) => self.get_quota(&root).await,
            Command::GetQuotaRoot(mailbox) => self.get_quota_root(&mailbox).await,
            Command::SetQuota(_) => {
                self.set_quota();
                Ok(())
            }
            Command::Unauthenticate => self.unauthenticate().await,
            Command::Idle => self.idle().await,
            Command::Noop => self.done_with(true, "NOOP").await,
            Command::Check => self.done_with(true, "CHECK").await,
            Command::Close => self.close().await,
            Command::Unselect => self.unselect().await,
            Command::Expunge { uids } => self.expunge(uids.as_ref()).await,
            Command::Search(search) => self.search(search).await,
            Command::MultiSearch(order) => self.multi_search(&order).await,
            Command::CancelUpdate(tags) => self.cancel_update(&tags).await,
            Command::UidBatches(order) => self.uid_batches(&order).await,
            Command::Sort(sort) => self.sort(&sort).await,
            Command::Thread(thread) => self.thread(&thread).await,
            Command::Fetch(fetch) => self.fetch(&fetch).await,
            Command::Store(store) => self.store(&store).await,
            Command::Copy(transfer) => self.copy(&transfer).await,
            Command::Move(transfer) => self.r#move(&transfer).await,
            // The session answers the others itself.
            _ => {
                self.line.session().bad("Not implemented");
                Ok(())
            }
        }
    }

    /// Looks whether hints came, without waiting.
    async fn look_for_hints(&mut self) {
        let Some(feed) = &mut self.feed else { return };
        loop {
            tokio::select! {
                biased;
                hint = feed.next() => {
                    let ours = self.selected.as_ref().map(|selected| selected.mailbox);
                    self.stale |= !matches!(hint, Hint::Mailbox(other) if Some(other) != ours);
                }
                () = std::future::ready(()) => return,
            }
        }
    }

    /// Tells the client what happened in its mailbox, if anything did. `look` asks the store even without a hint.
    pub(super) async fn catch_up(&mut self, expunge: bool, look: bool) -> Result<(), Trouble> {
        self.learn(expunge, look).await?;
        if let Some(selected) = &mut self.selected
            && selected.has_untold()
        {
            selected.tell_flags(self.line.session().output());
        }
        Ok(())
    }

    /// The same, but for new flags: a command that is about to change or to show them tells them itself, or leaves
    /// them to the catching up at its end.
    pub(super) async fn learn(&mut self, expunge: bool, look: bool) -> Result<(), Trouble> {
        self.look_for_hints().await;
        let Some(selected) = &mut self.selected else { return Ok(()) };
        if !(self.stale || look || expunge && selected.has_gone()) {
            return Ok(());
        }
        let Some(account) = &self.account else { return Ok(()) };
        let changed = match selected.hear(account, self.line.session().output()).await {
            Err(mailstore::Error::NoMailbox | mailstore::Error::NoSelect) => {
                // Somebody deleted it under us: RFC 2180 section 3.3 leaves no better way.
                self.selected = None;
                self.line.session().bye("The selected mailbox was deleted");
                return Ok(());
            }
            changed => changed?,
        };
        let mut watched = UidSet::EMPTY;
        if !self.watches.is_empty() {
            watched = changed.iter().map(|entry| entry.uid).collect();
            self.unwatch_gone();
        }
        if let (Some(selected), Some(account)) = (&mut self.selected, &self.account) {
            selected.tell(account, changed, expunge, self.line.session().output());
        }
        self.stale = false;
        if !watched.is_empty() {
            Box::pin(self.watch_again(&watched)).await?;
        }
        Ok(())
    }

    /// `OK`, after telling what happened.
    pub(super) async fn done(&mut self, expunge: bool, verb: &str) -> Result<(), Trouble> {
        self.catch_up(expunge, false).await?;
        self.finish(None, &format!("{verb} done"));
        Ok(())
    }

    async fn done_with(&mut self, look: bool, verb: &str) -> Result<(), Trouble> {
        self.catch_up(true, look).await?;
        self.line.session().ok(None, &format!("{verb} done"));
        Ok(())
    }

    /// The selected mailbox, which the session has made sure of.
    pub(super) fn selected(&mut self) -> Result<&mut Selected, Trouble> {
        self.selected.as_mut().ok_or(Trouble::Mailbox(mailstore::Error::Cannot("no mailbox is selected")))
    }

    /// Sends what is gathered when it is much; waits until the client has read it.
    pub(super) async fn relieve(&mut self) -> Result<(), Trouble> {
        if self.line.session().output().len() >= crate::limits::OUTPUT_OCTETS_MAX {
            self.line.flush().await?;
        }
        Ok(())
    }
}
