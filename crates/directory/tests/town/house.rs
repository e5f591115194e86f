//! A place for a store, and a directory with two domains and two accounts in it.

use std::time::Duration;

use directory::{Directory, Error, Lookup, MIGRATIONS, Settings, SignIn, Target};
use envelope::{Address, Domain, Timestamp};
use protocol::sasl::{Request, Secret};
use storage::{BodiesConfig, Store};
use tempfile::TempDir;

/// Where a store lies. Opened twice, it is what two processes see.
pub struct Place {
    folder: TempDir,
    url: Option<String>,
}

/// A directory with athens.test (anna, kostas) and patras.test (nobody yet).
pub struct Town {
    pub directory: Directory,
}

pub fn clock() -> Timestamp {
    Timestamp(1_700_000_000_000)
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

pub fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

/// Memory is never believed, so that a change by another process is seen at once.
pub fn suspicious() -> Settings {
    Settings { stale_max: Duration::ZERO, ..Settings::default() }
}

/// Memory is always believed.
pub fn trusting() -> Settings {
    Settings { stale_max: Duration::from_secs(3600), ..Settings::default() }
}

impl Place {
    pub fn embedded() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url: None }
    }

    pub fn cluster(url: String) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url: Some(url) }
    }

    pub async fn store(&self) -> Store {
        let folder = self.folder.path();
        let store = match &self.url {
            None => Store::open_embedded(folder, &[MIGRATIONS]).await,
            Some(url) => Store::open_cluster(url, BodiesConfig::Folder(folder.to_owned()), &[MIGRATIONS]).await,
        };
        store.unwrap()
    }

    pub async fn open(&self, settings: Settings) -> Directory {
        Directory::open(self.store().await, settings, clock).await.unwrap()
    }

    pub async fn town(&self, settings: Settings) -> Town {
        let directory = self.open(settings).await;
        directory.add_domain(&domain("athens.test")).await.unwrap();
        directory.add_domain(&domain("patras.test")).await.unwrap();
        directory.add_account(&address("Anna@athens.test"), &secret("open sesame")).await.unwrap();
        directory.add_account(&address("kostas@athens.test"), &secret("σουσάμι")).await.unwrap();
        Town { directory }
    }
}

impl Town {
    pub async fn alias(&self, source: &str, targets: &[&str]) -> Result<(), Error> {
        let targets: Vec<Address> = targets.iter().map(|text| address(text)).collect();
        self.directory.add_alias(&source.parse().unwrap(), &targets).await
    }

    /// What an address leads to, in one word each.
    pub async fn look(&self, text: &str) -> String {
        show(&self.directory.lookup(&address(text)).await.unwrap())
    }

    pub async fn sign_in(&self, user: &str, password: &str, authorize_as: Option<&str>) -> SignIn {
        let authorize_as = authorize_as.map(str::to_owned);
        let request =
            Request::Password { user: user.to_owned(), password: secret(password), authorize_as, mechanism: "PLAIN" };
        self.directory.sign_in(&request).await.unwrap()
    }
}

pub fn show(lookup: &Lookup) -> String {
    let target = |target: &Target| match target {
        Target::Account { id, address, detail: None, .. } => format!("{address}#{}", id.0),
        Target::Account { id, address, detail: Some(detail), .. } => format!("{address}#{}+{detail}", id.0),
        Target::Remote { address, .. } => format!("->{address}"),
    };
    match lookup {
        Lookup::Foreign => "foreign".to_owned(),
        Lookup::Unknown => "unknown".to_owned(),
        Lookup::Local(found) => found.targets.iter().map(target).collect::<Vec<_>>().join(" "),
        Lookup::Moved(to) => format!("moved to {to}"),
        Lookup::Returning(returning) => format!("back to {}", returning.to()),
        Lookup::NotReturning(error) => error.to_string(),
    }
}

pub fn is(signed_in: &SignIn, who: &str) -> bool {
    matches!(signed_in, SignIn::Accepted(found) if found.address() == &address(who))
}
