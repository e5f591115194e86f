//! AUTHORIZATION: USER and PASS, AUTH (RFC 5034), and the directory's answers.

use super::maildrop::{Deletions, Maildrop};
use super::{Event, Open, Server, State};
use crate::pop3::encode::Code;
use crate::pop3::limits::SIGN_INS_FAILED_MAX;
use crate::sasl::{
    Exchange, Mechanism, Next, Reason, Refusal, Request, ScramKeys, Secret, decode_base64, encode_base64,
};

const WRONG: &str = "wrong name or password";
const NOT_NOW: &str = "sign-in is not possible at the moment, try again later";

impl Server {
    /// The directory's answer to [`Request::ScramKeys`].
    pub fn scram_keys(&mut self, keys: Option<ScramKeys>) {
        match std::mem::replace(&mut self.state, State::Command) {
            State::SaslAnswer(mut exchange) => {
                let next = exchange.keys(keys);
                self.sasl_next(exchange, next);
            }
            other => self.state = other,
        }
    }

    /// He is who he says, and here is his maildrop.
    pub fn sign_in_accepted(&mut self, maildrop: Maildrop) {
        if !self.awaits_sign_in() {
            return;
        }
        let deletions = Deletions::none(maildrop.messages.len());
        let words = format!("{} messages", maildrop.messages.len());
        self.drop = Some(Open { maildrop, deletions });
        self.errors = 0;
        self.user = None;
        self.state = State::Command;
        self.ok(&words);
    }

    /// He is not, or cannot be now. To [`Event::SignInFailed`] it says what that event told.
    pub fn sign_in_refused(&mut self, refusal: Refusal) {
        let (code, words) = match (&self.state, refusal) {
            (State::FailureNoted(Reason::Malformed), _) => (None, "the message breaks the mechanism's grammar"),
            (State::FailureNoted(Reason::Unsupported), _) => (None, "not supported on this channel"),
            (State::FailureNoted(Reason::Temporary), _) => (Some(Code::SysTemp), NOT_NOW),
            (State::FailureNoted(_), _) => (Some(Code::Auth), WRONG),
            _ if !self.awaits_sign_in() => return,
            (_, Refusal::Credentials) => (Some(Code::Auth), WRONG),
            (_, Refusal::NotAuthorized) => (Some(Code::Auth), "this account may not act as the named one"),
            (_, Refusal::Temporary) => (Some(Code::SysTemp), NOT_NOW),
        };
        self.sign_in_failed(code, words);
    }

    /// He is who he says, but his maildrop cannot be opened now.
    pub fn maildrop_unavailable(&mut self) {
        if self.awaits_sign_in() {
            self.sign_in_failed(Some(Code::SysTemp), "the maildrop cannot be opened at the moment, try again later");
        }
    }

    fn awaits_sign_in(&self) -> bool {
        matches!(self.state, State::PasswordAnswer | State::SaslAnswer(_))
    }

    /// Whether this channel may carry a password; says so if not.
    fn may_show_password(&mut self) -> bool {
        let may = self.tls.is_some() || self.config.cleartext_allowed;
        if !may {
            self.error(None, "a password needs TLS: say STLS first, or use the port for TLS");
        }
        may
    }

    pub(super) fn user(&mut self, name: Vec<u8>) {
        if self.may_show_password() {
            self.user = Some(name);
            // Whether there is such a user is nobody's business before the password.
            self.ok("send the password");
        }
    }

    pub(super) fn pass(&mut self, password: &Secret) {
        if !self.may_show_password() {
            return;
        }
        let Some(user) = self.user.take() else {
            return self.error(None, "say USER first");
        };
        match Request::password(&user, password.expose(), "USER") {
            Ok(request) => self.ask(Event::Authenticate(request), State::PasswordAnswer),
            Err(reason) => self.failed(String::from_utf8_lossy(&user).into_owned(), "USER", reason),
        }
    }

    pub(super) fn auth(&mut self, mechanism: Mechanism, initial: Option<&Secret>) {
        if !mechanism.is_offered(self.tls.as_ref(), self.config.cleartext_allowed) {
            return self.error(None, "this mechanism needs TLS: say STLS first, or use the port for TLS");
        }
        let mut exchange = Exchange::new(mechanism, self.tls.as_ref());
        let next = exchange.start(initial.map(Secret::expose));
        self.sasl_next(exchange, next);
    }

    /// The client's answer to a challenge; `*` gives up (RFC 5034 section 4).
    pub(super) fn sasl_line(&mut self, text: &[u8]) {
        let State::SaslResponse(mut exchange) = std::mem::replace(&mut self.state, State::Command) else { return };
        if text == b"*" {
            return self.error(None, "cancelled");
        }
        match decode_base64(text).map(Secret::new) {
            Some(message) => {
                let next = exchange.respond(message.expose());
                self.sasl_next(exchange, next);
            }
            None => self.error(None, "that is not base64"),
        }
    }

    fn sasl_next(&mut self, exchange: Exchange, next: Next) {
        match next {
            Next::Challenge(text) => {
                self.out.extend_from_slice(b"+ ");
                self.out.extend_from_slice(encode_base64(&text).as_bytes());
                self.out.extend_from_slice(b"\r\n");
                self.state = State::SaslResponse(exchange);
            }
            Next::Ask(request) => self.ask(Event::Authenticate(request), State::SaslAnswer(exchange)),
            Next::Failed(reason) => {
                let user = exchange.user().unwrap_or_default().to_owned();
                self.failed(user, exchange.mechanism().name(), reason);
            }
        }
    }

    /// The mechanism itself says no; the service hears of it before the client does.
    fn failed(&mut self, user: String, mechanism: &'static str, reason: Reason) {
        self.ask(Event::SignInFailed { user, mechanism, reason }, State::FailureNoted(reason));
    }

    fn sign_in_failed(&mut self, code: Option<Code>, words: &str) {
        self.state = State::Command;
        self.error(code, words);
        self.sign_ins_failed += 1;
        if self.sign_ins_failed >= SIGN_INS_FAILED_MAX {
            self.end();
        }
    }
}
