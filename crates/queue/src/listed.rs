//! What an operator asks for and what he sees.

use envelope::{Address, MailId, Notify, Timestamp};

use crate::site::Suspension;
use crate::types::Mail;

/// Which rows an operator means. Everything that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// This letter.
    pub mail: Option<MailId>,
    /// Recipients whose address is at this domain (or literal).
    pub domain: Option<String>,
    /// Recipients whose next hop has this key.
    pub destination: Option<String>,
    /// This recipient.
    pub recipient: Option<String>,
    /// This sender; `@athens.test` is everybody there; the empty text is the null reverse-path. Of a letter that was forwarded
    /// both are meant: the address that stands for the sender, and the sender ([`directory::srs::behind`]).
    pub sender: Option<String>,
    /// Accepted before this moment: older than.
    pub accepted_before: Option<Timestamp>,
    /// Accepted at this moment or later: younger than.
    pub accepted_after: Option<Timestamp>,
    /// The last reply, or the reason of the hold, contains this text, whatever its case.
    pub reason: Option<String>,
    /// Only rows that are held, or are to be when their attempt fails; or only others.
    pub held: Option<bool>,
    /// Only rows whose destination rests, or only others.
    pub resting: Option<bool>,
    /// Only rows whose destination or domain the operator has suspended, or only others.
    pub suspended: Option<bool>,
    /// Letters of at least so many octets.
    pub octets_min: Option<u64>,
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
    /// The key of the next hop.
    pub destination: String,
    /// Held by the operator, or by a rule.
    pub held: bool,
    /// The server that has it in hand, or had it when its lease ran out.
    pub claimed_by: Option<String>,
    /// What the operator has said while it was being sent.
    pub wish: Option<Wish>,
    /// Why it is held, or is to be, where somebody said.
    pub hold_reason: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// The next attempt by the letter's own patience (when claimed: the end of the lease).
    pub due: Timestamp,
    /// The last reply, in words.
    pub last_reply: Option<String>,
    /// The last dialogue with the next hop; only where one letter was asked for.
    pub dialogue: Option<String>,
    /// What happens to it next.
    pub next: Next,
    /// Whether the sender has been told of the delay.
    pub delay_told: bool,
    /// NOTIFY=.
    pub notify: Option<Notify>,
    /// ORCPT=, in xtext.
    pub original: Option<String>,
    /// Grows with every claim: [`crate::Queue::settle_in`] under it ends the row unless somebody has claimed it since.
    pub fence: i64,
}

impl Listed {
    /// Whether somebody has it in hand at `now`: his lease is not over.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.is_claimed() && now < self.due
    }

    /// Whether somebody has claimed it, and has not said how that ended; his lease may be over.
    pub fn is_claimed(&self) -> bool {
        self.claimed_by.is_some()
    }
}

/// What becomes of a row that is being sent just now, unless it is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Held.
    Hold,
    /// Out of the queue, without a word to the sender.
    Drop,
}

/// What happens to a row next, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until it is released.
    Held {
        /// Why, where somebody said.
        reason: Option<String>,
    },
    /// It is in somebody's hands.
    Active {
        /// The end of the lease: by then it has ended, was prolonged, or is due again.
        until: Timestamp,
    },
    /// Nothing, until the operator resumes its destination or its domain.
    Suspended(Suspension),
    /// Its destination rests.
    Resting {
        /// Then it is tried again, with one letter first. A letter whose own patience is longer is [`Next::Due`].
        until: Timestamp,
        /// How often it has failed.
        failures: u32,
    },
    /// It waits for its turn in its destination's own queue.
    Turn,
    /// It is tried.
    Due {
        /// When.
        at: Timestamp,
    },
}

/// Which rows come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// What is tried soonest; what is held or suspended last.
    #[default]
    Next,
    /// The oldest letter.
    Age,
    /// The largest.
    Size,
    /// By the sender's address.
    Sender,
    /// By the next hop.
    Destination,
}

impl std::str::FromStr for Order {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(match word {
            "next" => Self::Next,
            "age" => Self::Age,
            "size" => Self::Size,
            "sender" => Self::Sender,
            "destination" => Self::Destination,
            _ => return Err("say next, age, size, sender or destination".to_owned()),
        })
    }
}

/// What an operator sees of the rows that he means.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// The first of them.
    pub rows: Vec<Listed>,
    /// All of them, counted.
    pub totals: Totals,
}

/// How much it is. Numbers count recipients, but for `letters` and `octets`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// All.
    pub recipients: u64,
    /// Letters that have them.
    pub letters: u64,
    /// Octets of these letters, each counted once.
    pub octets: u64,
    /// For their turn, or for their time.
    pub waiting: u64,
    /// In work.
    pub active: u64,
    /// For the end of their destination's rest.
    pub resting: u64,
    /// Behind a suspension.
    pub suspended: u64,
    /// Held.
    pub held: u64,
}

impl Totals {
    /// Counts one more. A letter's rows come one after the other: `is_new` says that it is the first of its letter.
    pub(crate) fn count(&mut self, row: &Listed, is_new: bool) {
        self.recipients += 1;
        if is_new {
            self.letters += 1;
            self.octets = self.octets.saturating_add(row.mail.octets);
        }
        *match row.next {
            Next::Held { .. } => &mut self.held,
            Next::Active { .. } => &mut self.active,
            Next::Suspended(_) => &mut self.suspended,
            Next::Resting { .. } => &mut self.resting,
            Next::Turn | Next::Due { .. } => &mut self.waiting,
        } += 1;
    }
}

/// Numbers for the operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Recipients waiting or in work.
    pub waiting: u64,
    /// Recipients held.
    pub held: u64,
}
