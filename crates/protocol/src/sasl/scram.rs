//! What both sides of SCRAM share (RFC 5802): the computation of keys and proofs, channel bindings, names on the
//! wire, nonces.

use std::num::NonZeroU32;
use std::sync::OnceLock;

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2, rand};
use zeroize::Zeroizing;

use super::limits::{NONCE_OCTETS_MAX, NONCE_RANDOM_OCTETS, SALT_OCTETS, SCRAM_ITERATIONS};
use super::{Reason, ScramKeys, encode_base64, prepare_password};
use crate::Tls;

/// HMAC-SHA-256.
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    array(context.sign().as_ref())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    array(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// SHA-256 and its HMAC have 32 octets; a shorter slice would leave zeros.
fn array(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    for (to, (x, y)) in out.iter_mut().zip(a.iter().zip(b)) {
        *to = x ^ y;
    }
    out
}

/// `SaltedPassword := Hi(Normalize(password), salt, i)`
pub(super) fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    let rounds = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password, out.as_mut_slice());
    out
}

/// Client key and server key of a salted password.
pub(super) fn keys_of(salted: &[u8; 32]) -> (Zeroizing<[u8; 32]>, [u8; 32]) {
    (Zeroizing::new(hmac_sha256(salted, &[b"Client Key"])), hmac_sha256(salted, &[b"Server Key"]))
}

/// `ClientProof := ClientKey XOR HMAC(H(ClientKey), AuthMessage)`
pub(super) fn client_proof(client_key: &[u8; 32], auth_message: &[u8]) -> [u8; 32] {
    *xor(client_key, &hmac_sha256(&sha256(client_key), &[auth_message]))
}

impl ScramKeys {
    /// Computes what a server keeps of a password, which is prepared by SASLprep first. Costs `iterations` rounds of
    /// PBKDF2 (0 counts as 1): milliseconds, so not on an async thread. An unusable password (empty, or over its
    /// limit) gives keys that no client can prove.
    pub fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let prepared = prepare_password(password);
        let salted = match &prepared {
            Ok(secret) => salted_password(secret.expose(), salt, iterations),
            Err(_) => Zeroizing::new(*process_secret()),
        };
        let (client_key, server_key) = keys_of(&salted);
        Self { iterations, salt: salt.to_vec(), stored_key: sha256(client_key.as_slice()), server_key }
    }

    /// Keys for a user who does not exist: they look like true ones, stay the same for the same name and secret, and
    /// cannot be proved (RFC 5802 section 9 on enumeration of users). A secret that outlives the process keeps them
    /// the same over a restart too.
    pub fn invented(secret: &[u8], user: &str, iterations: u32) -> Self {
        let salt = hmac_sha256(secret, &[b"salt\0", user.as_bytes()]);
        Self {
            iterations,
            salt: salt.iter().copied().take(SALT_OCTETS).collect(),
            stored_key: hmac_sha256(secret, &[b"stored\0", user.as_bytes()]),
            server_key: hmac_sha256(secret, &[b"server\0", user.as_bytes()]),
        }
    }

    /// Invented keys when the directory has no secret of its own for them.
    pub(super) fn invented_here(user: &str) -> Self {
        Self::invented(process_secret(), user, SCRAM_ITERATIONS)
    }

    /// Checks a proof in constant time; on success gives the server's signature.
    pub(super) fn check(&self, proof: &[u8], auth_message: &[u8]) -> Result<[u8; 32], Reason> {
        let proof: &[u8; 32] = proof.try_into().map_err(|_| Reason::Credentials)?;
        let client_key = xor(proof, &hmac_sha256(&self.stored_key, &[auth_message]));
        constant_time::verify_slices_are_equal(&sha256(client_key.as_slice()), &self.stored_key)
            .map_err(|_| Reason::Credentials)?;
        Ok(hmac_sha256(&self.server_key, &[auth_message]))
    }
}

/// Drawn once, never changed, never shown.
fn process_secret() -> &'static [u8; 32] {
    static SECRET: OnceLock<[u8; 32]> = OnceLock::new();
    SECRET.get_or_init(|| {
        let mut secret = [0; 32];
        if rand::fill(&mut secret).is_err() {
            // Then a nonce cannot be drawn either, and every exchange ends as `Temporary`.
            secret = [0x5a; 32];
        }
        secret
    })
}

/// What a channel can be bound to.
#[derive(Debug, Clone)]
pub(super) struct Bindings {
    exporter: Option<Vec<u8>>,
    server_end_point: Option<Vec<u8>>,
}

impl Bindings {
    /// `None` when there is nothing to bind to.
    pub(super) fn of(tls: Option<&Tls>) -> Option<Self> {
        let tls = tls?;
        if tls.exporter.is_none() && tls.server_end_point.is_none() {
            return None;
        }
        Some(Self { exporter: tls.exporter.clone(), server_end_point: tls.server_end_point.clone() })
    }

    /// The data for a binding's registered name.
    pub(super) fn data(&self, name: &str) -> Option<&[u8]> {
        match name {
            "tls-exporter" => self.exporter.as_deref(),
            "tls-server-end-point" => self.server_end_point.as_deref(),
            _ => None,
        }
    }

    /// The one that a client takes: RFC 9266 section 3 makes tls-exporter the default.
    pub(super) fn preferred(&self) -> Option<(&'static str, &[u8])> {
        ["tls-exporter", "tls-server-end-point"].into_iter().find_map(|name| Some((name, self.data(name)?)))
    }
}

/// A fresh nonce, printable and without a comma.
pub(super) fn nonce() -> Result<String, Reason> {
    let mut random = [0; NONCE_RANDOM_OCTETS];
    rand::fill(&mut random).map_err(|_| Reason::Temporary)?;
    Ok(encode_base64(&random))
}

/// `printable = %x21-2B / %x2D-7E`, at least one of them.
pub(super) fn is_nonce(text: &str) -> bool {
    let printable = |b: u8| matches!(b, 0x21..=0x2B | 0x2D..=0x7E);
    !text.is_empty() && text.len() <= NONCE_OCTETS_MAX && text.bytes().all(printable)
}

/// `saslname = 1*(value-safe-char / "=2C" / "=3D")`
pub(super) fn decode_name(text: &str) -> Result<String, Reason> {
    let mut pieces = text.split('=');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (letter, rest) = if let Some(rest) = piece.strip_prefix("2C") {
            (',', rest)
        } else if let Some(rest) = piece.strip_prefix("3D") {
            ('=', rest)
        } else {
            return Err(Reason::Malformed);
        };
        out.push(letter);
        out.push_str(rest);
    }
    if out.is_empty() || out.contains('\0') { Err(Reason::Malformed) } else { Ok(out) }
}

/// The reverse of [`decode_name`].
pub(super) fn encode_name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// Takes `x=` off an attribute.
pub(super) fn attribute<'a>(text: Option<&'a str>, name: &str) -> Result<&'a str, Reason> {
    text.and_then(|text| text.strip_prefix(name)).and_then(|rest| rest.strip_prefix('=')).ok_or(Reason::Malformed)
}

/// An optional extension: `attr-val = ALPHA "=" value`. Unknown ones are ignored; `m=` is mandatory, and we know none.
pub(super) fn skip_extension(text: &str) -> Result<(), Reason> {
    let mut characters = text.chars();
    let letter = characters.next().is_some_and(|c| c.is_ascii_alphabetic());
    if !letter || characters.next() != Some('=') || text.contains('\0') {
        return Err(Reason::Malformed);
    }
    if text.starts_with('m') { Err(Reason::Unsupported) } else { Ok(()) }
}
