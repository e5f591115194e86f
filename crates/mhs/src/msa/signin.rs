//! Signing in: the directory knows; here failures are slowed, limited and written down. Who has failed too often waits
//! with the right password too. Every address counts alike, loopback also: guesses come through tunnels and proxies.

use directory::SignIn;
use journal::Event;
use net::clock;
use protocol::sasl::{Refusal, Request};

use crate::limits::{JOURNAL_TEXT_MAX, SIGN_IN_DELAY};
use crate::mta::inbound::Visit;

impl Visit {
    pub(crate) async fn sign_in(&mut self, request: &Request) {
        // A proof was begun before, and a wrong one does not come here: to refuse the right one would tell it apart.
        let begins = !matches!(request, Request::Proved { .. });
        if begins && self.context.sign_in_failures.peek_address(self.peer, clock::instant()).is_err() {
            let reason = &"too many failed sign-ins from there";
            return self.refuse_sign_in(request.user(), request.mechanism(), reason, Refusal::Temporary).await;
        }
        match self.context.directory.sign_in(request).await {
            Ok(SignIn::Keys(keys)) => self.session().scram_keys(keys),
            Ok(SignIn::Accepted(who)) => {
                self.record(Event::SignedIn {
                    service: self.service,
                    account: who.address().clone(),
                    mechanism: request.mechanism().to_owned(),
                    peer: Some(self.peer),
                });
                self.who = Some(who);
                self.session().sign_in_accepted();
            }
            // Our own trouble is nobody's guess.
            Ok(SignIn::Refused(refusal @ Refusal::Temporary)) => {
                self.refuse_sign_in(request.user(), request.mechanism(), &refusal, refusal).await;
            }
            Ok(SignIn::Refused(refusal)) => {
                self.sign_in_failed(request.user(), request.mechanism(), &refusal, refusal).await;
            }
            Err(error) => {
                self.context.fault(Some(self.id), None, "directory", &error);
                let refusal = Refusal::Temporary;
                self.refuse_sign_in(request.user(), request.mechanism(), &refusal, refusal).await;
            }
        }
    }

    /// Counts a failed sign-in, and answers it.
    pub(crate) async fn sign_in_failed(
        &mut self,
        user: &str,
        mechanism: &str,
        reason: &(dyn std::fmt::Display + Sync),
        refusal: Refusal,
    ) {
        let (failures, now) = (&self.context.sign_in_failures, clock::instant());
        failures.charge_address(self.peer, now);
        if failures.peek_address(self.peer, now).is_err() {
            let limit = "failed sign-ins".to_owned();
            self.record(Event::Limited { service: self.service, limit, peer: Some(self.peer) });
        }
        self.refuse_sign_in(user, mechanism, reason, refusal).await;
    }

    async fn refuse_sign_in(
        &mut self,
        user: &str,
        mechanism: &str,
        reason: &(dyn std::fmt::Display + Sync),
        refusal: Refusal,
    ) {
        self.record(Event::SignInRefused {
            service: self.service,
            user: user.chars().filter(|c| !c.is_control()).take(JOURNAL_TEXT_MAX).collect(),
            mechanism: mechanism.to_owned(),
            reason: reason.to_string(),
            peer: Some(self.peer),
        });
        tokio::time::sleep(SIGN_IN_DELAY).await;
        self.session().sign_in_refused(refusal);
    }
}
