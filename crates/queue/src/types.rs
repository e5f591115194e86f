//! What goes into the queue and what comes out of it.

use directory::RelayAllowed;
use envelope::{Address, BodyType, MailId, Notify, Recipient, Reply, RequireTls, Return, ReversePath, Timestamp};
use storage::BodyId;

/// Whose turn it is among the letters of one destination: a number made from the sender. Lanes are served in turn, so
/// that one sender's thousand letters keep nobody else's waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(pub i64);

impl Lane {
    /// Of a sender: the same on every machine and in every release. All bounces are in one lane.
    pub fn of(reverse_path: &ReversePath) -> Self {
        Self(storage::seal(&[reverse_path.to_string().to_ascii_lowercase().into()]))
    }
}

/// A letter for the queue.
#[derive(Debug)]
pub struct NewMail<'a> {
    /// Its id: accepting it again changes nothing.
    pub mail: MailId,
    /// Its bytes; the transaction has kept them with ONE reference for the queue, however many recipients.
    pub body: BodyId,
    /// How many.
    pub octets: u64,
    /// MAIL FROM.
    pub reverse_path: &'a ReversePath,
    /// BODY=, as the next hop must be told.
    pub body_type: BodyType,
    /// SMTPUTF8 was asked for.
    pub smtputf8: bool,
    /// RET=.
    pub ret: Option<Return>,
    /// ENVID=, in xtext.
    pub envelope_id: Option<&'a str>,
    /// REQUIRETLS, or its opposite.
    pub require_tls: RequireTls,
    /// When it was accepted: its lifetime counts from here.
    pub accepted_at: Timestamp,
    /// An address of ours that sends the letter on (an alias, a forward): it goes out with `Delivered-To:` this address
    /// before its header, so that it is known when it comes back.
    pub delivered_to: Option<&'a Address>,
    /// To whom, each with the proof that we may relay to them.
    pub recipients: &'a [NewRecipient<'a>],
}

/// One recipient of it.
#[derive(Debug)]
pub struct NewRecipient<'a> {
    /// Address, NOTIFY=, ORCPT=.
    pub recipient: &'a Recipient,
    /// That we may.
    pub allowed: &'a RelayAllowed,
}

/// What all recipients of a letter share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// Its bytes.
    pub body: BodyId,
    /// How many.
    pub octets: u64,
    /// MAIL FROM.
    pub reverse_path: ReversePath,
    /// BODY=.
    pub body_type: BodyType,
    /// SMTPUTF8.
    pub smtputf8: bool,
    /// RET=.
    pub ret: Option<Return>,
    /// ENVID=, in xtext.
    pub envelope_id: Option<String>,
    /// REQUIRETLS, or its opposite.
    pub require_tls: RequireTls,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// An address of ours that sent it on.
    pub delivered_to: Option<Address>,
}

/// What a claim of several rows came to.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// Ours until their leases end.
    pub claims: Vec<Claim>,
    /// Rows that went into their destinations' own queues.
    pub parked: usize,
    /// The lane that was served last: the next claim from this destination's queue begins behind it.
    pub lane: Option<Lane>,
    /// There is more of the same: ask again.
    pub more: bool,
}

/// One recipient, claimed: ours to try until the lease ends. The fence decides who may settle it.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The letter.
    pub mail: std::sync::Arc<Mail>,
    /// The recipient's number in the letter.
    pub number: i64,
    /// To whom.
    pub address: Address,
    /// NOTIFY=.
    pub notify: Option<Notify>,
    /// ORCPT=, in xtext.
    pub original: Option<String>,
    /// The key of its next hop (a domain, an address literal, a route): what attempts are grouped by.
    pub destination: String,
    /// Whose turn it takes among the letters of the destination.
    pub lane: Lane,
    /// Attempts made before.
    pub attempts: u32,
    /// Whether the sender has been told of the delay.
    pub delay_told: bool,
    /// The operator has asked for an attempt since the destination's rest began: it is tried, rest or no rest.
    pub asked: bool,
    /// Claimed for a decision (a delay notice, the end of its lifetime), not to be tried: [`crate::Queue::claim_overdue`].
    pub overdue: bool,
    /// Grows with every claim.
    pub fence: i64,
    /// The end of the lease, as the row has it: from then on it is anybody's.
    pub leased_until: Timestamp,
}

/// How a claim ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Out of the queue, whatever the operator has wished: delivered.
    Done,
    /// Out of the queue: it has failed, and the sender is told in the same transaction, or does not want to hear. Unless the
    /// operator has wished otherwise while it was being sent.
    GivenUp {
        /// Kept with the row where the operator keeps the row.
        reply: Reply,
        /// As in [`Verdict::Later`].
        dialogue: Option<String>,
    },
    /// Stays; tried again at `due`. `reply` is kept for the operator and the notices.
    Later {
        /// When.
        due: Timestamp,
        /// The last reply, ours or the peer's.
        reply: Reply,
        /// The sender has now been told of the delay.
        delay_told: bool,
        /// Whether this counts as an attempt, and its reply as the last one. A shutdown gives claims back without. What the
        /// operator asked for is no attempt but for the first, and makes nothing later.
        counts: bool,
        /// The SMTP dialogue of this attempt, secrets masked; [`crate::limits::DIALOGUE_OCTETS_MAX`] of it are kept. None
        /// keeps the one before.
        dialogue: Option<String>,
    },
    /// Into its destination's own queue, untried: there is no room, or the destination rests. Nothing is counted.
    Park {
        /// When something must be decided about it though nobody tries it: [`crate::Backoff::wake`].
        wake_at: Timestamp,
        /// The sender has now been told of the delay.
        delay_told: bool,
    },
    /// The table of routes sends it elsewhere now: due under its new destination. Nothing is counted.
    Reroute {
        /// The key of the next hop.
        destination: String,
        /// When: now.
        due: Timestamp,
    },
}

/// A claim and its end.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The letter.
    pub mail: MailId,
    /// The recipient's number in it.
    pub number: i64,
    /// From the claim.
    pub fence: i64,
    /// The end.
    pub verdict: Verdict,
}

/// What has come of a [`Settlement`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was done as the verdict says. What the operator wanted held is held besides, when it stays.
    Written,
    /// The operator's wish was obeyed instead: held and not given up, or dropped.
    Obeyed,
    /// Nothing was changed: the row is gone, or somebody has claimed or settled it since.
    Lost,
}
