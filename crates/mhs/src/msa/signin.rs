//! Signing in: the directory knows; here failures are slowed, limited and written down.

use directory::SignIn;
use envelope::Reply;
use journal::Event;
use net::clock;
use protocol::sasl::{Refusal, Request};

use crate::limits::{JOURNAL_TEXT_MAX, SIGN_IN_DELAY};
use crate::mta::inbound::Visit;

impl Visit {
    pub(crate) async fn sign_in(&mut self, request: &Request) {
        match self.context.directory.sign_in(request).await {
            Ok(SignIn::Keys(keys)) => self.session().scram_keys(keys),
            Ok(SignIn::Accepted(who)) => {
                self.record(Event::SignedIn {
                    service: self.service,
                    account: who.address().clone(),
                    mechanism: mechanism(request).to_owned(),
                    peer: Some(self.peer),
                });
                self.who = Some(who);
                self.session().sign_in_accepted();
            }
            Ok(SignIn::Refused(refusal)) => {
                self.sign_in_failed(request.user(), mechanism(request), &refusal, refusal).await;
            }
            Err(error) => {
                self.context.fault(Some(self.id), None, "directory", &error);
                let refusal = Refusal::Temporary;
                self.sign_in_failed(request.user(), mechanism(request), &refusal, refusal).await;
            }
        }
    }

    pub(crate) async fn sign_in_failed(
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
        let limited = self.context.sign_in_failures.take_address(self.peer, clock::instant()).is_err();
        if limited && refusal != Refusal::Temporary {
            self.record(Event::Limited {
                service: self.service,
                limit: "failed sign-ins".to_owned(),
                peer: Some(self.peer),
            });
            self.session().close(&Reply::new(421, (4, 7, 0), "too many failed sign-ins").text);
        }
    }
}

fn mechanism(request: &Request) -> &'static str {
    match request {
        Request::Password { mechanism, .. } | Request::Proved { mechanism, .. } => mechanism,
        Request::ScramKeys { .. } => "SCRAM-SHA-256",
    }
}
