//! The door itself: four calls, whichever engine stands behind it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::bodies::{Bodies, Body, Missing, Objects, Salvage, Segments, Stage, sync_folder, table};
use crate::bucket::Bucket;
use crate::cluster::Cluster;
use crate::embedded::Embedded;
use crate::housekeeping::{self, blocking};
use crate::ids::Names;
use crate::limits::{BODIES_IN_MEMORY_MAX, ORPHAN_GRACE, SEGMENT_OCTETS};
use crate::room::{Reserve, Room};
use crate::{BodyId, Error, Migrations, Query, Transaction};

/// Proof that a write is durable. Made here only; a service needs one to build the 250 after DATA.
#[derive(Debug)]
pub struct Committed(());

/// What an operator or a test may set. The defaults are right for a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections that read at the same time; further readers wait.
    pub readers: usize,
    /// A segment over this many octets is sealed.
    pub segment_octets: u64,
    /// Octets of bodies that may wait in memory, of all sessions together.
    pub bodies_in_memory_octets: usize,
    /// Octets of bodies that stay in memory for a while after they were written, for whoever reads them next. A server
    /// gains by it; 0, the default, keeps none. Such a body can be opened even before a row names it, or when none does
    /// any more.
    pub recent_octets: usize,
    /// Connections to a cluster's database, for writing and reading together.
    pub connections: usize,
    /// Whether statements are prepared once per connection. Off behind a pooler that lends a connection per transaction.
    pub statement_cache: bool,
    /// How long a body that no row names stays on disk: readers and backups that began before are done by then.
    pub grace: Duration,
    /// How long a body stays on disk that no row ever named, so far as this database knows: it may be an older copy
    /// that was put back, and the body a letter that was accepted since.
    pub orphan_grace: Duration,
    /// What is kept free on the disk of the data folder. A cluster has its database elsewhere, and nobody asks there.
    pub reserve: Option<Reserve>,
    /// How often the store gives space back by itself. None for a command that lives for seconds.
    pub housekeeping: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 8,
            segment_octets: SEGMENT_OCTETS,
            bodies_in_memory_octets: BODIES_IN_MEMORY_MAX,
            recent_octets: 0,
            connections: 16,
            statement_cache: true,
            grace: Duration::from_secs(3600),
            orphan_grace: ORPHAN_GRACE,
            reserve: None,
            housekeeping: Some(Duration::from_secs(600)),
        }
    }
}

impl Options {
    /// How long a staged body may wait for its transaction: well under the grace, at whose end it is swept.
    pub(crate) fn keep_within(&self) -> Option<Duration> {
        if self.grace.is_zero() { None } else { Some(self.grace / 2) }
    }
}

/// The door. Cheap to clone; every clone is the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    bodies: Bodies,
    options: Options,
    /// Of the engine in a data folder.
    room: Option<Arc<Room>>,
}

/// A store that may be closed by now.
pub(crate) struct WeakStore(Weak<Inner>);

impl WeakStore {
    pub(crate) fn upgrade(&self) -> Option<Store> {
        self.0.upgrade().map(|inner| Store { inner })
    }
}

enum Engine {
    Embedded(Embedded),
    Cluster(Cluster),
}

/// Where a cluster keeps its bodies.
#[derive(Debug, Clone)]
pub enum BodiesConfig {
    /// A folder that every node sees, with a file system that keeps its promises about sync and locks.
    Folder(PathBuf),
    /// A bucket that speaks S3.
    S3(Bucket),
    /// Any store that `object_store` knows, and the prefix of our part of it.
    Objects(Arc<dyn object_store::ObjectStore>, String),
}

impl Store {
    /// Opens the store in a folder, making it if it is not there, and brings its tables up.
    pub async fn open_embedded(folder: &Path, areas: &[Migrations]) -> Result<Self, Error> {
        Self::open_embedded_with(folder, areas, Options::default()).await
    }

    /// The same with other options.
    pub async fn open_embedded_with(folder: &Path, areas: &[Migrations], options: Options) -> Result<Self, Error> {
        let (folder, areas) = (folder.to_owned(), areas.to_vec());
        let room = Room::new(&folder, options.reserve);
        let open = move || {
            let open = || {
                let names = Arc::new(Names::new(true));
                let bodies = Bodies::Segments(Segments::open(&folder.join("bodies"), &options, names)?);
                let engine = Engine::Embedded(Embedded::open(&folder, &areas, &options, &room)?);
                sync_names(&folder)?;
                Ok((engine, bodies))
            };
            let (engine, bodies) = match open() {
                // SQLite does not always say that it was for want of room.
                Err(Error::Full(_) | Error::Failed(_)) if room.give_up_ballast() => open()?,
                other => other?,
            };
            Ok((engine, bodies, options, room))
        };
        let (engine, bodies, options, room) = blocking(open).await?;
        Self::new(engine, bodies, options, Some(room)).await
    }

