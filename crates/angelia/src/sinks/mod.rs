//! Where the journal goes: lines on stderr for the operator, and rows in the store for `angelia trace`.
//!
//! [`Recorder::record`] only puts an entry into bounded queues. A sink that is too slow loses entries, never holds up a
//! session; what was lost is counted, and reported as soon as there is room.

mod describe;
mod keys;
mod limits;
mod line;
mod lines;
mod prune;
mod rows;
mod runs;
mod search;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use journal::{Entry, Journal};

pub(crate) use describe::describe;
pub(crate) use line::{Format, Line, colour, date_time, time_of_day};
pub(crate) use search::{Found, search};
pub(crate) use store::MIGRATIONS;

/// Which sinks there are.
#[derive(Default)]
pub(crate) struct Options {
    /// Lines on stderr, in this form.
    pub(crate) lines: Option<Format>,
    /// Rows in this store, kept for so many days.
    pub(crate) rows: Option<(storage::Store, u32)>,
}

/// Running sinks.
pub(crate) struct Sinks {
    recorder: Arc<Recorder>,
    lines: Option<lines::Lines>,
    rows: Option<rows::Rows>,
}

/// The journal that services write to.
struct Recorder {
    lines: Option<Outlet<lines::Sender>>,
    rows: Option<Outlet<rows::Sender>>,
}

/// The way into one sink, and what did not find room on it.
struct Outlet<S> {
    sender: S,
    lost: Arc<AtomicU64>,
}

impl Sinks {
    /// Starts them.
    pub(crate) fn start(options: Options) -> anyhow::Result<Self> {
        let mut recorder = Recorder { lines: None, rows: None };
        let mut sinks = (None, None);
        if let Some(format) = options.lines {
            let lost = Arc::new(AtomicU64::new(0));
            let (running, sender) = lines::Lines::start(format, Arc::clone(&lost))?;
            recorder.lines = Some(Outlet { sender, lost });
            sinks.0 = Some(running);
        }
        if let Some((store, days)) = options.rows {
            let lost = Arc::new(AtomicU64::new(0));
            let (running, sender) = rows::Rows::start(store, days, Arc::clone(&lost));
            recorder.rows = Some(Outlet { sender, lost });
            sinks.1 = Some(running);
        }
        Ok(Self { recorder: Arc::new(recorder), lines: sinks.0, rows: sinks.1 })
    }

    /// The journal to hand to services.
    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        Arc::<Recorder>::clone(&self.recorder)
    }

    /// Writes what waits, and ends. Entries recorded later are lost, which happens only to those who kept the journal
    /// longer than the program runs.
    pub(crate) async fn stop(self) {
        drop(self.recorder);
        if let Some(rows) = self.rows {
            rows.stop().await;
        }
        if let Some(lines) = self.lines {
            lines.stop().await;
        }
    }
}

impl Journal for Recorder {
    fn record(&self, entry: Entry) {
        let entry = Arc::new(entry);
        if let Some(outlet) = &self.lines
            && !outlet.sender.offer(Arc::clone(&entry))
        {
            outlet.lost.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(outlet) = &self.rows
            && !outlet.sender.offer(entry)
        {
            outlet.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
