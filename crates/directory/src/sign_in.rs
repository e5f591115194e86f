//! Who is who: the directory's side of a sign-in.

use envelope::{AccountId, Address, Host, LocalPart};
use protocol::sasl::limits::SCRAM_ITERATIONS;
use protocol::sasl::{Refusal, Request, ScramKeys, Secret};
use storage::Query;

use crate::schema::AccountRow;
use crate::{Directory, Error, Settings, names, resolve};

/// Somebody who proved who he is. Needed to open a mailbox; made in this file only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    account: AccountId,
    address: Address,
}

impl SignedIn {
    /// The account.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Its address, in canonical form.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// To [`Request::Password`] and [`Request::Proved`]: yes.
    Accepted(SignedIn),
    /// To [`Request::ScramKeys`]. For an unknown user they are invented from a secret of the store, so they look the
    /// same at every try, over restarts too; the proof then fails like a wrong password's.
    Keys(Option<ScramKeys>),
    /// No.
    Refused(Refusal),
}

impl Directory {
    /// Answers a sign-in. An error is the store's fault: the service answers like [`Refusal::Temporary`].
    pub async fn sign_in(&self, request: &Request) -> Result<SignIn, Error> {
        match request {
            Request::Password { user, password, authorize_as, .. } => {
                self.by_password(user, password, authorize_as.as_deref()).await
            }
            Request::ScramKeys { user } => {
                let (settings, account) = self.find(user).await?;
                Ok(SignIn::Keys(Some(account.map_or_else(|| self.invented_keys(&settings, user), |row| row.scram))))
            }
            Request::Proved { user, authorize_as, .. } => {
                let (settings, account) = self.find(user).await?;
                Ok(match account {
                    Some(account) => accept(&settings, account, authorize_as.as_deref()),
                    None => SignIn::Refused(Refusal::Credentials),
                })
            }
        }
    }

    /// Acts as somebody without a password. For commands on this machine that opened the store themselves (import,
    /// export, `send`), and for tests; never for a connection.
    pub async fn open_as_operator(&self, address: &Address) -> Result<SignedIn, Error> {
        let asked = names::canonical(address);
        let found = self.read(move |q, _| Ok(AccountRow::find(q, &asked)?)).await?;
        let account = found.ok_or_else(|| Error::NoAccount(address.clone()))?;
        Ok(SignedIn { account: account.id, address: account.address })
    }

    async fn by_password(&self, user: &str, password: &Secret, authorize_as: Option<&str>) -> Result<SignIn, Error> {
        let (settings, account) = self.find(user).await?;
        match self.inner.passwords.check(account.as_ref(), password.clone()).await {
            Ok(right) => Ok(match account {
                Some(account) if right => accept(&settings, account, authorize_as),
                _ => SignIn::Refused(Refusal::Credentials),
            }),
            Err(Error::Busy) => Ok(SignIn::Refused(Refusal::Temporary)),
            Err(error) => Err(error),
        }
    }

    /// Keys for a user who does not exist: under every spelling of his name the same, as a real one's are. Else two
    /// spellings would tell a stranger who exists (RFC 5802 section 9).
    fn invented_keys(&self, settings: &Settings, user: &str) -> ScramKeys {
        let name = address_of(settings, user).map_or_else(|| user.to_lowercase(), |address| address.to_string());
        ScramKeys::invented(&self.inner.secret, &name, SCRAM_ITERATIONS)
    }

    /// The account of a sign-in name, and the settings to read another name by.
    async fn find(&self, user: &str) -> Result<(Settings, Option<AccountRow>), Error> {
        let user = user.to_owned();
        let found = self.read(move |q, settings| {
            let settings = with_default_domain(q, settings)?;
            let account = match address_of(&settings, &user) {
                Some(address) => AccountRow::find(q, &address)?,
                None => None,
            };
            Ok((settings, account))
        });
        found.await
    }
}

/// The authorization identity must be the account itself, under whatever spelling.
fn accept(settings: &Settings, account: AccountRow, authorize_as: Option<&str>) -> SignIn {
    let same = |named: &str| address_of(settings, named).as_ref() == Some(&account.address);
    if authorize_as.is_some_and(|named| !same(named)) {
        return SignIn::Refused(Refusal::NotAuthorized);
    }
    SignIn::Accepted(SignedIn { account: account.id, address: account.address })
}

fn with_default_domain(q: &dyn Query, settings: &Settings) -> Result<Settings, storage::Error> {
    let mut settings = settings.clone();
    if settings.default_domain.is_none() {
        settings.default_domain = resolve::oldest_domain(q)?;
    }
    Ok(settings)
}

/// `anna@athens.test`, or `anna` alone for the default domain. In canonical form.
fn address_of(settings: &Settings, user: &str) -> Option<Address> {
    let address = match Address::parse(user) {
        Ok(address) => address,
        Err(_) => Address::new(LocalPart::parse(user).ok()?, Host::Name(settings.default_domain.clone()?)),
    };
    Some(names::canonical(&address))
}
