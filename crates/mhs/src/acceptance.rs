//! Taking responsibility for a letter: ONE transaction names its body from every mailbox and from the queue, or from
//! none. Reception, submission, `angelia send` and bounces all come through here.
//!
//! 1. [`Letter`]: envelope and recipients, each resolved, each foreign one with its permission.
//! 2. The body has been given to the store, staged; [`Letter::ready`] ends it: the bytes are on disk.
//! 3. [`accept`] writes the rows. [`Accepted`] holds the store's [`Committed`], without which nobody says 250. Or, where
//!    the rows belong to a larger transaction, [`Ready::write_in`] and then [`Ready::tell`].

mod branch;
mod circle;

use std::collections::HashSet;
use std::sync::Arc;

use envelope::{Address, BodyType, MailId, Recipient, Reply, RequireTls, Return, ReversePath, SessionId, Timestamp};
use journal::{Event, Service};
use mailstore::{Label, Placed};
use message::dsn::Action;
use net::clock;
use queue::{Lane, Prepared};
use storage::{Committed, Stage, StagedBody, Transaction};

use self::branch::branches;
use self::circle::Asked;
pub(crate) use self::circle::circle_reply;
use crate::bounce;
use crate::limits::COPIES_MAX;
use crate::recipients::{Local, Remote, Ways};
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
    /// SIZE=: what it shall measure, in octets; 0 when nobody said.
    pub size: u64,
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
    pub remote: Vec<Remote>,
    /// Whom the sender is told of at once, and what.
    pub(crate) told: Vec<(Recipient, Action)>,
    /// Recipients for whom nothing is left, since the letter was forwarded from here before.
    pub(crate) circled: Vec<Recipient>,
    /// The letter's header, when there are any of them.
    pub(crate) circled_header: Vec<u8>,
    /// Every recipient, in order.
    asked: Vec<Asked>,
    /// Addresses kept in `asked`.
    kept_addresses: usize,
    /// Who has a copy: accounts by their own address and mailbox, next hops by their address.
    copies: HashSet<(Address, Option<String>)>,
}

impl Letter {
    /// A letter without recipients yet.
    pub fn new(service: Service, session: Option<SessionId>, reverse_path: ReversePath, arrived: Timestamp) -> Self {
        Self {
            id: MailId::new(arrived),
            session,
            service,
            reverse_path,
            size: 0,
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
            told: Vec::new(),
            circled: Vec::new(),
            circled_header: Vec::new(),
            asked: Vec::new(),
            kept_addresses: 0,
            copies: HashSet::new(),
        }
    }

    /// One more recipient. A mailbox, or a next hop, that is there already gets one copy only. Answers false, and adds
    /// nothing, when the letter would have too many copies.
    #[must_use]
    pub fn add(&mut self, recipient: &Recipient, ways: Ways) -> bool {
        let asked = Asked::new(recipient, &ways);
        let copies = self.local.len() + self.remote.len() + ways.local.len() + ways.remote.len();
        if copies.max(self.kept_addresses + asked.len()) > COPIES_MAX {
            return false;
        }
        self.kept_addresses += asked.len();
        self.asked.push(asked);
        self.recipients.push(recipient.address.clone());
        self.told.extend(ways.told.map(|action| (recipient.clone(), action)));
        for local in ways.local {
            if self.copies.insert((local.address.clone(), local.mailbox.clone())) {
                self.local.push(local);
            }
        }
        for copy in ways.remote {
            // By every way once: which of them are left is known when circles are broken.
            let by = copy.onward.as_ref().map(|onward| onward.by.to_string());
            if self.copies.insert((copy.recipient.address.clone(), by)) {
                self.remote.push(copy);
            }
        }
        true
    }

    /// A next hop that the letter reaches by several ways gets one copy: as the sender named it, if he did.
    fn keep_one_way(&mut self) {
        let direct = self.remote.iter().filter(|copy| copy.onward.is_none());
        let direct: HashSet<Address> = direct.map(|copy| copy.recipient.address.clone()).collect();
        let mut seen = HashSet::new();
        self.remote.retain(|copy| {
            let address = &copy.recipient.address;
            (copy.onward.is_none() || !direct.contains(address)) && seen.insert(address.clone())
        });
    }

    /// Why it cannot come in, when it is for full mailboxes only. `octets`: how long it is.
    pub(crate) async fn refused_for_room(
        &self,
        context: &Context,
        octets: u64,
    ) -> Result<Option<Reply>, mailstore::Error> {
        if !self.remote.is_empty() || self.reverse_path == ReversePath::Null {
            return Ok(None);
        }
        mda::room::refusal(context, &self.local, octets).await
    }

    /// Whether nobody gets it.
    pub fn has_no_recipients(&self) -> bool {
        self.local.is_empty() && self.remote.is_empty()
    }

