//! AUTH (RFC 4954): carries the SASL exchange, one line each way, until the directory has the last word.

use envelope::Reply;

use super::{Event, Server, State};
use crate::sasl::{self, Exchange, Mechanism, Next, Reason, Refusal, ScramKeys};
use crate::smtp::limits::SIGN_INS_MAX;

impl Server {
    /// Whether AUTH stands in the answer to EHLO.
    pub(super) fn offers_auth(&self) -> bool {
        let auth = self.config.auth;
        auth.enabled && (auth.before_tls || self.tls.is_some())
    }

    /// `AUTH mechanism [initial-response]`
    pub(super) fn auth(&mut self, mechanism: &str, initial_response: Option<&str>) {
        let refusal = match () {
            () if !self.config.auth.enabled => Reply::new(502, (5, 5, 1), "nobody signs in here"),
            () if self.signed_in => Reply::new(503, (5, 5, 1), "signed in already"),
            () if self.hello.is_none() => Reply::new(503, (5, 5, 1), "EHLO first"),
            () if self.transaction.is_some() => Reply::new(503, (5, 5, 1), "not during a transaction"),
            () if !self.offers_auth() => Reply::new(538, (5, 7, 11), "STARTTLS first"),
            () => return self.begin_exchange(mechanism, initial_response),
        };
        self.say(&refusal);
    }

    fn begin_exchange(&mut self, mechanism: &str, initial_response: Option<&str>) {
        let offered = |mechanism: &Mechanism| mechanism.is_offered(self.tls.as_ref(), self.config.auth.before_tls);
        let Some(mechanism) = Mechanism::parse(mechanism.as_bytes()).filter(offered) else {
            return self.say(&Reply::new(504, (5, 5, 4), "mechanism not offered"));
        };
        let initial = match initial_response.map(|text| sasl::decode_initial_response(text.as_bytes())) {
            Some(None) => return self.say(&Reply::new(501, (5, 5, 2), "the initial response is no base64")),
            Some(Some(message)) => Some(message),
            None => None,
        };
        let mut exchange = Exchange::new(mechanism, self.tls.as_ref());
        let next = exchange.start(initial.as_deref());
        self.exchange_goes_on(exchange, next);
    }

    /// A line that answers a challenge; `*` cancels.
    pub(super) fn sasl_response(&mut self, line: &[u8]) {
        let State::SaslResponse(mut exchange) = std::mem::replace(&mut self.state, State::Command) else { return };
        if line == b"*" {
            return self.say(&Reply::new(501, (5, 7, 0), "cancelled"));
        }
        match sasl::decode_base64(line) {
            Some(message) => {
                let next = exchange.respond(&message);
                self.exchange_goes_on(exchange, next);
            }
            None => self.say(&Reply::new(501, (5, 5, 2), "no base64")),
        }
    }

    fn exchange_goes_on(&mut self, exchange: Exchange, next: Next) {
        match next {
            Next::Challenge(message) => {
                self.challenge(&sasl::encode_base64(&message));
                self.state = State::SaslResponse(exchange);
            }
            Next::Ask(request) => {
                self.state = State::SaslAnswer(exchange);
                self.events.push_back(Event::Authenticate(request));
            }
            Next::Failed(reason @ (Reason::Malformed | Reason::Unsupported | Reason::Temporary)) => {
                self.state = State::Command;
                self.sign_in_failed(&failure(reason));
            }
            Next::Failed(reason @ (Reason::Credentials | Reason::ChannelBinding | Reason::Downgrade)) => {
                let user = exchange.user().unwrap_or_default().to_owned();
                let mechanism = exchange.mechanism().name();
                self.events.push_back(Event::SignInFailed { user, mechanism, reason });
                self.state = State::SaslAnswer(exchange);
            }
        }
    }

    /// To [`Event::Authenticate`] with a password, or with a proof: welcome.
    pub fn sign_in_accepted(&mut self) {
        if self.sasl_answered().is_some() {
            self.signed_in = true;
            self.say(&Reply::new(235, (2, 7, 0), "welcome"));
        }
    }

    /// To [`Event::Authenticate`] and [`Event::SignInFailed`]: no. Every refusal counts against the limit of this connection.
    pub fn sign_in_refused(&mut self, refusal: Refusal) {
        if self.sasl_answered().is_some() {
            self.sign_in_failed(&match refusal {
                Refusal::Credentials => Reply::new(535, (5, 7, 8), "sign-in failed"),
                Refusal::NotAuthorized => Reply::new(535, (5, 7, 8), refusal.to_string()),
                Refusal::Temporary => Reply::new(454, (4, 7, 0), refusal.to_string()),
            });
        }
    }

    /// To [`Event::Authenticate`] asking for SCRAM keys; `None` for an unknown user.
    pub fn scram_keys(&mut self, keys: Option<ScramKeys>) {
        if let Some(mut exchange) = self.sasl_answered() {
            let next = exchange.keys(keys);
            self.exchange_goes_on(exchange, next);
        }
    }

    /// The exchange whose question the directory answers now.
    fn sasl_answered(&mut self) -> Option<Exchange> {
        match std::mem::replace(&mut self.state, State::Command) {
            State::SaslAnswer(exchange) => Some(exchange),
            other => {
                self.state = other;
                None
            }
        }
    }

    fn sign_in_failed(&mut self, reply: &Reply) {
        self.say(reply);
        self.tally.sign_ins += 1;
        if self.tally.sign_ins >= SIGN_INS_MAX {
            self.say(&Reply::new(421, (4, 7, 0), "too many failed sign-ins"));
        }
    }
}

/// What the client is told. Wrong names and wrong passwords sound alike.
fn failure(reason: Reason) -> Reply {
    match reason {
        Reason::Malformed => Reply::new(501, (5, 5, 2), reason.to_string()),
        Reason::Unsupported => Reply::new(504, (5, 5, 4), reason.to_string()),
        Reason::Temporary => Reply::new(454, (4, 7, 0), "temporary failure, try again later"),
        Reason::Credentials | Reason::ChannelBinding | Reason::Downgrade => {
            Reply::new(535, (5, 7, 8), "sign-in failed")
        }
    }
}
