//! What lookups would save: in sum, and how it spreads over them.

use super::standing::Standing;
use crate::Simulation;

/// What lookups would save, in ns.
#[derive(Debug, Default)]
pub(super) struct Savings {
    sum: i128,
    /// What one lookup saves, and how many do.
    spread: Vec<(i64, f64)>,
}

impl Savings {
    /// Lookups that save nothing.
    pub(super) fn add_nothing(&mut self, lookups: u64) {
        if lookups > 0 {
            self.spread.push((0, lookups as f64));
        }
    }

    /// Lookups of one kind that would ask so.
    pub(super) fn add(&mut self, standing: &Standing<'_>, then: &Simulation) {
        let class = standing.class;
        let difference = Difference::of(standing, then);
        self.sum += difference.sum(class.lookups, &class.added_ns);
        let weight = class.lookups as f64 / class.samples.len().max(1) as f64;
        self.spread.extend(class.samples.iter().map(|added| (difference.one(added), weight)));
    }

    pub(super) fn sum(&self) -> i64 {
        i64::try_from(self.sum).unwrap_or(i64::MAX)
    }

    /// What that many of a hundred lookups save at most.
    pub(super) fn quantile(&mut self, percent: u32) -> i64 {
        self.spread.sort_by_key(|(saved, _)| *saved);
        let all: f64 = self.spread.iter().map(|(_, weight)| weight).sum();
        let wanted = all * f64::from(percent) / 100.0;
        let mut passed = 0.0;
        for (saved, weight) in &self.spread {
            passed += weight;
            if passed + 1e-9 >= wanted {
                return *saved;
            }
        }
        0
    }
}

/// The candidates that one walk has and another has not.
pub(super) struct Difference {
    /// For each candidate that was seen, whether it is no longer asked, and what the model takes for it, in ns.
    gone: Vec<Option<i64>>,
    /// What those take that are new, in ns.
    new_ns: i64,
}

const NS_PER_US: i64 = 1_000;

fn ns(us: Option<u64>) -> i64 {
    us.and_then(|us| i64::try_from(us).ok()).unwrap_or(0).saturating_mul(NS_PER_US)
}

impl Difference {
    pub(super) fn of(standing: &Standing<'_>, then: &Simulation) -> Self {
        let mut left: Vec<usize> = (0..then.steps.len()).filter(|step| asks(then, *step)).collect();
        let now = standing.now();
        let mut gone = Vec::new();
        let mut at = 0;
        for candidate in &standing.class.seen.candidates {
            let kept = left.iter().position(|step| then.steps[*step].candidate.fqdn == *candidate);
            let modelled = now.and_then(|now| {
                let found = (at..now.steps.len())
                    .find(|step| asks(now, *step) && now.steps[*step].candidate.fqdn == *candidate)?;
                at = found + 1;
                now.added_us(found)
            });
            match kept {
                Some(position) => {
                    left.remove(position);
                    gone.push(None);
                }
                None => gone.push(Some(ns(modelled))),
            }
        }
        let new_ns = left.into_iter().map(|step| ns(then.added_us(step))).sum();
        Self { gone, new_ns }
    }

    /// What one lookup saves.
    fn one(&self, added: &[Option<i64>]) -> i64 {
        let gone = self.gone.iter().zip(added);
        let saved: i64 =
            gone.filter_map(|(gone, added)| Some(added.unwrap_or((*gone)?)).filter(|_| gone.is_some())).sum();
        saved - self.new_ns
    }

    /// What so many lookups save.
    pub(super) fn sum(&self, lookups: u64, added: &[(i128, u64)]) -> i128 {
        let gone = self.gone.iter().zip(added).filter_map(|(gone, added)| Some(((*gone)?, added)));
        let saved: i128 = gone
            .map(|(modelled, (sum, known))| sum + i128::from(modelled) * i128::from(lookups - known))
            .sum();
        saved - i128::from(self.new_ns) * i128::from(lookups)
    }
}

fn asks(simulation: &Simulation, step: usize) -> bool {
    simulation.sent.iter().any(|sent| sent.query.step == step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_count_lookups_not_kinds() {
        let mut savings = Savings::default();
        savings.add_nothing(60);
        savings.spread.push((7, 40.0));
        assert_eq!((savings.quantile(50), savings.quantile(61), savings.quantile(99)), (0, 7, 7));
        assert_eq!(Savings::default().quantile(50), 0);
    }

    #[test]
    fn what_is_gone_is_saved_and_what_is_new_is_paid() {
        let difference = Difference { gone: vec![Some(5), None, Some(9)], new_ns: 3 };
        assert_eq!(difference.one(&[Some(10), Some(100), None]), 10 + 9 - 3);
        assert_eq!(difference.sum(2, &[(20, 2), (200, 2), (30, 1)]), 20 + 30 + 9 - 6);
    }
}
