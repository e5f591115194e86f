//! argon2id (RFC 9106) in memory that is used again: 19 MiB taken from and given back to the allocator for each
//! sign-in, on whatever thread it runs, leave it with many such holes.

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, PasswordHash, PasswordVerifier as _, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::Error;
use crate::limits::{ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES};

/// What one computation works in.
pub(crate) struct Memory(Vec<Block>);

impl Memory {
    /// Takes it from the allocator.
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self(vec![Block::new(); parameters()?.block_count()]))
    }

    /// A PHC string of the password.
    pub(crate) fn hash(&mut self, password: &[u8], salt: &[u8]) -> Result<String, Error> {
        let params = parameters()?;
        let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
        context(params.clone()).hash_password_into_with_memory(password, salt, &mut out, &mut self.0).map_err(ours)?;
        let phc = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(ours)?,
            salt: Some(Salt::new(salt).map_err(ours)?),
            hash: Some(Output::new(&out).map_err(ours)?),
        };
        Ok(phc.to_string())
    }

    /// Whether the PHC string is the password's. One with other parameters than ours takes memory of its own.
    pub(crate) fn verify(&mut self, password: &[u8], phc: &str) -> bool {
        let Ok(known) = PasswordHash::new(phc) else { return false };
        match self.verify_here(password, &known) {
            Some(right) => right,
            None => Argon2::default().verify_password(password, &known).is_ok(),
        }
    }

    /// `None` when it does not fit.
    fn verify_here(&mut self, password: &[u8], known: &PasswordHash) -> Option<bool> {
        let (salt, hash) = (known.salt.as_ref()?, known.hash.as_ref()?);
        let params = Params::try_from(known).ok()?;
        let usual = known.algorithm == ARGON2ID_IDENT && known.version == Some(Version::V0x13.into());
        let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
        if !usual || params.block_count() > self.0.len() || hash.len() != out.len() {
            return None;
        }
        context(params).hash_password_into_with_memory(password, salt.as_ref(), &mut out, &mut self.0).ok()?;
        Some(verify_slices_are_equal(&out, hash.as_bytes()).is_ok())
    }
}

fn parameters() -> Result<Params, Error> {
    Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, None).map_err(ours)
}

fn context(params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn ours(error: impl std::fmt::Display) -> Error {
    Error::Hash(error.to_string())
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher as _;

    use super::*;
    use crate::passwords::DECOY;

    #[test]
    fn it_agrees_with_the_plain_way() {
        let mut memory = Memory::new().unwrap();
        let ours = memory.hash(b"password", b"salt of 16 bytes").unwrap();
        let plain = context(parameters().unwrap()).hash_password_with_salt(b"password", b"salt of 16 bytes").unwrap();
        assert_eq!(ours, plain.to_string());
        for _ in 0..2 {
            assert!(memory.verify(b"password", &ours));
            assert!(!memory.verify(b"Password", &ours));
        }
        assert!(!memory.verify(b"password", "no hash at all"));
    }

    #[test]
    fn others_parameters_are_understood() {
        let mut memory = Memory::new().unwrap();
        for (kib, passes, length) in [(32 * 1024, 1, 32), (64, 3, 32), (64, 1, 24)] {
            let params = Params::new(kib, passes, 1, Some(length)).unwrap();
            let phc = context(params).hash_password_with_salt(b"password", b"salt of 16 bytes").unwrap().to_string();
            assert!(memory.verify(b"password", &phc), "{phc}");
            assert!(!memory.verify(b"passwort", &phc), "{phc}");
        }
    }

    #[test]
    fn the_decoy_costs_what_a_true_hash_costs() {
        let mut memory = Memory::new().unwrap();
        let made = memory.hash(b"password", b"salt of 16 bytes").unwrap();
        let parameters = |phc: &str| phc.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parameters(&made), parameters(DECOY));
        let decoy = PasswordHash::new(DECOY).unwrap();
        assert_eq!(memory.verify_here(b"password", &decoy), Some(false), "it is computed, and it is wrong");
    }
}
