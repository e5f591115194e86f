//! Moves the write-ahead log into the database behind the writer's back, so that no commit pays for it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::sqlite::{Failure, Role, Sqlite};
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
    pub(crate) fn start(database: &Path, failure: &Arc<Failure>) -> Result<Self, Error> {
        let (stop, stopped) = mpsc::channel();
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let (database, log, failure) = (database.to_owned(), PathBuf::from(log), Arc::clone(failure));
        let thread = std::thread::Builder::new()
            .name("store-log".to_owned())
            .spawn(move || run(&database, &log, &stopped, &failure))
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

fn run(database: &Path, log: &Path, stopped: &mpsc::Receiver<()>, failure: &Arc<Failure>) {
    let mut sqlite = None;
    let mut done = 0;
    while stopped.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
        if failure.why().is_some() {
            return;
        }
        let octets = std::fs::metadata(log).map_or(0, |log| log.len());
        if octets < LOG_OCTETS_CHECKPOINT {
            done = 0;
            continue;
        }
        if octets == done {
            continue;
        }
        match checkpoint(&mut sqlite, database, octets, failure) {
            // Somebody reads: the log could not be cut, and this is tried again at the next look.
            Ok(busy) => done = if busy { 0 } else { octets },
            Err(error) => tracing::warn!(%error, "the log was not moved into the database; trying again"),
        }
    }
}

/// Whether somebody stood in its way.
fn checkpoint(
    sqlite: &mut Option<Sqlite>,
    database: &Path,
    octets: u64,
    failure: &Arc<Failure>,
) -> Result<bool, Error> {
    if sqlite.is_none() {
        *sqlite = Some(Sqlite::open(database, Role::Checkpoints, failure)?);
    }
    let Some(open) = sqlite else { return Ok(false) };
    // PASSIVE waits for nobody. Under constant load it never finds the end of the log, so that a log that has grown
    // well over its size is cut with the writer held for a moment.
    let sql =
        if octets > LOG_OCTETS_MAX { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
    Ok(open.checkpoint(sql)? && octets > LOG_OCTETS_MAX)
}
