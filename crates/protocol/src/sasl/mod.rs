//! SASL (RFC 4422): the server side of PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802,
//! 7677), and the client side of PLAIN, LOGIN and SCRAM for the outbound client.
//!
//! The three protocols carry the same exchange in their own words (`334 `, `+ `), so the exchange lives here.
//! Pure: the directory answers for secrets through [`Request`], and a carrying session hands its answer back.

use zeroize::Zeroizing;

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

/// What the directory has to answer during a sign-in. Every carrying session has an event with one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Check this password: answer "accepted" or "refused".
    Password {
        /// Authentication identity, prepared by SASLprep (RFC 4013).
        user: String,
        /// Wiped when dropped.
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

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
