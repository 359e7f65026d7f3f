//! Many lookups under every setting: what would be saved, what would change, what is not known.

mod dots;
mod favourites;
mod risk;
mod saving;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use super::explain::{Models, Reach, explain_among};
use super::{Change, Conf, Extent, Knowledge, Observation, Origin, Outlook, Setting, Stands, Unknown};
use crate::{Outcome, Resolver, ResolverId, Settings};
use saving::Savings;
use standing::{Fate, List, Standing, exhausts_list, is_searched};

/// Lookups that are alike: the same name, the same transmissions, the same outcomes in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// One of them.
    pub seen: Observation,
    /// How many there are.
    pub lookups: u64,
    /// For each candidate what it added to all of them, and in how many of them that is known; in ns.
    pub added_ns: Vec<(i128, u64)>,
    /// For some of the lookups what each candidate added, in ns; `None` where a timeout ended it unseen.
    pub samples: Vec<Vec<Option<i64>>>,
}

/// All lookups of a client, and what other settings would come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighed {
    /// Lookups.
    pub lookups: u64,
    /// Transmissions.
    pub questions: u64,
    /// Lookups that were seen from beginning to end.
    pub whole: u64,
    /// Those among them that a model explains to the last question.
    pub explained: u64,
    /// Names of lookups that no model explains.
    pub unexplained: BTreeMap<String, u64>,
    /// Who asked, by the number of lookups.
    pub resolvers: Vec<(Resolver, u64)>,
    /// The `ndots` in force, as the first of them reads it.
    pub ndots: u32,
    /// The search list in force.
    pub search: Vec<String>,
    /// What other settings would come to.
    pub outlook: Outlook,
}

impl Weighed {
    /// The share of whole lookups whose prediction at the settings in force equals what was seen; `None` without any.
    pub fn self_check(&self) -> Option<f64> {
        (self.whole > 0).then(|| self.explained as f64 / self.whole as f64)
    }
}

/// Kinds of lookup that no model explains, after which only the likely ones are tried on the next.
const MOST_ODD: usize = 256;

/// The `ndots` that are tried.
const NDOTS: std::ops::RangeInclusive<u32> = 1..=5;

/// Another setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Alteration {
    /// Another `ndots`.
    Ndots(u32),
    /// The search list without this suffix, as it is shown.
    Without(String),
}

impl Alteration {
    pub(super) fn of(&self, settings: &Settings) -> Settings {
        let mut altered = settings.clone();
        match self {
            Self::Ndots(ndots) => altered.ndots = *ndots,
            Self::Without(suffix) => altered.search.retain(|it| it.to_string() != *suffix),
        }
        altered
    }
}

/// Weighs every setting. `beyond` are lookups of which no class was kept, with their transmissions.
pub fn weigh(classes: &[Class], beyond: (u64, u64), conf: &Conf, knowledge: &Knowledge) -> Weighed {
    let standings = standings(classes, conf, knowledge);
    let resolvers = resolvers(&standings);
    let first = resolvers.first().map_or(Resolver::new(ResolverId::Glibc), |(resolver, _)| *resolver);
    let settings = conf.settings(&first.profile());
    let ndots = settings.as_ref().map_or(1, |settings| settings.ndots);
    let search: Vec<String> =
        settings.iter().flat_map(|settings| &settings.search).map(ToString::to_string).collect();
    let explained_names: BTreeSet<&str> =
        standings.iter().filter(|it| it.explained.is_some()).map(|it| it.class.seen.name.as_str()).collect();
    let list = list_seen(&standings, conf);
    let scales =
        Scales { standings: &standings, explained_names, beyond, knowledge, list, ndots, search: &search };
    let tried: Vec<Setting> = NDOTS.map(|ndots| scales.setting(&Alteration::Ndots(ndots))).collect();
    let mut suffixes = search.clone();
    suffixes.dedup();
    let without =
        suffixes.iter().map(|suffix| scales.setting(&Alteration::Without(suffix.clone()))).collect();
    let whole = || standings.iter().filter(|it| it.is_whole());
    let mut unexplained: BTreeMap<String, u64> = BTreeMap::new();
    for standing in whole().filter(|it| it.explained.is_none()) {
        *unexplained.entry(standing.class.seen.name.clone()).or_default() += standing.class.lookups;
    }
    let count = |standings: &mut dyn Iterator<Item = &Standing<'_>>| {
        standings.map(|it| it.class.lookups).sum::<u64>()
    };
    Weighed {
        lookups: count(&mut standings.iter()) + beyond.0,
        questions: scales.questions_now(),
        whole: count(&mut whole()),
        explained: count(&mut whole().filter(|it| it.explained.is_some())),
        unexplained,
        outlook: Outlook {
            recommended: recommended(&tried, scales.questions_now(), ndots),
            dots: dots::dots(&standings, knowledge),
            risks: risk::risks(&standings, &resolvers, conf, knowledge),
            settings: tried,
            without_suffix: without,
        },
        resolvers,
        ndots,
        search,
    }
}

/// Every kind of lookup with the model that explains it.
fn standings<'a>(classes: &'a [Class], conf: &Conf, knowledge: &Knowledge) -> Vec<Standing<'a>> {
    let models = Models::new(conf);
    let favourites = favourites::favourites(classes, &models);
    let mut odd = 0;
    let stands = |class: &'a Class| {
        let reach = if odd < MOST_ODD { Reach::Everybody } else { Reach::Likely };
        let explained = explain_among(&class.seen, &models, &favourites, reach);
        odd += usize::from(explained.is_none());
        Standing::new(class, conf, knowledge, explained)
    };
    classes.iter().map(stands).collect()
}

