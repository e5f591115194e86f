//! Taking responsibility for a letter: ONE transaction names its body from every mailbox and from the queue, or from
//! none. Reception, submission, `angelia send` and bounces all come through here.
//!
//! 1. [`Letter`]: envelope and recipients, each resolved, each foreign one with its permission.
//! 2. The body has been given to the store, staged; [`Letter::ready`] ends it: the bytes are on disk.
//! 3. [`accept`] writes the rows. [`Accepted`] holds the store's [`Committed`], without which nobody says 250. Or, where
//!    the rows belong to a larger transaction, [`Ready::write_in`] and then [`Ready::tell`].

use std::collections::HashSet;
use std::sync::Arc;

use directory::RelayAllowed;
use envelope::{Address, BodyType, MailId, Recipient, Reply, RequireTls, Return, ReversePath, SessionId, Timestamp};
use journal::{Event, Service};
use mailstore::{Label, Placed};
use net::clock;
use queue::{Lane, NewMail, NewRecipient, Prepared};
use storage::{Committed, Stage, StagedBody, Transaction};

use crate::bounce::{self, About};
use crate::limits::COPIES_MAX;
use crate::recipients::{Local, Ways};
use crate::{Context, mda};

/// A letter that is about to be accepted.
#[derive(Debug)]
pub struct Letter {
    /// Its name here, which makes accepting it idempotent.
    pub id: MailId,
    /// The connection it came by.
    pub session: Option<SessionId>,
    /// The door it came through.
    pub service: Service,
    /// MAIL FROM.
    pub reverse_path: ReversePath,
    /// BODY=.
    pub body: BodyType,
    /// SMTPUTF8.
    pub smtputf8: bool,
    /// RET=.
    pub ret: Option<Return>,
    /// ENVID=.
    pub envelope_id: Option<String>,
    /// REQUIRETLS, or its opposite in the header.
    pub require_tls: RequireTls,
    /// When it came.
    pub arrived: Timestamp,
    /// Its Message-ID, for the journal; empty when it has none.
    pub message_id: String,
    /// As the sender named them, for the journal.
    pub recipients: Vec<Address>,
    /// Copies for mailboxes here.
    pub local: Vec<Local>,
    /// Copies for the queue.
    pub remote: Vec<(Recipient, RelayAllowed)>,
    /// Who has a copy: accounts by their own address and mailbox, next hops by their address.
    copies: HashSet<(Address, Option<String>)>,
}

impl Letter {
    /// A letter without recipients yet.
    pub fn new(service: Service, session: Option<SessionId>, reverse_path: ReversePath, arrived: Timestamp) -> Self {
        Self {
            id: MailId::random(),
            session,
            service,
            reverse_path,
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            require_tls: RequireTls::Unsaid,
            arrived,
            message_id: String::new(),
            recipients: Vec::new(),
            local: Vec::new(),
            remote: Vec::new(),
            copies: HashSet::new(),
        }
    }

    /// One more recipient. A mailbox, or a next hop, that is there already gets one copy only. Answers false, and adds
    /// nothing, when the letter would have too many copies.
    #[must_use]
    pub fn add(&mut self, recipient: &Recipient, ways: Ways) -> bool {
        if self.local.len() + self.remote.len() + ways.local.len() + ways.remote.len() > COPIES_MAX {
            return false;
        }
        self.recipients.push(recipient.address.clone());
        for local in ways.local {
            if self.copies.insert((local.address.clone(), local.mailbox.clone())) {
                self.local.push(local);
            }
        }
        for (next, allowed) in ways.remote {
            if self.copies.insert((next.address.clone(), None)) {
                self.remote.push((next, allowed));
            }
        }
        true
    }

    /// Whether nobody gets it.
    pub fn has_no_recipients(&self) -> bool {
        self.local.is_empty() && self.remote.is_empty()
    }

    /// What stands before the letter on disk: Return-Path where it is delivered here (RFC 5321 section 4.4). The
    /// outbound client leaves it out again.
    pub fn return_path(&self) -> String {
        if self.local.is_empty() {
            return String::new();
        }
        message::trace::return_path_field(&self.reverse_path)
    }

    /// Ends the body: its bytes are on disk on return.
    pub async fn ready(mut self, context: &Context, stage: Stage) -> Result<Ready, storage::Error> {
        // In ascending order, so that two letters for the same people never wait for each other in a circle.
        self.local.sort_by(|a, b| (a.account, &a.mailbox).cmp(&(b.account, &b.mailbox)));
        let octets = stage.len();
        let label = Label {
            mail: Some(self.id),
            internal_date: self.arrived,
            sender: self.reverse_path.to_string(),
            accounts: self.local.iter().map(|local| (local.address.clone(), local.mailbox.clone())).collect(),
            remote: self.remote.iter().map(|(recipient, _)| recipient.address.clone()).collect(),
            body: self.body,
            smtputf8: self.smtputf8,
            require_tls: self.require_tls,
            ..Label::default()
        };
        let staged = stage.finish(label.encode()).await?;
        let (mailstore, queue) = (context.mailstore.clone(), context.queue.clone());
        let remote: Vec<&Address> = self.remote.iter().map(|(recipient, _)| &recipient.address).collect();
        let lane = Lane::of(&self.reverse_path);
        let prepared = queue.prepare(&self.reverse_path, lane, &remote, clock::now()).await?;
        Ok(Ready { letter: self, staged, octets, mailstore, queue, prepared })
    }
}

