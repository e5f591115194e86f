//! Making and checking passwords: argon2id on blocking threads, as many at a time as there are cores, with a memory for
//! those that were right lately.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws_lc_rs::{hmac, rand};
use envelope::AccountId;
use protocol::sasl::limits::{SALT_OCTETS as SCRAM_SALT_OCTETS, SCRAM_ITERATIONS};
use protocol::sasl::{ScramKeys, Secret};
use tokio::sync::Semaphore;

use crate::Error;
use crate::argon::Memory;
use crate::limits::{HASHES_AT_ONCE_MAX, SALT_OCTETS, SIGN_INS_WAITING_MAX, VERIFIED_FOR, VERIFIED_MAX};
use crate::recent::Recent;
use crate::schema::AccountRow;

/// Checked in the place of a password that is not there, so that an unknown name takes as long. Nothing hashes to it.
pub(crate) const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

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
    /// As many as were ever in use at once.
    memories: Arc<Mutex<Vec<Memory>>>,
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
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(HASHES_AT_ONCE_MAX);
        Ok(Self {
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores + SIGN_INS_WAITING_MAX)),
            memories: Arc::default(),
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
        let verify = move |memory: &mut Memory| memory.verify(password.expose(), &hash);
        let right = self.on_a_core(verify).await? && account.is_some();
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
        let hash = move |memory: &mut Memory| {
            let hash = memory.hash(password.expose(), &salt)?;
            let scram = ScramKeys::derive(password.expose(), &scram_salt, SCRAM_ITERATIONS);
            Ok(Credentials { password: hash, scram })
        };
        self.on_a_core(hash).await?
    }

    /// Runs a computation on a blocking thread once a core is free. Whoever comes when too many wait is turned away.
    async fn on_a_core<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Memory) -> T + Send + 'static,
    {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Error::Busy)?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| Error::Busy)?;
        let memories = Arc::clone(&self.memories);
        let task = tokio::task::spawn_blocking(move || {
            let kept = memories.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut memory = kept.map_or_else(Memory::new, Ok)?;
            let value = work(&mut memory);
            memories.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            // Held until here, even when the one who asked has gone.
            drop((place, core));
            Ok(value)
        });
        task.await.map_err(|error| Error::Hash(error.to_string()))?
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

#[cfg(test)]
mod tests {
    use super::*;

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