    /// Opens the store in a PostgreSQL database (`postgresql://user@host/name`), and brings its tables up.
    pub async fn open_cluster(url: &str, bodies: BodiesConfig, areas: &[Migrations]) -> Result<Self, Error> {
        Self::open_cluster_with(url, bodies, areas, Options::default()).await
    }

    /// The same with other options.
    pub async fn open_cluster_with(
        url: &str,
        bodies: BodiesConfig,
        areas: &[Migrations],
        options: Options,
    ) -> Result<Self, Error> {
        let engine = Engine::Cluster(Cluster::open(url, areas, &options).await?);
        let bodies = match bodies {
            BodiesConfig::Folder(folder) => {
                let (options, names) = (options.clone(), Arc::new(Names::new(false)));
                Bodies::Segments(blocking(move || Segments::open(&folder, &options, names)).await?)
            }
            BodiesConfig::S3(bucket) => {
                Bodies::Objects(Arc::new(Objects::new(bucket.open()?, &bucket.prefix, &options)))
            }
            BodiesConfig::Objects(store, prefix) => Bodies::Objects(Arc::new(Objects::new(store, &prefix, &options))),
        };
        Self::new(engine, bodies, options, None).await
    }

    async fn new(engine: Engine, bodies: Bodies, options: Options, room: Option<Arc<Room>>) -> Result<Self, Error> {
        let every = options.housekeeping;
        let this = Self { inner: Arc::new(Inner { engine, bodies, options, room }) };
        match this.settle_epoch().await {
            // A bucket that cannot be reached at this moment: housekeeping asks again.
            Err(Error::Unavailable(why)) => tracing::warn!(%why, "whose bodies these are could not be asked"),
            settled => {
                settled?;
            }
        }
        if let Some(every) = every {
            housekeeping::start(&this, every);
        }
        Ok(this)
    }

    pub(crate) fn bodies(&self) -> &Bodies {
        &self.inner.bodies
    }

    pub(crate) fn room(&self) -> Option<Arc<Room>> {
        self.inner.room.clone()
    }

    /// Whether `octets` more may come in from outside.
    ///
    /// # Errors
    /// [`Error::Full`]: less than the [`Reserve`] would be left free.
    pub fn check_room(&self, octets: u64) -> Result<(), Error> {
        self.inner.room.as_ref().map_or(Ok(()), |room| room.check(octets))
    }

