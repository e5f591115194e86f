//! The connection stands. How many there may be was decided by the listener; block lists will ask here.

use super::serve::Visit;

impl Visit {
    pub(super) fn connect(&mut self) {
        self.session().accept_connection();
    }
}
