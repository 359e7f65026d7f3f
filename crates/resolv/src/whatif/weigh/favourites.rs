//! Which resolver does a client seem to have? Its lookups together tell more than each does.

use super::super::Told;
use super::super::explain::{Models, fit};
use super::Class;
use crate::ResolverId;

/// The resolvers that most programs have, the likeliest first.
const USUAL: [ResolverId; 3] = [ResolverId::Glibc, ResolverId::Musl, ResolverId::Go];
/// Tools and runtimes that ask by themselves; what others are built upon is tried as such.
const OTHERS: [ResolverId; 8] = [
    ResolverId::CAres,
    ResolverId::BindNslookup,
    ResolverId::BindHost,
    ResolverId::BindDig,
    ResolverId::BusyboxNslookup,
    ResolverId::Hickory,
    ResolverId::Dnspython,
    ResolverId::Netty,
];
/// Kinds of lookup that are tried, those first that there are most lookups of.
const MOST_CLASSES: usize = 256;

/// The resolvers that may have asked what leaves open who did, those first that explain most of it. Empty where nothing
/// is open.
pub(super) fn favourites(classes: &[Class], models: &Models<'_>) -> Vec<ResolverId> {
    let mut open: Vec<&Class> = classes.iter().filter(|class| class.seen.told == Told::Open).collect();
    open.sort_by_key(|class| std::cmp::Reverse(class.lookups));
    open.truncate(MOST_CLASSES);
    if open.is_empty() {
        return Vec::new();
    }
    let all: u64 = open.iter().map(|class| 2 * class.lookups).sum();
    let explains = |id: ResolverId| -> (ResolverId, u64) {
        (id, open.iter().map(|class| fit(&class.seen, models, id) * class.lookups).sum())
    };
    let mut ranked: Vec<(ResolverId, u64)> = USUAL.map(explains).into();
    if ranked.iter().all(|(_, explained)| *explained < all) {
        ranked.extend(OTHERS.map(explains));
    }
    // Stable: of two that explain as much the likelier one stays first.
    ranked.sort_by_key(|(_, explained)| std::cmp::Reverse(*explained));
    ranked.into_iter().filter(|(_, explained)| *explained > 0).map(|(id, _)| id).collect()
}
