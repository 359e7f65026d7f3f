//! A client's search list, read from its traffic.
//!
//! A walk shows its list: the same name with one suffix, then with the next, then as-is. The as-is candidate anchors
//! it, since there the suffix before is what was taken away; from the anchor the list is followed backwards (or
//! forwards, where the name was asked as-is first).

use dnsprobe_resolv::Outcome;

use crate::attempt::{Event, ExchangeId};
use crate::map::Map;
use crate::message::QName;
use crate::time::{Nanos, Timestamp};

/// A candidate follows the one before within this time.
const FOLLOWS: Nanos = Nanos::from_millis(50);
/// Candidates of one walk lie this close together in the order of the client's questions.
const NEAR: usize = 64;
/// What the kubelet writes.
const USUAL_NDOTS: u32 = 5;
/// More than any resolver takes from the file.
const MOST_NDOTS: u32 = 15;
/// Suffixes looked for.
const MOST_SUFFIXES: usize = 32;

/// A search list and `ndots` as traffic shows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InferredConf {
    /// Suffixes in the order they are tried, without dots at the ends.
    pub search: Vec<String>,
    /// From how many dots on a name is tried as-is first.
    pub ndots: u32,
    /// Names with fewer dots than this were seen to be searched first, and none with as many: whether `ndots` was
    /// pinned down by the traffic from both sides.
    pub ndots_certain: bool,
    /// Names with fewer dots than this are searched first whatever `ndots` is of those that fit: one that was asked as-is at
    /// once was typed with a trailing dot.
    pub searched_below: u32,
    /// Pairs of consecutive candidates that the list rests on.
    pub evidence: u64,
}

impl InferredConf {
    /// As a `resolv.conf`, to be read as every resolver reads it.
    pub fn as_resolv_conf(&self) -> String {
        let search = if self.search.is_empty() {
            String::new()
        } else {
            format!("search {}\n", self.search.join(" "))
        };
        format!("{search}options ndots:{}\n", self.ndots)
    }
}

/// Reads the search list from a client's events, in order.
pub(crate) fn infer(events: &[(Timestamp, Event)]) -> InferredConf {
    let names = names_asked(events);
    let steps = consecutive(&names);
    let edges = Edges::of(&steps);
    let search = edges.list();
    let evidence = edges.support(&search);
    let fitting = fitting_ndots(&steps, &search);
    let nearest = fitting.iter().copied().min_by_key(|ndots| ndots.abs_diff(USUAL_NDOTS));
    InferredConf {
        search,
        ndots: nearest.unwrap_or(1),
        ndots_certain: fitting.len() == 1,
        searched_below: fitting.first().copied().unwrap_or(0),
        evidence,
    }
}

/// One name in the order it was first asked.
struct Asked {
    name: QName,
    at: Timestamp,
    /// When it had come to nothing, if it did.
    failed: Option<Timestamp>,
}

/// The names a client asked; a name asked again later comes again.
fn names_asked(events: &[(Timestamp, Event)]) -> Vec<Asked> {
    let mut names: Vec<Asked> = Vec::new();
    let mut index_of: Map<ExchangeId, usize> = Map::default();
    let mut latest: Map<QName, usize> = Map::default();
    for (at, event) in events {
        match event {
            Event::Asked(asked) => {
                let open = latest.get(&asked.name).copied().filter(|index| *at - names[*index].at < FOLLOWS);
                let index = open.unwrap_or_else(|| {
                    names.push(Asked { name: asked.name.clone(), at: *at, failed: None });
                    names.len() - 1
                });
                latest.insert(asked.name.clone(), index);
                index_of.insert(asked.exchange, index);
            }
            Event::Answered { exchange, response, .. } => {
                if let Some(index) = index_of.get(exchange)
                    && response.outcome != Outcome::Answer
                {
                    names[*index].failed = Some(*at);
                }
            }
            Event::Stray { .. } => {}
        }
    }
    names
}

