//! When things are due, cheaply where they are put off again and again.
//!
//! An entry says when to look, not that something is due: whoever is looked at too soon is entered again. What was taken
//! away or moved forward leaves a stale entry behind, which its owner recognises by its time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Timestamp;

/// Stale entries that are not worth rebuilding for.
const FEW: usize = 64;

/// When to look at whom, soonest first.
#[derive(Debug)]
pub(super) struct Deadlines<K> {
    heap: BinaryHeap<Reverse<(Timestamp, K)>>,
}

impl<K: Ord> Default for Deadlines<K> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new() }
    }
}

impl<K: Ord + Copy> Deadlines<K> {
    /// Has somebody looked at.
    pub(super) fn push(&mut self, at: Timestamp, key: K) {
        self.heap.push(Reverse((at, key)));
    }

    /// The soonest entry; nothing is due before that.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the soonest entry out if it is no later than `now`.
    pub(super) fn pop_until(&mut self, now: Timestamp) -> Option<(Timestamp, K)> {
        self.first().filter(|at| *at <= now)?;
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// Whether most entries must be stale, where so many are not.
    pub(super) fn is_crowded(&self, alive: usize) -> bool {
        self.heap.len() > FEW + 4 * alive
    }

    /// Keeps these entries alone.
    pub(super) fn rebuild(&mut self, entries: impl Iterator<Item = (Timestamp, K)>) {
        self.heap.clear();
        self.heap.extend(entries.map(Reverse));
    }
}
