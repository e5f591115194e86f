//! Signing in: the guard of all doors asks the directory, and the answer goes into the session.

use directory::{Knock, SignIn};
use protocol::sasl::{Reason, Refusal, Request};

use crate::mta::inbound::Visit;

impl Visit {
    pub(crate) async fn sign_in(&mut self, request: &Request) {
        let answer = self.context.settings.sign_ins.sign_in(&self.context.directory, self.knock(), request).await;
        match answer {
            SignIn::Keys(keys) => self.session().scram_keys(keys),
            SignIn::Accepted(who) => {
                self.who = Some(who);
                self.session().sign_in_accepted();
            }
            SignIn::Refused(refusal) => self.session().sign_in_refused(refusal),
        }
    }

    /// A failure within the mechanism: counted, and kept waiting like a wrong password.
    pub(crate) async fn sign_in_failed(&mut self, user: &str, mechanism: &str, reason: Reason) {
        self.context.settings.sign_ins.failed(self.knock(), user, mechanism, &reason).await;
        self.session().sign_in_refused(Refusal::Credentials);
    }

    fn knock(&self) -> Knock<'_> {
        Knock { journal: &*self.context.journal, service: self.service, session: self.id, peer: self.peer }
    }
}
