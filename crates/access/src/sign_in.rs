//! Signing in, the same for every door: ask the directory, write the journal, keep guessers waiting.

use directory::SignIn;
use journal::Event;
use net::clock;
use protocol::sasl::{Refusal, Request};

use crate::{Context, Visitor, limits};

impl Context {
    /// Asks the directory. Returns late when the answer is no.
    pub(crate) async fn sign_in(&self, visitor: &Visitor, request: &Request) -> SignIn {
        let answer = match self.directory.sign_in(request).await {
            Ok(answer) => answer,
            Err(error) => {
                self.fault(visitor.session, "sign-in", &error);
                SignIn::Refused(Refusal::Temporary)
            }
        };
        match (&answer, request) {
            (SignIn::Accepted(who), Request::Password { mechanism, .. } | Request::Proved { mechanism, .. }) => {
                let event = Event::SignedIn {
                    service: visitor.service,
                    account: who.address().clone(),
                    mechanism: (*mechanism).to_owned(),
                    peer: Some(visitor.peer.ip()),
                };
                self.record(Some(visitor.session), event);
            }
            (SignIn::Refused(refusal), Request::Password { mechanism, .. } | Request::Proved { mechanism, .. }) => {
                self.sign_in_failed(visitor, request.user(), mechanism, &refusal.to_string()).await;
            }
            _ => {}
        }
        answer
    }

    /// Notes a failed sign-in, and returns when it may be answered.
    pub(crate) async fn sign_in_failed(&self, visitor: &Visitor, user: &str, mechanism: &str, reason: &str) {
        let event = Event::SignInRefused {
            service: visitor.service,
            user: user.chars().take(limits::JOURNAL_TEXT_MAX).collect(),
            mechanism: mechanism.to_owned(),
            reason: reason.to_owned(),
            peer: Some(visitor.peer.ip()),
        };
        self.record(Some(visitor.session), event);
        let mut delay = self.settings.sign_in_delay;
        if let Err(wait) = self.sign_in_failures.take_address(visitor.peer.ip(), clock::instant()) {
            let limit = "failed sign-ins".to_owned();
            let event = Event::Limited { service: visitor.service, limit, peer: Some(visitor.peer.ip()) };
            self.record(Some(visitor.session), event);
            delay = delay.max(wait.min(limits::SIGN_IN_DELAY_MAX));
        }
        tokio::time::sleep(delay).await;
    }
}
