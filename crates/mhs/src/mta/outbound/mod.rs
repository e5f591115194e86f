//! Mail out: takes what is due from the queue and hands it to the next hop.
//!
//! - [`book`] is the scheduler, a value: a bounded window of the queue in memory, and who is next. [`desk`] is where new
//!   letters are handed over, [`fill`] fetches what waits in the store, [`schedule`] is the loop around them, [`work`] carries.
//! - [`SiteLimits`]: how many connections and letters a destination is asked to bear.
//! - [`target`] asks [`crate::route`] where a destination's mail goes.
//! - [`delivery`] asks host after host, [`progress`] keeps what has become of the letter meanwhile.
//! - [`connection`], [`tls`], [`transaction`] speak with the next hop; connections are used again. [`letter`] is what it
//!   gets, in 7 bits where it takes no 8.
//! - [`trouble`] turns each failure into an [`Outcome`] by its blast radius.
//! - [`lease`]: how long a claim is ours. [`spent`]: what is left of rates over a restart.
//! - [`settle`] ends the claims, and tells senders through [`crate::bounce`] in the same transaction.
//!
//! Knows no disk but the body it streams, and no mailbox.

mod allowance;
mod book;
mod connection;
mod delivery;
mod desk;
mod fill;
mod lease;
mod letter;
mod local;
mod progress;
mod require_tls;
mod schedule;
mod settings;
mod settle;
#[cfg(test)]
mod simulation;
mod spent;
pub mod target;
pub mod tls;
mod transaction;
mod trouble;
mod work;

use std::sync::Arc;

use envelope::{Outcome, Recipient, Reply};

pub use allowance::{Rate, SiteLimits};
pub use connection::Connections;
pub use delivery::deliver;
pub use lease::Leases;
pub use schedule::Outbound;
pub use settings::Settings;
pub use target::{Found, Host, Place, Target};
pub use tls::TlsPolicy;

/// One letter for some recipients of one destination.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The letter.
    pub mail: Arc<queue::Mail>,
    /// At least one, and no more than [`crate::limits::OUTBOUND_RECIPIENTS_MAX`].
    pub recipients: Vec<Recipient>,
    /// Whether it is still ours. When it is not, it is not begun, and a letter that is under way is broken off before its
    /// last line.
    pub leases: Leases,
}

/// A server's own words (RFC 3464 sections 2.3.5 and 2.3.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its name as strangers may know it ([`Host::public_name`]).
    pub host: String,
    /// Its reply.
    pub reply: Reply,
}

impl Said {
    fn by(host: &Host, reply: Reply) -> Self {
        Self { host: host.public_name().to_owned(), reply }
    }
}

/// How a batch went.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// One for each recipient, in order.
    pub outcomes: Vec<Outcome>,
    /// For each recipient, whether the lease was over before it had its outcome: then that is none, and it goes back to
    /// the queue as it was.
    pub back: Vec<bool>,
    /// The host that was talked to last; none when nobody was reached.
    pub host: Option<String>,
    /// For each recipient, what a server really said, for the notices; none where the outcome is our own finding.
    pub said: Vec<Option<Said>>,
    /// Nobody of the target talked to us: the whole destination waits.
    pub site_down: Option<Reply>,
    /// Somebody talked to us, and the connection broke before the letter's end.
    pub broken: bool,
    /// The last host that was asked was ready for a letter, and then said nothing.
    pub stalled: Option<Reply>,
    /// The next hop offered DSN, so that telling the sender of success is its business (RFC 3461 section 5.2.2).
    pub dsn_offered: bool,
    /// What was said with the last host that was talked to, 4 KiB at most, secrets masked; none when it
    /// came to no transaction nor to a sign-in that failed. For [`queue::Verdict::Later`], so that the operator sees why the letter waits.
    pub dialogue: Option<String>,
}
