//! What an operator asks for and what he sees.

use envelope::{Address, MailId, Timestamp};

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
    /// This sender; `@athens.test` is everybody there; the empty text is the null reverse-path.
    pub sender: Option<String>,
    /// Accepted before this moment: older than.
    pub accepted_before: Option<Timestamp>,
    /// Accepted at this moment or later: younger than.
    pub accepted_after: Option<Timestamp>,
    /// The last reply, or the reason of the hold, contains this text, whatever its case.
    pub reason: Option<String>,
    /// Only held rows, or only rows that are not held.
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
    /// In work just now.
    pub claimed: bool,
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
        /// The end of the lease: by then it has ended, or is due again.
        until: Timestamp,
    },
    /// Nothing, until the operator resumes its destination or its domain.
    Suspended {
        /// Why, as the operator said.
        reason: String,
    },
    /// Its destination rests.
    Resting {
        /// Then it is tried again, with one letter first.
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

/// Numbers for the operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Recipients waiting or in work.
    pub waiting: u64,
    /// Recipients held.
    pub held: u64,
}
