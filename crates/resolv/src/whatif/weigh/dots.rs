//! The names that pay most when written in full.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Dot, Explained, Knowledge, replay};
use super::saving::Difference;
use super::standing::{Standing, same_result};
use crate::{Request, name};

/// Names listed.
const MOST_DOTS: usize = 100;

/// The names to write in full, those first that pay most. A name that would have another result for any of its lookups,
/// or an unknown one, is left out.
pub(super) fn dots(standings: &[Standing<'_>], knowledge: &Knowledge) -> Vec<Dot> {
    let mut dots: BTreeMap<(String, String), Dot> = BTreeMap::new();
    let mut unsafe_names: BTreeSet<&str> = BTreeSet::new();
    for standing in standings.iter().filter(|it| !it.class.seen.name.ends_with('.')) {
        let typed = standing.class.seen.name.as_str();
        let Some(explained) = &standing.explained else { continue };
        let write = absolute(explained, typed);
        match saved(standing, explained, &write, knowledge) {
            None => {
                unsafe_names.insert(typed);
            }
            Some((questions, ns)) => {
                let lookups = standing.class.lookups;
                let new = || Dot {
                    name: typed.to_owned(),
                    write: write.clone(),
                    lookups: 0,
                    saves_questions: 0,
                    saves_ns: 0,
                };
                let dot = dots.entry((typed.to_owned(), write.clone())).or_insert_with(new);
                dot.lookups += lookups;
                dot.saves_questions += questions;
                dot.saves_ns = dot.saves_ns.saturating_add(ns);
            }
        }
    }
    // One name that stands for two, by who asks, is no advice.
    let ambiguous = |dot: &Dot| dots.keys().filter(|(name, _)| *name == dot.name).count() > 1;
    let good =
        |dot: &&Dot| dot.saves_questions > 0 && !unsafe_names.contains(dot.name.as_str()) && !ambiguous(dot);
    let mut list: Vec<Dot> = dots.values().filter(good).cloned().collect();
    list.sort_by_key(|dot| std::cmp::Reverse((dot.saves_questions, dot.saves_ns)));
    list.truncate(MOST_DOTS);
    list
}

/// The name in full: the candidate that answered, or the name as it stands.
fn absolute(explained: &Explained, typed: &str) -> String {
    let now = &explained.now.simulation;
    let answered = now.verdict.answered_by.and_then(|step| now.steps.get(step));
    answered.map_or_else(|| format!("{typed}."), |step| step.candidate.fqdn.as_str().to_owned())
}

/// What all lookups of a kind save with this name: transmissions, and ns; `None` where the result changes or is unknown.
fn saved(
    standing: &Standing<'_>,
    explained: &Explained,
    write: &str,
    knowledge: &Knowledge,
) -> Option<(i64, i64)> {
    let request = Request { name: name::unescape(write), ..explained.request.clone() };
    let then = replay(
        &explained.profile,
        &explained.settings,
        &request,
        &explained.asked,
        standing.class.seen.other_type(),
        knowledge,
    );
    if !then.unknown.is_empty() || !same_result(&explained.now.simulation, &then.simulation) {
        return None;
    }
    let lookups = i64::try_from(standing.class.lookups).ok()?;
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let questions = count(explained.asked.len()) - count(then.simulation.sent.len());
    let difference = Difference::of(standing, &then.simulation);
    let ns = difference.sum(standing.class.lookups, &standing.class.added_ns);
    Some((questions.saturating_mul(lookups), i64::try_from(ns).unwrap_or(i64::MAX)))
}
