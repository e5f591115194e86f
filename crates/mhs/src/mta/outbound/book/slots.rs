//! Who may be at work: attempts under way, counted so that a hanging destination holds no place that others need.
//!
//! - Places are [`OUTBOUND_ATTEMPTS_MAX`]. Destinations that have not talked to us lately share a part of them, so that
//!   any number of black holes leaves room for those that are known to answer.
//! - An attempt that has taken long no longer holds a place, as long as these are not too many: it waits, and that is all.
//! - One sender's letters have no more than half of the places; and some of those for destinations that have not talked to
//!   us lately are kept for senders whose letters do not hang.

use std::collections::BTreeMap;

use queue::Lane;

use crate::limits::{
    OUTBOUND_ATTEMPTS_MAX, OUTBOUND_ATTEMPTS_SLOW, OUTBOUND_ATTEMPTS_UNPROVEN, OUTBOUND_UNPROVEN_FEW,
    OUTBOUND_UNPROVEN_KEPT,
};

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

    pub(super) fn class(&self) -> Class {
        self.class
    }
}

/// All places.
#[derive(Debug, Default)]
pub(super) struct Slots {
    busy: usize,
    unproven: usize,
    slow: usize,
    lanes: BTreeMap<Lane, usize>,
    /// Those that have given their place free, by lane.
    slow_lanes: BTreeMap<Lane, usize>,
}

impl Slots {
    /// Whether an attempt of this kind may begin.
    pub(super) fn may(&self, class: Class, lane: Lane) -> bool {
        let of_class = match class {
            Class::Proven => OUTBOUND_ATTEMPTS_MAX,
            Class::Unproven => OUTBOUND_ATTEMPTS_UNPROVEN,
        };
        let kept_back = class == Class::Unproven
            && self.unproven >= OUTBOUND_ATTEMPTS_UNPROVEN - OUTBOUND_UNPROVEN_KEPT
            && !self.has_few(lane);
        !kept_back && self.may_any(class) && self.lanes.get(&lane).is_none_or(|count| *count < of_class / 2)
    }

    fn has_few(&self, lane: Lane) -> bool {
        !self.slow_lanes.contains_key(&lane) && self.lanes.get(&lane).is_none_or(|count| *count < OUTBOUND_UNPROVEN_FEW)
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
        *self.slow_lanes.entry(slot.lane).or_default() += 1;
    }

    /// Whether one more may wait beside the places.
    pub(super) fn may_linger(&self) -> bool {
        self.slow < OUTBOUND_ATTEMPTS_SLOW
    }

    pub(super) fn free(&mut self, slot: Slot) {
        if !slot.slow {
            return self.count(slot, false);
        }
        self.slow = self.slow.saturating_sub(1);
        if let Some(of_lane) = self.slow_lanes.get_mut(&slot.lane) {
            *of_lane = of_lane.saturating_sub(1);
            if *of_lane == 0 {
                self.slow_lanes.remove(&slot.lane);
            }
        }
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
        let lane = |number: usize| Lane(number as i64 / 5);
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
        assert!(slots.slow_lanes.is_empty());
    }

    #[test]
    fn places_are_kept_for_those_whose_letters_do_not_hang() {
        let mut slots = Slots::default();
        let (lists, person) = ([Lane(1), Lane(2), Lane(3)], Lane(9));
        let mut held = Vec::new();
        while let Some(list) = lists.into_iter().find(|list| slots.may(Class::Unproven, *list)) {
            held.push(slots.take(Class::Unproven, list));
        }
        assert!(held.len() < OUTBOUND_ATTEMPTS_UNPROVEN && slots.may_any(Class::Unproven));
        assert!(slots.may(Class::Unproven, person), "of the lists each has many");
        let mut slot = slots.take(Class::Unproven, person);
        assert!(slots.may(Class::Unproven, person));
        slots.slow(&mut slot);
        assert!(!slots.may(Class::Unproven, person), "one of his hangs");
        slots.free(slot);
        assert!(slots.may(Class::Unproven, person));
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
