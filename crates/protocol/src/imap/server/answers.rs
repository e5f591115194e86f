//! How the service answers: untagged data at any time within a command, one tagged line at its end.

use super::{Awaiting, Server, State};
use crate::imap::encode::{Code, Untagged};
use crate::imap::limits;

impl Server {
    /// Queues one untagged response.
    pub fn untagged(&mut self, response: &Untagged<'_>) {
        response.encode_with(&mut self.out, self.enabled.utf8);
    }

    /// What is queued, for [`crate::imap::encode`]'s writers: FETCH responses and the octets of their literals.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Whether a mailbox is selected from now on. SELECT and EXAMINE lose the former one even when they fail.
    pub fn set_selected(&mut self, selected: bool) {
        if self.is_signed_in() {
            self.state = if selected { State::Selected } else { State::Authenticated };
        }
    }

    /// The tag of the command that waits for its answer.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Answers UNAUTHENTICATE (RFC 8437): nobody is signed in any more, and nothing is switched on.
    pub fn unauthenticated(&mut self) {
        self.state = State::NotAuthenticated;
        self.enabled = super::Enabled::default();
        self.commands_before_sign_in = 0;
        self.reader.set_command_octets_max(limits::COMMAND_OCTETS_BEFORE_SIGN_IN_MAX);
        self.reader.set_drained_octets_max(limits::DRAINED_OCTETS_BEFORE_SIGN_IN_MAX);
        self.ok(None, "UNAUTHENTICATE done");
    }

    /// `tag OK [code] text`: the command is done.
    pub fn ok(&mut self, code: Option<&Code<'_>>, text: &str) {
        if std::mem::take(&mut self.idle_broken) {
            return self.bad("DONE expected");
        }
        // Only mistakes in a row say that nobody is there who speaks IMAP.
        self.errors = 0;
        self.finish("OK", code, text);
    }

    /// `tag NO [code] text`: it failed. Ends an APPEND wherever it stands.
    pub fn no(&mut self, code: Option<&Code<'_>>, text: &str) {
        self.idle_broken = false;
        self.finish("NO", code, text);
    }

    /// `tag BAD text`: it made no sense here.
    pub fn bad(&mut self, text: &str) {
        self.bad_as(None, text);
    }

    /// `tag BAD [code] text`.
    pub fn bad_as(&mut self, code: Option<&Code<'_>>, text: &str) {
        self.idle_broken = false;
        if self.end_command() {
            self.mistake_as(code, text);
        }
    }

    fn finish(&mut self, word: &str, code: Option<&Code<'_>>, text: &str) {
        if self.end_command() {
            self.tagged_condition(word, code, text);
        }
    }

    /// Waits for the next command; false when no command waits for its answer.
    fn end_command(&mut self) -> bool {
        match std::mem::replace(&mut self.awaiting, Awaiting::Command) {
            Awaiting::Answer => {}
            Awaiting::AppendGo => self.append_refused(),
            Awaiting::AppendBody | Awaiting::AppendTail => {
                self.append = None;
                self.reader.discard_stream();
                self.answered = true;
                self.event = None;
            }
            other => {
                self.awaiting = other;
                return false;
            }
        }
        true
    }

    /// Answers [`super::Event::Append`] and the other steps of an APPEND: it may go on.
    pub fn append_go(&mut self) {
        if matches!(self.awaiting, Awaiting::AppendGo) {
            self.next_step();
        }
    }

    /// Ends the connection in order, whatever it was doing: shutdown, or an account that is gone. False when it was
    /// ending already.
    pub fn bye(&mut self, text: &str) -> bool {
        let open = !matches!(self.awaiting, Awaiting::Close);
        if open {
            self.event = None;
            self.close_with(text);
        }
        open
    }
}
