//! When things are due, cheaply where they are put off again and again.
//!
//! An entry says when to look, not that something is due: what is looked at too soon is entered again. What was taken away
//! or moved forward leaves a stale entry behind, which is recognised by its time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::{ClientId, OpenId};
use crate::time::Timestamp;

/// Stale entries that are not worth rebuilding for.
const FEW: usize = 64;
/// Queues tried before the heap. What is put off by one of so many fixed times comes in order within its queue.
const QUEUES: usize = 4;

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    pub(super) client: ClientId,
    /// Its lookup; `None` where the client's search list waits to be decided.
    pub(super) lookup: Option<OpenId>,
}

/// When to look at what, soonest first.
#[derive(Debug)]
pub(super) struct Deadlines {
    /// Each in order by itself.
    queues: [VecDeque<(Timestamp, Due)>; QUEUES],
    /// What has no place in them.
    heap: BinaryHeap<Reverse<(Timestamp, Due)>>,
    /// The soonest of each queue, and of the heap; `NEVER` where there is none.
    fronts: [Timestamp; QUEUES + 1],
    /// The soonest of them all.
    soonest: Timestamp,
    /// How many entries there are.
    entries: usize,
}

/// Later than everything.
pub(super) const NEVER: Timestamp = Timestamp(i64::MAX);

impl Default for Deadlines {
    fn default() -> Self {
        let fronts = [NEVER; QUEUES + 1];
        Self { queues: Default::default(), heap: BinaryHeap::new(), fronts, soonest: NEVER, entries: 0 }
    }
}

impl Deadlines {
    /// Has something looked at.
    pub(super) fn push(&mut self, at: Timestamp, due: Due) {
        let fits = |queue: &VecDeque<(Timestamp, Due)>| queue.back().is_none_or(|last| *last <= (at, due));
        let place = self.queues.iter().position(fits).unwrap_or(QUEUES);
        match self.queues.get_mut(place) {
            Some(queue) => queue.push_back((at, due)),
            None => self.heap.push(Reverse((at, due))),
        }
        self.fronts[place] = self.fronts[place].min(at);
        self.soonest = self.soonest.min(at);
        self.entries += 1;
    }

    /// The soonest entry; nothing is due before that.
    pub(super) fn first(&self) -> Option<(Timestamp, Due)> {
        self.front(self.soonest_place()?)
    }

    /// Where the soonest entry is. Of several of one time it is the same whenever they were noted.
    fn soonest_place(&self) -> Option<usize> {
        let mut places = (0..).zip(&self.fronts).filter(|(_, front)| **front == self.soonest);
        let (first, _) = places.next()?;
        let due = |place: usize| self.front(place).map(|(_, due)| due);
        Some(places.fold(first, |best, (other, _)| if due(other) < due(best) { other } else { best }))
    }

    /// The soonest entry at one place.
    fn front(&self, place: usize) -> Option<(Timestamp, Due)> {
        match self.queues.get(place) {
            Some(queue) => queue.front().copied(),
            None => self.heap.peek().map(|Reverse(entry)| *entry),
        }
    }

    /// Takes the soonest entry out if it is no later than `now`.
    pub(super) fn pop_until(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        if self.nothing_until(now) {
            return None;
        }
        let place = self.soonest_place()?;
        let entry = match self.queues.get_mut(place) {
            Some(queue) => queue.pop_front(),
            None => self.heap.pop().map(|Reverse(entry)| entry),
        };
        let next = self.front(place).map(|(at, _)| at);
        self.fronts[place] = next.unwrap_or(NEVER);
        self.soonest = self.fronts.into_iter().fold(NEVER, Timestamp::min);
        self.entries -= usize::from(entry.is_some());
        entry
    }

    /// Whether surely nothing is due by then.
    pub(super) fn nothing_until(&self, now: Timestamp) -> bool {
        now < self.soonest
    }

    /// Takes over what others have noted.
    pub(super) fn absorb(&mut self, others: Self) {
        let queued = others.queues.into_iter().flatten();
        let heaped = others.heap.into_iter().map(|Reverse(entry)| entry);
        for (at, due) in queued.chain(heaped) {
            self.push(at, due);
        }
    }

    /// Whether most entries must be stale, where so many are not.
    pub(super) fn is_crowded(&self, alive: usize) -> bool {
        self.entries > FEW + 8 * alive
    }

    /// Keeps these entries alone.
    pub(super) fn rebuild(&mut self, mut entries: Vec<(Timestamp, Due)>) {
        entries.sort_unstable();
        *self = Self::default();
        for (at, due) in entries {
            self.push(at, due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_soonest_first_however_they_went_in() {
        let mut deadlines = Deadlines::default();
        let mut times: Vec<i64> = (0..200).map(|index| (index * 7_919) % 211).collect();
        for time in &times {
            deadlines.push(Timestamp(*time), Due { client: 0, lookup: Some(0) });
        }
        times.sort_unstable();
        assert_eq!(deadlines.first().map(|(at, _)| at), Some(Timestamp(times[0])));
        let mut out = Vec::new();
        for now in 0..=211 {
            while let Some((at, _)) = deadlines.pop_until(Timestamp(now)) {
                assert_eq!(at.0, now);
                out.push(at.0);
            }
        }
        assert_eq!(out, times);
        assert_eq!(deadlines.first(), None);
    }

    #[test]
    fn entries_of_one_time_come_out_alike_however_they_went_in() {
        let entry = |(at, lookup): (i64, u32)| (Timestamp(at), Due { client: 0, lookup: Some(lookup) });
        let entries = [(5, 1), (9, 7), (7, 2), (9, 4), (9, 6), (6, 3), (9, 5)];
        let out = |entries: &[(i64, u32)]| {
            let mut deadlines = Deadlines::default();
            entries.iter().map(|it| entry(*it)).for_each(|(at, due)| deadlines.push(at, due));
            std::iter::from_fn(|| deadlines.pop_until(Timestamp(9))).collect::<Vec<_>>()
        };
        let reversed: Vec<_> = entries.into_iter().rev().collect();
        assert_eq!(out(&entries), out(&reversed));
        let mut sorted = entries;
        sorted.sort_unstable();
        assert_eq!(out(&entries), sorted.map(entry));
    }

    #[test]
    fn only_what_is_kept_is_left_after_rebuilding() {
        let mut deadlines = Deadlines::default();
        for time in 0..100 {
            deadlines.push(Timestamp(time), Due { client: 0, lookup: None });
        }
        assert!(deadlines.is_crowded(1));
        let kept = Due { client: 1, lookup: Some(3) };
        deadlines.rebuild(vec![(Timestamp(7), kept), (Timestamp(5), kept)]);
        assert_eq!(deadlines.pop_until(Timestamp(4)), None);
        assert_eq!(deadlines.pop_until(Timestamp(9)), Some((Timestamp(5), kept)));
        assert_eq!(deadlines.pop_until(Timestamp(9)), Some((Timestamp(7), kept)));
        assert_eq!(deadlines.pop_until(Timestamp(9)), None);
    }
}
