//! The cluster engine: PostgreSQL, or a database that speaks its dialect.
//!
//! The same closures run on blocking threads, each over a connection of a pool. What conflicts is run again; what may
//! or may not have been committed is said to be unknown, and whoever asked asks again with the same id.

mod connection;
mod fault;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::bodies::segments_lock as lock;
use crate::ids::random;
use crate::limits::{CONFLICTS_MAX, CONNECT_WAIT, DATABASE_SILENCE};
use crate::migrations::Migrate as _;
use crate::{Error, Migrations, Options, Query, Transaction, migrations};
use connection::{Connection, Writing};
use fault::{Again, Fault};

/// The pool.
pub(crate) struct Cluster {
    pool: Arc<Pool>,
}

struct Pool {
    config: Config,
    tls: MakeRustlsConnect,
    cache: bool,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

/// What one run of a closure came to.
enum Run<T> {
    Done(Result<T, Error>),
    Again(Again, Error),
}

impl Cluster {
    /// Connects and brings the tables up.
    pub(crate) async fn open(url: &str, areas: &[Migrations], options: &Options) -> Result<Self, Error> {
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            Error::Settings(format!("the database's URL: {}", fault::sentence(&error)))
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WAIT);
        }
        // A machine that is gone says nothing: by itself the system would wait for a quarter of an hour, or two hours.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(DATABASE_SILENCE);
        }
        if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
            config.keepalives_idle(DATABASE_SILENCE);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(DATABASE_SILENCE / 3);
        }
        if config.get_application_name().is_none() {
            config.application_name("angelia");
        }
        let pool = Arc::new(Pool {
            config,
            tls: MakeRustlsConnect::new(tls()?),
            cache: options.statement_cache,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(options.connections)),
        });
        let this = Self { pool };
        this.migrate(areas).await?;
        Ok(this)
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnMut(&dyn Transaction) -> Result<T, Error> + Send + 'static,
    {
        self.retrying(work, |work, tx| work(tx)).await
    }

    async fn migrate(&self, areas: &[Migrations]) -> Result<(), Error> {
        let areas = areas.to_vec();
        let versions = || async {
            // Two that make the table at once: one may meet the other's row in the catalogue.
            self.retrying((), |(), tx| tx.batch(migrations::VERSIONS)).await
        };
        if versions().await.is_err() {
            versions().await?;
        }
        self.retrying(areas, |areas, tx| {
            // Whoever migrates holds this row.
            const LOCK: &str = "INSERT INTO storage_version (area, version) VALUES ('', 0)
                ON CONFLICT (area) DO UPDATE SET version = 0";
            tx.execute(LOCK, &[])?;
            migrations::run(tx, areas)
        })
        .await
    }

    /// Runs it until it neither conflicts nor loses its connection before COMMIT.
    async fn retrying<S, T, F>(&self, mut state: S, run: F) -> Result<T, Error>
    where
        S: Send + 'static,
        T: Send + 'static,
        F: Fn(&mut S, &Writing<'_>) -> Result<T, Error> + Copy + Send + 'static,
    {
        let _permit = self.pool.permits.acquire().await.map_err(|_| closed())?;
        let mut tries = 0;
        loop {
            tries += 1;
            let (outcome, error) = match self.pool.take().await {
                Ok(connection) => {
                    let pool = Arc::clone(&self.pool);
                    let runtime = Handle::current();
                    let (back, outcome) = tokio::task::spawn_blocking(move || {
                        let outcome = pool.run(connection, runtime, |tx| run(&mut state, tx));
                        (state, outcome)
                    })
                    .await
                    .map_err(|error| Error::Bug(format!("a blocking task: {error}")))?;
                    state = back;
                    match outcome {
                        Run::Done(outcome) => return outcome,
                        Run::Again(again, error) => (again, error),
                    }
                }
                Err(fault) => (fault.again, fault.error),
            };
            let tries_max = match outcome {
                Again::No => 0,
                Again::Once => 2,
                Again::Yes => CONFLICTS_MAX,
            };
            if tries >= tries_max {
                return Err(error);
            }
            // Apart by chance, so that two that met do not meet again.
            let wait = random() % (1 << tries.min(8));
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }

    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Query) -> Result<T, Error> + Send + 'static,
    {
        let permit = Arc::clone(&self.pool.permits).acquire_owned().await.map_err(|_| closed())?;
        let connection = self.pool.take().await.map_err(|fault| fault.error)?;
        let (pool, runtime) = (Arc::clone(&self.pool), Handle::current());
        tokio::task::spawn_blocking(move || {
            let outcome = pool.run_reading(connection, &runtime, work);
            drop(permit);
            outcome
        })
        .await
        .map_err(|error| Error::Bug(format!("a closure panicked: {error}")))?
    }

    /// Lets go of all connections. What is under way ends by itself.
    pub(crate) fn close(&self) {
        self.pool.permits.close();
        lock(&self.pool.idle).clear();
    }

    /// Others write all the time, and asking whether they did costs as much as asking what.
    pub(crate) fn foreign_version(&self) -> i64 {
        crate::ids::millis()
    }
}

