//! The connection stands. How many there may be was decided by the listener; block lists will ask here.

use protocol::smtp::server::BareLineEnds;

use super::serve::Visit;

impl Visit {
    pub(super) fn connect(&mut self) {
        // A machine of our own network hands in what its programs write.
        if self.context.settings.trusted.contains(self.peer) {
            self.session().treat_bare_line_ends(BareLineEnds::Normalise);
        }
        self.session().accept_connection();
    }
}
