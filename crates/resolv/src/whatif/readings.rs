//! Other names that an application may have typed to the same effect on the wire.

use super::{Explained, Knowledge, Observation, Replay, asks_the_same, replay};
use crate::{Request, Settings, name};

/// Whether another name that would have led to the same questions now would lead to others under these settings. A name
/// that the first suffix answered may have been typed whole.
pub(super) fn may_differ(
    seen: &Observation,
    explained: &Explained,
    settings: &Settings,
    then: &Replay,
    knowledge: &Knowledge,
) -> bool {
    let [only] = &seen.candidates[..] else { return false };
    let whole = only.as_str().trim_end_matches('.');
    if whole.eq_ignore_ascii_case(seen.name.trim_end_matches('.')) {
        return false;
    }
    let request = Request { name: name::unescape(whole), ..explained.request.clone() };
    let walk = |settings: &Settings| {
        replay(&explained.profile, settings, &request, &explained.asked, seen.other_type(), knowledge)
    };
    let now = walk(&explained.settings);
    if !asks_the_same(&now.simulation, &explained.settings, &explained.asked, seen.other_type()) {
        return false;
    }
    let other = walk(settings);
    let names = |replay: &Replay| -> Vec<String> {
        replay.simulation.sent.iter().map(|sent| sent.query.qname.to_lowercase()).collect()
    };
    names(&other) != names(then)
}
