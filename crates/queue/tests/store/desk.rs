//! A desk with as much room as a test says, which remembers what it was told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use envelope::{Address, ReversePath};
use queue::{Backoff, Claim, Desk, Lane, Terms};

use crate::house::{House, LEASE};

#[derive(Default)]
pub struct TestDesk {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Room left; without an entry there is plenty.
    room: HashMap<String, usize>,
    /// Reserved, and neither handed over nor claimed nor given up.
    reserved: usize,
    handed_over: Vec<Claim>,
    asked: Vec<(String, bool)>,
    patience: Option<Backoff>,
}

impl TestDesk {
    /// Attached to the house's queue.
    pub fn at(house: &House) -> Arc<Self> {
        let desk = Arc::new(Self::default());
        house.queue.attach(desk.clone());
        desk
    }

    pub fn set_room(&self, destination: &str, room: usize) {
        self.state.lock().unwrap().room.insert(destination.to_owned(), room);
    }

    pub fn set_patience(&self, patience: Backoff) {
        self.state.lock().unwrap().patience = Some(patience);
    }

    pub fn reserved(&self) -> usize {
        self.state.lock().unwrap().reserved
    }

    /// These were claimed within reservations.
    pub fn took(&self, claims: &[Claim]) {
        self.state.lock().unwrap().reserved -= claims.len();
    }

    pub fn handed_over(&self) -> Vec<Claim> {
        std::mem::take(&mut self.state.lock().unwrap().handed_over)
    }

    /// Who was asked about, and whether the operator had asked.
    pub fn asked(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
}

impl Desk for TestDesk {
    fn destination(&self, reverse_path: &ReversePath, recipient: &Address) -> String {
        // Everything for `by-hub.test`, and everything from `bulk.test`, goes by a smart host.
        let from_bulk = reverse_path.to_string().ends_with("@bulk.test");
        match recipient.host().to_string() {
            host if host == "by-hub.test" || from_bulk => "smtp:hub.test:25".to_owned(),
            host => host,
        }
    }

    fn room(&self, destination: &str, _lane: Lane, wanted: usize, asked: bool) -> usize {
        let mut state = self.state.lock().unwrap();
        state.asked.push((destination.to_owned(), asked));
        let room = state.room.get_mut(destination).map_or(wanted, |left| {
            let room = wanted.min(*left);
            *left -= room;
            room
        });
        state.reserved += room;
        room
    }

    fn hand_over(&self, claims: Vec<Claim>, _: Duration) {
        let mut state = self.state.lock().unwrap();
        state.reserved -= claims.len();
        state.handed_over.extend(claims);
    }

    fn give_up(&self, destination: &str, _lane: Lane, count: usize) {
        let mut state = self.state.lock().unwrap();
        state.reserved -= count;
        if let Some(room) = state.room.get_mut(destination) {
            *room += count;
        }
    }

    fn terms(&self) -> Terms {
        let patience = self.state.lock().unwrap().patience.clone().unwrap_or_default();
        Terms { lease: LEASE, patience }
    }
}