/// Pairs of names, the second asked right after the first came to nothing, that share their first label.
fn consecutive(names: &[Asked]) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    for (index, one) in names.iter().enumerate() {
        let Some(failed) = one.failed else { continue };
        let following = names[index + 1..].iter().take(NEAR);
        // The last answer of a pair may come a little after the next candidate of a hasty resolver.
        let near = |other: &&Asked| {
            let gap = other.at - failed;
            other.at > one.at && gap < FOLLOWS && gap > Nanos(-FOLLOWS.0) && other.name != one.name
        };
        let (name, first) = (bare(&one.name), first_label(bare(&one.name)));
        let next =
            following.filter(near).map(|other| bare(&other.name)).find(|other| first_label(other) == first);
        pairs.extend(next.map(|other| (name, other)));
    }
    pairs
}

fn bare(name: &QName) -> &str {
    name.folded().trim_end_matches('.')
}

fn first_label(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// What lies behind `base` and a dot.
fn suffix_after<'a>(name: &'a str, base: &str) -> Option<&'a str> {
    name.strip_prefix(base)?.strip_prefix('.')
}

/// How often one suffix was followed by another; the empty one stands for the name as-is.
struct Edges<'a> {
    votes: Map<(&'a str, &'a str), u64>,
}

impl<'a> Edges<'a> {
    fn of(steps: &[(&'a str, &'a str)]) -> Self {
        let mut edges = Self { votes: Map::default() };
        let mut unexplained: Vec<(&str, &str)> = Vec::new();
        for (one, other) in steps {
            if let Some(suffix) = suffix_after(one, other) {
                *edges.votes.entry((suffix, "")).or_default() += 1;
            } else if let Some(suffix) = suffix_after(other, one) {
                *edges.votes.entry(("", suffix)).or_default() += 1;
            } else {
                unexplained.push((one, other));
            }
        }
        edges.follow(unexplained);
        if edges.votes.is_empty() {
            edges.without_anchor(steps);
        }
        edges.drop_weak();
        edges
    }

    /// From every suffix known so far to those asked before and after it, until nothing is new. A pair is explained by
    /// the shortest suffix that fits: `svc.ns` under `svc.Z` is not `svc` under `ns.svc.Z`.
    fn follow(&mut self, mut unexplained: Vec<(&'a str, &'a str)>) {
        let mut done: Vec<&'a str> = vec![""];
        for _ in 0..MOST_SUFFIXES {
            let mut fresh = self.strong_suffixes();
            fresh.retain(|suffix| !done.contains(suffix));
            if fresh.is_empty() {
                return;
            }
            fresh.sort_by_key(|suffix| (suffix.len(), *suffix));
            for suffix in fresh {
                unexplained.retain(|(one, other)| !self.explains(one, other, suffix));
                done.push(suffix);
            }
        }
    }

    /// Counts a pair in which one name ends in a suffix that is known.
    fn explains(&mut self, one: &'a str, other: &'a str, suffix: &'a str) -> bool {
        let base_of = |name: &'a str| name.strip_suffix(suffix)?.strip_suffix('.');
        let before = base_of(other).and_then(|base| suffix_after(one, base)).map(|before| (before, suffix));
        let after = base_of(one).and_then(|base| suffix_after(other, base)).map(|after| (suffix, after));
        let edge = before.or(after);
        if let Some(edge) = edge {
            *self.votes.entry(edge).or_default() += 1;
        }
        edge.is_some()
    }

    /// No name was ever asked as-is: the longest common beginning of the two names stands for what was typed.
    fn without_anchor(&mut self, steps: &[(&'a str, &'a str)]) {
        for (one, other) in steps {
            let shared = one.split('.').zip(other.split('.')).take_while(|(one, other)| one == other);
            let length: usize = shared.map(|(label, _)| label.len() + 1).sum();
            if let (Some(before), Some(after)) = (one.get(length..), other.get(length..)) {
                *self.votes.entry((before, after)).or_default() += 1;
            }
        }
    }

