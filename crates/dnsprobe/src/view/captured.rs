//! What the kernel counted, namespace by namespace.

use dnsprobe_sniffer::Statistics;
use serde_json::{Map, Value};

/// Namespaces whose counters are kept apart until the end; pods may come and go for days.
const MOST_NAMESPACES: usize = 1_024;

/// What the kernel counted in one namespace while it was captured in.
#[derive(Debug, Clone, Default)]
pub(crate) struct CapturedIn {
    /// For programs; null for those beyond the most that are kept apart.
    pub(crate) target: Value,
    /// In a word.
    pub(crate) name: Option<String>,
    pub(crate) statistics: Statistics,
}

impl CapturedIn {
    /// Adds it to the others: those beyond the most that are kept apart become one.
    pub(crate) fn add_to(mut self, all: &mut Vec<Self>) {
        if all.len() > MOST_NAMESPACES
            && let Some(last) = all.pop()
        {
            self.statistics += last.statistics;
        }
        if all.len() == MOST_NAMESPACES {
            (self.target, self.name) = (Value::Null, None);
        }
        all.push(self);
    }
}

/// The fields of all of them, for the summary.
pub(super) fn captured_json(all: &[CapturedIn]) -> Map<String, Value> {
    let mut sums = Statistics::default();
    for it in all {
        sums += it.statistics;
    }
    let mut fields = counts(&sums);
    let each = |it: &CapturedIn| {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), it.name.clone().into());
        fields.insert("target".to_owned(), it.target.clone());
        fields.extend(counts(&it.statistics));
        Value::Object(fields)
    };
    fields.insert("by_namespace".to_owned(), all.iter().map(each).collect());
    fields
}

/// What the kernel let through its filter, what it had no room for, what was cut, what nobody could read, and what the
/// filter kept away.
fn counts(statistics: &Statistics) -> Map<String, Value> {
    let Statistics { received, dropped_by_kernel, truncated, unknown_link, filtered } = *statistics;
    let fields = [
        ("captured", Some(received)),
        ("dropped_by_kernel", Some(dropped_by_kernel)),
        ("truncated", Some(truncated)),
        ("unknown_link", Some(unknown_link)),
        ("filtered", filtered),
    ];
    fields.map(|(key, count)| (key.to_owned(), count.into())).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_kept_apart_up_to_a_bound_and_their_sums_stay_right() {
        let mut all = Vec::new();
        for number in 0..MOST_NAMESPACES as u64 + 10 {
            let statistics = Statistics { received: number, truncated: 1, ..Statistics::default() };
            CapturedIn { name: Some(format!("pod-{number}")), statistics, ..CapturedIn::default() }
                .add_to(&mut all);
        }
        assert_eq!(all.len(), MOST_NAMESPACES + 1);
        assert_eq!(all[MOST_NAMESPACES - 1].name.as_deref(), Some("pod-1023"));
        assert_eq!(
            (all[MOST_NAMESPACES].name.as_ref(), all[MOST_NAMESPACES].statistics.truncated),
            (None, 10)
        );
        let json = captured_json(&all);
        assert_eq!((&json["captured"], &json["truncated"]), (&(1033 * 1034 / 2).into(), &1034.into()));
    }
}
