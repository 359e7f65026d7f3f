//! What is worth a picture, kept in bounded memory: the lookups that took longest and wasted most, and how latencies
//! spread.

use std::collections::BTreeMap;

use dnsprobe_lookup::{Finding, FindingCode, Lookup, Nanos, Timestamp};

/// Lookups kept of each sort, each of another name.
const MOST_KEPT: usize = 8;
/// Buckets in a tenfold step of latency.
pub(super) const PER_DECADE: usize = 50;
/// The lowest latency told apart, in ns; and the tenfold steps above it: 10 µs to 100 s.
const LOWEST_NS: f64 = 10_000.0;
pub(super) const DECADES: usize = 7;

/// What is worth a picture.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gallery {
    pub(super) slowest: Vec<Kept>,
    pub(super) wasteful: Vec<Kept>,
    /// What lookups took.
    pub(super) total: Spread,
    /// What they would have taken without the candidates that did not answer.
    pub(super) useful: Spread,
    /// The first of each kind of finding.
    pub(super) examples: BTreeMap<FindingCode, Example>,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
}

/// A finding, and the lookup that it was made in.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) finding: Finding,
    pub(super) name: String,
    pub(super) place: Option<String>,
}

/// A lookup that was kept, and where it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(super) lookup: Lookup,
    pub(super) place: Option<String>,
    /// What it is ordered by.
    weight: i64,
}

impl Gallery {
    /// Looks at a lookup.
    pub(crate) fn add(&mut self, lookup: &Lookup, place: Option<&str>) {
        let totals = lookup.totals();
        for finding in &lookup.findings {
            let first = || Example {
                finding: finding.clone(),
                name: lookup.name.to_string(),
                place: place.map(str::to_owned),
            };
            self.examples.entry(finding.code).or_insert_with(first);
        }
        if let Some(start) = lookup.start {
            self.first = Some(self.first.map_or(start, |first| first.min(start)));
            let end = start + totals.latency.unwrap_or_default();
            self.last = Some(self.last.map_or(end, |last| last.max(end)));
        }
        if let Some(latency) = totals.latency {
            self.total.add(latency);
            let useful = latency.0 - totals.added_by_search.unwrap_or_default().0;
            self.useful.add(Nanos(useful));
            keep(&mut self.slowest, lookup, place, latency.0);
        } else if !lookup.partial {
            // No answer ever came: nothing kept the application waiting longer.
            keep(&mut self.slowest, lookup, place, i64::MAX);
        }
        let wasted = i64::try_from(totals.wasted_questions).unwrap_or(i64::MAX);
        if wasted > 0 {
            keep(&mut self.wasteful, lookup, place, wasted);
        }
    }
}

/// Keeps the heaviest lookup of each name, and of these the heaviest.
fn keep(kept: &mut Vec<Kept>, lookup: &Lookup, place: Option<&str>, weight: i64) {
    if let Some(at) = kept.iter().position(|it| it.lookup.name == lookup.name) {
        if kept[at].weight >= weight {
            return;
        }
        kept.remove(at);
    } else if kept.len() >= MOST_KEPT && kept.last().is_some_and(|last| last.weight >= weight) {
        return;
    }
    let at = kept.partition_point(|it| it.weight >= weight);
    kept.insert(at, Kept { lookup: lookup.clone(), place: place.map(str::to_owned), weight });
    kept.truncate(MOST_KEPT);
}

/// How latencies spread, by buckets of equal ratio: a quantile is right to 5 %.
#[derive(Debug, Clone)]
pub(super) struct Spread {
    pub(super) buckets: Vec<u64>,
    pub(super) count: u64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { buckets: vec![0; PER_DECADE * DECADES], count: 0 }
    }
}

impl Spread {
    fn add(&mut self, latency: Nanos) {
        let steps = (latency.0.max(1) as f64 / LOWEST_NS).log10() * PER_DECADE as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the buckets")]
        let bucket = steps.clamp(0.0, (self.buckets.len() - 1) as f64) as usize;
        self.buckets[bucket] += 1;
        self.count += 1;
    }

    /// The latency that this share of lookups does not exceed: the upper edge of its bucket.
    pub(super) fn quantile(&self, share: f64) -> Option<Nanos> {
        let wanted = (self.count as f64 * share).max(1.0);
        let mut passed = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            passed += count;
            if self.count > 0 && passed as f64 >= wanted {
                return Some(edge(index + 1));
            }
        }
        None
    }
}

/// The lower edge of a bucket.
pub(super) fn edge(bucket: usize) -> Nanos {
    let ns = LOWEST_NS * 10_f64.powf(bucket as f64 / PER_DECADE as f64);
    #[expect(clippy::cast_possible_truncation, reason = "at most 100 s")]
    Nanos(ns.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_bucket() {
        let mut spread = Spread::default();
        assert_eq!(spread.quantile(0.5), None);
        for ms in 1..=100 {
            spread.add(Nanos::from_millis(ms));
        }
        let median = spread.quantile(0.5).unwrap().0 as f64 / 1e6;
        assert!((50.0..=52.5).contains(&median), "{median}");
        spread.add(Nanos(0));
        spread.add(Nanos::from_millis(10_000_000));
        assert_eq!(spread.count, 102);
    }
}
