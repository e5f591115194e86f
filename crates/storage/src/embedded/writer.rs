//! The one thread that writes: all closures that wait run in savepoints under one COMMIT.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::sqlite::{Failure, Sqlite, SqliteTransaction, fault};
use crate::limits::{GROUP_WAIT_MAX, GROUP_WRITES_MAX};
use crate::room::Room;
use crate::{Error, Transaction, failpoint};

/// What the thread is asked for.
pub(crate) enum Order {
    /// A closure.
    Write(Box<dyn Work>),
    /// A number that changes when another process committed.
    ForeignVersion(oneshot::Sender<Result<i64, Error>>),
    /// The end: what waits behind it is refused.
    Stop,
}

/// A closure with who waits for it.
pub(crate) trait Work: Send {
    /// Runs it; false when it wants to be rolled back.
    fn run(&mut self, tx: SqliteTransaction<'_>) -> bool;
    /// Whether it failed for want of room on the disk.
    fn was_full(&self) -> bool;
    /// Answers who waits. With an error, whatever the closure said is undone.
    fn answer(self: Box<Self>, commit: Result<(), Error>);
}

pub(crate) struct Closure<T, F> {
    work: F,
    outcome: Option<Result<T, Error>>,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Closure<T, F> {
    pub(crate) fn new(work: F, answer: oneshot::Sender<Result<T, Error>>) -> Self {
        Self { work, outcome: None, answer }
    }
}

impl<T, F> Work for Closure<T, F>
where
    T: Send + 'static,
    F: FnMut(&dyn Transaction) -> Result<T, Error> + Send + 'static,
{
    fn run(&mut self, tx: SqliteTransaction<'_>) -> bool {
        // A panic must cost its own savepoint, not the thread that everybody waits for.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(&tx)))
            .unwrap_or_else(|_| Err(Error::Bug("a closure panicked".to_owned())));
        let outcome = match (outcome, tx.overlooked()) {
            (Ok(_), Some(error)) => Err(error),
            (outcome, _) => outcome,
        };
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn was_full(&self) -> bool {
        matches!(self.outcome, Some(Err(Error::Full(_))))
    }

    fn answer(self: Box<Self>, commit: Result<(), Error>) {
        let outcome = match (self.outcome, commit) {
            // Rolled back by its own wish: the COMMIT was not about it.
            (Some(Err(own)), _) => Err(own),
            (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(Error::Bug("a closure was not run".to_owned())),
        };
        // Who no longer waits has the write all the same.
        let _ = self.answer.send(outcome);
    }
}

/// The thread's state.
pub(crate) struct Writer {
    sqlite: Sqlite,
    orders: mpsc::Receiver<Order>,
    /// Why nothing is accepted any more: what befell a checkpoint concerns every writer too.
    failure: Arc<Failure>,
    room: Arc<Room>,
}

impl Writer {
    pub(crate) fn new(sqlite: Sqlite, orders: mpsc::Receiver<Order>, failure: Arc<Failure>, room: Arc<Room>) -> Self {
        Self { sqlite, orders, failure, room }
    }

    pub(crate) fn run(mut self) {
        while let Some(order) = self.orders.blocking_recv() {
            let mut order = Some(order);
            while let Some(next) = order.take() {
                match next {
                    Order::Write(first) => order = self.group(first),
                    Order::ForeignVersion(answer) => {
                        let _ = answer.send(self.sqlite.number("PRAGMA data_version", 0));
                    }
                    Order::Stop => return,
                }
            }
        }
    }

    /// Runs whatever waits, commits, answers. Returns an order that came between and is no write.
    fn group(&mut self, first: Box<dyn Work>) -> Option<Order> {
        if let Some(why) = self.failure.why() {
            first.answer(Err(Error::Failed(why.to_owned())));
            return None;
        }
        if let Err(error) = self.sqlite.control("BEGIN IMMEDIATE") {
            first.answer(Err(fault(&error)));
            return None;
        }
        let began = Instant::now();
        let mut group = Vec::with_capacity(16);
        let mut other = None;
        let mut next = Some(first);
        let mut kept = 0;
        let mut broken = None;
        while let Some(mut work) = next.take() {
            match self.run_one(&mut *work) {
                Ok(keep) => kept += usize::from(keep),
                Err(error) => broken = Some(error),
            }
            group.push(work);
            if broken.is_some() || group.len() >= GROUP_WRITES_MAX || began.elapsed() > GROUP_WAIT_MAX {
                break;
            }
            match self.orders.try_recv() {
                Ok(Order::Write(work)) => next = Some(work),
                Ok(order) => other = Some(order),
                Err(_) => {}
            }
        }
        let mut outcome = self.end(kept, broken);
        let lacks_room = match &outcome {
            Ok(()) => group.iter().any(|work| work.was_full()),
            Err(error) => matches!(error, Error::Full(_)),
        };
        if lacks_room && self.make_room() {
            let is_ended = outcome.is_ok();
            let (mut undone, done): (Vec<_>, Vec<_>) = group.into_iter().partition(|work| !is_ended || work.was_full());
            answer_all(done, &outcome);
            outcome = self.again(&mut undone);
            group = undone;
        }
        answer_all(group, &outcome);
        other
    }

    /// Commits what is kept of a group, or undoes all of it.
    fn end(&mut self, kept: usize, broken: Option<Error>) -> Result<(), Error> {
        let outcome = match broken {
            Some(error) => Err(error),
            None if kept == 0 => self.sqlite.control("ROLLBACK").map_err(|error| fault(&error)),
            None => self.commit(),
        };
        if outcome.is_err() {
            self.roll_back();
        }
        outcome
    }

    /// The disk is full: gives the ballast up, and moves the log into the database, so that it is written from its
    /// beginning again. False when there is nothing to be had.
    fn make_room(&self) -> bool {
        let given = self.room.give_up_ballast();
        let moved = self.sqlite.checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
        given || matches!(moved, Ok(false))
    }

    /// Runs those once more of which nothing was written.
    fn again(&mut self, group: &mut [Box<dyn Work>]) -> Result<(), Error> {
        self.sqlite.control("BEGIN IMMEDIATE").map_err(|error| fault(&error))?;
        let (mut kept, mut broken) = (0, None);
        for work in group {
            match self.run_one(&mut **work) {
                Ok(keep) => kept += usize::from(keep),
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        self.end(kept, broken)
    }

    /// One closure in its savepoint. An error here is one of the savepoint itself and breaks the group.
    fn run_one(&self, work: &mut dyn Work) -> Result<bool, Error> {
        self.sqlite.control("SAVEPOINT one").map_err(|error| fault(&error))?;
        let keep = work.run(SqliteTransaction::new(&self.sqlite));
        if self.sqlite.is_idle() {
            // An error like a full disk has rolled back everything.
            return Err(Error::Full("the transaction was rolled back".to_owned()));
        }
        if !keep {
            self.sqlite.control("ROLLBACK TO one").map_err(|error| fault(&error))?;
        }
        self.sqlite.control("RELEASE one").map_err(|error| fault(&error))?;
        Ok(keep)
    }

    fn commit(&mut self) -> Result<(), Error> {
        failpoint::pass("before-commit");
        let outcome = failpoint::error("commit").map_err(|error| Error::io("committing", &error));
        outcome?;
        self.sqlite.control("COMMIT").map_err(|error| {
            if sync_failed(&error) {
                return Error::OutcomeUnknown(self.failure.set("syncing the log", &error));
            }
            fault(&error)
        })?;
        failpoint::pass("after-commit");
        Ok(())
    }

    fn roll_back(&mut self) {
        if !self.sqlite.is_idle()
            && let Err(error) = self.sqlite.control("ROLLBACK")
        {
            self.failure.set("rolling back", &error);
        }
    }
}

fn answer_all(group: Vec<Box<dyn Work>>, outcome: &Result<(), Error>) {
    for work in group {
        work.answer(outcome.as_ref().copied().map_err(Error::again));
    }
}

/// After a failed fsync the kernel may have dropped the pages: another one would answer success without them.
fn sync_failed(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC))
}
