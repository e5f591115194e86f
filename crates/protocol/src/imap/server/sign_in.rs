//! LOGIN and AUTHENTICATE (RFC 3501 sections 6.2.2 and 6.2.3, SASL-IR: RFC 4959).

use super::{Awaiting, Event, Server, State};
use crate::imap::encode::Code;
use crate::imap::limits;
use crate::sasl::{
    Exchange, Mechanism, Next, Reason, Refusal, Request, ScramKeys, Secret, decode_base64, decode_initial_response,
    encode_base64,
};

impl Server {
    pub(super) fn login(&mut self, user: &[u8], password: &Secret) {
        if self.is_signed_in() {
            return self.mistake("Already signed in");
        }
        if !self.is_secure() && !self.config.cleartext_sign_in {
            return self.tagged_condition("NO", Some(&Code::Word("PRIVACYREQUIRED")), "Use STARTTLS first");
        }
        match Request::password(user, password.expose(), "LOGIN") {
            Ok(request) => {
                self.event = Some(Event::Authenticate(request));
                self.awaiting = Awaiting::SignIn(None);
            }
            // A name or password that cannot be is a wrong one.
            Err(_) => self.fail(String::from_utf8_lossy(user).into_owned(), "LOGIN", Reason::Credentials),
        }
    }

    pub(super) fn authenticate(&mut self, mechanism: &str, initial: Option<&[u8]>) {
        if self.is_signed_in() {
            return self.mistake("Already signed in");
        }
        let tls = self.tls.as_deref();
        let Some(mechanism) = Mechanism::parse(mechanism.as_bytes()) else {
            return self.tagged_condition("NO", Some(&Code::Word("CANNOT")), "Unknown mechanism");
        };
        if !mechanism.is_offered(tls, self.config.cleartext_sign_in) {
            return self.tagged_condition("NO", Some(&Code::Word("PRIVACYREQUIRED")), "Mechanism is not offered here");
        }
        let initial = match initial.map(decode_initial_response) {
            None => None,
            Some(Some(initial)) => Some(initial),
            Some(None) => return self.mistake("Initial response is not base 64"),
        };
        let mut exchange = Box::new(Exchange::new(mechanism, tls));
        let next = exchange.start(initial.as_deref());
        self.sasl_next(exchange, next);
    }

    /// The client's answer to a challenge.
    pub(super) fn sasl_response(&mut self, mut exchange: Box<Exchange>, line: &[u8]) {
        if line == b"*" {
            return self.mistake("AUTHENTICATE cancelled");
        }
        match decode_base64(line) {
            Some(response) => {
                let next = exchange.respond(&response);
                self.sasl_next(exchange, next);
            }
            None => self.mistake("Response is not base 64"),
        }
    }

    fn sasl_next(&mut self, exchange: Box<Exchange>, next: Next) {
        match next {
            Next::Challenge(challenge) => {
                self.out.extend_from_slice(format!("+ {}\r\n", encode_base64(&challenge)).as_bytes());
                self.awaiting = Awaiting::Response(exchange);
            }
            Next::Ask(request) => {
                let goes_on = matches!(request, Request::ScramKeys { .. });
                self.awaiting = Awaiting::SignIn(goes_on.then_some(exchange));
                self.event = Some(Event::Authenticate(request));
            }
            Next::Failed(reason) => {
                let user = exchange.user().unwrap_or_default().to_owned();
                self.fail(user, exchange.mechanism().name(), reason);
            }
        }
    }

    /// Answers [`Request::ScramKeys`]: `None` for an unknown user, who is then led on and refused at the end.
    pub fn scram_keys(&mut self, keys: Option<ScramKeys>) {
        if let Awaiting::SignIn(Some(mut exchange)) = std::mem::replace(&mut self.awaiting, Awaiting::Command) {
            let next = exchange.keys(keys);
            self.sasl_next(exchange, next);
        }
    }

    /// Answers [`Event::Authenticate`]: the account is open.
    pub fn sign_in_accepted(&mut self) {
        self.state = State::Authenticated;
        self.awaiting = Awaiting::Command;
        self.errors = 0;
        self.reader.set_command_octets_max(limits::COMMAND_OCTETS_MAX);
        self.reader.set_drained_octets_max(limits::DRAINED_OCTETS_MAX);
        let capabilities = self.capabilities();
        self.tagged_condition("OK", Some(&Code::Capability(&capabilities)), "Signed in");
    }

    /// Answers [`Event::Authenticate`]: no. To [`Event::SignInFailed`] it says what that event told.
    pub fn sign_in_refused(&mut self, refusal: Refusal) {
        self.awaiting = Awaiting::Command;
        match (self.failed.take(), refusal) {
            (Some(Reason::Malformed), _) => self.mistake("Response breaks the mechanism's grammar"),
            (Some(Reason::Unsupported), _) => self.refused("CANNOT", "Not supported on this channel"),
            (Some(Reason::Temporary), _) | (None, Refusal::Temporary) => {
                self.refused("UNAVAILABLE", "Temporary failure, try again later");
            }
            (None, Refusal::NotAuthorized) => self.refused("AUTHORIZATIONFAILED", "Not as somebody else"),
            _ => self.refused("AUTHENTICATIONFAILED", "Wrong name or password"),
        }
        self.refusals += 1;
        if self.refusals >= limits::SIGN_IN_REFUSALS_MAX && !matches!(self.awaiting, Awaiting::Close) {
            self.close_with("Too many refused sign-ins");
        }
    }

    fn refused(&mut self, code: &'static str, text: &str) {
        self.tagged_condition("NO", Some(&Code::Word(code)), text);
    }

    /// The mechanism itself says no; the service hears of it before the client does.
    fn fail(&mut self, user: String, mechanism: &'static str, reason: Reason) {
        self.awaiting = Awaiting::SignIn(None);
        self.failed = Some(reason);
        self.event = Some(Event::SignInFailed { user, mechanism, reason });
    }
}
