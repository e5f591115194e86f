//! The client's side, for the outbound client that signs in to a relay, and for tools that test a server.
//!
//! A client hands over raw messages; the carrying session encodes them. SCRAM does more than hide the password: when
//! it says [`Client::is_satisfied`], the server has proved that it knows the password's keys too.

use zeroize::Zeroizing;

use super::limits::{CLIENT_ITERATIONS_MAX, CLIENT_ITERATIONS_MIN, MESSAGE_OCTETS_MAX, SALT_OCTETS_MAX};
use super::scram::{
    Bindings, attribute, client_proof, encode_name, hmac_sha256, is_nonce, keys_of, nonce, salted_password,
    skip_extension,
};
use super::{Mechanism, Reason, Secret, decode_base64, encode_base64, prepare_name, prepare_password};
use crate::Tls;

/// One sign-in on the client's side.
pub trait Client: Send {
    /// Which mechanism to name.
    fn mechanism(&self) -> Mechanism;

    /// What to send first, if the client speaks first; it may travel as the initial response.
    fn initial(&mut self) -> Option<Vec<u8>>;

    /// The answer to a challenge. On an error send `*` and give up.
    fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Reason>;

    /// Whether the server's "accepted" can be believed now. A server that accepts before has not proved itself.
    fn is_satisfied(&self) -> bool;

    /// The password as it is sent, or as keys are made of it: the carrying session hides it where the server repeats it.
    fn password(&self) -> Zeroizing<Vec<u8>>;
}

/// Takes the best of what the server offers. `tls` is the channel; without one PLAIN and LOGIN are not taken.
/// `Err` when the name or the password cannot be used at all, `Ok(None)` when nothing fits.
pub fn best(
    offered: &[Mechanism],
    user: &str,
    password: &Secret,
    tls: Option<&Tls>,
) -> Result<Option<Box<dyn Client>>, Reason> {
    let bindings = Bindings::of(tls);
    let plus_offered = offered.contains(&Mechanism::ScramSha256Plus);
    for mechanism in Mechanism::ALL.into_iter().filter(|mechanism| offered.contains(mechanism)) {
        let client: Box<dyn Client> = match mechanism {
            Mechanism::ScramSha256Plus if bindings.is_some() => Box::new(Scram::new(user, password, tls, true)?),
            Mechanism::ScramSha256 => Box::new(Scram::new(user, password, tls, plus_offered)?),
            Mechanism::Plain if tls.is_some() => Box::new(Plain::new(user, password)?),
            Mechanism::Login if tls.is_some() => Box::new(Login::new(user, password)?),
            _ => continue,
        };
        return Ok(Some(client));
    }
    Ok(None)
}

/// RFC 4616.
pub struct Plain {
    message: Zeroizing<Vec<u8>>,
    sent: bool,
}

impl Plain {
    /// Prepares name and password.
    pub fn new(user: &str, password: &Secret) -> Result<Self, Reason> {
        let (user, password) = (prepare_name(user.as_bytes())?, prepare_password(password.expose())?);
        let mut message = Zeroizing::new(vec![0]);
        message.extend_from_slice(user.as_bytes());
        message.push(0);
        message.extend_from_slice(password.expose());
        Ok(Self { message, sent: false })
    }
}

impl Client for Plain {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Plain
    }

    fn initial(&mut self) -> Option<Vec<u8>> {
        self.sent = true;
        Some(self.message.to_vec())
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Vec<u8>, Reason> {
        if self.sent { Err(Reason::Malformed) } else { self.initial().ok_or(Reason::Malformed) }
    }

    fn is_satisfied(&self) -> bool {
        self.sent
    }

    fn password(&self) -> Zeroizing<Vec<u8>> {
        // No NUL stands in a password (RFC 4616 section 2).
        Zeroizing::new(self.message.rsplit(|octet| *octet == 0).next().unwrap_or_default().to_vec())
    }
}

/// The mechanism without a standard. The first answer is the name, the second the password, whatever the words of
/// the challenges.
pub struct Login {
    user: String,
    password: Secret,
    answers: u8,
}

impl Login {
    /// Prepares name and password.
    pub fn new(user: &str, password: &Secret) -> Result<Self, Reason> {
        let (user, password) = (prepare_name(user.as_bytes())?, prepare_password(password.expose())?);
        Ok(Self { user, password, answers: 0 })
    }
}

impl Client for Login {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Login
    }

    fn initial(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Vec<u8>, Reason> {
        self.answers = self.answers.saturating_add(1);
        match self.answers {
            1 => Ok(self.user.clone().into_bytes()),
            2 => Ok(self.password.expose().to_vec()),
            _ => Err(Reason::Malformed),
        }
    }

    fn is_satisfied(&self) -> bool {
        self.answers == 2
    }

    fn password(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.password.expose().to_vec())
    }
}

/// RFC 7677, with or without channel binding.
pub struct Scram {
    mechanism: Mechanism,
    password: Secret,
    gs2_header: String,
    binding: Vec<u8>,
    /// `client-first-message-bare`.
    bare: String,
    nonce: String,
    state: ScramState,
}

