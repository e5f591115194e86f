//! Queues side by side that are served in turn, so that a long one delays a short one by one turn and no more.

use std::collections::{BTreeMap, VecDeque};

use queue::Lane;

/// One queue for each lane that has something in it. The lane that was served goes behind all others.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    queues: BTreeMap<Lane, VecDeque<T>>,
    turns: VecDeque<Lane>,
    count: usize,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { queues: BTreeMap::new(), turns: VecDeque::new(), count: 0 }
    }
}

impl<T> Lanes<T> {
    /// Things in all lanes together.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn queue(&mut self, lane: Lane) -> &mut VecDeque<T> {
        let turns = &mut self.turns;
        self.queues.entry(lane).or_insert_with(|| {
            turns.push_back(lane);
            VecDeque::new()
        })
    }

    /// At the end of its lane.
    pub(super) fn push(&mut self, lane: Lane, thing: T) {
        self.count += 1;
        self.queue(lane).push_back(thing);
    }

    /// At the head of its lane, for what was taken and could not be done.
    pub(super) fn push_front(&mut self, lane: Lane, thing: T) {
        self.count += 1;
        self.queue(lane).push_front(thing);
    }

    /// The last one of a lane.
    pub(super) fn last_mut(&mut self, lane: Lane) -> Option<&mut T> {
        self.queues.get_mut(&lane)?.back_mut()
    }

    /// What is first in a lane, for all lanes in their order.
    pub(super) fn heads(&self) -> impl Iterator<Item = (Lane, &T)> {
        self.turns.iter().filter_map(|lane| Some((*lane, self.queues.get(lane)?.front()?)))
    }

    /// The first thing of the first lane that may be served now.
    pub(super) fn pop(&mut self, mut may: impl FnMut(Lane, &T) -> bool) -> Option<(Lane, T)> {
        let head = |lane: &Lane| self.queues.get(lane).and_then(VecDeque::front);
        let place = self.turns.iter().position(|lane| head(lane).is_some_and(|thing| may(*lane, thing)))?;
        let lane = self.turns.remove(place)?;
        let queue = self.queues.get_mut(&lane)?;
        let thing = queue.pop_front()?;
        self.count -= 1;
        if self.count == 0 {
            self.give_back();
        } else if queue.is_empty() {
            self.queues.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        Some((lane, thing))
    }

    /// Gives its memory back: an emptied map keeps a node, of half a kilobyte, and most destinations have nothing waiting.
    fn give_back(&mut self) {
        *self = Self::default();
    }

    /// Everything, lane after lane.
    pub(super) fn drain(&mut self) -> Vec<T> {
        std::mem::take(self).queues.into_values().flatten().collect()
    }

    /// Changes each thing, and keeps those for which that answers true.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        self.queues.values_mut().for_each(|queue| queue.retain_mut(&mut keep));
        self.queues.retain(|_, queue| !queue.is_empty());
        self.turns.retain(|lane| self.queues.contains_key(lane));
        self.count = self.queues.values().map(VecDeque::len).sum();
        if self.count == 0 {
            self.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(number: i64) -> Lane {
        Lane(number)
    }

    #[test]
    fn a_long_lane_does_not_delay_a_short_one() {
        let mut lanes = Lanes::default();
        (0..5).for_each(|n| lanes.push(lane(1), n));
        (10..12).for_each(|n| lanes.push(lane(2), n));
        let mut order = Vec::new();
        while let Some((_, thing)) = lanes.pop(|_, _| true) {
            order.push(thing);
        }
        assert_eq!(order, [0, 10, 1, 11, 2, 3, 4]);
        assert!(lanes.is_empty() && lanes.heads().next().is_none());
    }

    #[test]
    fn a_lane_that_may_not_is_passed_over_and_keeps_its_turn() {
        let mut lanes = Lanes::default();
        lanes.push(lane(1), "a");
        lanes.push(lane(2), "b");
        assert_eq!(lanes.pop(|which, _| which != lane(1)), Some((lane(2), "b")));
        lanes.push(lane(2), "c");
        assert_eq!(lanes.heads().next(), Some((lane(1), &"a")));
        lanes.push_front(lane(2), "before c");
        assert_eq!(lanes.last_mut(lane(2)).copied(), Some("c"));
        lanes.retain(|thing| *thing != "a");
        assert_eq!((lanes.len(), lanes.heads().next()), (2, Some((lane(2), &"before c"))));
        assert_eq!(lanes.drain(), ["before c", "c"]);
        assert_eq!((lanes.len(), lanes.pop(|_, _| true)), (0, None));
    }
}
