//! AUTHORIZATION: USER and PASS, AUTH (RFC 5034), and the directory's answers.

use super::maildrop::{Deletions, Maildrop};
use super::{Event, Open, Server, State};
use crate::pop3::encode::Code;
use crate::pop3::limits::SIGN_INS_FAILED_MAX;
use crate::sasl::{
    Exchange, Mechanism, Next, Reason, Refusal, Request, ScramKeys, Secret, decode_base64, encode_base64,
};

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

    /// He is not, or cannot be now.
    pub fn sign_in_refused(&mut self, refusal: Refusal) {
        if !self.awaits_sign_in() {
            return;
        }
        self.state = State::Command;
        match refusal {
            Refusal::Credentials => self.sign_in_failed(Code::Auth, "wrong name or password"),
            Refusal::NotAuthorized => self.sign_in_failed(Code::Auth, "this account may not act as the named one"),
            Refusal::Temporary => {
                self.sign_in_failed(Code::SysTemp, "sign-in is not possible at the moment, try again later");
            }
        }
    }

    /// He is who he says, but his maildrop cannot be opened now.
    pub fn maildrop_unavailable(&mut self) {
        if self.awaits_sign_in() {
            self.state = State::Command;
            self.sign_in_failed(Code::SysTemp, "the maildrop cannot be opened at the moment, try again later");
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
            Err(_) => self.sign_in_failed(Code::Auth, "wrong name or password"),
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
                self.state = State::Command;
                match reason {
                    Reason::Malformed => self.error(None, "the message breaks the mechanism's grammar"),
                    Reason::Unsupported => self.error(None, "not supported on this channel"),
                    Reason::Temporary => self.error(Some(Code::SysTemp), "temporary failure"),
                    Reason::Credentials | Reason::ChannelBinding | Reason::Downgrade => {
                        self.sign_in_failed(Code::Auth, "wrong name or password");
                    }
                }
            }
        }
    }

    fn sign_in_failed(&mut self, code: Code, words: &str) {
        self.error(Some(code), words);
        self.sign_ins_failed += 1;
        if self.sign_ins_failed >= SIGN_INS_FAILED_MAX {
            self.end();
        }
    }
}
