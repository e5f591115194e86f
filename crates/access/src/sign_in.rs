//! Signing in, the same for every door: the guard of all doors asks the directory.

use directory::{Knock, SignIn};
use protocol::sasl::{Reason, Request};

use crate::{Context, Visitor};

impl Context {
    /// Asks, unless this address has failed too often. Returns late when the answer is no.
    pub(crate) async fn sign_in(&self, visitor: &Visitor, request: &Request) -> SignIn {
        self.settings.sign_ins.sign_in(&self.directory, self.knock(visitor), request).await
    }

    /// Counts a failure within the mechanism, and returns when it may be answered.
    pub(crate) async fn sign_in_failed(&self, visitor: &Visitor, user: &str, mechanism: &str, reason: Reason) {
        self.settings.sign_ins.failed(self.knock(visitor), user, mechanism, &reason).await;
    }

    fn knock(&self, visitor: &Visitor) -> Knock<'_> {
        let Visitor { service, session, peer } = *visitor;
        Knock { journal: &*self.journal, service, session, peer: peer.ip() }
    }
}