    fn strong_suffixes(&self) -> Vec<&'a str> {
        let most = self.votes.values().copied().max().unwrap_or(0);
        let mut strong: Vec<&str> = self
            .votes
            .iter()
            .filter(|(_, votes)| is_strong(**votes, most))
            .flat_map(|((one, other), _)| [*one, *other])
            .filter(|suffix| !suffix.is_empty())
            .collect();
        strong.sort_unstable();
        strong.dedup();
        strong
    }

    fn drop_weak(&mut self) {
        let most = self.votes.values().copied().max().unwrap_or(0);
        self.votes.retain(|_, votes| is_strong(*votes, most));
    }

    /// The list: backwards from the suffix before as-is, or forwards from the one after it.
    fn list(&self) -> Vec<String> {
        let mut list: Vec<&str> = Vec::new();
        let mut at = self.strongest(|(_, other)| other.is_empty()).map(|(one, _)| one);
        while let Some(suffix) = at.filter(|suffix| !list.contains(suffix) && list.len() < MOST_SUFFIXES) {
            list.push(suffix);
            at = self.strongest(|(one, other)| *other == suffix && !one.is_empty()).map(|(one, _)| one);
        }
        list.reverse();
        if list.is_empty() {
            list = self.forwards();
        }
        list.into_iter().map(str::to_owned).collect()
    }

    fn forwards(&self) -> Vec<&'a str> {
        let mut list: Vec<&str> = Vec::new();
        let begins =
            |suffix: &str| !self.votes.keys().any(|(one, other)| *other == suffix && !one.is_empty());
        let first = self.strongest(|(one, _)| one.is_empty()).map(|(_, other)| other);
        let mut at = first.or_else(|| self.strongest(|(one, _)| begins(one)).map(|(one, _)| one));
        while let Some(suffix) = at.filter(|suffix| !list.contains(suffix) && list.len() < MOST_SUFFIXES) {
            list.push(suffix);
            at = self.strongest(|(one, other)| *one == suffix && !other.is_empty()).map(|(_, other)| other);
        }
        list
    }

    fn strongest(&self, wanted: impl Fn(&(&'a str, &'a str)) -> bool) -> Option<(&'a str, &'a str)> {
        let fitting = self.votes.iter().filter(|(edge, _)| wanted(edge));
        // The shorter edge among equals: the order of a hash map must not decide.
        fitting
            .max_by_key(|((one, other), votes)| {
                (**votes, std::cmp::Reverse((one.len(), other.len(), *one, *other)))
            })
            .map(|(edge, _)| *edge)
    }

    fn support(&self, list: &[String]) -> u64 {
        let known = |suffix: &str| suffix.is_empty() || list.iter().any(|listed| listed == suffix);
        self.votes.iter().filter(|((one, other), _)| known(one) && known(other)).map(|(_, votes)| votes).sum()
    }
}

/// Enough votes against the strongest edge; chance agreements are few.
fn is_strong(votes: u64, most: u64) -> bool {
    votes * 8 >= most
}

/// `ndots` between what was searched first and what was asked as-is first; 5, the kubelet's, where it fits.
fn fitting_ndots(steps: &[(&str, &str)], search: &[String]) -> Vec<u32> {
    let Some(first) = search.first() else { return Vec::new() };
    let dots = |name: &str| u32::try_from(name.matches('.').count()).unwrap_or(u32::MAX);
    let base = |name: &str| Some(name.strip_suffix(first.as_str())?.strip_suffix('.')?.to_owned());
    let as_is_first = |one: &str, other: &str| suffix_after(other, one) == Some(first.as_str());
    let as_is: Vec<&str> =
        steps.iter().filter(|(one, other)| as_is_first(one, other)).map(|(one, _)| *one).collect();
    // A name that was asked as-is before comes with the first suffix too, but was not searched first.
    let bases = steps.iter().filter_map(|(one, _)| base(one)).filter(|base| !as_is.contains(&base.as_str()));
    let searched: Vec<u32> = bases.map(|base| dots(&base)).collect();
    let as_is: Vec<u32> = as_is.into_iter().map(dots).collect();
    // On a busy machine a step is missed now and then: the fewest contradictions decide.
    let against = |ndots: u32| {
        let against = searched.iter().filter(|dots| **dots >= ndots).count();
        against + as_is.iter().filter(|dots| **dots < ndots).count()
    };
    let least = (1..=MOST_NDOTS).map(against).min();
    let fitting = (1..=MOST_NDOTS).filter(|ndots| Some(against(*ndots)) == least);
    fitting.collect()
}

#[cfg(test)]
#[path = "search_list_tests.rs"]
mod tests;