    /// What stands before the letter on disk: Return-Path where it is delivered here (RFC 5321 section 4.4). The
    /// outbound client leaves it out again. It names the owner of a group when all who have the letter here have it from
    /// his group, and the sender otherwise: the copies share their octets.
    pub fn return_path(&self) -> String {
        let Some(first) = self.local.first() else { return String::new() };
        let agree = self.local.iter().all(|local| local.owner == first.owner);
        match first.owner.as_ref().filter(|_| agree && self.reverse_path != ReversePath::Null) {
            Some(owner) => message::trace::return_path_field(&ReversePath::Address(owner.clone())),
            None => message::trace::return_path_field(&self.reverse_path),
        }
    }

    /// Ends the body: its bytes are on disk on return.
    pub async fn ready(mut self, context: &Context, stage: Stage) -> Result<Ready, storage::Error> {
        // In ascending order, so that two letters for the same people never wait for each other in a circle.
        self.local.sort_by(|a, b| (a.account, &a.mailbox).cmp(&(b.account, &b.mailbox)));
        self.keep_one_way();
        let octets = stage.len();
        let label = Label {
            mail: Some(self.id),
            internal_date: self.arrived,
            sender: self.reverse_path.to_string(),
            accounts: self.local.iter().map(|local| (local.address.clone(), local.mailbox.clone())).collect(),
            legs: branches(&self).iter().map(branch::Branch::leg).collect(),
            ret: self.ret,
            envelope_id: self.envelope_id.clone(),
            body: self.body,
            smtputf8: self.smtputf8,
            require_tls: self.require_tls,
            ..Label::default()
        };
        let digest = if self.local.is_empty() { None } else { mailstore::digest_of(&stage).map(Arc::new) };
        let staged = stage.finish(label.encode()).await?;
        let (mailstore, queue) = (context.mailstore.clone(), context.queue.clone());
        let mut ready =
            Ready { letter: self, staged, octets, digest, mailstore, queue, prepared: Vec::new(), circles: None };
        ready.prepared = ready.prepare().await?;
        if !ready.letter.circled.is_empty() {
            ready.circles = Box::pin(bounce::circles(context, &ready)).await?.map(Box::new);
        }
        Ok(ready)
    }
}

/// A letter whose body is on disk; only the rows are missing.
pub struct Ready {
    letter: Letter,
    staged: StagedBody,
    octets: u64,
    /// What lists in its mailboxes show.
    digest: Option<Arc<message::digest::Digest>>,
    mailstore: mailstore::Mailstore,
    queue: queue::Queue,
    /// How each copy for the queue begins, branch by branch.
    prepared: Vec<Prepared>,
    /// Tells the sender of recipients for whom nothing is left.
    circles: Option<Box<bounce::Notice>>,
}

impl Ready {
    /// Its name here.
    pub fn id(&self) -> MailId {
        self.letter.id
    }

    /// Room for the copies that go into the queue. The turn of each is the sender's, under whatever path it goes out.
    async fn prepare(&self) -> Result<Vec<Prepared>, storage::Error> {
        let lane = Lane::of(&self.letter.reverse_path);
        let mut prepared = Vec::new();
        for branch in branches(&self.letter) {
            let remote: Vec<&Address> = branch.copies.iter().map(|copy| &copy.recipient.address).collect();
            prepared.push(self.queue.prepare(branch.reverse_path(&self.letter), lane, &remote, clock::now()).await?);
        }
        Ok(prepared)
    }

    /// Writes the rows, in whatever transaction. Repeating it changes nothing, whatever has become of the letter since:
    /// what was read and removed, or was carried on, does not come a second time. Answers the mailboxes, for
    /// [`Ready::tell`]; none where its reader has the letter no more.
    pub fn write_in(&self, tx: &dyn Transaction) -> Result<Vec<Option<Placed>>, storage::Error> {
        Ok(self.write_or_find(tx)?.0)
    }

    /// The same, and whether they were not there before.
    pub(crate) fn write_or_find(&self, tx: &dyn Transaction) -> Result<(Vec<Option<Placed>>, bool), storage::Error> {
        let letter = &self.letter;
        let branches = branches(letter);
        let copies = letter.local.len() + branches.len();
        let Some(body) = tx.keep_first(&self.staged, u32::try_from(copies).unwrap_or(u32::MAX))? else {
            return Ok((self.find_in(tx)?, false));
        };
        let kept = mda::Kept { body, octets: self.octets, digest: self.digest.as_ref() };
        let mut placed = mda::deliver_in(tx, &self.mailstore, letter, &kept)?;
        for (branch, prepared) in branches.iter().zip(&self.prepared) {
            let recipients = branch.recipients();
            self.queue.accept_in(tx, &branch.mail(letter, body, self.octets, &recipients), prepared)?;
        }
        if let Some(notice) = &self.circles {
            placed.extend(notice.write_in(tx)?);
        }
        Ok((placed, true))
    }