/// Named for what it awaits.
enum ScramState {
    Start,
    ServerFirst,
    ServerFinal { signature: [u8; 32] },
    Outcome,
    Nothing,
}

impl Scram {
    /// Prepares name and password. `plus_offered` says whether the server's list had `-PLUS`: with TLS that can be
    /// bound, a list without it makes us say so (`y`), and a server that did offer it notices.
    pub fn new(user: &str, password: &Secret, tls: Option<&Tls>, plus_offered: bool) -> Result<Self, Reason> {
        Self::with_nonce(user, password, tls, plus_offered, nonce()?)
    }

    pub(super) fn with_nonce(
        user: &str,
        password: &Secret,
        tls: Option<&Tls>,
        plus_offered: bool,
        nonce: String,
    ) -> Result<Self, Reason> {
        let (user, password) = (prepare_name(user.as_bytes())?, prepare_password(password.expose())?);
        let bindings = Bindings::of(tls);
        let preferred = bindings.as_ref().and_then(Bindings::preferred);
        let (mechanism, gs2_header, binding) = match preferred {
            Some((name, data)) if plus_offered => (Mechanism::ScramSha256Plus, format!("p={name},,"), data.to_vec()),
            Some(_) => (Mechanism::ScramSha256, "y,,".to_owned(), Vec::new()),
            None => (Mechanism::ScramSha256, "n,,".to_owned(), Vec::new()),
        };
        let bare = format!("n={},r={nonce}", encode_name(&user));
        Ok(Self { mechanism, password, gs2_header, binding, bare, nonce, state: ScramState::Start })
    }

    /// `server-first-message = nonce "," salt "," iteration-count ["," extensions]`
    fn server_first(&mut self, challenge: &str) -> Result<Vec<u8>, Reason> {
        let mut attributes = challenge.split(',');
        let first = attributes.next().unwrap_or_default();
        if first.starts_with("m=") {
            return Err(Reason::Unsupported);
        }
        let nonce = attribute(Some(first), "r")?;
        let longer = nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce);
        if !longer || !is_nonce(nonce) {
            return Err(Reason::Malformed);
        }
        let salt = decode_base64(attribute(attributes.next(), "s")?.as_bytes()).ok_or(Reason::Malformed)?;
        let iterations: u32 = attribute(attributes.next(), "i")?.parse().map_err(|_| Reason::Malformed)?;
        attributes.try_for_each(skip_extension)?;
        if salt.len() > SALT_OCTETS_MAX || !(CLIENT_ITERATIONS_MIN..=CLIENT_ITERATIONS_MAX).contains(&iterations) {
            return Err(Reason::Unsupported);
        }
        let mut bound = self.gs2_header.clone().into_bytes();
        bound.extend_from_slice(&self.binding);
        let without_proof = format!("c={},r={nonce}", encode_base64(&bound));
        let auth_message = format!("{},{challenge},{without_proof}", self.bare);
        let salted = salted_password(self.password.expose(), &salt, iterations);
        let (client_key, server_key) = keys_of(&salted);
        let proof = client_proof(&client_key, auth_message.as_bytes());
        let signature = hmac_sha256(&server_key, &[auth_message.as_bytes()]);
        self.state = ScramState::ServerFinal { signature };
        Ok(format!("{without_proof},p={}", encode_base64(&proof)).into_bytes())
    }

    /// `server-final-message = (server-error / verifier) ["," extensions]`
    fn server_final(&mut self, challenge: &str, signature: &[u8; 32]) -> Result<Vec<u8>, Reason> {
        let mut attributes = challenge.split(',');
        let first = attributes.next().unwrap_or_default();
        if first.starts_with("e=") {
            return Err(Reason::Credentials);
        }
        let verifier = decode_base64(attribute(Some(first), "v")?.as_bytes()).ok_or(Reason::Malformed)?;
        attributes.try_for_each(skip_extension)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(&verifier, signature).map_err(|_| Reason::Credentials)?;
        self.state = ScramState::Outcome;
        Ok(Vec::new())
    }
}

impl Client for Scram {
    fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    fn initial(&mut self) -> Option<Vec<u8>> {
        self.state = ScramState::ServerFirst;
        Some(format!("{}{}", self.gs2_header, self.bare).into_bytes())
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Reason> {
        if challenge.len() > MESSAGE_OCTETS_MAX {
            return Err(Reason::Malformed);
        }
        let challenge = std::str::from_utf8(challenge).map_err(|_| Reason::Malformed)?;
        match std::mem::replace(&mut self.state, ScramState::Nothing) {
            ScramState::Start => self.initial().ok_or(Reason::Malformed),
            ScramState::ServerFirst => self.server_first(challenge),
            ScramState::ServerFinal { signature } => self.server_final(challenge, &signature),
            ScramState::Outcome | ScramState::Nothing => Err(Reason::Malformed),
        }
    }

    fn is_satisfied(&self) -> bool {
        matches!(self.state, ScramState::Outcome)
    }

    fn password(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.password.expose().to_vec())
    }
}
