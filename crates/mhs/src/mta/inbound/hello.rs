//! HELO and EHLO. The name proves nothing and is refused by nobody; it stands in Received.

use journal::Event;
use protocol::smtp::server::Hello;

use super::serve::Visit;

impl Visit {
    pub(super) fn hello(&mut self, _hello: &Hello) {
        self.forget();
        if let Some(tls) = self.conversation.newly_secured() {
            let event = Event::Secured { version: tls.version.clone(), cipher: tls.cipher.clone() };
            self.record(event);
        }
        self.session().accept_hello();
    }
}
