//! The judges of a letter's header, in their order, and the fields that we put in front of it.
//!
//! 1. Does it go in circles? (RFC 5321 section 6.3; and what was forwarded from here is not forwarded again)
//! 2. Submission: is it written under the sender's own name, and what does it lack? (RFC 6409 section 8)

use envelope::Reply;
use message::header::Header;
use message::trace::{self, Received, With};

use super::Policy;
use super::serve::Visit;
use crate::acceptance::{Letter, circle_reply};
use crate::limits::{HOPS_MAX, JOURNAL_TEXT_MAX};
use crate::msa::{complete, identity};
use crate::require_tls;

impl Visit {
    /// Answers what goes in front of the header, or why the letter is refused.
    pub(super) async fn judge(&mut self, letter: &mut Letter, header: &Header<'_>) -> Result<String, Reply> {
        if trace::hops(header) > HOPS_MAX {
            return Err(Reply::new(554, (5, 4, 6), "the letter goes in circles: too many Received fields"));
        }
        letter.message_id = message_id(header);
        letter.require_tls = require_tls::wish(letter.require_tls, header);
        letter.break_circles(header);
        if letter.has_no_recipients() {
            return Err(circle_reply());
        }
        let mut prefix = letter.return_path();
        prefix.push_str(&self.received(letter));
        if self.policy == Policy::Submission {
            if let Err(refusal) = identity::may_write_as(&self.context, self.who.as_ref(), header).await {
                refusal.tell(&self.context, Some(self.id));
                return Err(refusal.reply());
            }
            let settings = &self.context.settings;
            prefix.push_str(&complete::missing_fields(letter, header, self.who.as_ref(), &settings.hostname));
        }
        Ok(prefix)
    }

    fn received(&mut self, letter: &Letter) -> String {
        let (helo, extended) = match self.session().hello() {
            Some(hello) => (hello.name.clone(), hello.extended),
            None => (String::new(), false),
        };
        let tls = self.conversation.tls();
        let recipient = match letter.recipients.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        Received {
            helo: &helo,
            peer: (!self.is_unix()).then_some(self.peer),
            peer_name: None,
            by: &self.context.settings.hostname,
            with: With {
                lmtp: self.policy == Policy::Store,
                extended,
                tls: tls.is_some(),
                signed_in: self.who.is_some(),
                smtputf8: letter.smtputf8,
            },
            tls: tls.map(|tls| (tls.version.as_str(), tls.cipher.as_str())),
            id: &letter.id.to_string(),
            recipient,
            at: letter.arrived,
        }
        .field()
    }
}

/// For the journal.
fn message_id(header: &Header<'_>) -> String {
    let field = header.get("message-id").map(|field| field.text()).unwrap_or_default();
    field.trim().chars().filter(|c| !c.is_control()).take(JOURNAL_TEXT_MAX).collect()
}
