//! QUIT: the UPDATE state (RFC 1939 section 6). What the client marked is removed in one transaction, or nothing is.

use mailstore::UidSet;

use super::talk::Talk;

impl Talk {
    pub(super) async fn update(&mut self, deleted: Vec<u32>) {
        let Some((account, mailbox)) = &self.open else { return self.line.session().update_failed() };
        // What another session removed already is no error: it is gone, as the client wished.
        match account.remove(*mailbox, &deleted.into_iter().collect::<UidSet>()).await {
            Ok(_) => self.line.session().update_done(),
            Err(error) => {
                self.fault("mailstore", &error);
                self.line.session().update_failed();
            }
        }
    }
}