/// A letter whose body is on disk; only the rows are missing.
pub struct Ready {
    letter: Letter,
    staged: StagedBody,
    octets: u64,
    mailstore: mailstore::Mailstore,
    queue: queue::Queue,
    /// How each copy for the queue begins.
    prepared: Prepared,
}

impl Ready {
    /// Its name here.
    pub fn id(&self) -> MailId {
        self.letter.id
    }

    /// Writes the rows, in whatever transaction. Repeating it changes nothing.
    pub fn write_in(&self, tx: &dyn Transaction) -> Result<Vec<Placed>, storage::Error> {
        let letter = &self.letter;
        let copies = letter.local.len() + usize::from(!letter.remote.is_empty());
        let body = tx.keep(&self.staged, u32::try_from(copies).unwrap_or(u32::MAX))?;
        let placed = mda::deliver_in(tx, &self.mailstore, letter, body, self.octets)?;
        if !letter.remote.is_empty() {
            let new: Vec<NewRecipient<'_>> =
                letter.remote.iter().map(|(recipient, allowed)| NewRecipient { recipient, allowed }).collect();
            let mail = NewMail {
                mail: letter.id,
                body,
                octets: self.octets,
                reverse_path: &letter.reverse_path,
                body_type: letter.body,
                smtputf8: letter.smtputf8,
                ret: letter.ret,
                envelope_id: letter.envelope_id.as_deref(),
                require_tls: letter.require_tls,
                accepted_at: letter.arrived,
                delivered_to: None,
                recipients: &new,
            };
            self.queue.accept_in(tx, &mail, &self.prepared)?;
        }
        Ok(placed)
    }

    /// The letter, for a notice about it.
    pub(crate) fn about(&self) -> About {
        let letter = &self.letter;
        About {
            mail: letter.id,
            body: self.staged.id(),
            reverse_path: letter.reverse_path.clone(),
            body_type: letter.body,
            smtputf8: letter.smtputf8,
            ret: letter.ret,
            envelope_id: letter.envelope_id.clone(),
            require_tls: letter.require_tls,
            accepted_at: letter.arrived,
        }
    }

    /// Whose mailboxes it is in.
    pub(crate) fn local(&self) -> &[Local] {
        &self.letter.local
    }

    /// Tells the journal, the readers and the queue, after the commit.
    pub fn tell(&self, context: &Context, placed: &[Placed]) {
        let letter = &self.letter;
        let record = |event| context.record(letter.session, Some(letter.id), event);
        record(Event::Accepted {
            reverse_path: letter.reverse_path.clone(),
            recipients: letter.recipients.clone(),
            octets: self.octets,
            message_id: letter.message_id.clone(),
            service: letter.service,
        });
        for (local, placed) in letter.local.iter().zip(placed) {
            record(Event::Delivered {
                recipient: local.recipient.clone(),
                account: local.address.clone(),
                mailbox: placed.name.clone(),
                uid: placed.uid,
            });
        }
        for ((recipient, _), destination) in letter.remote.iter().zip(self.prepared.destinations()) {
            record(Event::Queued { recipient: recipient.address.clone(), destination: destination.to_owned() });
        }
        self.mailstore.announce(placed);
        self.prepared.hand_over();
        if self.prepared.is_due() {
            self.queue.wake();
        }
    }
}

/// We have taken responsibility.
#[derive(Debug)]
pub struct Accepted {
    /// Which letter.
    pub id: MailId,
    /// The proof: without it there is no value of this type, and without one of these nobody says 250.
    _committed: Committed,
}

impl Accepted {
    /// The words of the 250, which nobody can have without the commit.
    pub fn reply_text(&self) -> String {
        format!("{} accepted", self.id)
    }
}

/// Writes the rows and tells everybody.
pub async fn accept(context: &Context, ready: Ready) -> Result<Accepted, storage::Error> {
    let ready = Arc::new(ready);
    let (placed, committed) = match write(context, &ready).await {
        // Asked again with the same id, the answer is known: what is there is not written twice.
        Err(storage::Error::OutcomeUnknown(_)) => write(context, &ready).await?,
        other => other?,
    };
    ready.tell(context, &placed);
    bounce::delivered(context, &ready).await;
    Ok(Accepted { id: ready.id(), _committed: committed })
}

async fn write(context: &Context, ready: &Arc<Ready>) -> Result<(Vec<Placed>, Committed), storage::Error> {
    let ready = Arc::clone(ready);
    context.store.write(move |tx| ready.write_in(tx)).await
}

/// What a client is told when the store does not take a letter: try again, with us nothing is lost.
pub fn trouble(error: &storage::Error) -> Reply {
    match error {
        storage::Error::Full(_) => Reply::new(452, (4, 3, 1), "no space left, try again later"),
        _ => Reply::new(451, (4, 3, 0), "temporary failure, try again later"),
    }
}