    /// Whether half of the [`Reserve`] is left: what can be done without is written so long, and no longer.
    #[must_use]
    pub fn has_half_of_reserve(&self) -> bool {
        self.inner.room.as_ref().is_none_or(|room| room.has_half())
    }

    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self.inner.engine, Engine::Embedded(_))
    }

    pub(crate) fn grace_millis(&self) -> i64 {
        i64::try_from(self.inner.options.grace.as_millis()).unwrap_or(i64::MAX)
    }

    pub(crate) fn orphan_grace_millis(&self) -> i64 {
        i64::try_from(self.inner.options.orphan_grace.as_millis()).unwrap_or(i64::MAX)
    }

    pub(crate) fn downgrade(&self) -> WeakStore {
        WeakStore(Arc::downgrade(&self.inner))
    }

    /// A consistent view. Runs on a reader, off the async threads.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Query) -> Result<T, Error> + Send + 'static,
    {
        match &self.inner.engine {
            Engine::Embedded(engine) => engine.read(work).await,
            Engine::Cluster(engine) => engine.read(work).await,
        }
    }

    /// All or nothing, and durable when it returns. The closure may run more than once.
    ///
    /// A closure that returns an error, panics, or overlooks a failed statement writes nothing. A caller who stops
    /// waiting does not undo the write.
    pub async fn write<T, F>(&self, work: F) -> Result<(T, Committed), Error>
    where
        T: Send + 'static,
        F: FnMut(&dyn Transaction) -> Result<T, Error> + Send + 'static,
    {
        self.inner.bodies.check_sound()?;
        let value = match &self.inner.engine {
            Engine::Embedded(engine) => engine.write(work).await?,
            Engine::Cluster(engine) => engine.write(work).await?,
        };
        Ok((value, Committed(())))
    }

    /// Begins a body of our own: a notice, a copy. It may use up the [`Reserve`].
    #[must_use]
    pub fn stage(&self) -> Stage {
        Stage::new(self.inner.bodies.clone(), self.room(), false)
    }

    /// Begins a body that comes from outside. While less than the [`Reserve`] is free it fails with [`Error::Full`].
    #[must_use]
    pub fn stage_from_outside(&self) -> Stage {
        Stage::new(self.inner.bodies.clone(), self.room(), true)
    }

    /// Opens a kept body.
    pub async fn open(&self, body: BodyId) -> Result<Body, Error> {
        let segments = match &self.inner.bodies {
            Bodies::Segments(segments) => match segments.recent().get(body) {
                Some(body) => return Ok(body),
                None => segments,
            },
            Bodies::Objects(objects) => {
                let located = self.read(move |query| table::locate(query, body)).await?;
                return Body::open_object(Arc::clone(objects), located).await;
            }
        };
        let mut moved_from = None;
        loop {
            let segments = Arc::clone(segments);
            let look_up_and_open = move |query: &dyn Query| {
                let located = table::locate(query, body)?;
                match Body::open(&segments, located) {
                    Ok(body) => Ok(Ok(body)),
                    Err(Missing::Segment) => Ok(Err(located)),
                    Err(Missing::Other(error)) => Err(error),
                }
            };
            match self.read(look_up_and_open).await? {
                Ok(body) => return Ok(body),
                // Compaction moved it between the two steps: ask again, once per move.
                Err(located) if moved_from != Some(located) => moved_from = Some(located),
                Err(located) => {
                    return Err(Error::Damaged(format!(
                        "body {}: its segment {:016x} is missing",
                        body.0, located.segment
                    )));
                }
            }
        }
    }

    /// Opens several, in their order: one look for all of them instead of one each. What is wrong with one concerns no
    /// other. A body of one block is read here, so the caller bounds how many.
    pub async fn open_many(&self, bodies: &[BodyId]) -> Vec<Result<Body, Error>> {
        let wanted = bodies.to_vec();
        match self.read_and_open(move |_| Ok(((), wanted))).await {
            Ok(((), opened)) => opened,
            // Each tells for itself what is wrong.
            Err(_) => {
                let mut opened = Vec::with_capacity(bodies.len());
                for body in bodies {
                    opened.push(self.open(*body).await);
                }
                opened
            }
        }
    }

    /// A consistent view, and the bodies that the closure names, opened by the same look, in their order. What is wrong
    /// with one concerns no other. A body of one block is read here, so the caller bounds how many.
    pub async fn read_and_open<T, F>(&self, work: F) -> Result<(T, Vec<Result<Body, Error>>), Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Query) -> Result<(T, Vec<BodyId>), Error> + Send + 'static,
    {
        let segments = match &self.inner.bodies {
            Bodies::Segments(segments) => Some(Arc::clone(segments)),
            Bodies::Objects(_) => None,
        };
        let look = move |query: &dyn Query| {
            let (value, wanted) = work(query)?;
            let open = |body: &BodyId| {
                let segments = segments.as_ref()?;
                match table::locate(query, *body).map(|at| Body::open(segments, at)) {
                    Ok(Ok(body)) => Some(Ok(body)),
                    // Compaction moved it.
                    Ok(Err(Missing::Segment)) => None,
                    Ok(Err(Missing::Other(error))) | Err(error) => Some(Err(error)),
                }
            };
            let found: Vec<Option<Result<Body, Error>>> = wanted.iter().map(open).collect();
            Ok((value, wanted, found))
        };
        let (value, wanted, found) = self.read(look).await?;
        let mut opened = Vec::with_capacity(wanted.len());
        for (body, found) in wanted.into_iter().zip(found) {
            opened.push(match found {
                Some(outcome) => outcome,
                None => self.open(body).await,
            });
        }
        Ok((value, opened))
    }

    /// All bodies on disk with their labels, for rebuilding a database that is lost: open a new one beside the old
    /// segments, keep each body that is found, and write the rows that its label tells.
    pub async fn salvage(&self) -> Result<Salvage, Error> {
        Salvage::new(&self.inner.bodies).await
    }

    /// Ends the store in order: what was asked for before is done, whatever comes after is refused. Dropping the last
    /// clone does the same in its own time, and loses nothing that was answered.
    pub async fn close(&self) -> Result<(), Error> {
        match &self.inner.engine {
            Engine::Embedded(engine) => engine.close().await,
            Engine::Cluster(engine) => {
                engine.close();
                Ok(())
            }
        }
    }

    /// A number that changes when another process has written. Cheap: made to be asked once a second.
    pub async fn foreign_version(&self) -> Result<i64, Error> {
        match &self.inner.engine {
            Engine::Embedded(engine) => engine.foreign_version().await,
            Engine::Cluster(engine) => Ok(engine.foreign_version()),
        }
    }
}

/// Makes the store's folder and what was made in it durable: files are of no use in a folder that a power cut undoes.
fn sync_names(folder: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::io("syncing the store's folder", &error);
    sync_folder(folder).map_err(failed)?;
    match folder.canonicalize().map_err(failed)?.parent() {
        Some(parent) => sync_folder(parent).map_err(failed),
        None => Ok(()),
    }
}
