//! Which of a client's lookups may expect a name.

use std::collections::hash_map::Entry::Occupied;

use smallvec::SmallVec;

use super::OpenId;
use crate::map::MapOfHashes;

/// Lookups of one name that a question is held against. More at once are a flood, not an application.
const MOST_ALIKE: usize = 256;

/// Some of a client's lookups.
pub(super) type Ids = SmallVec<[OpenId; 4]>;

/// Who may expect a name, by its fingerprint, the longest open first. Names alike in that only make `fit` look once more.
#[derive(Debug, Default)]
pub(super) struct Expecting {
    by_name: MapOfHashes<Ids>,
}

impl Expecting {
    /// The lookups that may expect the name with this fingerprint.
    pub(super) fn of(&self, name: u64) -> &[OpenId] {
        let alike = self.by_name.get(&name).map(SmallVec::as_slice).unwrap_or_default();
        &alike[..alike.len().min(MOST_ALIKE)]
    }

    /// A lookup may expect these names.
    pub(super) fn add(&mut self, names: impl IntoIterator<Item = u64>, id: OpenId) {
        for name in names {
            self.by_name.entry(name).or_default().push(id);
        }
    }

    /// A lookup that may have expected these names is over.
    pub(super) fn remove(&mut self, names: impl IntoIterator<Item = u64>, id: OpenId) {
        for name in names {
            let Occupied(mut ids) = self.by_name.entry(name) else { continue };
            ids.get_mut().retain(|known| *known != id);
            if ids.get().is_empty() {
                ids.remove();
            }
        }
    }
}
