//! The embedded engine: SQLite in the store's own folder.
//!
//! Several processes may have it open (a command line beside a server): each transaction takes SQLite's own write lock.

mod checkpoint;
mod sqlite;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::bodies::segments_lock as lock;
use crate::housekeeping::blocking;
use crate::limits::WAITING_MAX;
use crate::room::Room;
use crate::{Error, Migrations, Options, Query, Transaction, migrations};
use checkpoint::Checkpoints;
use sqlite::{Failure, Role, Sqlite, SqliteTransaction, fault};
use writer::{Closure, Order, Writer};

/// The database's file in the store's folder.
const DATABASE: &str = "store.db";

/// The writer's thread and the readers.
pub(crate) struct Embedded {
    writer: mpsc::Sender<Order>,
    readers: Arc<Readers>,
    threads: Mutex<Option<(JoinHandle<()>, Checkpoints)>>,
}

struct Readers {
    path: PathBuf,
    failure: Arc<Failure>,
    idle: Mutex<Vec<Sqlite>>,
    permits: Arc<Semaphore>,
    permits_max: usize,
}

impl Embedded {
    /// Opens or makes the database and brings its tables up. Blocks.
    pub(crate) fn open(
        folder: &Path,
        areas: &[Migrations],
        options: &Options,
        room: &Arc<Room>,
    ) -> Result<Self, Error> {
        let path = folder.join(DATABASE);
        let failure = Arc::new(Failure::default());
        let sqlite = Sqlite::open(&path, Role::Writer, &failure)?;
        migrate(&sqlite, areas)?;
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn({
                let (failure, room) = (Arc::clone(&failure), Arc::clone(room));
                move || Writer::new(sqlite, receiver, failure, room).run()
            })
            .map_err(|error| Error::io("starting a thread", &error))?;
        Ok(Self {
            writer: sender,
            threads: Mutex::new(Some((writer, Checkpoints::start(&path, &failure)?))),
            readers: Arc::new(Readers {
                path,
                failure,
                idle: Mutex::default(),
                permits: Arc::new(Semaphore::new(options.readers)),
                permits_max: options.readers,
            }),
        })
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnMut(&dyn Transaction) -> Result<T, Error> + Send + 'static,
    {
        let (answer, waiting) = oneshot::channel();
        self.order(Order::Write(Box::new(Closure::new(work, answer)))).await?;
        waiting.await.map_err(|_| gone())?
    }

    pub(crate) async fn foreign_version(&self) -> Result<i64, Error> {
        let (answer, waiting) = oneshot::channel();
        self.order(Order::ForeignVersion(answer)).await?;
        waiting.await.map_err(|_| gone())?
    }

    /// Ends what runs, in order, and closes the files.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        // Refused only when it is over already.
        let _ = self.order(Order::Stop).await;
        let permits = u32::try_from(self.readers.permits_max).unwrap_or(u32::MAX);
        let _all = self.readers.permits.acquire_many(permits).await;
        self.readers.permits.close();
        let threads = lock(&self.threads).take();
        let readers = Arc::clone(&self.readers);
        blocking(move || {
            if let Some((writer, checkpoints)) = threads {
                let _ = writer.join();
                checkpoints.stop();
            }
            lock(&readers.idle).clear();
            Ok(())
        })
        .await
    }

    async fn order(&self, order: Order) -> Result<(), Error> {
        self.writer.send(order).await.map_err(|_| gone())
    }

    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Query) -> Result<T, Error> + Send + 'static,
    {
        let permit = Arc::clone(&self.readers.permits).acquire_owned().await.map_err(|_| gone())?;
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || {
            let outcome = readers.run(work);
            drop(permit);
            outcome
        })
        .await
        .map_err(|error| Error::Bug(format!("a closure panicked: {error}")))?
    }
}

impl Readers {
    /// One snapshot. A connection whose closure panics is dropped with it.
    fn run<T>(&self, work: impl FnOnce(&dyn Query) -> Result<T, Error>) -> Result<T, Error> {
        let idle = lock(&self.idle).pop();
        let sqlite = match idle {
            Some(sqlite) => sqlite,
            None => Sqlite::open(&self.path, Role::Reader, &self.failure)?,
        };
        sqlite.control("BEGIN").map_err(|error| fault(&error))?;
        let outcome = work(&sqlite);
        sqlite.control("COMMIT").map_err(|error| fault(&error))?;
        lock(&self.idle).push(sqlite);
        outcome
    }
}

fn migrate(sqlite: &Sqlite, areas: &[Migrations]) -> Result<(), Error> {
    sqlite.control("BEGIN IMMEDIATE").map_err(|error| fault(&error))?;
    let tx = SqliteTransaction::new(sqlite);
    let outcome = sqlite
        .pragmas(migrations::VERSIONS)
        .and_then(|()| migrations::run(&tx, areas))
        .and_then(|()| sqlite.control("COMMIT").map_err(|error| fault(&error)));
    if outcome.is_err() && !sqlite.is_idle() {
        // The first error is the one to tell.
        let _ = sqlite.control("ROLLBACK");
    }
    outcome
}

fn gone() -> Error {
    Error::Failed("the thread that writes is gone".to_owned())
}
