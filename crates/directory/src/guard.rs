//! The one guard of all doors where people sign in: failures are slowed, limited and written down. Who has failed too often
//! waits with the right password too. Every address counts alike, loopback also: guesses come through tunnels and proxies.
//!
//! There is one in a process, whatever speaks at the door and however often the configuration is read again: else a
//! guesser had a budget for each protocol, and a reload gave him all of it back.

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use envelope::SessionId;
use journal::{Entry, Event, Journal, Service};
use net::{RateLimiter, clock};
use protocol::sasl::{Refusal, Request};

use crate::limits::{
    SIGN_IN_ADDRESSES, SIGN_IN_DELAY, SIGN_IN_FAILURE_BURST, SIGN_IN_FAILURE_INTERVAL, SIGN_IN_NAME_MAX,
};
use crate::{Directory, SignIn};

/// From where a password may come that nothing encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClearText {
    /// From nowhere.
    #[default]
    Never,
    /// From this machine: between two of its programs nobody listens.
    Loopback,
    /// From everywhere. For a network that is trusted whole.
    Anywhere,
}

impl ClearText {
    /// Whether it may come from this address.
    pub fn is_allowed_from(self, peer: IpAddr) -> bool {
        match self {
            Self::Never => false,
            Self::Loopback => peer.to_canonical().is_loopback(),
            Self::Anywhere => true,
        }
    }
}

/// Who signs in, before it is known who that is.
#[derive(Clone, Copy)]
pub struct Knock<'a> {
    /// Where it is written down.
    pub journal: &'a dyn Journal,
    /// At which door.
    pub service: Service,
    /// On which connection.
    pub session: SessionId,
    /// From where.
    pub peer: IpAddr,
}

impl Knock<'_> {
    fn record(&self, event: Event) {
        self.journal.record(Entry { at: clock::now(), session: Some(self.session), mail: None, event });
    }
}

/// Counts failures by address. Its memory is bounded whatever comes.
pub struct SignInGuard {
    failures: RateLimiter,
    delay: Duration,
}

impl SignInGuard {
    /// With the limits of [`crate::limits`].
    pub fn new() -> Arc<Self> {
        Self::with(SIGN_IN_FAILURE_BURST, SIGN_IN_DELAY)
    }

    /// For tests: an address has so many failures at once, and an answer waits so long.
    pub fn with(failures_max: u32, delay: Duration) -> Arc<Self> {
        let failures = RateLimiter::new(failures_max, SIGN_IN_FAILURE_INTERVAL, SIGN_IN_ADDRESSES, clock::instant());
        Arc::new(Self { failures, delay })
    }

    /// Asks the directory, unless this address has failed too often. Returns late when the answer is no.
    pub async fn sign_in(&self, directory: &Directory, knock: Knock<'_>, request: &Request) -> SignIn {
        let (user, mechanism) = (request.user(), request.mechanism());
        // A proof was begun before, and a wrong one does not come here: to refuse the right one would tell it apart.
        let begins = !matches!(request, Request::Proved { .. });
        if begins && self.has_enough_of(knock.peer) {
            self.refused(knock, user, mechanism, &"too many failed sign-ins from there").await;
            return SignIn::Refused(Refusal::Temporary);
        }
        let answer = directory.sign_in(request).await.unwrap_or_else(|error| {
            knock.record(Event::Fault { place: "sign-in".to_owned(), reason: error.to_string() });
            SignIn::Refused(Refusal::Temporary)
        });
        match &answer {
            SignIn::Accepted(who) => knock.record(Event::SignedIn {
                service: knock.service,
                account: who.address().clone(),
                mechanism: mechanism.to_owned(),
                peer: Some(knock.peer),
            }),
            // Our own trouble is nobody's guess.
            SignIn::Refused(refusal @ Refusal::Temporary) => self.refused(knock, user, mechanism, refusal).await,
            SignIn::Refused(refusal) => self.failed(knock, user, mechanism, refusal).await,
            SignIn::Keys(_) => {}
        }
        answer
    }

    /// Counts a sign-in that failed before the directory was asked, and returns when it may be answered.
    pub async fn failed(&self, knock: Knock<'_>, user: &str, mechanism: &str, reason: &(dyn Display + Sync)) {
        self.failures.charge_address(knock.peer, clock::instant());
        if self.has_enough_of(knock.peer) {
            let limit = "failed sign-ins".to_owned();
            knock.record(Event::Limited { service: knock.service, limit, peer: Some(knock.peer) });
        }
        self.refused(knock, user, mechanism, reason).await;
    }

    fn has_enough_of(&self, peer: IpAddr) -> bool {
        self.failures.peek_address(peer, clock::instant()).is_err()
    }

    /// What a stranger calls himself goes into the journal without what would write other lines there.
    async fn refused(&self, knock: Knock<'_>, user: &str, mechanism: &str, reason: &(dyn Display + Sync)) {
        knock.record(Event::SignInRefused {
            service: knock.service,
            user: user.chars().filter(|c| !c.is_control()).take(SIGN_IN_NAME_MAX).collect(),
            mechanism: mechanism.to_owned(),
            reason: reason.to_string(),
            peer: Some(knock.peer),
        });
        tokio::time::sleep(self.delay).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_listens() {
        let from = |text: &str| text.parse::<IpAddr>().unwrap();
        for (peer, loopback) in [("127.0.0.1", true), ("::1", true), ("::ffff:127.0.0.9", true), ("10.0.0.1", false)] {
            assert_eq!(ClearText::Loopback.is_allowed_from(from(peer)), loopback, "{peer}");
            assert!(ClearText::Anywhere.is_allowed_from(from(peer)) && !ClearText::Never.is_allowed_from(from(peer)));
        }
    }
}
