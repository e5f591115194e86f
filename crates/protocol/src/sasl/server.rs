//! The server's side of an exchange, as one value that every carrying session holds while its client signs in.

use super::limits::MESSAGE_OCTETS_MAX;
use super::scram::{Bindings, attribute, decode_name, is_nonce, nonce, skip_extension};
use super::{Mechanism, Reason, Request, ScramKeys, decode_base64, encode_base64, prepare_name, prepare_password};
use crate::Tls;

/// What the carrying session has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this (raw; the session encodes it) and give the answer to [`Exchange::respond`].
    Challenge(Vec<u8>),
    /// Raise the session's Authenticate event. After [`Request::ScramKeys`] the exchange goes on with
    /// [`Exchange::keys`]; after the others it is over, and the directory's answer is the last word.
    Ask(Request),
    /// Over. The session answers in its own words.
    Failed(Reason),
}

/// One sign-in on the server's side. Feed it the client's messages, already out of base64.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    bindings: Option<Bindings>,
    /// Who the client claims to be, once it has said so.
    user: Option<String>,
    state: State,
}

/// Named for what it awaits.
#[derive(Debug)]
enum State {
    Start,
    PlainMessage,
    LoginUser,
    LoginPassword { user: String },
    ClientFirst,
    Keys(Box<First>),
    ClientFinal { first: Box<First>, keys: ScramKeys, server_first: String, nonce: String },
    Confirmation(Box<First>),
    Nothing,
}

/// What the client's first SCRAM message said.
#[derive(Debug)]
struct First {
    user: String,
    authorize_as: Option<String>,
    nonce: String,
    /// `client-first-message-bare`, as it came.
    bare: String,
    /// What `c=` has to hold: the GS2 header, then the binding's data.
    binding: Vec<u8>,
}

impl Exchange {
    /// Begins one. `tls` is the channel the session runs on; a session that offers mechanisms otherwise than
    /// [`Mechanism::offered`] says breaks the guard against downgrades.
    pub fn new(mechanism: Mechanism, tls: Option<&Tls>) -> Self {
        Self { mechanism, bindings: Bindings::of(tls), user: None, state: State::Start }
    }

    /// Which mechanism it is.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Who the client claims to be, once it has said so; for the journal when the exchange failed.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The first step. `initial_response` is `None` when the command brought none, which is not the same as an
    /// empty one.
    pub fn start(&mut self, initial_response: Option<&[u8]>) -> Next {
        if !matches!(self.state, State::Start) {
            return self.fail(Reason::Malformed);
        }
        self.state = match self.mechanism {
            Mechanism::Plain => State::PlainMessage,
            Mechanism::Login => State::LoginUser,
            Mechanism::ScramSha256 => State::ClientFirst,
            Mechanism::ScramSha256Plus if self.bindings.is_some() => State::ClientFirst,
            Mechanism::ScramSha256Plus => return self.fail(Reason::Unsupported),
        };
        match initial_response {
            Some(message) => self.respond(message),
            None if self.mechanism == Mechanism::Login => Next::Challenge(b"Username:".to_vec()),
            None => Next::Challenge(Vec::new()),
        }
    }

    /// The client's answer to the last challenge.
    pub fn respond(&mut self, message: &[u8]) -> Next {
        let result = if message.len() > MESSAGE_OCTETS_MAX {
            Err(Reason::Malformed)
        } else {
            match std::mem::replace(&mut self.state, State::Nothing) {
                State::PlainMessage => self.plain(message),
                State::LoginUser => self.login_user(message),
                State::LoginPassword { user } => login_password(user, message).map(Next::Ask),
                State::ClientFirst => self.client_first(message),
                State::ClientFinal { first, keys, server_first, nonce } => {
                    self.client_final(message, first, &keys, &server_first, &nonce)
                }
                State::Confirmation(first) => self.confirmation(message, *first),
                State::Start | State::Keys(_) | State::Nothing => Err(Reason::Malformed),
            }
        };
        result.unwrap_or_else(|reason| self.fail(reason))
    }

    /// The directory's answer to [`Request::ScramKeys`]. `None` goes on with invented keys, which no proof fits.
    pub fn keys(&mut self, keys: Option<ScramKeys>) -> Next {
        match nonce() {
            Ok(ours) => self.keys_with_nonce(keys, &ours),
            Err(reason) => self.fail(reason),
        }
    }

    pub(super) fn keys_with_nonce(&mut self, keys: Option<ScramKeys>, ours: &str) -> Next {
        let State::Keys(first) = std::mem::replace(&mut self.state, State::Nothing) else {
            return self.fail(Reason::Malformed);
        };
        let keys = keys.unwrap_or_else(|| ScramKeys::invented_here(&first.user));
        let nonce = format!("{}{ours}", first.nonce);
        let server_first = format!("r={nonce},s={},i={}", encode_base64(&keys.salt), keys.iterations);
        let challenge = server_first.clone().into_bytes();
        self.state = State::ClientFinal { first, keys, server_first, nonce };
        Next::Challenge(challenge)
    }

    fn fail(&mut self, reason: Reason) -> Next {
        self.state = State::Nothing;
        Next::Failed(reason)
    }

