//! Bodies in a folder of segment files.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tokio::sync::mpsc;

use super::appender::{self, Order};
use super::recent::Recent;
use super::segment::{self, SegmentWriter};
use super::stage::Spill;
use super::{Hold, Located, Memory, StagedBody};
use crate::epoch;
use crate::ids::{Names, random};
use crate::limits::{SEGMENTS_OPEN_MAX, SPILLS_IDLE_MAX};
use crate::{Error, Options};

/// The file that says whose bodies these are.
const EPOCH: &str = "epoch";

/// The folder, the thread that appends to it, and the files open for reading.
pub(crate) struct Segments {
    folder: PathBuf,
    options: Options,
    names: Arc<Names>,
    appender: mpsc::Sender<Order>,
    /// Writers of long bodies, between two of them.
    spills: Mutex<Vec<SegmentWriter>>,
    readers: Mutex<Readers>,
    holds: Mutex<HashMap<i64, Weak<Hold>>>,
    memory: Memory,
    recent: Recent,
    failure: OnceLock<String>,
}

/// Open files, and when each was last asked for.
#[derive(Default)]
struct Readers {
    files: HashMap<i64, (Arc<File>, u64)>,
    tick: u64,
}

impl Segments {
    /// Opens the folder, making it if it is not there. Blocks.
    pub(crate) fn open(folder: &Path, options: &Options, names: Arc<Names>) -> Result<Arc<Self>, Error> {
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::Settings(format!("the folder {}: {error}", folder.display())))?;
        let mut started = Ok(());
        let segments = Arc::new_cyclic(|this| {
            let appender = appender::start(Weak::clone(this)).unwrap_or_else(|error| {
                started = Err(error);
                mpsc::channel(1).0
            });
            Self {
                folder: folder.to_owned(),
                options: options.clone(),
                names,
                appender,
                spills: Mutex::default(),
                readers: Mutex::default(),
                holds: Mutex::default(),
                memory: Memory::new(options.bodies_in_memory_octets),
                recent: Recent::new(options.recent_octets),
                failure: OnceLock::new(),
            }
        });
        started.map(|()| segments)
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn roll_at(&self) -> u64 {
        self.options.segment_octets
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Hands a record to the thread.
    pub(crate) async fn append(&self, order: Order) -> Result<(), Error> {
        self.check_sound()?;
        self.appender.send(order).await.map_err(|_| Error::Failed("the thread that writes bodies is gone".to_owned()))
    }

    /// A new segment of this process. Blocks.
    pub(crate) fn create(&self) -> Result<SegmentWriter, Error> {
        let segment = self.names.next();
        let hold = Arc::new(Hold);
        let mut holds = lock(&self.holds);
        holds.retain(|_, hold| hold.strong_count() > 0);
        holds.insert(segment, Arc::downgrade(&hold));
        drop(holds);
        SegmentWriter::create(&self.folder, segment, hold).map_err(|error| Error::io("making a segment", &error))
    }

    /// A writer for one long body. Blocks when it has to be made.
    pub(crate) fn spill(self: &Arc<Self>) -> Result<Spill, Error> {
        self.check_sound()?;
        let idle = lock(&self.spills).pop();
        let writer = match idle {
            Some(writer) => writer,
            None => self.create()?,
        };
        Ok(Spill::new(writer, Arc::clone(self)))
    }

    /// Takes a writer back, unless it is full or enough are idle: then the drop seals it.
    pub(crate) fn put_back(&self, writer: SegmentWriter) {
        let mut spills = lock(&self.spills);
        if writer.end() < self.roll_at() && spills.len() < SPILLS_IDLE_MAX && self.failure.get().is_none() {
            spills.push(writer);
        }
    }

    pub(crate) fn staged(&self, located: Located, hold: Arc<Hold>) -> StagedBody {
        StagedBody::new(located, self.options.keep_within(), Some(hold))
    }

    /// Refuses when a sync has failed before.
    pub(crate) fn check_sound(&self) -> Result<(), Error> {
        self.failure.get().map_or(Ok(()), |why| Err(Error::Failed(why.clone())))
    }

    /// After a failed sync nothing is accepted: what the disk holds is unknown.
    pub(crate) fn poison(&self, why: &str) -> Error {
        let why = self.failure.get_or_init(|| format!("{why}; nothing is accepted until a restart"));
        tracing::error!(%why, "the store stops accepting");
        Error::Failed(why.clone())
    }

    /// The file of a segment, open for reading. Blocks.
    pub(crate) fn reader(&self, segment: i64) -> std::io::Result<Arc<File>> {
        let mut readers = lock(&self.readers);
        readers.tick += 1;
        let tick = readers.tick;
        if let Some((file, used)) = readers.files.get_mut(&segment) {
            *used = tick;
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(segment::path(&self.folder, segment))?);
        if readers.files.len() >= SEGMENTS_OPEN_MAX {
            let oldest = readers.files.iter().min_by_key(|(_, (_, used))| *used).map(|(segment, _)| *segment);
            oldest.map(|oldest| readers.files.remove(&oldest));
        }
        readers.files.insert(segment, (Arc::clone(&file), tick));
        Ok(file)
    }

    /// The names of all segments.
    pub(crate) fn all(&self) -> Result<Vec<i64>, Error> {
        let failed = |error: std::io::Error| Error::io("listing segments", &error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            names.extend(segment::name(&entry.map_err(failed)?.file_name()));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Segments that nobody writes to, and of which no body can be waiting for its transaction; and their octets. And how
    /// many could not be asked.
    pub(crate) fn sealed(&self) -> Result<(Vec<(i64, u64)>, u64), Error> {
        let mut sealed = Vec::new();
        let mut failed = 0;
        for name in self.all()? {
            if lock(&self.holds).get(&name).is_some_and(|hold| hold.strong_count() > 0) {
                continue;
            }
            match self.is_sealed(name) {
                Ok(Some(octets)) => sealed.push((name, octets)),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(segment = %format!("{name:016x}"), %error, "a segment could not be looked at");
                    failed += 1;
                }
            }
        }
        Ok((sealed, failed))
    }

    fn is_sealed(&self, name: i64) -> std::io::Result<Option<u64>> {
        let file = File::open(segment::path(&self.folder, name))?;
        // Whoever writes holds the lock; ours ends with `file`.
        if file.try_lock().is_err() {
            return Ok(None);
        }
        let about = file.metadata()?;
        let rests = about.modified()?.elapsed().is_ok_and(|age| age >= self.options.grace);
        Ok(rests.then_some(about.len()))
    }

    /// Removes a segment for good. Who has it open reads on.
    pub(crate) fn remove(&self, name: i64) -> Result<(), Error> {
        lock(&self.readers).files.remove(&name);
        std::fs::remove_file(segment::path(&self.folder, name))
            .and_then(|()| segment::sync_folder(&self.folder))
            .map_err(|error| Error::io("removing a segment", &error))
    }

    /// Lets go of files that another process has removed: until then they take space.
    pub(crate) fn forget_removed(&self) {
        use std::os::unix::fs::MetadataExt as _;
        lock(&self.readers).files.retain(|_, (file, _)| file.metadata().is_ok_and(|about| about.nlink() > 0));
    }

    /// The number of the database whose bodies these are.
    pub(crate) fn epoch(&self) -> Result<Option<i64>, Error> {
        match std::fs::read(self.folder.join(EPOCH)) {
            Ok(bytes) => Ok(epoch::parse(&bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("reading whose bodies these are", &error)),
        }
    }

    /// Puts it there, durable.
    pub(crate) fn set_epoch(&self, epoch: i64) -> Result<(), Error> {
        let new = self.folder.join(format!("{EPOCH}.{:016x}", random()));
        let put = || {
            let mut file = File::create(&new)?;
            file.write_all(epoch::text(epoch).as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, self.folder.join(EPOCH))?;
            segment::sync_folder(&self.folder)
        };
        put().map_err(|error| Error::io("writing whose bodies these are", &error))
    }

    /// The right to keep house here, if no other process has it.
    pub(crate) fn housekeeping_lock(&self) -> Result<Option<File>, Error> {
        let failed = |error: std::io::Error| Error::io("locking the folder of bodies", &error);
        let path = self.folder.join("housekeeping.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// The data behind a lock is whole at every panic here: plain collections, changed by one call each.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