/// Whether the search list is known to its end.
fn list_seen(standings: &[Standing<'_>], conf: &Conf) -> List {
    let ended = |it: &Standing<'_>| {
        let seen = &it.class.seen;
        let Some(explained) = &it.explained else { return false };
        let walked = &explained.now.simulation;
        // A search that failed without a suffix shows that there is none.
        let none = explained.settings.search.is_empty()
            && walked.verdict.outcome == Outcome::NxDomain
            && is_searched(&explained.profile, &explained.settings, &seen.name);
        seen.extent == Extent::Whole && (none || exhausts_list(walked))
    };
    if conf.origin == Origin::File || standings.iter().any(ended) { List::Whole } else { List::Beginning }
}

/// The safe setting with the fewest questions, on a tie the one nearest to today's.
fn recommended(tried: &[Setting], now: u64, ndots: u32) -> Option<u32> {
    let saving = tried.iter().filter(|setting| setting.is_safe() && setting.questions < now);
    saving.min_by_key(|setting| (setting.questions, setting.ndots.abs_diff(ndots))).map(|it| it.ndots)
}

fn resolvers(standings: &[Standing<'_>]) -> Vec<(Resolver, u64)> {
    let mut counted: Vec<(Resolver, u64)> = Vec::new();
    for standing in standings {
        let resolver = standing.resolver();
        match counted.iter_mut().find(|(known, _)| *known == resolver) {
            Some((_, lookups)) => *lookups += standing.class.lookups,
            None => counted.push((resolver, standing.class.lookups)),
        }
    }
    counted.sort_by_key(|(_, lookups)| std::cmp::Reverse(*lookups));
    counted
}

/// All lookups, to be held against one setting after another.
struct Scales<'a> {
    standings: &'a [Standing<'a>],
    /// Names of which some lookup is explained.
    explained_names: BTreeSet<&'a str>,
    beyond: (u64, u64),
    knowledge: &'a Knowledge,
    list: List,
    ndots: u32,
    search: &'a [String],
}

impl Scales<'_> {
    fn questions_now(&self) -> u64 {
        self.standings.iter().map(|it| it.questions_now() * it.class.lookups).sum::<u64>() + self.beyond.1
    }

    fn setting(&self, alteration: &Alteration) -> Setting {
        let now = self.questions_now();
        let (ndots, search, dropped) = match alteration {
            Alteration::Ndots(ndots) => (*ndots, self.search.to_vec(), None),
            Alteration::Without(suffix) => {
                let kept = self.search.iter().filter(|it| *it != suffix).cloned().collect();
                (self.ndots, kept, Some(suffix.clone()))
            }
        };
        let stands = if ndots == self.ndots && dropped.is_none() { Stands::InForce } else { Stands::Tried };
        let mut setting = Setting {
            ndots,
            search,
            dropped,
            stands,
            questions: now,
            saved_questions: 0,
            saved_ns: 0,
            saved_p50_ns: 0,
            saved_p99_ns: 0,
            changes: Vec::new(),
            unknown: Vec::new(),
        };
        if stands == Stands::Tried {
            self.weigh(alteration, &mut setting);
        }
        setting
    }

    fn weigh(&self, alteration: &Alteration, setting: &mut Setting) {
        let fates: Vec<Fate> = self
            .standings
            .iter()
            .map(|standing| {
                let elsewhere = self.explained_names.contains(standing.class.seen.name.as_str());
                standing.fate(alteration, self.knowledge, self.list, elsewhere)
            })
            .collect();
        let mut unknown: BTreeMap<&str, Unknown> = BTreeMap::new();
        for (standing, fate) in self.standings.iter().zip(&fates) {
            if let Fate::Unknown { asks, if_nxdomain } = fate {
                let name = standing.class.seen.name.as_str();
                unknown.entry(name).or_insert_with(|| Unknown {
                    name: Some(name.to_owned()),
                    lookups: 0,
                    asks: asks.clone(),
                    if_nxdomain: *if_nxdomain,
                });
            }
        }
        let mut savings = Savings::default();
        let mut changes: BTreeMap<(&str, &str), Change> = BTreeMap::new();
        let mut questions = self.beyond.1;
        for (standing, fate) in self.standings.iter().zip(&fates) {
            let (name, lookups) = (standing.class.seen.name.as_str(), standing.class.lookups);
            let known = unknown.get_mut(name).map(|unknown| unknown.lookups += lookups).is_none();
            if let Fate::Known { then, change } = fate
                && known
            {
                questions += then.simulation.sent.len() as u64 * lookups;
                savings.add(standing, &then.simulation);
                if let Some((from, to, why)) = change {
                    let key = (name, why.as_str());
                    let new = || Change {
                        name: name.to_owned(),
                        lookups: 0,
                        from: *from,
                        to: *to,
                        why: why.clone(),
                    };
                    changes.entry(key).or_insert_with(new).lookups += lookups;
                }
            } else {
                questions += standing.questions_now() * lookups;
                savings.add_nothing(lookups);
            }
        }
        savings.add_nothing(self.beyond.0);
        setting.questions = questions;
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        setting.saved_questions = signed(self.questions_now()) - signed(questions);
        setting.saved_ns = savings.sum();
        (setting.saved_p50_ns, setting.saved_p99_ns) = (savings.quantile(50), savings.quantile(99));
        setting.changes = changes.into_values().collect();
        setting.unknown = unknown.into_values().collect();
        if self.beyond.0 > 0 {
            let lookups = self.beyond.0;
            setting.unknown.push(Unknown { name: None, lookups, asks: Vec::new(), if_nxdomain: None });
        }
        let most = |lookups: u64| std::cmp::Reverse(lookups);
        setting.changes.sort_by_key(|it| most(it.lookups));
        setting.unknown.sort_by_key(|it| (it.name.is_none(), most(it.lookups)));
    }
}
