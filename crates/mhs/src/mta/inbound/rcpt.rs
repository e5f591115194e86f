//! RCPT: to whom. Our own addresses are open to all; other domains to those who may relay and to nobody else.

use directory::RelayAllowed;
use envelope::{Reply, ReversePath};
use net::clock;
use protocol::smtp::grammar::Recipient;

use super::Policy;
use super::serve::Visit;
use crate::mda;
use crate::recipients::{self, Asking, Options, Refusal, Ways};

impl Visit {
    pub(super) async fn recipient(&mut self, asked: Recipient) {
        let subject = format!("<{}>", asked.forward_path);
        let options = Options { notify: asked.notify, original: asked.original };
        let (relay, local) = (self.relay_allowed(), Some(self.local));
        let Some(letter) = &self.letter else {
            return self.reject("RCPT", subject, Reply::new(503, (5, 5, 1), "MAIL first"));
        };
        let asking = Asking { sender: &letter.reverse_path, relay, local, local_only: self.policy == Policy::Store };
        let resolved = recipients::resolve(&self.context, &asked.forward_path, options, asking).await;
        match resolved {
            Ok((recipient, ways)) => {
                if let Some(reply) = self.full(&ways).await {
                    return self.reject("RCPT", subject, reply);
                }
                if ways.returning.as_ref().is_some_and(|to| !self.context.returning.has_room(to, clock::instant())) {
                    let reply = Reply::new(450, (4, 7, 1), "too many notices to this address, try again in an hour");
                    return self.reject("RCPT", subject, reply);
                }
                let moved_to = ways.moved_to.clone();
                if !self.letter.as_mut().is_some_and(|letter| letter.add(&recipient, ways)) {
                    return self.reject("RCPT", subject, Reply::new(452, (4, 5, 3), "too many recipients"));
                }
                match moved_to {
                    None => self.session().accept_recipient(),
                    Some(to) => {
                        self.session().accept_moved_recipient(&format!("user not local; will forward to <{to}>"))
                    }
                }
            }
            Err(refusal) => {
                if let Refusal::Directory(error) = &refusal {
                    self.context.fault(Some(self.id), self.mail_id(), "directory", error);
                }
                self.reject("RCPT", subject, refusal.reply());
            }
        }
    }

    /// Why these cannot have the letter, if they are full.
    async fn full(&self, ways: &Ways) -> Option<Reply> {
        let letter = self.letter.as_ref()?;
        if !ways.remote.is_empty() || letter.reverse_path == ReversePath::Null {
            return None;
        }
        match mda::room::refusal(&self.context, &ways.local, letter.size).await {
            Ok(refusal) => refusal,
            Err(error) => {
                self.context.fault(Some(self.id), self.mail_id(), "mailstore", &error);
                Some(Reply::new(451, (4, 3, 0), "temporary failure, try again later"))
            }
        }
    }

    /// What allows this client to reach other domains, if anything does.
    pub(super) fn relay_allowed(&self) -> Option<RelayAllowed> {
        match (self.policy, &self.who) {
            (Policy::Submission, Some(who)) => Some(RelayAllowed::for_signed_in(who)),
            (Policy::Submission, None) | (Policy::Store, _) => None,
            (Policy::Reception, _) => RelayAllowed::for_network(self.peer, &self.context.settings.trusted),
        }
    }
}
