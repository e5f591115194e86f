//! MAIL: who sends. In submission it has to be one of the sender's own addresses.

use envelope::RequireTls;
use net::clock;
use protocol::smtp::grammar::Mail;

use super::Policy;
use super::serve::Visit;
use crate::acceptance::{self, Letter};
use crate::msa::identity;

impl Visit {
    pub(super) async fn mail(&mut self, mail: Mail) {
        let subject = format!("<{}>", mail.reverse_path);
        if self.policy == Policy::Submission {
            let verdict = identity::may_send(&self.context, self.who.as_ref(), &mail.reverse_path).await;
            if let Err(refusal) = verdict {
                refusal.tell(&self.context, Some(self.id));
                return self.reject("MAIL", subject, refusal.reply());
            }
        }
        if let Err(error) = self.context.store.check_room(mail.size.unwrap_or(0)) {
            return self.reject("MAIL", subject, acceptance::trouble(&error));
        }
        let mut letter = Letter::new(self.service, Some(self.id), mail.reverse_path, clock::now());
        letter.size = mail.size.unwrap_or(0);
        letter.body = mail.body;
        letter.smtputf8 = mail.smtputf8;
        letter.ret = mail.ret;
        letter.envelope_id = mail.envelope_id;
        if mail.require_tls {
            letter.require_tls = RequireTls::Demanded;
        }
        self.letter = Some(letter);
        self.session().accept_mail();
    }
}
