//! Sums over all lookups of a run, in bounded memory.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::lookup::{FindingCode, Lookup, Step};
use crate::map::rough;
use crate::time::Nanos;

/// Names, suffixes and targets counted one by one; whatever comes later is counted together.
const MOST_COUNTED: usize = 8_192;
/// Places for the latest of them; a place that more than one shares only makes them slower to find.
const LATEST: usize = 32;
/// Entries shown.
const MOST_SHOWN: usize = 100;

/// Sums over all lookups of a run.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Lookups.
    pub lookups: u64,
    /// Transmissions.
    pub questions: u64,
    /// Transmissions in wasted steps.
    pub wasted_questions: u64,
    /// Transmissions without an answer.
    pub unanswered: u64,
    /// All latencies that are known.
    pub latency: Nanos,
    /// Lookups whose latency is not, because a timeout ended them.
    pub endless: u64,
    /// The wasted steps' share of it.
    pub added_by_search: Nanos,
    /// Lookups whose search list the server walked itself (`CoreDNS` with `autopath`).
    pub autopath: u64,
    /// Transmissions to a DNS cache on the node, at an IPv4 link-local address as `NodeLocal DNSCache` has.
    pub to_node_cache: u64,
    by_suffix: Groups,
    by_name: Groups,
    by_target: Groups,
    by_remedy: Groups,
    by_finding: BTreeMap<FindingCode, Tally>,
}

/// How often something was found, and the first lookup that showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Lookups with this finding.
    pub lookups: u64,
    /// The first message.
    pub example: String,
}

/// What one suffix, name or target cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Lookups; of a suffix, those that tried it.
    pub lookups: u64,
    /// Transmissions.
    pub questions: u64,
    /// Transmissions in wasted steps.
    pub wasted_questions: u64,
    /// Transmissions without an answer.
    pub unanswered: u64,
    /// Time that is known: of a suffix what its steps added, else the lookups' latencies; `None` where none is.
    pub latency: Option<Nanos>,
    /// Time that wasted steps added.
    pub added_by_search: Nanos,
}

/// One entry of a list that is bounded in length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The suffix, name or target; `None` for the entry that stands for all others.
    pub key: Option<String>,
    /// How many that entry stands for; 0 for one by itself.
    pub others: u64,
    /// What it cost.
    pub cost: Cost,
}

impl Summary {
    /// Adds one lookup; `target` names where it was seen.
    pub fn add(&mut self, lookup: &Lookup, target: Option<&str>) {
        let mut cost = Cost { lookups: 1, latency: lookup.latency, ..Cost::default() };
        for step in &lookup.steps {
            let of_step = Cost::of_step(step);
            for question in &step.questions {
                self.to_node_cache += u64::from(is_node_cache(question.server));
            }
            cost.questions += of_step.questions;
            cost.wasted_questions += of_step.wasted_questions;
            cost.unanswered += of_step.unanswered;
            if let Some(suffix) = &step.suffix {
                self.by_suffix.add(suffix, &of_step);
            }
        }
        cost.added_by_search = lookup.totals().added_by_search.unwrap_or_default();
        self.lookups += 1;
        self.questions += cost.questions;
        self.wasted_questions += cost.wasted_questions;
        self.unanswered += cost.unanswered;
        self.latency = self.latency + cost.latency.unwrap_or_default();
        self.endless += u64::from(cost.latency.is_none());
        self.added_by_search = self.added_by_search + cost.added_by_search;
        self.autopath += u64::from(lookup.is_autopath());
        self.by_name.add(&lookup.name, &cost);
        if let Some(target) = target {
            self.by_target.add(target, &cost);
        }
        if let Some(name) = lookup.absolute_name().filter(|_| cost.wasted_questions > 0) {
            self.by_remedy.add(name, &cost);
        }
        self.note_findings(lookup);
    }

    #[inline(never)]
    fn note_findings(&mut self, lookup: &Lookup) {
        for finding in &lookup.findings {
            let first = || Tally { lookups: 0, example: finding.message.clone() };
            let tally = self.by_finding.entry(finding.code).or_insert_with(first);
            tally.lookups += 1;
            if tally.example.is_empty() {
                tally.example.clone_from(&finding.message);
            }
        }
    }

    /// What each search suffix cost, the most time wasted first.
    pub fn by_suffix(&self) -> Vec<Entry> {
        self.by_suffix.costliest()
    }

    /// What each name cost, the most time first.
    pub fn by_name(&self) -> Vec<Entry> {
        self.by_name.costliest()
    }

    /// The names that, typed as they stand here with their trailing dot, would have cost nothing in vain; what they did
    /// cost, the most time wasted first.
    pub fn by_remedy(&self) -> Vec<Entry> {
        self.by_remedy.costliest()
    }

    /// What was found, by kind.
    pub fn by_finding(&self) -> &BTreeMap<FindingCode, Tally> {
        &self.by_finding
    }

    /// What each target cost, the most time first.
    pub fn by_target(&self) -> Vec<Entry> {
        self.by_target.costliest()
    }
}

