//! What each `ndots` would break, were the same names looked up by another resolver.

use std::collections::BTreeSet;

use super::super::explain::with_variant;
use super::super::{Conf, Knowledge, Risk, Variant, replay};
use super::standing::Standing;
use super::{Alteration, NDOTS};
use crate::{Family, Outcome, Resolver, ResolverId};

/// The resolvers that nearly every image has one of.
const USUAL: [ResolverId; 3] = [ResolverId::Glibc, ResolverId::Musl, ResolverId::Go];
/// Names that are tried, those first that are looked up most.
const MOST_NAMES: usize = 2_048;

/// What each `ndots` would break, by resolver: the usual ones and those that were seen.
pub(super) fn risks(
    standings: &[Standing<'_>],
    seen: &[(Resolver, u64)],
    conf: &Conf,
    knowledge: &Knowledge,
) -> Vec<Risk> {
    let mut ids: Vec<ResolverId> = USUAL.to_vec();
    for (resolver, _) in seen {
        if !ids.contains(&resolver.id) {
            ids.push(resolver.id);
        }
    }
    let answered = |it: &&Standing<'_>| it.class.seen.outcome == Outcome::Answer && it.explained.is_some();
    let mut answered: Vec<&Standing<'_>> = standings.iter().filter(answered).collect();
    answered.sort_by_key(|it| std::cmp::Reverse(it.class.lookups));
    let mut names = BTreeSet::new();
    answered.retain(|it| names.len() < MOST_NAMES && names.insert(it.class.seen.name.as_str()));
    let mut risks = Vec::new();
    for id in ids {
        let mut by_ndots: Vec<Risk> =
            NDOTS.map(|ndots| Risk { resolver: id, ndots, breaks: Vec::new() }).collect();
        for standing in &answered {
            let variant = Variant::plain(Resolver::new(id), Family::Unspec);
            let Some(model) = with_variant(&standing.class.seen, conf, variant, knowledge) else { continue };
            for risk in &mut by_ndots {
                let settings = Alteration::Ndots(risk.ndots).of(&model.settings);
                let then = replay(
                    &model.profile,
                    &settings,
                    &model.request,
                    &model.asked,
                    standing.class.seen.other_type(),
                    knowledge,
                );
                if then.simulation.verdict.outcome != Outcome::Answer {
                    risk.breaks.push(standing.class.seen.name.clone());
                }
            }
        }
        risks.extend(by_ndots);
    }
    risks
}
