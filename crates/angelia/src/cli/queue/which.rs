//! Which rows of the queue an operator means: the same words for every command.

use std::time::Duration;

use anyhow::bail;
use envelope::{MailId, Timestamp};
use queue::Filter;

/// Which recipients are meant. Everything that is given must match.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Which {
    /// The letter's id
    #[arg(value_name = "ID")]
    mail: Option<MailId>,
    /// Recipients at this domain
    #[arg(long)]
    domain: Option<String>,
    /// Recipients whose next hop is this (see `queue sites`)
    #[arg(long, value_name = "DESTINATION")]
    via: Option<String>,
    /// This recipient
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    /// Letters of this sender; @DOMAIN for all of a domain, empty for bounces
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Accepted longer ago than this (30m, 2h, 3d)
    #[arg(long, value_name = "TIME", value_parser = crate::config::parse_duration)]
    older: Option<Duration>,
    /// Accepted since (30m, 2h, 3d)
    #[arg(long, value_name = "TIME", value_parser = crate::config::parse_duration)]
    younger: Option<Duration>,
    /// The last reply, or the reason of the hold, has this text in it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only what is held
    #[arg(long)]
    held: bool,
    /// Only what waits for a destination that rests
    #[arg(long)]
    resting: bool,
    /// Only what is suspended
    #[arg(long)]
    suspended: bool,
}

/// The same, for a command that changes something: it wants to be told what.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Selection {
    #[command(flatten)]
    pub(super) which: Which,
    /// Everything in the queue
    #[arg(long)]
    pub(super) all: bool,
}

/// The same, for many at once.
#[derive(Debug, clap::Args)]
pub(super) struct Bulk {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Name each recipient, not only the first few
    #[arg(long, short)]
    pub(super) verbose: bool,
}

impl Which {
    pub(super) fn filter(self, now: Timestamp) -> Filter {
        let ago = |time: Duration| Timestamp(now.0.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)));
        Filter {
            mail: self.mail,
            domain: self.domain,
            destination: self.via,
            recipient: self.recipient,
            sender: self.sender,
            accepted_before: self.older.map(ago),
            accepted_after: self.younger.map(ago),
            reason: self.reason,
            held: self.held.then_some(true),
            resting: self.resting.then_some(true),
            suspended: self.suspended.then_some(true),
            octets_min: None,
        }
    }
}

impl Selection {
    pub(super) fn filter(self, now: Timestamp) -> anyhow::Result<Filter> {
        let filter = self.which.filter(now);
        if filter == Filter::default() && !self.all {
            bail!(
                "say which: a letter's id, --domain, --recipient, --sender and the like, or --all (see `angelia queue list`)"
            );
        }
        Ok(filter)
    }
}
