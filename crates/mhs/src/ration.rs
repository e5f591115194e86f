//! How often something may happen within a time: for each who asks, and for all together. Memory is bounded by the number
//! for all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use envelope::Address;

/// Counts within windows of one length, which begin when somebody asks.
#[derive(Debug)]
pub(crate) struct Ration {
    /// Of one address.
    each_max: u32,
    /// Of all.
    all_max: u32,
    length: Duration,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    since: Option<Instant>,
    all: u32,
    /// At most as many as there were in all.
    each: HashMap<Address, u32>,
}

impl Ration {
    /// Nothing has happened yet.
    pub(crate) fn new(each_max: u32, all_max: u32, length: Duration) -> Self {
        Self { each_max, all_max, length, window: Mutex::default() }
    }

    /// Whether it may happen once more. It is counted then.
    pub(crate) fn has_room(&self, address: &Address, now: Instant) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.is_none_or(|since| now.saturating_duration_since(since) >= self.length) {
            *window = Window { since: Some(now), ..Window::default() };
        }
        let his = window.each.get(address).copied().unwrap_or(0);
        if window.all >= self.all_max || his >= self.each_max {
            return false;
        }
        window.all += 1;
        window.each.insert(address.clone(), his + 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_and_all_have_their_number_and_a_new_window_begins_anew() {
        let (length, now) = (Duration::from_secs(3600), Instant::now());
        let ration = Ration::new(10, 100, length);
        let address = |number: u32| Address::parse(&format!("ghost{number}@athens.test")).unwrap();
        let had = |number: u32, count: u32, now| (0..count).filter(|_| ration.has_room(&address(number), now)).count();
        assert_eq!(had(0, 1000, now), 10);
        assert_eq!((1..1000).map(|number| had(number, 1, now)).sum::<usize>(), 90);
        assert!(ration.window.lock().unwrap().each.len() <= 100);
        assert_eq!(had(0, 1, now + length), 1);
    }
}
