//! AUTHORIZATION: USER and PASS, AUTH. Who signs in gets his maildrop in the same answer.

use directory::{SignIn, SignedIn};
use protocol::sasl::{Reason, Refusal, Request};

use super::maildrop;
use super::talk::Talk;

impl Talk {
    pub(super) async fn sign_in(&mut self, request: Request) {
        let answer = self.context.sign_in(&self.visitor, &request).await;
        match answer {
            SignIn::Keys(keys) => self.line.session().scram_keys(keys),
            SignIn::Refused(refusal) => self.line.session().sign_in_refused(refusal),
            SignIn::Accepted(who) => self.open_maildrop(&who).await,
        }
    }

    /// A failure within the mechanism: noted, and kept waiting like a wrong password.
    pub(super) async fn note_failure(&mut self, user: &str, mechanism: &str, reason: Reason) {
        self.context.sign_in_failed(&self.visitor, user, mechanism, reason).await;
        self.line.session().sign_in_refused(Refusal::Credentials);
    }

    async fn open_maildrop(&mut self, who: &SignedIn) {
        match maildrop::open(&self.context.mailstore, who).await {
            Ok((account, mailbox, maildrop)) => {
                self.open = Some((account, mailbox));
                self.line.session().sign_in_accepted(maildrop);
            }
            Err(error) => {
                self.fault("mailstore", &error);
                self.line.session().maildrop_unavailable();
            }
        }
    }
}