impl Cost {
    /// What one candidate cost.
    fn of_step(step: &Step) -> Self {
        let questions = step.questions.len() as u64;
        let unanswered = step.questions.iter().filter(|question| question.latency.is_none()).count() as u64;
        let wasted = if step.wasted { (questions, step.added.unwrap_or_default()) } else { (0, Nanos(0)) };
        Self {
            lookups: 1,
            questions,
            wasted_questions: wasted.0,
            unanswered,
            latency: step.added,
            added_by_search: wasted.1,
        }
    }

    /// Adds another cost.
    pub fn add(&mut self, other: &Self) {
        self.lookups += other.lookups;
        self.questions += other.questions;
        self.wasted_questions += other.wasted_questions;
        self.unanswered += other.unanswered;
        self.latency = match (self.latency, other.latency) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        self.added_by_search = self.added_by_search + other.added_by_search;
    }
}

fn is_node_cache(server: IpAddr) -> bool {
    matches!(server, IpAddr::V4(address) if address.is_link_local())
}

#[derive(Debug, Clone, Default)]
struct Groups {
    counted: Vec<(Box<str>, Cost)>,
    /// Where each of them is, by the hash of its key.
    known: HashTable<usize>,
    hasher: RandomState,
    /// Where some of the latest are: nearly every key is one of these.
    latest: [usize; LATEST],
    /// What came when the table was full.
    rest: Cost,
    /// How many different ones that were is unknown; each arrival counts.
    rest_arrivals: u64,
}

impl Groups {
    fn add(&mut self, key: &str, cost: &Cost) {
        let place = usize::try_from(rough(key.as_bytes()) >> 32).unwrap_or_default() % LATEST;
        if let Some((known, sum)) = self.counted.get_mut(self.latest[place])
            && **known == *key
        {
            sum.add(cost);
        } else if let Some(at) = self.find_or_begin(key) {
            self.latest[place] = at;
            self.counted[at].1.add(cost);
        } else {
            self.rest.add(cost);
            self.rest_arrivals += 1;
        }
    }

    /// Where a key is counted; `None` where it is not and there is no more room.
    fn find_or_begin(&mut self, key: &str) -> Option<usize> {
        let hash = self.hasher.hash_one(key);
        if let Some(known) = self.known.find(hash, |at| *self.counted[*at].0 == *key) {
            return Some(*known);
        }
        if self.counted.len() >= MOST_COUNTED {
            return None;
        }
        let at = self.counted.len();
        self.counted.push((key.into(), Cost::default()));
        let (hasher, counted) = (&self.hasher, &self.counted);
        self.known.insert_unique(hash, at, |at| hasher.hash_one(&counted[*at].0));
        Some(at)
    }

    fn costliest(&self) -> Vec<Entry> {
        let mut all: Vec<(&str, &Cost)> = self.counted.iter().map(|(key, cost)| (&**key, cost)).collect();
        all.sort_by(|(one_key, one), (other_key, other)| {
            // What never got an answer kept the application waiting longest.
            let weight = |cost: &Cost| (cost.latency.is_none(), cost.latency, cost.questions);
            weight(other).cmp(&weight(one)).then_with(|| one_key.cmp(other_key))
        });
        let shown = all.iter().take(MOST_SHOWN);
        let mut entries: Vec<Entry> =
            shown.map(|(key, cost)| Entry { key: Some(key.to_string()), others: 0, cost: **cost }).collect();
        let hidden = all.iter().skip(MOST_SHOWN);
        let others = hidden.len() as u64 + self.rest_arrivals;
        if others > 0 {
            let mut cost = self.rest;
            for (_, one) in hidden {
                cost.add(one);
            }
            entries.push(Entry { key: None, others, cost });
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(ms: i64) -> Cost {
        Cost { lookups: 1, questions: 2, latency: Some(Nanos::from_millis(ms)), ..Cost::default() }
    }

    #[test]
    fn the_costliest_come_first_and_the_rest_is_one_entry() {
        let mut groups = Groups::default();
        for index in 0..150 {
            groups.add(&format!("name{index:03}"), &cost(index));
        }
        let entries = groups.costliest();
        assert_eq!(entries.len(), MOST_SHOWN + 1);
        assert_eq!(entries[0].key.as_deref(), Some("name149"));
        let rest = entries.last().unwrap();
        assert_eq!((rest.key.as_deref(), rest.others), (None, 50));
        let questions: u64 = entries.iter().map(|entry| entry.cost.questions).sum();
        assert_eq!(questions, 300);
    }

    #[test]
    fn a_flood_of_names_is_counted_in_bounded_memory() {
        let mut groups = Groups::default();
        for index in 0..(MOST_COUNTED + 1_000) {
            groups.add(&format!("{index}.example"), &cost(1));
        }
        assert_eq!(groups.counted.len(), MOST_COUNTED);
        let lookups: u64 = groups.costliest().iter().map(|entry| entry.cost.lookups).sum();
        assert_eq!(lookups, (MOST_COUNTED + 1_000) as u64);
    }
}