    /// The rows were written before, and the answer lost.
    fn find_in(&self, tx: &dyn Transaction) -> Result<Vec<Option<Placed>>, storage::Error> {
        let (letter, body) = (&self.letter, self.staged.id());
        let kept = mda::Kept { body, octets: self.octets, digest: None };
        let mut placed = mda::find_in(tx, &self.mailstore, letter, &kept)?;
        for (branch, prepared) in branches(letter).iter().zip(&self.prepared) {
            let recipients = branch.recipients();
            self.queue.find_in(tx, &branch.mail(letter, body, self.octets, &recipients), prepared)?;
        }
        if let Some(notice) = &self.circles {
            placed.extend(notice.write_in(tx)?);
        }
        Ok(placed)
    }

    /// The letter, for a notice about it.
    pub(crate) fn about(&self) -> queue::Mail {
        let letter = &self.letter;
        queue::Mail {
            id: letter.id,
            body: self.staged.id(),
            octets: self.octets,
            reverse_path: letter.reverse_path.clone(),
            body_type: letter.body,
            smtputf8: letter.smtputf8,
            ret: letter.ret,
            envelope_id: letter.envelope_id.clone(),
            require_tls: letter.require_tls,
            accepted_at: letter.arrived,
            delivered_to: None,
        }
    }

    /// The letter as it was accepted.
    pub(crate) fn letter(&self) -> &Letter {
        &self.letter
    }

    /// Tells the journal, the readers and the queue, after the commit.
    pub fn tell(&self, context: &Context, placed: &[Option<Placed>]) {
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
            let Some(placed) = placed else { continue };
            record(Event::Delivered {
                recipient: local.recipient.clone(),
                account: local.address.clone(),
                mailbox: placed.name.clone(),
                uid: placed.uid,
            });
        }
        for recipient in &letter.circled {
            record(Event::Circle { recipient: recipient.address.clone() });
        }
        self.tell_queued(context);
        let (placed, noticed) = placed.split_at(letter.local.len().min(placed.len()));
        if let Some(notice) = &self.circles {
            notice.tell(context, noticed);
        }
        self.mailstore.announce(placed.iter().flatten());
        for prepared in &self.prepared {
            prepared.hand_over();
        }
        if self.prepared.iter().any(Prepared::is_due) {
            self.queue.wake();
        }
    }

    fn tell_queued(&self, context: &Context) {
        let letter = &self.letter;
        for (branch, prepared) in branches(letter).into_iter().zip(&self.prepared) {
            for (copy, destination) in branch.copies.iter().zip(prepared.destinations()) {
                let record = |event| context.record(letter.session, Some(branch.id), event);
                let recipient = copy.recipient.address.clone();
                if let Some(onward) = branch.onward {
                    record(Event::SentOn {
                        by: onward.by.clone(),
                        recipient: recipient.clone(),
                        reverse_path: onward.reverse_path.clone(),
                        letter: letter.id,
                        carried_as: branch.id,
                    });
                }
                record(Event::Queued { destination: destination.to_owned(), recipient });
            }
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
        // Asked again with the same body, the answer is known: what was written is not written twice.
        Err(storage::Error::OutcomeUnknown(_)) => write(context, &ready).await?,
        other => other?,
    };
    ready.tell(context, &placed);
    bounce::delivered(context, &ready).await;
    Ok(Accepted { id: ready.id(), _committed: committed })
}

/// Writes a letter's rows together with others, all or nothing; [`Ready::tell`] is the caller's. Where the answer to the
/// commit is lost it is asked for once more: what was written is found, and the other `rows` with it.
///
/// # Errors
/// Those of `rows`, of the store, or [`storage::Error::OutcomeUnknown`], when the second answer says no more.
pub async fn write_with<F>(
    context: &Context,
    ready: &Arc<Ready>,
    rows: F,
) -> Result<Vec<Option<Placed>>, storage::Error>
where
    F: FnMut(&dyn Transaction) -> Result<(), storage::Error> + Clone + Send + 'static,
{
    let (first, mut others) = (Arc::clone(ready), rows.clone());
    let write = context.store.write(move |tx| {
        others(tx)?;
        first.write_in(tx)
    });
    let why = match write.await {
        Err(storage::Error::OutcomeUnknown(why)) => why,
        other => return Ok(other?.0),
    };
    let (again, mut others) = (Arc::clone(ready), rows);
    let write = context.store.write(move |tx| {
        let (placed, is_new) = again.write_or_find(tx)?;
        if is_new {
            others(tx)?;
        }
        Ok(placed)
    });
    match write.await {
        Ok((placed, _)) => Ok(placed),
        Err(storage::Error::Refused(why)) => Err(storage::Error::Refused(why)),
        Err(_) => Err(storage::Error::OutcomeUnknown(why)),
    }
}

async fn write(context: &Context, ready: &Arc<Ready>) -> Result<(Vec<Option<Placed>>, Committed), storage::Error> {
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
