//! Who may be at work: attempts under way, counted so that a hanging destination holds no place that others need.
//!
//! - Places are [`OUTBOUND_ATTEMPTS_MAX`]. Destinations that have not talked to us lately share a part of them, so that
//!   any number of black holes leaves room for those that are known to answer.
//! - An attempt that has taken long no longer holds a place, as long as these are not too many: it waits, and that is all.
//! - One sender's letters have no more than half of the places.

use std::collections::BTreeMap;

use queue::Lane;

use crate::limits::{OUTBOUND_ATTEMPTS_MAX, OUTBOUND_ATTEMPTS_SLOW, OUTBOUND_ATTEMPTS_UNPROVEN};

/// What is known of a destination when an attempt begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// It talked to us at the last attempt, and soon.
    Proven,
    /// Nothing is known, or nothing good.
    Unproven,
}

impl Class {
    pub(super) const ALL: [Self; 2] = [Self::Proven, Self::Unproven];

    /// Where it stands in a list of both.
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// A place that is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    class: Class,
    lane: Lane,
    slow: bool,
}

impl Slot {
    /// Whether it is given free.
    pub(super) fn is_slow(&self) -> bool {
        self.slow
    }
}

/// All places.
#[derive(Debug, Default)]
pub(super) struct Slots {
    busy: usize,
    unproven: usize,
    slow: usize,
    lanes: BTreeMap<Lane, usize>,
}

impl Slots {
    /// Whether an attempt of this kind may begin.
    pub(super) fn may(&self, class: Class, lane: Lane) -> bool {
        let of_class = match class {
            Class::Proven => OUTBOUND_ATTEMPTS_MAX,
            Class::Unproven => OUTBOUND_ATTEMPTS_UNPROVEN,
        };
        self.may_any(class) && self.lanes.get(&lane).is_none_or(|count| *count < of_class / 2)
    }

    /// Whether an attempt of this kind may begin for some lane.
    pub(super) fn may_any(&self, class: Class) -> bool {
        self.busy < OUTBOUND_ATTEMPTS_MAX && (class == Class::Proven || self.unproven < OUTBOUND_ATTEMPTS_UNPROVEN)
    }

    /// Whether so many places are free that nobody has to wait for one.
    pub(super) fn are_plenty(&self, class: Class) -> bool {
        let unproven = class == Class::Proven || self.unproven < OUTBOUND_ATTEMPTS_UNPROVEN / 2;
        unproven && self.busy < OUTBOUND_ATTEMPTS_MAX / 2
    }

    pub(super) fn take(&mut self, class: Class, lane: Lane) -> Slot {
        let slot = Slot { class, lane, slow: false };
        self.count(slot, true);
        slot
    }

    /// The attempt takes long: it gives its place free, when not too many have done so already.
    pub(super) fn slow(&mut self, slot: &mut Slot) {
        if slot.slow || !self.may_linger() {
            return;
        }
        self.count(*slot, false);
        slot.slow = true;
        self.slow += 1;
    }

    /// Whether one more may wait beside the places.
    pub(super) fn may_linger(&self) -> bool {
        self.slow < OUTBOUND_ATTEMPTS_SLOW
    }

    pub(super) fn free(&mut self, slot: Slot) {
        if slot.slow { self.slow -= 1 } else { self.count(slot, false) }
    }

    fn count(&mut self, slot: Slot, up: bool) {
        let step = |count: &mut usize| *count = if up { *count + 1 } else { count.saturating_sub(1) };
        step(&mut self.busy);
        if slot.class == Class::Unproven {
            step(&mut self.unproven);
        }
        let of_lane = self.lanes.entry(slot.lane).or_default();
        step(of_lane);
        if *of_lane == 0 {
            self.lanes.remove(&slot.lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_holes_leave_room_for_others() {
        let mut slots = Slots::default();
        let lane = |number: usize| Lane(number as i64 % 7);
        let mut holes: Vec<Slot> = (0..OUTBOUND_ATTEMPTS_UNPROVEN)
            .map(|n| {
                assert!(slots.may(Class::Unproven, lane(n)));
                slots.take(Class::Unproven, lane(n))
            })
            .collect();
        assert!(!slots.may_any(Class::Unproven) && slots.may(Class::Proven, lane(0)));
        // After a while they only wait, and others may find out.
        holes.iter_mut().for_each(|slot| slots.slow(slot));
        assert!(slots.are_plenty(Class::Unproven));
        holes.iter_mut().for_each(|slot| slots.slow(slot));
        holes.into_iter().for_each(|slot| slots.free(slot));
        assert_eq!((slots.busy, slots.unproven, slots.slow, slots.lanes.len()), (0, 0, 0, 0));
    }

    #[test]
    fn those_that_wait_are_bounded_too() {
        let mut slots = Slots::default();
        let lane = Lane(1);
        for _ in 0..OUTBOUND_ATTEMPTS_SLOW {
            let mut slot = slots.take(Class::Proven, lane);
            slots.slow(&mut slot);
        }
        let mut one_more = slots.take(Class::Proven, lane);
        slots.slow(&mut one_more);
        assert_eq!((slots.busy, slots.slow), (1, OUTBOUND_ATTEMPTS_SLOW));
    }

    #[test]
    fn one_sender_has_half_of_the_places() {
        let mut slots = Slots::default();
        let (list, person) = (Lane(1), Lane(2));
        while slots.may(Class::Proven, list) {
            slots.take(Class::Proven, list);
        }
        assert_eq!(slots.busy, OUTBOUND_ATTEMPTS_MAX / 2);
        assert!(slots.may(Class::Proven, person) && slots.may(Class::Unproven, person));
        assert!(!slots.may(Class::Unproven, list));
    }
}
