//! SASL (RFC 4422): the server side of PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802,
//! 7677), and the client side of PLAIN, LOGIN and SCRAM for the outbound client.
//!
//! The three protocols carry the same exchange in their own words (`334 `, `+ `), so the exchange lives here.
//! Pure: the directory answers for secrets through [`Request`], and a carrying session hands its answer back.
//!
//! Channel bindings are `tls-exporter` (RFC 9266) and `tls-server-end-point` (RFC 5929). `tls-unique` is refused: TLS
//! 1.3 has none, and without the extended master secret it binds nothing.

mod base64;
pub mod client;
pub mod limits;
mod prepare;
mod scram;
mod server;
#[cfg(test)]
mod tests;

use std::fmt;

use zeroize::Zeroizing;

use crate::Tls;

pub use self::base64::{decode_base64, decode_initial_response, encode_base64};
pub use self::prepare::{prepare_name, prepare_password};
pub use self::server::{Exchange, Next};

/// The mechanisms we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// The one without a standard, which Outlook still wants.
    Login,
    /// RFC 7677.
    ScramSha256,
    /// RFC 7677 with channel binding.
    ScramSha256Plus,
}

impl Mechanism {
    /// All of them, the best first: the order in which a server lists them.
    pub const ALL: [Self; 4] = [Self::ScramSha256Plus, Self::ScramSha256, Self::Plain, Self::Login];

    /// Reads a mechanism's name; case does not matter. `None` for one that we do not speak.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    /// Whether it shows the password to whoever reads along, so that it needs TLS (RFC 4954 section 4).
    pub fn shows_password(self) -> bool {
        matches!(self, Self::Plain | Self::Login)
    }

    /// Whether a server offers it on this channel: `-PLUS` needs something to bind to, and PLAIN and LOGIN need TLS
    /// unless `cleartext_allowed` (a setting for loopback and tests).
    ///
    /// A session must list exactly these, since [`Exchange`] takes the same rule to notice a downgrade.
    pub fn is_offered(self, tls: Option<&Tls>, cleartext_allowed: bool) -> bool {
        match self {
            Self::Plain | Self::Login => tls.is_some() || cleartext_allowed,
            Self::ScramSha256 => true,
            Self::ScramSha256Plus => scram::Bindings::of(tls).is_some(),
        }
    }

    /// Those that a server offers on this channel, the best first.
    pub fn offered(tls: Option<&Tls>, cleartext_allowed: bool) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |mechanism| mechanism.is_offered(tls, cleartext_allowed))
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the directory has to answer during a sign-in. Every carrying session has an event with one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Check this password: answer "accepted" or "refused".
    Password {
        /// Authentication identity, prepared by SASLprep (RFC 4013).
        user: String,
        /// Prepared by SASLprep; wiped when dropped.
        password: Secret,
        /// Authorization identity, when another one than `user` was named.
        authorize_as: Option<String>,
        /// How it came (`PLAIN`, `LOGIN`, or the protocol's own `USER`/`LOGIN` command), for the journal.
        mechanism: &'static str,
    },
    /// Fetch the SCRAM keys of this user: answer with keys, or with `None` for an unknown user; the exchange
    /// then goes on with invented keys, so that a stranger learns nothing.
    ScramKeys {
        /// Authentication identity, prepared by SASLprep.
        user: String,
    },
    /// The proof was right: open the account ("accepted") or say why not ("refused").
    Proved {
        /// Authentication identity.
        user: String,
        /// Authorization identity, when another one than `user` was named.
        authorize_as: Option<String>,
        /// `SCRAM-SHA-256` or `SCRAM-SHA-256-PLUS`.
        mechanism: &'static str,
    },
}

impl Request {
    /// A name and a password as a protocol's own command brings them (`USER`/`PASS`, IMAP `LOGIN`): prepares both.
    pub fn password(user: &[u8], password: &[u8], mechanism: &'static str) -> Result<Self, Reason> {
        let user = prepare_name(user)?;
        Ok(Self::Password { user, password: prepare_password(password)?, authorize_as: None, mechanism })
    }

    /// The authentication identity, whatever is asked.
    pub fn user(&self) -> &str {
        match self {
            Self::Password { user, .. } | Self::ScramKeys { user } | Self::Proved { user, .. } => user,
        }
    }

    /// How it came, for the journal. Which SCRAM it will be is not known while its keys are asked for.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Password { mechanism, .. } | Self::Proved { mechanism, .. } => mechanism,
            Self::ScramKeys { .. } => Mechanism::ScramSha256.name(),
        }
    }
}

/// Why an exchange failed before the directory had the last word. Whose fault: the peer's, but for `Temporary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The message breaks the mechanism's grammar, or came out of turn.
    #[error("the message breaks the mechanism's grammar")]
    Malformed,
    /// Name, password or proof are wrong. Answer in the words of a wrong password, and nothing more exact.
    #[error("wrong name or password")]
    Credentials,
    /// The channel binding does not fit this channel: somebody stands between, or the client bound to another one.
    #[error("the channel binding does not match")]
    ChannelBinding,
    /// The client holds that we offer no channel binding, but we do: somebody removed it from our list (RFC 5802
    /// section 6).
    #[error("the offer of channel binding was removed on the way")]
    Downgrade,
    /// A mechanism, a binding type, or a mandatory extension that we do not have on this channel.
    #[error("not supported on this channel")]
    Unsupported,
    /// Ours: no random numbers to be had. Not now, perhaps later.
    #[error("temporary failure")]
    Temporary,
}

/// The directory's "no". A session answers it in its protocol's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such account, or a wrong password: 535 5.7.8, `AUTHENTICATIONFAILED`, `[AUTH]`. Never say which.
    #[error("wrong name or password")]
    Credentials,
    /// The password was right, but the account may not act as the authorization identity: 535 5.7.8,
    /// `AUTHORIZATIONFAILED`, `[AUTH]`.
    #[error("this account may not act as the named one")]
    NotAuthorized,
    /// Ours: the store does not answer, or too many sign-ins wait. 454 4.7.0, `UNAVAILABLE`, `[SYS/TEMP]`.
    #[error("sign-in is not possible at the moment")]
    Temporary,
}

/// A secret that cannot be printed and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Wraps the bytes of a secret.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves, for the one who checks them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a server keeps of a password for SCRAM (RFC 5802 section 3).
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// PBKDF2 rounds; RFC 7677 wants 4096 at least.
    pub iterations: u32,
    /// Salt, raw.
    pub salt: Vec<u8>,
    /// H(ClientKey).
    pub stored_key: [u8; 32],
    /// HMAC(SaltedPassword, "Server Key").
    pub server_key: [u8; 32],
}

impl fmt::Debug for ScramKeys {
    /// Without the keys: whoever has the server key can play the server.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}
