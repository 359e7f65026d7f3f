//! Which of a client's lookups may expect a name.

use std::collections::hash_map::Entry::Occupied;

use smallvec::SmallVec;

use super::OpenId;
use crate::map::MapOfHashes;

/// Lookups of one name that a question is held against. More at once are a flood, not an application.
const MOST_ALIKE: usize = 256;
/// Names that are looked through one by one: those of a handful of lookups, as a client has at once as a rule.
const FEW: usize = 48;

/// Some of a client's lookups.
pub(super) type Ids = SmallVec<[OpenId; 4]>;

/// Who may expect a name, by its fingerprint, the longest open first. Names alike in that only make `fit` look once more.
#[derive(Debug, Default)]
pub(super) struct Expecting {
    /// All of them, as long as they are few.
    few: Vec<(u64, OpenId)>,
    /// All of them, once they are more, until there are none.
    many: MapOfHashes<Ids>,
}

impl Expecting {
    /// The lookups that may expect the name with this fingerprint.
    pub(super) fn of(&self, name: u64) -> Ids {
        if self.many.is_empty() {
            // Made where it is given back; what is collected is moved there.
            let mut alike = Ids::new();
            for (_, id) in self.few.iter().filter(|(known, _)| *known == name) {
                alike.push(*id);
            }
            return alike;
        }
        let alike = self.many.get(&name).map(SmallVec::as_slice).unwrap_or_default();
        SmallVec::from_slice(&alike[..alike.len().min(MOST_ALIKE)])
    }

    /// The lookup that has been open longest, where they are few.
    pub(super) fn longest_open(&self) -> Option<OpenId> {
        self.few.first().map(|(_, id)| *id)
    }

    /// A lookup may expect these names.
    pub(super) fn add(&mut self, names: impl IntoIterator<Item = u64>, id: OpenId) {
        if self.many.is_empty() {
            self.few.extend(names.into_iter().map(|name| (name, id)));
            if self.few.len() > FEW {
                for (name, id) in std::mem::take(&mut self.few) {
                    self.add_to_many(name, id);
                }
            }
        } else {
            for name in names {
                self.add_to_many(name, id);
            }
        }
    }

    #[inline(never)]
    fn add_to_many(&mut self, name: u64, id: OpenId) {
        self.many.entry(name).or_default().push(id);
    }

    /// A lookup is over; these are all names that it may have expected.
    pub(super) fn remove(&mut self, names: impl IntoIterator<Item = u64>, id: OpenId) {
        if self.many.is_empty() {
            self.few.retain(|(_, known)| *known != id);
            return;
        }
        for name in names {
            self.remove_from_many(name, id);
        }
    }

    #[inline(never)]
    fn remove_from_many(&mut self, name: u64, id: OpenId) {
        let Occupied(mut ids) = self.many.entry(name) else { return };
        ids.get_mut().retain(|known| *known != id);
        if ids.get().is_empty() {
            ids.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_known_alike() {
        let mut expecting = Expecting::default();
        for round in 0..2 {
            for id in 0..40 {
                expecting.add([1, u64::from(id) + 10], id);
                assert_eq!(expecting.of(1).len(), id as usize + 1, "round {round}");
            }
            assert_eq!(expecting.of(1)[..], (0..40).collect::<Vec<_>>());
            assert_eq!((expecting.of(15)[..].to_vec(), expecting.of(9).len()), (vec![5], 0));
            for id in 0..40 {
                assert_eq!(expecting.of(1).first(), Some(&id));
                expecting.remove([1, u64::from(id) + 10], id);
                assert!(expecting.of(u64::from(id) + 10).is_empty());
            }
            assert!(expecting.of(1).is_empty());
        }
    }
}
