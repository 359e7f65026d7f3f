//! The lanes of a session, by their namespaces.

use dnsprobe_sniffer::SourceId;

use super::lane::Lane;

/// Lanes in the order of their namespaces' numbers. Each frame needs its own, which as a rule is that of the frame before.
#[derive(Default)]
pub(super) struct Lanes {
    all: Vec<(SourceId, Lane)>,
    /// Which of them was asked for last.
    latest: usize,
}

impl Lanes {
    /// Adds one, or puts it in the place of the one that was there.
    pub(super) fn insert(&mut self, source: SourceId, lane: Lane) {
        match self.place_of(source) {
            Ok(known) => self.all[known].1 = lane,
            Err(place) => self.all.insert(place, (source, lane)),
        }
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, source: SourceId) -> Option<Lane> {
        let place = self.place_of(source).ok()?;
        Some(self.all.remove(place).1)
    }

    /// The one of this namespace.
    #[inline]
    pub(super) fn get_mut(&mut self, source: SourceId) -> Option<&mut Lane> {
        if self.all.get(self.latest).is_none_or(|(known, _)| *known != source) {
            self.latest = self.place_of(source).ok()?;
        }
        self.all.get_mut(self.latest).map(|(_, lane)| lane)
    }

    /// All of them, in order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        self.all.iter_mut().map(|(_, lane)| lane)
    }

    /// Their namespaces, in order.
    pub(super) fn sources(&self) -> Vec<SourceId> {
        self.all.iter().map(|(source, _)| *source).collect()
    }

    /// Where one is, or where it would have to be.
    fn place_of(&self, source: SourceId) -> Result<usize, usize> {
        self.all.binary_search_by_key(&source, |(known, _)| *known)
    }
}
