//! What goes into the queue and what comes out of it.

use directory::RelayAllowed;
use envelope::{Address, BodyType, MailId, Notify, Recipient, Reply, Return, ReversePath, Timestamp};
use storage::BodyId;

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
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// An address of ours that sent it on.
    pub delivered_to: Option<Address>,
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
    /// The domain or address literal it goes to, as text: what attempts are grouped by.
    pub destination: String,
    /// Attempts made before.
    pub attempts: u32,
    /// Whether the sender has been told of the delay.
    pub delay_told: bool,
    /// The operator wants it tried, whatever is known of the destination.
    pub asked: bool,
    /// Grows with every claim.
    pub fence: i64,
}

/// How a claim ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Out of the queue: delivered, or failed and the sender told (in the same transaction).
    Done,
    /// Stays; tried again at `due`. `reply` is kept for the operator and the notices.
    Later {
        /// When.
        due: Timestamp,
        /// The last reply, ours or the peer's.
        reply: Reply,
        /// The sender has now been told of the delay.
        delay_told: bool,
        /// Whether this counts as an attempt, and its reply as the last one. A shutdown gives claims back without.
        counts: bool,
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

/// Which rows an operator means. Everything that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// This letter.
    pub mail: Option<MailId>,
    /// Recipients at this domain (or literal).
    pub destination: Option<String>,
    /// This recipient.
    pub recipient: Option<String>,
    /// This sender; the empty text is the null reverse path.
    pub sender: Option<String>,
    /// Only held rows, or only rows that are not held.
    pub held: Option<bool>,
}

/// One row of `queue list`.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The letter.
    pub mail: Mail,
    /// The recipient's number in it.
    pub number: i64,
    /// To whom.
    pub address: Address,
    /// Where it goes.
    pub destination: String,
    /// Held by the operator.
    pub held: bool,
    /// In work just now.
    pub claimed: bool,
    /// Attempts so far.
    pub attempts: u32,
    /// The next attempt (when claimed: the end of the lease).
    pub due: Timestamp,
    /// The last reply, in words.
    pub last_reply: Option<String>,
}

/// Numbers for the operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Recipients waiting or in work.
    pub waiting: u64,
    /// Recipients held.
    pub held: u64,
}
