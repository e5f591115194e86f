//! Making and checking passwords: argon2id (RFC 9106) on blocking threads, as many at a time as there are cores, with
//! a memory for those that were right lately.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use aws_lc_rs::{hmac, rand};
use envelope::AccountId;
use protocol::sasl::limits::{SALT_OCTETS as SCRAM_SALT_OCTETS, SCRAM_ITERATIONS};
use protocol::sasl::{ScramKeys, Secret};
use tokio::sync::Semaphore;

use crate::Error;
use crate::limits::{
    ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES, SALT_OCTETS, SIGN_INS_WAITING_MAX, VERIFIED_FOR, VERIFIED_MAX,
};
use crate::recent::Recent;
use crate::schema::AccountRow;

/// Checked in the place of a password that is not there, so that an unknown name takes as long. Nothing hashes to it.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What is stored of a password.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    /// PHC string.
    pub(crate) password: String,
    pub(crate) scram: ScramKeys,
}

pub(crate) struct Passwords {
    cores: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// Key of the memory below: a dump of it tells nothing without this.
    key: hmac::Key,
    verified: Mutex<Recent<[u8; 32], Instant>>,
}

/// Random octets for secrets.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut octets = [0; N];
    rand::fill(&mut octets).map_err(|_| Error::Hash("no random numbers to be had".to_owned()))?;
    Ok(octets)
}

impl Passwords {
    pub(crate) fn new() -> Result<Self, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores + SIGN_INS_WAITING_MAX)),
            key: hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?),
            verified: Mutex::new(Recent::new(VERIFIED_MAX)),
        })
    }

    /// Whether the password is the account's; with no account false, after as long a time.
    pub(crate) async fn check(&self, account: Option<&AccountRow>, password: Secret) -> Result<bool, Error> {
        let mark = account.map(|account| self.mark(account.id, account.credential_version, &password));
        if mark.is_some_and(|mark| self.is_remembered(&mark)) {
            return Ok(true);
        }
        let hash = account.map_or_else(|| DECOY.to_owned(), |account| account.password.clone());
        let verify = move || argon2().map(|argon2| argon2.verify_password(password.expose(), hash.as_str()).is_ok());
        let right = self.on_a_core(verify).await?? && account.is_some();
        if let Some(mark) = mark.filter(|_| right) {
            self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(mark, Instant::now());
        }
        Ok(right)
    }

    /// Makes what is stored of a password.
    pub(crate) async fn make(&self, password: &Secret) -> Result<Credentials, Error> {
        let password = protocol::sasl::prepare_password(password.expose()).map_err(|_| Error::Password)?;
        let salt = random::<SALT_OCTETS>()?;
        let scram_salt = random::<SCRAM_SALT_OCTETS>()?;
        let hash = move || {
            let hash = argon2()?.hash_password_with_salt(password.expose(), &salt);
            let hash = hash.map_err(|error| Error::Hash(error.to_string()))?;
            let scram = ScramKeys::derive(password.expose(), &scram_salt, SCRAM_ITERATIONS);
            Ok(Credentials { password: hash.to_string(), scram })
        };
        self.on_a_core(hash).await?
    }

    /// Runs a computation on a blocking thread once a core is free. Whoever comes when too many wait is turned away.
    async fn on_a_core<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Error::Busy)?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| Error::Busy)?;
        let task = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even when the one who asked has gone.
            let _held = (place, core);
            work()
        });
        task.await.map_err(|error| Error::Hash(error.to_string()))
    }

    /// A name for "this password of this account", useless without our key.
    fn mark(&self, id: AccountId, credential_version: i64, password: &Secret) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&id.0.to_be_bytes());
        context.update(&credential_version.to_be_bytes());
        context.update(password.expose());
        context.sign().as_ref().try_into().unwrap_or_default()
    }

    fn is_remembered(&self, mark: &[u8; 32]) -> bool {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        match verified.get(mark) {
            Some(since) if since.elapsed() < VERIFIED_FOR => true,
            Some(_) => {
                verified.remove(mark);
                false
            }
            None => false,
        }
    }
}

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, None);
    let params = params.map_err(|error| Error::Hash(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoy_costs_what_a_true_hash_costs() {
        let made = argon2().unwrap().hash_password_with_salt(b"password", b"salt of 16 bytes").unwrap().to_string();
        let parameters = |phc: &str| phc.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parameters(&made), parameters(DECOY));
        let wrong = argon2().unwrap().verify_password(b"password", DECOY);
        assert!(matches!(wrong, Err(argon2::password_hash::Error::PasswordInvalid)), "{wrong:?}");
        argon2().unwrap().verify_password(b"password", made.as_str()).unwrap();
    }

    #[test]
    fn marks_tell_accounts_and_versions_apart() {
        let passwords = Passwords::new().unwrap();
        let secret = Secret::new(b"password".to_vec());
        let mark = passwords.mark(AccountId(1), 1, &secret);
        assert_eq!(mark, passwords.mark(AccountId(1), 1, &secret));
        assert_ne!(mark, passwords.mark(AccountId(2), 1, &secret));
        assert_ne!(mark, passwords.mark(AccountId(1), 2, &secret));
        assert_ne!(mark, Passwords::new().unwrap().mark(AccountId(1), 1, &secret));
        assert_ne!(mark, [0; 32]);
    }
}
