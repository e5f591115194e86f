//! MESSAGELIMIT and SAVELIMIT (RFC 9738): commands on more messages than the operator allows are carried out on the newest
//! of them, and say so; what must be whole or nothing is refused.

use protocol::imap::encode::{Code, Untagged};

use super::selected::Named;
use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    /// The newest of these, as many as one command may be about. What is left out is told at the end.
    pub(super) fn limited(&mut self, named: Named) -> Result<Named, Trouble> {
        let Some(limit) = self.context.settings.message_limit else { return Ok(named) };
        Ok(match self.selected()?.newest(&named, limit) {
            None => named,
            Some((newest, lowest)) => {
                self.cut_at = Some(lowest);
                newest
            }
        })
    }

    /// Whether a COPY of these is refused; the client was told.
    pub(super) fn is_too_much_to_copy(&mut self, named: &Named) -> Result<bool, Trouble> {
        let settings = &self.context.settings;
        let Some(limit) = [settings.message_limit, settings.save_limit].into_iter().flatten().min() else {
            return Ok(false);
        };
        let Some((_, lowest)) = self.selected()?.newest(named, limit) else { return Ok(false) };
        self.too_much(limit, Some(lowest));
        Ok(true)
    }

    /// `NO`: nothing was done.
    pub(super) fn too_much(&mut self, limit: u32, lowest: Option<u32>) {
        self.cut_at = None;
        self.line.session().no(Some(&Code::MessageLimit { max: limit, lowest }), "Too many messages at once");
    }

    /// A command whose result has an order is refused when a part of the mailbox would not be in it (section 3.3).
    pub(super) fn is_cut(&mut self) -> bool {
        match (self.cut_at, self.context.settings.message_limit) {
            (Some(_), Some(limit)) => {
                self.too_much(limit, None);
                true
            }
            _ => false,
        }
    }

    /// `OK`, with what was left out: in its code, or untagged where another code stands there (section 3.1).
    pub(super) fn finish(&mut self, code: Option<&Code<'_>>, text: &str) {
        let (cut_at, limit) = (self.cut_at.take(), self.context.settings.message_limit);
        let cut = cut_at.zip(limit).map(|(lowest, max)| Code::MessageLimit { max, lowest: Some(lowest) });
        if code.is_some()
            && let Some(cut) = cut
        {
            self.line.session().untagged(&Untagged::No(Some(cut), "Only the newest of the messages"));
            return self.line.session().ok(code, text);
        }
        self.line.session().ok(code.or(cut.as_ref()), text);
    }
}
