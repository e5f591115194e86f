//! What lasts: the store, and the records that stand on it; the data folder and the certificates.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use directory::{Directory, SignInGuard};
use mailstore::Mailstore;
use net::ServerTls;
use queue::Queue;
use storage::{BodiesConfig, Bucket, Options, Reserve, Store};

use crate::config::{Bodies, Engine, Settings};

/// The records, open.
#[derive(Clone)]
pub struct Ground {
    /// The one door to what lasts.
    pub store: Store,
    /// Domains, accounts, aliases.
    pub directory: Directory,
    /// Mailboxes.
    pub mailstore: Mailstore,
    /// Mail in transit.
    pub queue: Queue,
    /// Who counts failed sign-ins, at all doors and over reloads.
    pub sign_ins: Arc<SignInGuard>,
}

impl Ground {
    /// Opens the store and everything on it, for a command; tables are brought up to date. Space is given back by the
    /// server alone: a command may have been started to save what is there.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        Self::open_with(settings, Options { housekeeping: None, ..Options::default() }).await
    }

    /// The same for a server, which keeps house as well.
    pub async fn open_to_serve(settings: &Settings) -> anyhow::Result<Self> {
        Self::open_with(settings, Options { recent_octets: storage::limits::RECENT_OCTETS, ..Options::default() }).await
    }

    async fn open_with(settings: &Settings, options: Options) -> anyhow::Result<Self> {
        let reserve = Reserve { octets: settings.reserve, free: crate::dropbox::free_octets };
        let options = Options { reserve: Some(reserve), ..options };
        let migrations = [
            directory::MIGRATIONS,
            mailstore::MIGRATIONS,
            queue::MIGRATIONS,
            mhs::MIGRATIONS,
            crate::sinks::MIGRATIONS,
            crate::dropbox::MIGRATIONS,
        ];
        let store = match &settings.storage {
            Engine::Embedded => Store::open_embedded_with(&settings.data, &migrations, options).await?,
            Engine::Postgres { url, bodies } => {
                Store::open_cluster_with(url, bodies_config(bodies), &migrations, options).await?
            }
        };
        let people = directory::Settings {
            postmaster: settings.postmaster.clone(),
            srs: settings.forward.srs,
            srs_domain: settings.forward.srs_domain.clone(),
            quota: settings.quota.rule,
            ..Default::default()
        };
        let directory = Directory::open(store.clone(), people, net::clock::now).await?;
        let mailstore = Mailstore::with_quota(store.clone(), net::clock::now, settings.quota.rule);
        let queue = Queue::new(store.clone(), settings.hostname.as_str());
        Ok(Self { store, directory, mailstore, queue, sign_ins: SignInGuard::new() })
    }
}

fn bodies_config(bodies: &Bodies) -> BodiesConfig {
    match bodies {
        Bodies::Folder(folder) => BodiesConfig::Folder(folder.clone()),
        Bodies::Bucket { name, prefix, region, endpoint } => BodiesConfig::S3(Bucket {
            name: name.clone(),
            prefix: prefix.clone(),
            region: region.clone(),
            allow_http: endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")),
            endpoint: endpoint.clone(),
            // The keys come from the environment, or from the machine's own role.
            access_key_id: None,
            secret_access_key: None,
        }),
    }
}

/// Makes the data folder, readable by its owner only: letters are private.
pub(crate) fn make_data_folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("making the data folder {}", path.display()))
}

/// Reads the certificates; the one of our own is made when it is not there.
pub(crate) fn certificates(settings: &Settings) -> anyhow::Result<ServerTls> {
    let files = &settings.tls.certificates;
    if settings.tls.self_signed
        && let Some(own) = files.first().filter(|own| !own.exist())
    {
        if let Some(folder) = own.chain.parent() {
            make_data_folder(folder)?;
        }
        own.make_self_signed(&[settings.hostname.to_string()])?;
    }
    Ok(ServerTls::open(files.clone())?)
}
