//! Signing in, the same for every door: ask the directory, write the journal, keep guessers waiting. Who has failed too
//! often waits with the right password too. Every address counts alike, loopback also: guesses come through tunnels and
//! proxies.

use directory::SignIn;
use journal::Event;
use net::clock;
use protocol::sasl::{Refusal, Request};

use crate::{Context, Visitor, limits};

impl Context {
    /// Asks the directory, unless this address has failed too often. Returns late when the answer is no.
    pub(crate) async fn sign_in(&self, visitor: &Visitor, request: &Request) -> SignIn {
        // A proof was begun before, and a wrong one does not come here: to refuse the right one would tell it apart.
        let begins = !matches!(request, Request::Proved { .. });
        if begins && self.sign_in_failures.peek_address(visitor.peer.ip(), clock::instant()).is_err() {
            self.refused(visitor, request.user(), request.mechanism(), "too many failed sign-ins from there").await;
            return SignIn::Refused(Refusal::Temporary);
        }
        let answer = match self.directory.sign_in(request).await {
            Ok(answer) => answer,
            Err(error) => {
                self.fault(visitor.session, "sign-in", &error);
                SignIn::Refused(Refusal::Temporary)
            }
        };
        match &answer {
            SignIn::Accepted(who) => {
                let event = Event::SignedIn {
                    service: visitor.service,
                    account: who.address().clone(),
                    mechanism: request.mechanism().to_owned(),
                    peer: Some(visitor.peer.ip()),
                };
                self.record(Some(visitor.session), event);
            }
            // Our own trouble is nobody's guess.
            SignIn::Refused(Refusal::Temporary) => {
                let reason = Refusal::Temporary.to_string();
                self.refused(visitor, request.user(), request.mechanism(), &reason).await;
            }
            SignIn::Refused(refusal) => {
                self.sign_in_failed(visitor, request.user(), request.mechanism(), &refusal.to_string()).await;
            }
            SignIn::Keys(_) => {}
        }
        answer
    }

    /// Counts a failed sign-in, and returns when it may be answered.
    pub(crate) async fn sign_in_failed(&self, visitor: &Visitor, user: &str, mechanism: &str, reason: &str) {
        let (peer, now) = (visitor.peer.ip(), clock::instant());
        self.sign_in_failures.charge_address(peer, now);
        if self.sign_in_failures.peek_address(peer, now).is_err() {
            let limit = "failed sign-ins".to_owned();
            let event = Event::Limited { service: visitor.service, limit, peer: Some(peer) };
            self.record(Some(visitor.session), event);
        }
        self.refused(visitor, user, mechanism, reason).await;
    }

    async fn refused(&self, visitor: &Visitor, user: &str, mechanism: &str, reason: &str) {
        let event = Event::SignInRefused {
            service: visitor.service,
            user: user.chars().take(limits::JOURNAL_TEXT_MAX).collect(),
            mechanism: mechanism.to_owned(),
            reason: reason.to_owned(),
            peer: Some(visitor.peer.ip()),
        };
        self.record(Some(visitor.session), event);
        tokio::time::sleep(self.settings.sign_in_delay).await;
    }
}