    /// `message = [authzid] UTF8NUL authcid UTF8NUL passwd`
    fn plain(&mut self, message: &[u8]) -> Result<Next, Reason> {
        let mut parts = message.split(|byte| *byte == 0);
        let (Some(authzid), Some(authcid), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Reason::Malformed);
        };
        let user = prepare_name(authcid)?;
        self.user = Some(user.clone());
        let password = prepare_password(password)?;
        let authorize_as = if authzid.is_empty() { None } else { Some(prepare_name(authzid)?) };
        let authorize_as = authorize_as.filter(|named| *named != user);
        Ok(Next::Ask(Request::Password { user, password, authorize_as, mechanism: Mechanism::Plain.name() }))
    }

    fn login_user(&mut self, message: &[u8]) -> Result<Next, Reason> {
        // Some clients end the name with a NUL, as a draft of the mechanism had it.
        let name = message.strip_suffix(b"\0").unwrap_or(message);
        // A name that cannot be is refused only after the password, like a name that merely is not there.
        let user = if name.contains(&0) { String::new() } else { prepare_name(name).unwrap_or_default() };
        self.user = Some(user.clone());
        self.state = State::LoginPassword { user };
        Ok(Next::Challenge(b"Password:".to_vec()))
    }

    /// `client-first-message = gs2-header client-first-message-bare`
    fn client_first(&mut self, message: &[u8]) -> Result<Next, Reason> {
        let text = std::str::from_utf8(message).map_err(|_| Reason::Malformed)?;
        let mut parts = text.splitn(3, ',');
        let (flag, authzid) = (parts.next().unwrap_or_default(), parts.next().ok_or(Reason::Malformed)?);
        let bare = parts.next().ok_or(Reason::Malformed)?;
        let header_octets = text.len() - bare.len();
        let mut binding = message.get(..header_octets).unwrap_or_default().to_vec();
        binding.extend_from_slice(self.binding_data(flag)?);

        let mut attributes = bare.split(',');
        let name = attributes.next().unwrap_or_default();
        if name.starts_with("m=") {
            return Err(Reason::Unsupported);
        }
        let user = prepare_name(decode_name(attribute(Some(name), "n")?)?.as_bytes())?;
        let nonce = attribute(attributes.next(), "r")?.to_owned();
        if !is_nonce(&nonce) {
            return Err(Reason::Malformed);
        }
        attributes.try_for_each(skip_extension)?;
        let authorize_as = match authzid {
            "" => None,
            named => Some(prepare_name(decode_name(attribute(Some(named), "a")?)?.as_bytes())?),
        };
        let authorize_as = authorize_as.filter(|named| *named != user);
        self.user = Some(user.clone());
        let request = Request::ScramKeys { user: user.clone() };
        self.state = State::Keys(Box::new(First { user, authorize_as, nonce, bare: bare.to_owned(), binding }));
        Ok(Next::Ask(request))
    }

    /// `gs2-cbind-flag = ("p=" cb-name) / "n" / "y"`, judged by RFC 5802 section 6.
    fn binding_data(&self, flag: &str) -> Result<&[u8], Reason> {
        let bound = self.mechanism == Mechanism::ScramSha256Plus;
        match flag {
            "n" if !bound => Ok(&[]),
            "y" if !bound && self.bindings.is_none() => Ok(&[]),
            "y" if !bound => Err(Reason::Downgrade),
            "n" | "y" => Err(Reason::ChannelBinding),
            _ => {
                let name = flag.strip_prefix("p=").ok_or(Reason::Malformed)?;
                if !bound {
                    return Err(Reason::ChannelBinding);
                }
                self.bindings.as_ref().and_then(|bindings| bindings.data(name)).ok_or(Reason::Unsupported)
            }
        }
    }

    /// `client-final-message = "c=" base64 "," "r=" nonce ["," extensions] "," "p=" base64`
    fn client_final(
        &mut self,
        message: &[u8],
        first: Box<First>,
        keys: &ScramKeys,
        server_first: &str,
        nonce: &str,
    ) -> Result<Next, Reason> {
        let text = std::str::from_utf8(message).map_err(|_| Reason::Malformed)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(Reason::Malformed)?;
        let mut attributes = without_proof.split(',');
        let binding = decode_base64(attribute(attributes.next(), "c")?.as_bytes()).ok_or(Reason::Malformed)?;
        let their_nonce = attribute(attributes.next(), "r")?;
        attributes.try_for_each(skip_extension)?;
        let proof = decode_base64(proof.as_bytes()).ok_or(Reason::Malformed)?;
        if binding != first.binding {
            return Err(Reason::ChannelBinding);
        }
        if their_nonce != nonce {
            return Err(Reason::Malformed);
        }
        let auth_message = format!("{},{server_first},{without_proof}", first.bare);
        let signature = keys.check(&proof, auth_message.as_bytes())?;
        self.state = State::Confirmation(first);
        Ok(Next::Challenge(format!("v={}", encode_base64(&signature)).into_bytes()))
    }

    /// The client has our signature; all it may answer is nothing.
    fn confirmation(&mut self, message: &[u8], first: First) -> Result<Next, Reason> {
        if !message.is_empty() {
            return Err(Reason::Malformed);
        }
        let First { user, authorize_as, .. } = first;
        Ok(Next::Ask(Request::Proved { user, authorize_as, mechanism: self.mechanism.name() }))
    }
}

fn login_password(user: String, message: &[u8]) -> Result<Request, Reason> {
    let password = prepare_password(message.strip_suffix(b"\0").unwrap_or(message))?;
    if user.is_empty() {
        return Err(Reason::Credentials);
    }
    Ok(Request::Password { user, password, authorize_as: None, mechanism: Mechanism::Login.name() })
}
