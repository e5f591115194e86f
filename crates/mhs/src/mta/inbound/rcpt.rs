//! RCPT: to whom. Our own addresses are open to all; other domains to those who may relay and to nobody else.

use directory::RelayAllowed;
use envelope::Reply;
use protocol::smtp::grammar::Recipient;

use super::Policy;
use super::serve::Visit;
use crate::recipients::{self, Options, Refusal};

impl Visit {
    pub(super) async fn recipient(&mut self, asked: Recipient) {
        let subject = format!("<{}>", asked.forward_path);
        let options = Options { notify: asked.notify, original: asked.original };
        let relay = self.relay_allowed();
        match recipients::resolve(&self.context, &asked.forward_path, options, relay).await {
            Ok((recipient, ways)) => match &mut self.letter {
                Some(letter) => match letter.add(&recipient, ways) {
                    true => self.session().accept_recipient(),
                    false => self.reject("RCPT", subject, Reply::new(452, (4, 5, 3), "too many recipients")),
                },
                None => self.reject("RCPT", subject, Reply::new(503, (5, 5, 1), "MAIL first")),
            },
            Err(refusal) => {
                if let Refusal::Directory(error) = &refusal {
                    self.context.fault(Some(self.id), self.mail_id(), "directory", error);
                }
                self.reject("RCPT", subject, refusal.reply());
            }
        }
    }

    /// What allows this client to reach other domains, if anything does.
    fn relay_allowed(&self) -> Option<RelayAllowed> {
        match (self.policy, &self.who) {
            (Policy::Submission, Some(who)) => Some(RelayAllowed::for_signed_in(who)),
            (Policy::Submission, None) => None,
            (Policy::Reception, _) => RelayAllowed::for_network(self.peer, &self.context.settings.trusted),
        }
    }
}
