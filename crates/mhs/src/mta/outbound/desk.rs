//! The book behind a lock, with a clock: what the loop, the workers and the queue share of the outbound side.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use envelope::{Address, ReversePath};
use net::clock;
use queue::{Claim, Lane};
use tokio::sync::Notify;

use super::Settings;
use super::book::{Book, Now, RestTimes};
use super::spent::AllSpent;

/// Where new letters are handed over ([`queue::Desk`]). It waits for nothing but its own lock, which nobody holds across
/// an await.
pub(super) struct Desk {
    pub(super) settings: Arc<Settings>,
    book: Mutex<Book>,
    clock: fn() -> Now,
    /// Something may begin that could not before.
    pub(super) changed: Arc<Notify>,
}

impl Desk {
    pub(super) fn new(settings: Arc<Settings>, clock: fn() -> Now) -> Self {
        let limits = settings.clone();
        let times = RestTimes { first: settings.rest_first, longest: settings.rest_longest };
        let book = Book::new(Box::new(move |destination| limits.limits_of(destination)), times);
        let book = book.beginning_at(clock().instant);
        Self { settings, book: Mutex::new(book), clock, changed: Arc::new(Notify::new()) }
    }

    /// The same behind somebody who has left word of what he spent.
    pub(super) fn behind(self, spent: AllSpent) -> Self {
        let book = self.book.into_inner().unwrap_or_else(PoisonError::into_inner);
        let now = (self.clock)().instant;
        Self { book: Mutex::new(book.behind(spent, now)), ..self }
    }

    /// Nothing in it can be left half done by a panic.
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The present, by both clocks.
pub(super) fn now() -> Now {
    Now { instant: clock::instant(), wall: clock::now() }
}

impl queue::Desk for Desk {
    fn destination(&self, reverse_path: &ReversePath, recipient: &Address) -> String {
        self.settings.destination(reverse_path, recipient)
    }

    fn room(&self, destination: &str, lane: Lane, wanted: usize, asked: bool) -> usize {
        self.book().room(destination, lane, wanted, asked, (self.clock)())
    }

    fn hand_over(&self, claims: Vec<Claim>, leased_ago: Duration) {
        self.book().hand_over(claims, leased_ago, (self.clock)());
        self.changed.notify_one();
    }

    fn give_up(&self, destination: &str, lane: Lane, count: usize) {
        self.book().give_up(destination, lane, count);
    }

    fn terms(&self) -> queue::Terms {
        queue::Terms { lease: crate::limits::OUTBOUND_LEASE, patience: self.settings.backoff.clone() }
    }
}
