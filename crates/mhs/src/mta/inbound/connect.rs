//! The connection stands. How many there may be was decided by the listener; block lists will ask here.

use envelope::Reply;
use protocol::smtp::server::BareLineEnds;

use super::Policy;
use super::serve::Visit;

impl Visit {
    pub(super) fn connect(&mut self) {
        let is_here = self.is_unix() || self.peer.to_canonical().is_loopback();
        if self.policy == Policy::Store && !is_here && !self.context.settings.lmtp_networks.contains(self.peer) {
            let reply = Reply::new(554, (5, 7, 1), "mail is brought to this door by our own servers only");
            return self.reject("CONNECT", format!("[{}]", self.peer), reply);
        }
        // A machine of our own network hands in what its programs write.
        if self.context.settings.trusted.contains(self.peer) {
            self.session().treat_bare_line_ends(BareLineEnds::Normalise);
        }
        self.session().accept_connection();
    }
}
