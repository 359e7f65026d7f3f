//! Silences what someone asked to be silenced, and says which requests were in vain (DP003).

use crate::config::Config;
use crate::diagnostic::{Diagnostic, Fix, Safety};
use crate::engine::is_enabled;
use crate::manifest::{self, Facts, Ignore};
use crate::rules;

/// Takes suppressed findings out and adds a finding for every request that had no effect.
pub(crate) fn apply(facts: &[Facts], config: &Config, found: &mut Vec<Diagnostic>) {
    for facts in facts.iter().filter(|facts| !facts.ignores.is_empty()) {
        let Some(path) = &facts.path else { continue };
        let mut used = vec![Vec::new(); facts.ignores.len()];
        found.retain(|diagnostic| {
            let covers = |ignore: &Ignore| {
                let line = diagnostic.span.start.line;
                (ignore.lines.0..=ignore.lines.1).contains(&line)
                    && ignore.codes.iter().any(|c| c == diagnostic.code)
            };
            let hits = facts
                .ignores
                .iter()
                .enumerate()
                .filter(|(_, ignore)| diagnostic.path == *path && covers(ignore));
            let hits: Vec<usize> = hits.map(|(index, _)| index).collect();
            for index in &hits {
                used[*index].push(diagnostic.code);
            }
            hits.is_empty()
        });
        for (ignore, used) in facts.ignores.iter().zip(&used) {
            for code in ignore.codes.iter().filter(|code| !used.contains(&code.as_str())) {
                let message = match rules::find(code) {
                    None => format!("there is no rule {code:?} to ignore"),
                    Some(_) if is_enabled(code, config) => {
                        format!("{code} reports nothing here: the request to ignore it is unused")
                    }
                    Some(_) => continue,
                };
                let fix =
                    Some(Fix { text: "remove it".to_owned(), safety: Safety::Suggested, edits: Vec::new() });
                found.push(Diagnostic { fix, ..manifest::bare(path, ignore.span, "DP003", message) });
            }
        }
    }
}
