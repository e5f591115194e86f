//! Moves the write-ahead log into the database behind the writer's back, so that no commit pays for it.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::sqlite::{Role, Sqlite};
use crate::Error;
use crate::limits::{LOG_OCTETS_CHECKPOINT, LOG_OCTETS_MAX};

/// How often the log's size is looked at: one `stat`.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The thread; it ends when this is dropped.
pub(crate) struct Checkpoints {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    pub(crate) fn start(database: &Path) -> Result<Self, Error> {
        let (stop, stopped) = mpsc::channel();
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let (database, log) = (database.to_owned(), PathBuf::from(log));
        let thread = std::thread::Builder::new()
            .name("store-log".to_owned())
            .spawn(move || run(&database, &log, &stopped))
            .map_err(|error| Error::io("starting a thread", &error))?;
        Ok(Self { stop, thread })
    }

    /// Ends it and waits until its connection is closed. Blocks.
    pub(crate) fn stop(self) {
        drop(self.stop);
        // A panic there has been printed; there is nothing to add.
        let _ = self.thread.join();
    }
}

fn run(database: &Path, log: &Path, stopped: &mpsc::Receiver<()>) {
    let mut sqlite = None;
    let mut done = 0;
    while stopped.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
        let octets = std::fs::metadata(log).map_or(0, |log| log.len());
        if octets < LOG_OCTETS_CHECKPOINT {
            done = 0;
            continue;
        }
        if octets == done {
            continue;
        }
        match checkpoint(&mut sqlite, database, octets) {
            Ok(()) => done = octets,
            Err(error) => tracing::warn!(%error, "the log was not moved into the database; trying again"),
        }
    }
}

fn checkpoint(sqlite: &mut Option<Sqlite>, database: &Path, octets: u64) -> Result<(), Error> {
    if sqlite.is_none() {
        *sqlite = Some(Sqlite::open(database, Role::Writer)?);
    }
    let Some(open) = sqlite else { return Ok(()) };
    // PASSIVE waits for nobody. Under constant load it never finds the end of the log, so that a log that has grown
    // well over its size is cut with the writer held for a moment.
    let sql =
        if octets > LOG_OCTETS_MAX { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
    open.number(sql, 0).map(|_| ())
}