impl Pool {
    async fn take(&self) -> Result<Connection, Fault> {
        loop {
            let idle = lock(&self.idle).pop();
            match idle {
                Some(connection) if connection.is_usable() => return Ok(connection),
                Some(_) => {}
                None => return Connection::open(&self.config, self.tls.clone(), self.cache).await,
            }
        }
    }

    fn put_back(&self, connection: Connection) {
        lock(&self.idle).push(connection);
    }

    fn run<T>(
        &self,
        connection: Connection,
        runtime: Handle,
        mut work: impl FnMut(&Writing<'_>) -> Result<T, Error>,
    ) -> Run<T> {
        let tx = Writing::new(&connection, runtime);
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&tx)))
            .unwrap_or_else(|_| Err(Error::Bug("a closure panicked".to_owned())));
        let (run, usable) = match (outcome, tx.fault()) {
            (Ok(value), None) => match tx.commit() {
                Ok(()) => (Run::Done(Ok(value)), true),
                Err(fault) => settle(fault, None),
            },
            (Err(own), None) => (Run::Done(Err(own)), tx.roll_back()),
            (outcome, Some(fault)) => {
                let rolled_back = !fault.broken && tx.roll_back();
                let (run, usable) = settle(fault, outcome.err());
                (run, usable && rolled_back)
            }
        };
        if usable {
            self.put_back(connection);
        }
        run
    }

    fn run_reading<T>(
        &self,
        mut connection: Connection,
        runtime: &Handle,
        work: impl FnOnce(&dyn Query) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut reading = connection.reading(runtime.clone());
        if reading.as_ref().is_err_and(|fault| fault.broken) {
            // The server was started again since: that costs a new connection, not the caller.
            drop(reading);
            connection = runtime.block_on(self.fresh()).map_err(|fault| fault.error)?;
            reading = connection.reading(runtime.clone());
        }
        let reading = reading.map_err(|fault| fault.error)?;
        let outcome = work(&reading);
        if reading.end() {
            self.put_back(connection);
        }
        outcome
    }

    async fn fresh(&self) -> Result<Connection, Fault> {
        lock(&self.idle).clear();
        self.take().await
    }
}

/// What a fault means for the closure, and whether the connection may be used again. A closure that made an error of
/// its own out of a failed statement is told that one.
fn settle<T>(fault: Fault, own: Option<Error>) -> (Run<T>, bool) {
    let error = match own {
        Some(own @ Error::Refused(_)) => own,
        _ => fault.error,
    };
    let usable = !fault.broken;
    match fault.again {
        Again::No => (Run::Done(Err(error)), usable),
        again => (Run::Again(again, error), usable),
    }
}

/// Certificates of the database server are checked against the system's authorities.
fn tls() -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore::empty();
    // A system without authorities can still speak over a local socket.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Settings(format!("TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn closed() -> Error {
    Error::Failed("the store is closed".to_owned())
}
